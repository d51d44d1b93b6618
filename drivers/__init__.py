"""How to talk to a hub and to a jig. Knows the catalogue's types and nothing of the station."""

from typing import Final

FOR_PLUGINS: Final = frozenset(
    {"drivers.errors", "drivers.hub", "drivers.places", "drivers.serial_link", "drivers.threads"}
)
"""What a driver of somebody else's may import from here; its tests, `drivers.conformance` besides. And `firmware_catalog`.

The rest changes without notice. docs/writing-a-driver.md shows how.
"""
