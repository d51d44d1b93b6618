"""How commands ask the station: its daemon where one runs, else the same desk on the journal that they hold themselves."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import typer

from station.cli.common import ask_unseen, require_stations_user
from station.cli.scanning import Desk as FoundDesk
from station.cli.scanning import find_desk
from station.control.client import ConnectionLost, NoDaemon, ask_daemon
from station.control.sockets import socket_at
from station.desk.act import Entrance, Pin, Proof
from station.desk.desk import Desk
from station.desk.label_printing_desk import LabelPrintingDesk
from station.desk.line_clearance import LineClearance
from station.desk.order_desk import OrderDesk
from station.desk.packing_desk import PackingDesk
from station.desk.pallet_desk import PalletDesk
from station.desk.record_desk import RecordDesk
from station.desk.refusals import NotFound
from station.desk.request import Answer, Command, Request
from station.desk.revision_desk import RevisionDesk
from station.desk.rights import Role
from station.desk.shift_desk import ShiftDesk
from station.desk.upkeep_desk import UpkeepDesk
from station.domain.config_error import ConfigError
from station.people.pseudonyms import check_pseudonym
from station.printing.due import LabelsDue
from station.records.journal import Journal
from station.settings import StationSettings

A = TypeVar("A", bound=Answer)

_BACK_SECONDS = 10.0
"""How long a daemon that died over a command is waited for."""
_LOOK_SECONDS = 0.2
"""Between two looks whether it is back: nothing tells of it."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and where."""

    at: FoundDesk
    by: str | None
    proof: Proof | None


def asker(config: Path, desk: Path | None = None, by: str | None = None) -> Asker:
    """Find the station as its own user, or at the socket of those who may look and scan; there `by` takes a PIN.

    Raises ConfigError, UsageError where no PIN is given, and ControlError where nobody answers at the socket.
    """
    at = find_desk(config, desk)
    proof = Pin(ask_unseen(f"the PIN of {by}")) if at.settings is None and by is not None else None
    return Asker(at, by, proof)


def ask_running(asker: Asker, request: Request[A]) -> A:
    """Ask the daemon. Raises NoDaemon where none runs, Refused, ControlError."""
    return asyncio.run(_ask(asker, request, None))


def ask_station(asker: Asker, request: Request[A], *, file: int | None = None) -> A:
    """Ask the daemon, or do it here while no daemon holds the journal. Raises Refused, ControlError, JournalError.

    `file` is the descriptor of a file that the request is about.
    """

    async def ask() -> A:
        try:
            return await _ask(asker, request, file)
        except NoDaemon:
            if (settings := asker.at.settings) is None:
                raise
            require_stations_user(settings)
            return await _do_here(settings, request, asker, file)

    return asyncio.run(ask())


async def _ask(asker: Asker, request: Request[A], file: int | None) -> A:
    """Ask once; a command whose answer was lost is asked again when the daemon is back, and is done once all the same."""
    place, key = asker.at.place, uuid4() if isinstance(request, Command) else None

    async def ask() -> A:
        return await ask_daemon(place, request, by=asker.by, proof=asker.proof, key=key, file=file)

    try:
        return await ask()
    except ConnectionLost as lost:
        if key is None or not socket_at(place).exists():
            raise  # it ended in good order, and nobody is about to start it
        typer.echo(f"reflash: {lost}; it is asked again when it is back", err=True)
        until = asyncio.get_running_loop().time() + _BACK_SECONDS
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                return await ask()
            except (NoDaemon, ConnectionLost):
                if asyncio.get_running_loop().time() >= until:
                    raise lost from None


async def _do_here(settings: StationSettings, request: Request[A], asker: Asker, file: int | None) -> A:
    async def check_person(pseudonym: str) -> None:
        try:
            check_pseudonym(settings, "--by", pseudonym)
        except ConfigError as error:
            raise NotFound(str(error)) from error

    async with Journal.open(settings.journal_folder, site=settings.site, station=settings.station) as journal:
        orders = OrderDesk(
            journal,
            [jig.name for jig in settings.jigs],
            is_seated=lambda _: False,
            clearance=LineClearance(lambda: settings.people.line_clearance == "required", look=None),
        )
        due = LabelsDue(settings.labels)
        handlers = {
            **orders.handlers(),
            **RevisionDesk(journal).handlers(),
            **PackingDesk(journal, lambda: settings.packing, due.when_closed).handlers(),
            **PalletDesk(journal, lambda: settings.packing, closing=due.when_closed).handlers(),
            **LabelPrintingDesk(journal, due).handlers(),
            **RecordDesk().handlers(),
            **UpkeepDesk(settings.jigs).handlers(),
            **ShiftDesk(settings.shift, journal).handlers(),
        }
        desk = Desk(journal, check_person, handlers, {})
        entrance = Entrance(Role.ACCOUNT, "terminal", operator=lambda: settings.operator)
        return await desk.answer(request, entrance, by=asker.by, proof=asker.proof, file=file)
