"""`reflash jigs`: which place belongs to which slot, and what a supervisor decides about slots and jigs."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel

from drivers.errors import PlaceUnavailable
from drivers.jig_board.errors import JigBoardError
from drivers.places import PlaceFinder, PlaceSight
from drivers.topology import same_place
from station.cli.asking import ask_running, ask_station, asker
from station.cli.common import (
    DEFAULT_CONFIG,
    ByOption,
    ConfigOption,
    JsonOption,
    UsageError,
    WorkFailed,
    print_json,
    print_table,
    run_to_its_end,
)
from station.cli.kept_reports import ask_reports
from station.cli.scanning import DeskOption, known_jig
from station.control.client import NoDaemon, ask_daemon
from station.desk.bench_requests import EnableSlot, ResetJig, Status
from station.desk.upkeep_requests import ServiceJig
from station.domain.slot_name import SlotName
from station.domain.slot_view import SlotView
from station.places.binding import Look, NotBound, Surroundings, newly_answering
from station.places.finding import place_finder
from station.places.plugins import driver_settings, load_plugin
from station.places.power import powered
from station.places.settings import MAX_SLOTS, JigSettings
from station.reports.reader import Reports
from station.sentences import Sentences
from station.settings import StationSettings
from station.settings_file import load_settings
from station.texts.texts import load
from station.upkeep.rates import COMPARED_DAYS, Measure, Rate, compared
from station.upkeep.service import ServiceState, service_states

app = typer.Typer(help="List, bind and enable slots, and reset jigs.", no_args_is_help=True)

JigArgument = Annotated[str, typer.Argument(help="The jig's name.")]


@app.command("list")
def list_slots(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List every slot: its place, what is there now, and what the daemon says of it. Opens nothing.

    Places in sight that may hold a hub and are bound to no slot come last.

    Example: reflash jigs list
    """
    rows = asyncio.run(_rows(load_settings(config)))
    if as_json:
        print_json(rows)
    else:
        print_table(["jig", "slot", "place", "port", "state"], [_shown(row) for row in rows])


@app.command()
def bind(
    jig: JigArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    slot: Annotated[
        list[int] | None,
        typer.Option(
            min=1,
            max=MAX_SLOTS,
            help="Bind this slot; repeat. All of the jig unless given; of one without slots, all that it can have.",
        ),
    ] = None,
    among: Annotated[
        Path | None,
        typer.Option(
            help="Folder of serial ports' links; /dev/serial/by-path, or every adapter, unless given."
        ),
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=0.1, help="How long a seated hub may take to appear, and then to answer.")
    ] = 10.0,
) -> None:
    """Walk through a jig's slots: seat a hub, press enter, and the slot is bound to the place where it answers.

    What could not be asked is said and may be tried again; what is bound by then stays.

    Writes the configuration once all slots are done, keeping its comments. The daemon must not run meanwhile.

    Example: reflash jigs bind jig1 --slot 3
    """
    from station.settings_change import bind_slots  # noqa: PLC0415 - nothing else rewrites the configuration

    settings = load_settings(config, to_bind=True)
    known_jig([each.name for each in settings.jigs], jig)
    described = next(each for each in settings.jigs if each.name == jig)
    asyncio.run(_no_daemon(settings))
    walk = _Walk(described, settings, among, seconds)
    known = sorted(described.slots) or range(1, (described.board.slots if described.board else MAX_SLOTS) + 1)
    bound = walk.through(slot or list(known))
    if not bound:
        raise WorkFailed("no slot was bound; the configuration is as it was")
    bind_slots(config, jig, bound)
    typer.echo(f"wrote {config}: {', '.join(f'slot {number}' for number in sorted(bound))} of {jig}")


@app.command()
def enable(
    jig: JigArgument,
    slot: Annotated[int, typer.Argument(min=1, max=MAX_SLOTS, help="The slot's number.")],
    config: ConfigOption = DEFAULT_CONFIG,
    by: ByOption = None,
    desk: DeskOption = None,
) -> None:
    """Put a slot back into use that was taken out of it, after its cause was mended.

    Example: reflash jigs enable jig1 3 --by op-1a2b3c4d
    """
    ask_running(asker(config, desk, by), EnableSlot(jig=jig, slot=slot))
    typer.echo(f"{SlotName(jig=jig, slot=slot)} is in use again")


@app.command()
def reset(
    jig: JigArgument, config: ConfigOption = DEFAULT_CONFIG, by: ByOption = None, desk: DeskOption = None
) -> None:
    """Let a jig work again after its emergency stop was released: its hubs are looked at and go on.

    Example: reflash jigs reset jig1 --by op-1a2b3c4d
    """
    ask_running(asker(config, desk, by), ResetJig(jig=jig))
    typer.echo(f"{jig} works again")


@app.command()
def upkeep(
    days: Annotated[
        int, typer.Option(min=1, max=36_500, help="So many days back, slots are held against each other.")
    ] = COMPARED_DAYS,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Say what each slot has borne, what is due or overdue, and which slots fail, retry, lose hubs or are slow too often.

    A slot is named if chance alone would make it fare so ill against the others of the same days in fewer than 1 of 100
    cases, and if it did so with five different hubs. The daemon may run.

    Example: reflash jigs upkeep --days 7
    """
    settings = load_settings(config)
    today = date.today()  # noqa: DTZ011 - the bench's day

    def ask(reports: Reports) -> tuple[list[ServiceState], tuple[Rate, ...], list[dict[str, Any]]]:
        states = list(service_states(reports, settings.jigs, today))
        return states, compared(reports, days), _borne(reports, settings)

    (states, rates, borne), cursor, behind = ask_reports(settings, ask)
    if as_json:
        print_json(
            {
                "journal": cursor.journal,
                "sequence": cursor.sequence,
                "behind": behind,
                "days": days,
                "slots": borne,
                "service": [asdict(state) for state in states],
                "rates": [{**asdict(rate), "named": rate.named} for rate in rates],
            }
        )
    else:
        _print_upkeep(states, rates, borne)


@app.command()
def serviced(
    jig: JigArgument,
    what: Annotated[str, typer.Argument(help="The part or check, as the configuration calls it.")],
    slot: Annotated[
        list[int] | None,
        typer.Option(
            min=1, max=MAX_SLOTS, help="A slot with a new part; repeat. All of the jig unless given."
        ),
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    by: ByOption = None,
    desk: DeskOption = None,
) -> None:
    """Record that a part was replaced, or a check done: its use or time counts from now, and who did it is known.

    Example: reflash jigs serviced jig1 "pogo pins" --slot 3 --by op-1a2b3c4d
    """
    request = ServiceJig(jig=jig, what=what, slots=tuple(slot or ()))
    typer.echo(ask_station(asker(config, desk, by), request).line)


def _borne(reports: Reports, settings: StationSettings) -> list[dict[str, Any]]:
    return [
        {
            "jig": place.jig,
            "slot": place.slot,
            "insertions": reports.insertions(place.jig, place.slot, 0),
            "by_board": reports.counted_by_board(place.jig),
        }
        for place, _ in settings.places()
    ]


def _print_upkeep(
    states: Sequence[ServiceState], rates: Sequence[Rate], borne: Sequence[Mapping[str, Any]]
) -> None:
    by_slot: dict[tuple[str, int], dict[str, str]] = {}
    for rate in rates:
        mark = " !" if rate.named else ""
        by_slot.setdefault((rate.jig, rate.slot), {})[rate.measure] = f"{rate.marked} of {rate.seen}{mark}"
    rows = [
        {
            "slot": f"{each['jig']} slot {each['slot']}",
            "insertions": f"{each['insertions']:,}",
            "by": "board" if each["by_board"] else "visits",
            **{
                measure: by_slot.get((each["jig"], each["slot"]), {}).get(measure, "-") for measure in Measure
            },
        }
        for each in borne
    ]
    print_table(["slot", "insertions", "by", *Measure], rows)
    typer.echo()
    for state in states:
        last = (
            ""
            if state.serviced is None
            else f" (since {state.serviced.astimezone():%Y-%m-%d}, {state.actor or 'nobody named'})"
        )
        typer.echo(f"{state.due.upper():<8}{state.line}{last}")
    for rate in rates:
        if rate.named:
            typer.echo(f"{'LOOK':<8}{rate.line}")


class _Walk:
    """One walk through a jig's slots, with a person."""

    def __init__(
        self, jig: JigSettings, station: StationSettings, among: Path | None, seconds: float
    ) -> None:
        plugin = load_plugin(jig.driver)
        settings = driver_settings(plugin, jig)
        finder = place_finder(plugin, settings, among)
        if finder is None:
            raise UsageError(
                f"the driver {jig.driver} does not say where hubs can be: write the slots' places into {jig.name} yourself"
            )
        self._jig = jig
        self._journal_folder = station.journal_folder
        self._seconds = seconds
        of_no_slot = frozenset(same_place(port) for _, port in station.ports_of_no_slot())
        self._surroundings = Surroundings(finder, plugin, settings, seconds, of_no_slot)

    def through(self, slots: list[int]) -> dict[int, str]:
        """Ask for a hub in each slot; return the places found."""
        bound: dict[int, str] = {}
        typer.echo(
            f"{self._jig.name}: leave the slots to be bound empty; looking for {self._seconds:g} s at what is there"
        )
        try:
            before = self._look(slots)
        except PlaceUnavailable as error:
            raise UsageError(str(error)) from error
        typer.echo(f"{self._jig.name}: places in sight: {len(before.sights)}")
        for number in slots:
            while True:
                typer.echo(f"{self._jig.name} slot {number}: seat a hub, press enter (s: skip it, q: enough)")
                answer = sys.stdin.readline()
                if not answer or answer.strip() == "q":
                    return bound
                if answer.strip() == "s":
                    break
                try:
                    now = self._look([number], before)
                    place, hub = newly_answering(before, now)
                except (NotBound, PlaceUnavailable, WorkFailed) as error:
                    typer.echo(f"{self._jig.name} slot {number}: {error}")
                    continue
                typer.echo(f"{self._jig.name} slot {number}: hub {hub.device_id} answers at {place}")
                bound[number] = place
                before = now
                break
        return bound

    def _look(self, slots: list[int], before: Look | None = None) -> Look:
        async def look() -> Look:
            async with powered(self._jig, self._journal_folder, slots):
                return await self._surroundings.look(before)

        try:
            return run_to_its_end(look())
        except JigBoardError as error:
            raise WorkFailed(str(error)) from error


async def _no_daemon(settings: StationSettings) -> None:
    try:
        await ask_daemon(settings.state_directory, Status())
    except NoDaemon:
        return
    raise UsageError("the daemon holds the ports; stop it first: systemctl stop reflash")


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """Word a row for a table."""
    bound = row["jig"] is not None
    return {
        **{name: "-" if value is None else value for name, value in row.items()},
        "port": row["hindrance"] or row["port"] or "not there",
        "state": row["line"] or ("no daemon runs" if bound else "bound to no slot"),
    }


async def _rows(settings: StationSettings) -> list[dict[str, Any]]:
    views, sentences = await _status(settings), Sentences(load(settings.language))
    rows: list[dict[str, Any]] = []
    unbound: dict[str, PlaceSight] = {}
    bound = {same_place(place) for _, place in settings.ports()}
    for jig in settings.jigs:
        plugin = load_plugin(jig.driver)
        driver = driver_settings(plugin, jig)
        finder = place_finder(plugin, driver)
        slots = sorted(jig.slots.items())
        seen = await asyncio.gather(*(_seen_at(place, finder, driver) for _, place in slots))
        rows += [
            {
                "jig": jig.name,
                "slot": number,
                "place": place,
                **found,
                **_state(views.get(SlotName(jig=jig.name, slot=number)), sentences),
            }
            for (number, place), found in zip(slots, seen, strict=True)
        ]
        if finder is not None:
            with suppress(PlaceUnavailable):  # told above, at each slot
                for sight in await finder.find_places(driver):
                    if sight.may_be_hub and same_place(sight.place) not in bound:
                        unbound[sight.place] = sight
    return rows + [
        {
            "jig": None,
            "slot": None,
            "place": sight.place,
            "port": sight.what,
            "hindrance": None,
            "state": None,
            "line": None,
        }
        for sight in unbound.values()
    ]


def _state(view: SlotView | None, sentences: Sentences) -> dict[str, str | None]:
    """Say how a slot is; null while no daemon runs."""
    return {
        "state": None if view is None else view.phase.value,
        "line": None if view is None else sentences.line(view),
    }


async def _seen_at(place: str, finder: PlaceFinder | None, driver: BaseModel) -> dict[str, str | None]:
    """Return what sits at a place, None for nothing, and what hinders its use or its being looked at."""
    if finder is None:
        return {"port": None, "hindrance": "not looked at"}
    try:
        sight = await finder.see_place(place, driver)
    except PlaceUnavailable as error:
        return {"port": None, "hindrance": str(error)}
    if sight is None:
        return {"port": None, "hindrance": None}
    return {"port": sight.what, "hindrance": sight.hindrance}


async def _status(settings: StationSettings) -> dict[SlotName, SlotView]:
    try:
        answer = await ask_daemon(settings.state_directory, Status())
    except NoDaemon:
        return {}
    return {slot.place: slot for slot in answer.slots}
