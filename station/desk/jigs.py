"""Jigs as requests name them."""

from __future__ import annotations

from collections.abc import Collection

from station.desk.refusals import NotFound


def require_jig(jig: str, jigs: Collection[str]) -> None:
    """Raise NotFound for a jig that is none of these."""
    if jig not in jigs:
        raise NotFound(f"there is no jig {jig}; this bench has {', '.join(jigs)}")
