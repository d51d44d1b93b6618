"""The conformance suite for hub drivers, as a pytest plugin: docs/writing-a-driver.md says how to use it.

Installed with the extra `kit`. Nothing that runs at a bench imports it.
"""
