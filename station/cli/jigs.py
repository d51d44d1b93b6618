"""`reflash jigs`: which port belongs to which slot, and what a supervisor decides about slots and jigs."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from drivers.errors import PlaceUnavailable
from drivers.jig_board.errors import JigBoardError
from drivers.serial_link import SerialSettings
from drivers.topology import SerialPorts
from station.bench.binding import (
    Look,
    NotBound,
    look_around,
    newly_answering,
    places_in,
    places_of_this_machine,
)
from station.bench.plugins import driver_settings, load_plugin
from station.bench.power import powered
from station.cli.common import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    UsageError,
    WorkFailed,
    print_json,
    print_table,
)
from station.cli.scanning import known_jig
from station.config import MAX_SLOTS, JigSettings, StationSettings, load_settings
from station.control import NoDaemon, ask_daemon
from station.records.events import Place

app = typer.Typer(help="List, bind and enable slots, and reset jigs.", no_args_is_help=True)

JigArgument = Annotated[str, typer.Argument(help="The jig's name.")]


@app.command("list")
def list_slots(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List every slot: its place, the port that is there now, and what the daemon says of it.

    Example: reflash jigs list
    """
    settings = load_settings(config)
    lines = asyncio.run(_status(settings))
    rows: list[dict[str, Any]] = [
        {
            "jig": place.jig,
            "slot": place.slot,
            "place": port,
            "port": _device_at(port),
            "state": lines.get(place, "no daemon runs"),
        }
        for place, port in settings.places()
    ]
    if as_json:
        print_json(rows)
    else:
        print_table(["jig", "slot", "place", "port", "state"], rows)


@app.command()
def bind(
    jig: JigArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    slot: Annotated[
        list[int] | None,
        typer.Option(min=1, max=MAX_SLOTS, help="Bind this slot; repeat. All of the jig unless given."),
    ] = None,
    among: Annotated[
        Path | None,
        typer.Option(help="Folder of the ports' links; /dev/serial/by-path, or every adapter, unless given."),
    ] = None,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long a seated hub may take to answer.")] = 10.0,
) -> None:
    """Walk through a jig's slots: seat a hub, press enter, and the slot is bound to the port where it answers.

    Writes the configuration once all slots are done, keeping its comments. The daemon must not run meanwhile.

    Example: reflash jigs bind jig1 --slot 3
    """
    from station.config_file import bind_slots  # noqa: PLC0415 - nothing else rewrites the configuration

    settings = load_settings(config)
    known_jig([each.name for each in settings.jigs], jig)
    described = next(each for each in settings.jigs if each.name == jig)
    asyncio.run(_no_daemon(settings))
    walk = _Walk(described, among, seconds)
    bound = walk.through(slot or sorted(described.slots))
    if not bound:
        raise WorkFailed("no slot was bound; the configuration is as it was")
    bind_slots(config, jig, bound)
    typer.echo(f"wrote {config}: {', '.join(f'slot {number}' for number in sorted(bound))} of {jig}")


@app.command()
def enable(
    jig: JigArgument,
    slot: Annotated[int, typer.Argument(min=1, max=MAX_SLOTS, help="The slot's number.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Put a slot back into use that was taken out of it, after its cause was mended.

    Example: reflash jigs enable jig1 3
    """
    settings = load_settings(config)
    asyncio.run(ask_daemon(settings.state_directory, {"do": "enable_slot", "jig": jig, "slot": slot}))
    typer.echo(f"{Place(jig=jig, slot=slot)} is in use again")


@app.command()
def reset(jig: JigArgument, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Let a jig work again after its emergency stop was released: its hubs are looked at and go on.

    Example: reflash jigs reset jig1
    """
    settings = load_settings(config)
    asyncio.run(ask_daemon(settings.state_directory, {"do": "reset_jig", "jig": jig}))
    typer.echo(f"{jig} works again once its emergency stop is released")


class _Walk:
    """One walk through a jig's slots, with a person."""

    def __init__(self, jig: JigSettings, among: Path | None, seconds: float) -> None:
        plugin = load_plugin(jig.driver)
        settings = driver_settings(plugin, jig)
        if not isinstance(settings, SerialSettings):
            raise UsageError(
                f"{jig.name} has no serial ports: write its slots' USB places yourself (`lsusb -t`)"
            )
        try:
            self._places = places_in(among) if among is not None else places_of_this_machine()
        except NotBound as error:
            raise UsageError(str(error)) from error
        self._jig = jig
        self._plugin = plugin
        self._settings = settings
        self._seconds = seconds

    def through(self, slots: list[int]) -> dict[int, str]:
        """Ask for a hub in each slot; return the places found."""
        typer.echo(
            f"{self._jig.name}: looking at {len(self._places)} ports; leave the slots to be bound empty"
        )
        bound: dict[int, str] = {}
        before = self._look(slots)
        for number in slots:
            while True:
                typer.echo(f"{self._jig.name} slot {number}: seat a hub, press enter (s: skip it, q: enough)")
                answer = sys.stdin.readline()
                if not answer or answer.strip() == "q":
                    return bound
                if answer.strip() == "s":
                    break
                now = self._look([number])
                try:
                    place, hub = newly_answering(before, now)
                except NotBound as error:
                    typer.echo(f"{self._jig.name} slot {number}: {error}")
                    continue
                typer.echo(f"{self._jig.name} slot {number}: hub {hub.chf} answers at {place}")
                bound[number] = place
                before = now
                break
        return bound

    def _look(self, slots: list[int]) -> Look:
        async def look() -> Look:
            async with powered(self._jig, slots):
                return await look_around(self._plugin, self._settings, self._places, self._seconds)

        try:
            return asyncio.run(look())
        except JigBoardError as error:
            raise WorkFailed(str(error)) from error


async def _no_daemon(settings: StationSettings) -> None:
    try:
        await ask_daemon(settings.state_directory, {"do": "status"})
    except NoDaemon:
        return
    raise UsageError("the daemon holds the ports; stop it first: systemctl stop reflash")


async def _status(settings: StationSettings) -> dict[Place, str]:
    try:
        answer = await ask_daemon(settings.state_directory, {"do": "status"})
    except NoDaemon:
        return {}
    return {Place(**slot["place"]): slot["line"] for slot in answer["slots"]}


def _device_at(place: str) -> str:
    try:
        return str(SerialPorts().resolve(place).device)
    except PlaceUnavailable:
        return "not there"
