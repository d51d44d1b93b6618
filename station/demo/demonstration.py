"""Runs the demonstration and counts what came of it."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiomqtt
from rich.console import Console

from station.attempt.outcome import Outcome
from station.bench.view import SlotPhase, SlotView
from station.config import StationSettings
from station.daemon import Daemon
from station.demo.broker import BrokerAddress, parse_address, start_broker
from station.demo.rigs import Rigs, start_rigs
from station.demo.scene import BAUD, ORDER, Scene, make_scene
from station.demo.show import live_picture
from station.orders.csv_import import parse_order
from station.orders.life_cycle import events_for_import
from station.records.events import OrderAssigned
from station.records.journal import Journal
from station.records.topics import Topics

SITE, STATION = "demo", "bench"
_SUBSCRIBE_SECONDS = 10.0
_FINISHED = frozenset(
    {SlotPhase.PASSED, SlotPhase.ALREADY_CURRENT, SlotPhase.REJECTED, SlotPhase.FAILED, SlotPhase.FIND_HUB}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoRequest:
    """What was asked for on the command line."""

    jigs: int
    slots: int
    hubs: int
    seed: int
    faults: str
    broker: str | None
    folder: Path


@dataclass(slots=True)
class Tally:
    """What has come of the hubs so far, by CHF id: the journal's word and the broker's."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    published: dict[str, str] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def published_all_of(self, hubs: int) -> bool:
        """Whether a result of every hub has come back from the broker."""
        return len(self.published) >= hubs


async def run_demonstration(request: DemoRequest, console: Console) -> dict[str, Any]:
    """Run it to its end and return the summary.

    Raises NoBroker, RigError, and whatever the station raises.
    """
    scene = await asyncio.to_thread(
        make_scene,
        request.folder,
        jigs=request.jigs,
        slots=request.slots,
        hubs=request.hubs,
        seed=request.seed,
    )
    async with AsyncExitStack() as stack:
        if request.broker is None:
            broker = await stack.enter_async_context(start_broker(request.folder))
        else:
            broker = parse_address(request.broker)
        rigs = await stack.enter_async_context(start_rigs(scene, seed=request.seed, faults=request.faults))
        settings = _settings(scene, broker)
        await _import_order(settings, scene)
        tally = Tally()
        await stack.enter_async_context(_counting_results(broker, tally))
        console.print(
            f"demonstration: {request.hubs} simulated hubs, {request.jigs} jigs, {BAUD} baud, "
            f"broker {broker.name}, everything in {scene.folder}"
        )
        begun = time.monotonic()
        await _work(settings, scene, rigs, tally, console)
        seconds = time.monotonic() - begun
    counts = Counter(tally.outcomes.values())
    return {
        "hubs": request.hubs,
        "passed": counts[Outcome.PASSED],
        "already_current": counts[Outcome.ALREADY_CURRENT],
        "rejected": counts[Outcome.REJECTED],
        "failed": counts[Outcome.FAILED],
        "published": len(tally.published),
        "seconds": round(seconds, 2),
    }


def _settings(scene: Scene, broker: BrokerAddress) -> StationSettings:
    jigs = [
        {
            "name": f"jig{jig}",
            "driver_settings": {"baud": BAUD},
            "slots": {
                slot: str(scene.ports / f"rig{jig}" / f"jig{jig}" / f"slot{slot}")
                for slot in range(1, scene.slots + 1)
            },
        }
        for jig in range(1, scene.jigs + 1)
    ]
    return StationSettings.model_validate(
        {
            "site": SITE,
            "station": STATION,
            "mode": "bench",
            "state_directory": scene.folder / "state",
            "catalogue": {"folder": scene.catalogue},
            "unlock": {"key_file": scene.unlock_key},
            "mqtt": {"host": broker.host, "port": broker.port},
            "jigs": jigs,
        }
    )


async def _import_order(settings: StationSettings, scene: Scene) -> None:
    settings.state_directory.mkdir(parents=True, exist_ok=True)
    file = parse_order(scene.order_file.read_bytes(), scene.order_file.name)
    async with Journal.open(settings.journal_folder, site=settings.site, station=settings.station) as journal:
        await journal.append(*events_for_import(file, await journal.orders()))
        await journal.append(*(OrderAssigned(order=ORDER, jig=jig.name) for jig in settings.jigs))


@asynccontextmanager
async def _counting_results(broker: BrokerAddress, tally: Tally) -> AsyncIterator[None]:
    """Subscribe as the inventory would, and keep the newest result of each hub."""
    async with aiomqtt.Client(broker.host, broker.port, timeout=_SUBSCRIBE_SECONDS) as client:
        topics = Topics(SITE, STATION)
        await client.subscribe(topics.every_result, qos=1)

        async def receive() -> None:
            async for message in client.messages:
                event = json.loads(bytes(message.payload))
                tally.published[event["subject"]] = event["data"]["outcome"]
                tally.changed.set()

        receiving = asyncio.create_task(receive())
        try:
            yield
        finally:
            receiving.cancel()
            await asyncio.gather(receiving, return_exceptions=True)


async def _work(settings: StationSettings, scene: Scene, rigs: Rigs, tally: Tally, console: Console) -> None:
    """Run the station until every hub has its result at the broker, a technician serving the slots."""
    results: asyncio.Queue[SlotView] = asyncio.Queue()

    def watch(view: SlotView) -> None:
        if view.phase in _FINISHED:
            if view.outcome is not None:
                tally.outcomes[str(view.chf)] = view.outcome
                tally.changed.set()
                if not console.is_terminal:
                    console.print(view.line, highlight=False)
            results.put_nowait(view)

    daemon = Daemon(settings, on_view=watch)
    with live_picture(daemon.view, console) as picture:

        async def serve() -> None:
            while True:
                view = await results.get()
                await rigs.swap(view.place)

        async def await_all() -> None:
            while len(tally.outcomes) < len(scene.hubs) or not tally.published_all_of(len(scene.hubs)):
                picture.footer = (
                    f"{len(tally.outcomes)} of {len(scene.hubs)} done, {len(tally.published)} published"
                )
                tally.changed.clear()
                await tally.changed.wait()

        async with asyncio.TaskGroup() as group:
            station = group.create_task(daemon.run())
            serving = group.create_task(serve())
            finished = group.create_task(await_all())
            await asyncio.wait((station, finished), return_when=asyncio.FIRST_COMPLETED)
            serving.cancel()
            finished.cancel()
            daemon.stop()
