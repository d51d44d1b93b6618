"""How commands ask the station: its daemon where one runs, else the same desk on the journal that they hold themselves."""

from __future__ import annotations

import asyncio
from typing import TypeVar
from uuid import uuid4

import typer

from station.cli.common import require_stations_user
from station.control.client import ConnectionLost, NoDaemon, ask_daemon
from station.control.sockets import socket_at
from station.desk.act import Entrance
from station.desk.desk import Desk
from station.desk.order_desk import OrderDesk
from station.desk.packing_desk import PackingDesk
from station.desk.record_desk import RecordDesk
from station.desk.refusals import NotFound
from station.desk.request import Answer, Command, Request
from station.desk.rights import Role
from station.domain.config_error import ConfigError
from station.people.pseudonyms import check_pseudonym
from station.records.journal import Journal
from station.settings import StationSettings

A = TypeVar("A", bound=Answer)

_BACK_SECONDS = 10.0
"""How long a daemon that died over a command is waited for."""
_LOOK_SECONDS = 0.2
"""Between two looks whether it is back: nothing tells of it."""


def ask_running(settings: StationSettings, request: Request[A], *, by: str | None = None) -> A:
    """Ask the daemon. Raises NoDaemon where none runs, Refused, ControlError."""
    return asyncio.run(_ask(settings, request, by, None))


def ask_station(
    settings: StationSettings, request: Request[A], *, by: str | None = None, file: int | None = None
) -> A:
    """Ask the daemon, or do it here while no daemon holds the journal. Raises Refused, ControlError, JournalError.

    `file` is the descriptor of a file that the request is about.
    """

    async def ask() -> A:
        try:
            return await _ask(settings, request, by, file)
        except NoDaemon:
            require_stations_user(settings)
            return await _do_here(settings, request, by, file)

    return asyncio.run(ask())


async def _ask(settings: StationSettings, request: Request[A], by: str | None, file: int | None) -> A:
    """Ask once; a command whose answer was lost is asked again when the daemon is back, and is done once all the same."""
    place = settings.state_directory
    if not isinstance(request, Command):
        return await ask_daemon(place, request, by=by)
    key = uuid4()
    try:
        return await ask_daemon(place, request, by=by, key=key, file=file)
    except ConnectionLost as lost:
        if not socket_at(place).exists():
            raise  # it ended in good order, and nobody is about to start it
        typer.echo(f"reflash: {lost}; it is asked again when it is back", err=True)
        until = asyncio.get_running_loop().time() + _BACK_SECONDS
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                return await ask_daemon(place, request, by=by, key=key, file=file)
            except (NoDaemon, ConnectionLost):
                if asyncio.get_running_loop().time() >= until:
                    raise lost from None


async def _do_here(settings: StationSettings, request: Request[A], by: str | None, file: int | None) -> A:
    async def check_person(pseudonym: str) -> None:
        try:
            check_pseudonym(settings, "--by", pseudonym)
        except ConfigError as error:
            raise NotFound(str(error)) from error

    async with Journal.open(settings.journal_folder, site=settings.site, station=settings.station) as journal:
        orders = OrderDesk(journal, [jig.name for jig in settings.jigs], is_seated=lambda _: False)
        packing = PackingDesk(journal, lambda: settings.packing)
        handlers = {**orders.handlers(), **packing.handlers(), **RecordDesk().handlers()}
        desk = Desk(journal, check_person, handlers, {})
        entrance = Entrance(Role.ACCOUNT, "terminal", operator=lambda: settings.operator)
        return await desk.answer(request, entrance, by=by, file=file)
