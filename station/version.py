"""Which program this is."""

from __future__ import annotations

from importlib.metadata import version


def station_version() -> str:
    """Return the installed version of this program."""
    return version("reflash-station")
