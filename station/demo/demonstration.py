"""Runs the demonstration and counts what came of it."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from drivers.threads import apart
from simulators.label_printer import LabelPrinter
from station.bench.labels import Badge
from station.control.client import ControlError, ask_daemon
from station.daemon.assembly import Daemon
from station.demo.broker import BrokerAddress, start_broker
from station.demo.family import DemoFamily
from station.demo.rigs import Rigs, start_rigs
from station.demo.scene import BADGE_PREFIX, BAUD, CHECK_LIST, ORDER, Scene, make_scene
from station.demo.screen import start_screen, until_interrupted
from station.demo.table import PackingTable, misplaced
from station.demo.tally import Tally, counting_results
from station.demo.technician import Technician
from station.demo.transport import Transport
from station.demo.upstream import UpstreamDemo, start_upstream
from station.demo.upstream_way import UpstreamWay
from station.desk.record_requests import MessageKind, Republish
from station.desk.refusals import Refused
from station.domain.counted import counted
from station.domain.destination import Destination
from station.domain.phase import SlotPhase
from station.domain.slot_name import SlotName
from station.domain.slot_view import SlotView
from station.messages.topics import Topics
from station.orders.csv_import import parse_order
from station.orders.life_cycle import events_for_import
from station.picture import BenchPicture, live_picture
from station.records.facts.orders import OrderAssigned
from station.records.journal import Journal
from station.sentences import Sentences
from station.settings import StationSettings
from station.texts.texts import ENGLISH

SITE, STATION = "demo", "bench"

_CONNECTED: Final = {
    Transport.SERIAL: f"{BAUD} baud",
    Transport.USB: "USB",
    Transport.MIXED: f"{BAUD} baud and USB",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoRequest:
    """What was asked for on the command line."""

    jigs: int
    slots: int
    hubs: int
    seed: int
    faults: str
    mix_ups: float
    """How often a technician takes another hub for the one that is meant, as a part of 1."""
    transport: Transport
    broker: BrokerAddress | None
    upstream: UpstreamWay | None
    """Whether the order comes from a request, and how the inventory is told of its hubs."""
    folder: Path
    family: DemoFamily = DemoFamily.HUB
    serve: bool = False
    """Whether a screen is served, and the bench kept as it is in the end until somebody presses Ctrl+C."""


async def run_demonstration(
    request: DemoRequest, console: Console, told: Callable[[dict[str, Any]], object] = lambda _: None
) -> dict[str, Any]:
    """Run it to its end and return the summary, which `told` hears before that where the bench is served then.

    Raises NoBroker, NoScreen, RigError, UpstreamError, and whatever the station raises.
    """
    scene = await apart(
        "demonstration",
        lambda: make_scene(
            request.folder,
            jigs=request.jigs,
            slots=request.slots,
            hubs=request.hubs,
            seed=request.seed,
            family=request.family,
        ),
    )
    async with AsyncExitStack() as stack:
        if request.broker is None:
            broker = await stack.enter_async_context(start_broker(request.folder))
        else:
            broker = request.broker
        rigs = await stack.enter_async_context(
            start_rigs(scene, seed=request.seed, faults=request.faults, transport=request.transport)
        )
        printer = LabelPrinter()
        printing_at = await stack.enter_async_context(printer.serving())
        settings = StationSettings.model_validate(
            configuration(scene, rigs, broker, printing_at)
            | ({"desk_socket": str(scene.folder / "desk.sock")} if request.serve else {})
        )
        address = None
        if settings.desk_socket is not None:
            address = await stack.enter_async_context(
                start_screen(settings.desk_socket, settings.reports_folder)
            )
        upstream = await _start_upstream(stack, request, scene, broker)
        await _import_orders(settings, scene, {} if upstream is None else {ORDER: upstream.order_file})
        topics = Topics(SITE, STATION)

        async def send_again() -> None:
            with suppress(ControlError, Refused):  # no daemon yet, or no result
                for kind in (MessageKind.RESULT, MessageKind.PACKING):
                    await ask_daemon(
                        settings.state_directory, Republish(message=kind, first=1, last=sys.maxsize)
                    )

        tally = await stack.enter_async_context(counting_results(broker, topics, send_again))
        bench = _Bench(settings, scene, rigs, tally, printer, request, console)
        printer.on_printed = tally.changed.set
        console.print(
            f"demonstration: {counted(request.hubs, f'simulated {request.family.device}')}, {counted(request.jigs, 'jig')}, {_CONNECTED[request.transport]}, "
            f"broker {broker.name}, everything in {scene.folder}\n"
            f"its catalogue is signed, its unlock key lies in a file, all made for the occasion: for no real {request.family.device}",
            soft_wrap=True,
        )
        if address is not None:
            console.print(f"the bench in a browser: {address}", soft_wrap=True)
        begun = time.monotonic()
        summary: dict[str, Any] = {}

        async def at_its_end() -> None:
            seconds = time.monotonic() - begun
            hubs = await rigs.hubs()
            console.print(
                f"{counted(len(bench.table.cartons), 'carton')} on {counted(len(bench.table.pallets), 'pallet')}, "
                f"{counted(len(printer.printed), 'label')} printed; "
                f"{counted(sum(each.mixed_up for each in bench.technicians.values()), request.family.device)} mixed up at the table",
                soft_wrap=True,
            )
            found = (
                None
                if upstream is None
                else await upstream.told(tally.done, tally.passed_at, tally.pallets_closed)
            )
            summary.update(
                hubs=request.hubs,
                **tally.count(),
                published=len(tally.results),
                contradicted=len(tally.contradicted_by(hubs)),
                packed=sum(place == Destination.CARTON for place, _ in tally.places.values()),
                misplaced=len(misplaced(bench.table.where, tally.places, tally.done, hubs)),
                **(
                    {}
                    if found is None
                    else {
                        "smi_updated": found.updated,
                        "smi_mismatches": found.mismatches,
                        "dispatched": found.dispatched,
                        "charged": found.charged,
                        "charged_pounds": found.pounds,
                    }
                ),
                seconds=round(seconds, 2),
            )
            if address is not None:
                told(summary)
                console.print(f"{address} is served until you press Ctrl+C", soft_wrap=True)
                await until_interrupted()

        await _work(settings, scene, bench, console, at_its_end)
    return summary


def configuration(scene: Scene, rigs: Rigs, broker: BrokerAddress, printer: int) -> dict[str, Any]:
    """Return the configuration of a station that works on these, as its file would have it."""
    return {
        "site": SITE,
        "station": STATION,
        "mode": "bench",
        "state_directory": str(scene.state),
        "catalogue": {"place": str(scene.catalogue), "root": str(scene.catalogue_root)},
        "unlock": {"key_file": str(scene.unlock_key)},
        "mqtt": {"host": broker.host, "port": broker.port},
        "people": {"sign_on": "required", "badge_prefix": BADGE_PREFIX},
        "shift": {"check_list": [{"what": what} for what in CHECK_LIST], "check_list_signed": "required"},
        "labels": {"printer": {"host": "127.0.0.1", "port": printer}},
        "jigs": [*rigs.jigs],
    }


class _Bench:
    """Who and what works around the station."""

    def __init__(
        self,
        settings: StationSettings,
        scene: Scene,
        rigs: Rigs,
        tally: Tally,
        printer: LabelPrinter,
        request: DemoRequest,
        console: Console,
    ) -> None:
        self.tally = tally
        self.printer = printer

        self._console = console
        ask = partial(ask_daemon, settings.state_directory)
        hubs = {hub.chf: hub for hub in scene.hubs}
        self.table = PackingTable(
            technician=partial(ask, by=scene.people.technician),
            supervisor=partial(ask, by=scene.people.supervisor),
            hubs=hubs,
            changed=tally.changed.set,
            tell=self.tell,
        )
        self.technicians = {
            jig.name: Technician(
                jig.name,
                rigs,
                self.table,
                ask,
                {chf: hub for chf, hub in hubs.items() if f"jig{hub.jig}" == jig.name},
                slots=request.slots,
                mix_ups=request.mix_ups,
                seed=request.seed,
            )
            for jig in settings.jigs
        }

    def tell(self, line: str) -> None:
        """Print a line where no picture is shown."""
        if not self._console.is_terminal:
            self._console.print(line, highlight=False, soft_wrap=True)


async def _start_upstream(
    stack: AsyncExitStack, request: DemoRequest, scene: Scene, broker: BrokerAddress
) -> UpstreamDemo | None:
    if request.upstream is None:
        return None
    faults = request.faults != "none"
    return await stack.enter_async_context(
        start_upstream(scene, request.upstream, broker, seed=request.seed, faults=faults)
    )


async def _import_orders(settings: StationSettings, scene: Scene, instead: Mapping[str, Path]) -> None:
    """Import each order, from another file `instead` where there is one, and have each jig work on its own."""
    async with Journal.open(settings.journal_folder, site=settings.site, station=settings.station) as journal:
        for order, own in scene.orders.items():
            path = instead.get(order, own)
            file = parse_order(await apart("demonstration", path.read_bytes), path.name)
            await journal.append(*events_for_import(file, await journal.orders()))
        assigned = (
            OrderAssigned(order=scene.order_of(number), jig=f"jig{number}")
            for number in range(1, scene.jigs + 1)
            if scene.order_of(number) in scene.orders
        )
        await journal.append(*assigned)


async def _work(
    settings: StationSettings,
    scene: Scene,
    bench: _Bench,
    console: Console,
    at_its_end: Callable[[], Awaitable[None]],
) -> None:
    """Run the station until every hub is in its place and the broker has heard of it, technicians serving the slots.

    `at_its_end` is waited for while the station still runs.
    """
    tally, table, sentences = bench.tally, bench.table, Sentences(ENGLISH)
    ready = asyncio.Event()
    said: dict[SlotName, str | None] = {}
    """A slot's line is told once: its view says more than its line, and changes more often."""

    def watch(view: SlotView) -> None:
        if view.phase is not SlotPhase.STARTING:
            ready.set()
        bench.technicians[view.place.jig].see(view)
        line = sentences.line(view) if view.outcome is not None else None
        if line is not None and line != said.get(view.place):
            bench.tell(line)
        said[view.place] = line
        tally.changed.set()

    daemon = Daemon(settings, on_view=watch)

    async def work_at(jig: str) -> None:
        await ready.wait()
        await bench.technicians[jig].sign_on(Badge(scene.people.badges[jig]))
        await bench.technicians[jig].work()

    async def until_all_is_told(picture: BenchPicture) -> None:
        def is_told() -> bool:
            return (
                len(tally.results) == len(scene.hubs)
                and tally.places.keys() == {str(chf) for chf in table.where}
                and tally.pallets_closed == set(table.pallets)
                and len(bench.printer.printed) >= len(table.cartons) + len(table.pallets)
            )

        async def until(is_so: Callable[[], bool]) -> None:
            while not is_so():
                picture.footer = progress()
                await tally.changed.wait()
                tally.changed.clear()

        await until(lambda: len(table.where) == len(scene.hubs))
        await table.finish()
        await until(is_told)

    def progress() -> str:
        results, hubs = len(tally.results), len(scene.hubs)
        return f"{results} of {hubs} results at the broker, {len(table.where)} hubs in their places"

    async with asyncio.TaskGroup() as group:
        # The picture ends before the station does: what is left on the terminal are results, not stopped slots.
        with live_picture(BenchPicture(daemon.view.slots, sentences), console) as picture:
            station = group.create_task(daemon.run())
            serving = [group.create_task(work_at(jig), name=jig) for jig in bench.technicians]
            finished = group.create_task(until_all_is_told(picture))
            await asyncio.wait((station, finished), return_when=asyncio.FIRST_COMPLETED)
            picture.footer = progress()
        if not station.done():
            await at_its_end()
        for technician in serving:
            technician.cancel()
        finished.cancel()
        daemon.stop()
