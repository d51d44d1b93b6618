"""Measures the station against simulated rigs, and against controls in the same run. See `docs/performance.md`."""
