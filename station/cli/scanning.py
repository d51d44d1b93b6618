"""The daemon as those meet it who look and scan: at its desk's socket, or as its own user by the configuration."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, TypeVar

import typer

from station.bench.labels import ScanRefused
from station.bench.scan_session import ScanSession
from station.cli.common import UsageError
from station.control.client import ControlError, NoDaemon, ask_daemon
from station.desk.act import Proof
from station.desk.bench_requests import Status
from station.desk.request import Answer, Request
from station.desk.scans_at_desk import ScansAtDesk
from station.domain.scan_said import ScanSaid
from station.settings import StationSettings
from station.settings_file import load_settings

A = TypeVar("A", bound=Answer)

DESK_SOCKET: Final = Path("/run/reflash/desk.sock")
"""Where `deploy/` has the daemon serve those who may look and scan."""

DeskOption = Annotated[
    Path | None,
    typer.Option(
        "--desk",
        envvar="REFLASH_DESK",
        help=f"The daemon's desk socket, instead of its configuration; {DESK_SOCKET} for whoever may not read that.",
    ),
]


@dataclass(frozen=True, slots=True)
class Desk:
    """Where the daemon answers, and which jigs it has."""

    place: Path
    """Its state directory, or the socket itself."""
    jigs: tuple[str, ...]
    badge_prefix: str | None
    """What the code of each badge begins with."""
    language: str
    """Of what people at the bench read."""
    settings: StationSettings | None = None
    """The station's, for its own user; None at the socket of those who may look and scan."""


def find_desk(config: Path, socket: Path | None) -> Desk:
    """Find the daemon by its desk socket if one is named, else by the configuration.

    Who may not read that is served at the usual socket. Raises ConfigError, and ControlError where nobody answers.
    """
    if socket is None:
        try:
            config.open("rb").close()
        except PermissionError as error:
            if not DESK_SOCKET.exists():
                raise UsageError(
                    f"{config} is not yours to read: join the group reflash-desk (docs/operating.md), or use "
                    "sudo -u reflash"
                ) from error
            socket = DESK_SOCKET
        except OSError:
            pass  # told below, in the configuration's own words
    if socket is None:
        settings = load_settings(config)
        jigs = tuple(jig.name for jig in settings.jigs)
        prefix = settings.people.badge_prefix
        return Desk(settings.state_directory, jigs, prefix, settings.language, settings)
    status = asyncio.run(ask_daemon(socket, Status()))
    jigs = tuple(dict.fromkeys(slot.place.jig for slot in status.slots))
    return Desk(socket, jigs, status.badge_prefix, status.language)


def scan_session(desk: Desk, jig: str | None) -> ScanSession:
    """Follow a scanner that serves one jig, or several. Raises UsageError for an unknown jig."""

    async def ask(request: Request[A], *, proof: Proof | None = None) -> A:
        try:
            return await ask_daemon(desk.place, request, proof=proof)
        except NoDaemon:
            raise
        except ControlError as error:
            raise ScanRefused(ScanSaid.words(str(error))) from error

    return ScanSession(jig_of_scanner(desk, jig), desk.jigs, ScansAtDesk(ask), desk.badge_prefix)


def jig_of_scanner(desk: Desk, name: str | None) -> str | None:
    """Return the jig that a scanner serves: the one named, or the only one. Raises UsageError for an unknown one."""
    if name is None:
        return desk.jigs[0] if len(desk.jigs) == 1 else None
    return known_jig(desk.jigs, name)


def known_jig(names: Iterable[str], name: str) -> str:
    """Return the name if it is a jig's. Raises UsageError."""
    known = list(names)
    if name not in known:
        raise UsageError(f"there is no jig {name}; the configuration knows {', '.join(known)}")
    return name
