"""Runs the demonstration and counts what came of it."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from drivers.threads import apart
from station.control.client import ControlError, ask_daemon
from station.daemon.assembly import Daemon
from station.demo.broker import BrokerAddress, start_broker
from station.demo.hands import Hands
from station.demo.rigs import Rigs, start_rigs
from station.demo.scene import BAUD, ORDER, Scene, make_scene
from station.demo.tally import Tally, counting_results
from station.demo.transport import Transport
from station.desk.order_requests import CloseOrder
from station.desk.record_requests import Republish
from station.desk.refusals import Refused
from station.domain.counted import counted
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
    transport: Transport
    broker: BrokerAddress | None
    folder: Path


async def run_demonstration(request: DemoRequest, console: Console) -> dict[str, Any]:
    """Run it to its end and return the summary.

    Raises NoBroker, RigError, and whatever the station raises.
    """
    scene = await apart(
        "demonstration",
        lambda: make_scene(
            request.folder, jigs=request.jigs, slots=request.slots, hubs=request.hubs, seed=request.seed
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
        settings = StationSettings.model_validate(configuration(scene, rigs, broker))
        await _import_order(settings, scene)
        topics = Topics(SITE, STATION)

        async def send_again() -> None:
            with suppress(ControlError, Refused):  # no daemon yet, or no result
                await ask_daemon(settings.state_directory, Republish(first=1, last=sys.maxsize))

        tally = await stack.enter_async_context(counting_results(broker, topics, send_again))
        console.print(
            f"demonstration: {counted(request.hubs, 'simulated hub')}, {counted(request.jigs, 'jig')}, {_CONNECTED[request.transport]}, "
            f"broker {broker.name}, everything in {scene.folder}\n"
            "its catalogue is signed, its unlock key lies in a file, all made for the occasion: for no real hub",
            soft_wrap=True,
        )
        begun = time.monotonic()
        await _work(settings, scene, rigs, tally, console)
        seconds = time.monotonic() - begun
        contradicted = tally.contradicted_by(await rigs.hubs())
    return {
        "hubs": request.hubs,
        **tally.count(),
        "published": len(tally.results),
        "contradicted": len(contradicted),
        "seconds": round(seconds, 2),
    }


def configuration(scene: Scene, rigs: Rigs, broker: BrokerAddress) -> dict[str, Any]:
    """Return the configuration of a station that works on these, as its file would have it."""
    return {
        "site": SITE,
        "station": STATION,
        "mode": "bench",
        "state_directory": str(scene.folder / "state"),
        "catalogue": {"place": str(scene.catalogue), "root": str(scene.catalogue_root)},
        "unlock": {"key_file": str(scene.unlock_key)},
        "mqtt": {"host": broker.host, "port": broker.port},
        "people": {"line_clearance": "off"},
        "jigs": [*rigs.jigs],
    }


async def _import_order(settings: StationSettings, scene: Scene) -> None:
    settings.state_directory.mkdir(parents=True, exist_ok=True)
    file = parse_order(scene.order_file.read_bytes(), scene.order_file.name)
    async with Journal.open(settings.journal_folder, site=settings.site, station=settings.station) as journal:
        await journal.append(*events_for_import(file, await journal.orders()))
        await journal.append(*(OrderAssigned(order=ORDER, jig=jig.name) for jig in settings.jigs))


async def _work(settings: StationSettings, scene: Scene, rigs: Rigs, tally: Tally, console: Console) -> None:
    """Run the station until every hub has its result at the broker, a technician serving the slots."""
    hands, sentences = Hands(rigs), Sentences(ENGLISH)

    def watch(view: SlotView) -> None:
        hands.see(view)
        if view.outcome is not None and not console.is_terminal:
            console.print(sentences.line(view), highlight=False, soft_wrap=True)
        tally.changed.set()

    daemon = Daemon(settings, on_view=watch)

    def tally_line() -> str:
        return f"{len(tally.results)} of {len(scene.hubs)} results at the broker"

    async def until_all_have_results(picture: BenchPicture) -> None:
        closing = False
        while len(tally.results) < len(scene.hubs):
            picture.footer = tally_line()
            if (
                not closing
                and hands.put_aside
                and len(tally.results) + len(hands.put_aside) >= len(scene.hubs)
            ):
                closing = True
                over = CloseOrder(order=ORDER, reason="demonstration over", incomplete_accepted=True)
                await ask_daemon(settings.state_directory, over)
            await tally.changed.wait()
            tally.changed.clear()

    async with asyncio.TaskGroup() as group:
        # The picture ends before the station does: what is left on the terminal are results, not stopped slots.
        with live_picture(BenchPicture(daemon.view.slots, sentences), console) as picture:
            station = group.create_task(daemon.run())
            serving = group.create_task(hands.work())
            finished = group.create_task(until_all_have_results(picture))
            await asyncio.wait((station, finished), return_when=asyncio.FIRST_COMPLETED)
            picture.footer = tally_line()
        serving.cancel()
        finished.cancel()
        daemon.stop()
