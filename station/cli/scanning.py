"""Labels on their way from a command to the daemon."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from station.attempt.authorise import ScannedLabel
from station.bench.labels import ScanRefused
from station.bench.scans import TakeLabel
from station.cli.common import UsageError
from station.config import StationSettings
from station.control import ControlError, NoDaemon, ask_daemon


def to_daemon(state_directory: Path) -> TakeLabel:
    """Return what gives labels to the daemon. It raises NoDaemon when there is none to give them to."""

    async def take(jig: str, slot: int | None, label: ScannedLabel) -> str:
        request = {
            "do": "scan_label",
            "jig": jig,
            "slot": slot,
            "id": str(label.device_id),
            "role": label.role,
        }
        try:
            return str((await ask_daemon(state_directory, request))["line"])
        except NoDaemon:
            raise
        except ControlError as refusal:
            raise ScanRefused(str(refusal)) from refusal

    return take


def jig_of_scanner(settings: StationSettings, name: str | None) -> str | None:
    """Return the jig that a scanner serves: the one named, or the only one. Raises UsageError for an unknown one."""
    names = [jig.name for jig in settings.jigs]
    if name is None:
        return names[0] if len(names) == 1 else None
    return known_jig(names, name)


def known_jig(names: Iterable[str], name: str) -> str:
    """Return the name if it is a jig's. Raises UsageError."""
    known = list(names)
    if name not in known:
        raise UsageError(f"there is no jig {name}; the configuration knows {', '.join(known)}")
    return name
