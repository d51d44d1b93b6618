"""A station of a fleet, as a process of its own: a real journal, outbox and publisher, and a real station's lives played again.

    python fleet_station.py '{"folder": …}'        # the fields of `Part`

It says "ready" once its orders are in the journal, and plays once it reads "go", from wherever the journal says that it was.
"republish KIND FIRST LAST" is what a person types where the inventory says so. It ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fleet_recording import JIGS, SLOTS, Life, Played, opening_of, read, rest_of

from benches.station_bench import StockHub, import_order, order_csv, slot
from firmware_catalog.identity import Eui64
from station.domain.slot_name import SlotName
from station.publishing.publisher import Publisher
from station.publishing.retained import RetainedStates
from station.publishing.settings import MqttSettings
from station.records.facts.outbox import MessagesRepublished
from station.records.journal import Journal

_MAKER = 0x887384


@dataclass(frozen=True)
class Part:
    """What one station plays."""

    folder: str
    """Of its journal."""
    recording: str
    site: str
    station: str
    number: int
    """Among all stations: hubs' ids have it."""
    port: int
    """The broker's."""
    hubs: int
    hubs_a_second: float
    seed: int

    def order(self, hub: int) -> str:
        """Return the order that a hub is of: each jig works on one, and each is for one station."""
        return f"WO-{self.number}-{1 + hub % JIGS}"

    def ids(self, hub: int) -> tuple[Eui64, Eui64]:
        """Return a hub's CHF and GPF ids."""
        device = _MAKER << 40 | self.number << 32 | hub << 1
        return Eui64(device), Eui64(device | 1)

    def lives(self) -> Sequence[Life]:
        """Return whose life each hub plays, as the seed has it."""
        dice = random.Random(f"{self.seed}/{self.number}")
        return dice.choices(read(Path(self.recording)), k=self.hubs)


class Playing:
    """Plays a part once."""

    def __init__(self, part: Part, journal: Journal) -> None:
        self._part = part
        self._journal = journal
        self._lives = part.lives()
        self._hub_of = {str(part.ids(hub)[0]): hub for hub in range(part.hubs)}
        self._free: list[asyncio.Queue[SlotName]] = [asyncio.Queue() for _ in range(JIGS)]
        for jig, free in enumerate(self._free, 1):
            for number in range(1, SLOTS + 1):
                free.put_nowait(slot(number, jig))

    async def import_orders(self) -> None:
        """Import the orders that are not in the journal yet, each for its jig."""
        part = self._part
        known = {order.order for order in await self._journal.orders()}
        for jig in range(JIGS):
            if (order := part.order(jig)) not in known:
                listed = [
                    StockHub(*part.ids(hub), self._lives[hub].firmware)
                    for hub in range(jig, part.hubs, JIGS)
                    if self._lives[hub].is_listed
                ]
                await import_order(self._journal, order_csv(*listed, order=order), f"jig{jig + 1}")

    async def play(self) -> None:
        """Play the rest of the lives, so many a second; each at the next free slot."""
        begun = {
            self._hub_of[chf]: row for chf, *row in await self._journal.ask(_attempts) if chf in self._hub_of
        }
        async with asyncio.TaskGroup() as playing:
            started = time.monotonic()
            done = 0
            for hub in range(self._part.hubs):
                closed, open_attempt = begun.get(hub, (0, None))
                if closed == len(self._lives[hub].attempts):
                    continue
                await asyncio.sleep(started + done / self._part.hubs_a_second - time.monotonic())
                done += 1
                playing.create_task(
                    self._play_one(hub, closed, open_attempt, await self._free[hub % JIGS].get())
                )

    async def _play_one(self, hub: int, done: int, open_attempt: int | None, place: SlotName) -> None:
        life = self._lives[hub]
        by = Played(*self._part.ids(hub), self._part.order(hub), place)
        for number in range(done, len(life.attempts)):
            if open_attempt is None:
                (opened,) = await self._journal.append(opening_of(life, number, by))
                open_attempt = opened.sequence
            await self._journal.append(*rest_of(life, number, by, open_attempt))
            open_attempt = None
        self._free[hub % JIGS].put_nowait(place)


def _attempts(tables: sqlite3.Connection) -> list[tuple[str, int, int | None]]:
    return tables.execute(
        "SELECT chf, count(closed), max(CASE WHEN closed IS NULL THEN attempt END) FROM attempts GROUP BY chf"
    ).fetchall()


async def _main(part: Part) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    async with Journal.open(Path(part.folder), site=part.site, station=part.station) as journal:
        playing = Playing(part, journal)
        await playing.import_orders()
        settings = MqttSettings(port=part.port, result_version=2)
        publisher = Publisher(journal, settings, RetainedStates(), lambda _: None)
        async with asyncio.TaskGroup() as tasks:
            ours = [tasks.create_task(publisher.run())]
            print("ready", flush=True)
            while line := (await reader.readline()).decode().split():
                match line:
                    case ["go"]:
                        ours.append(tasks.create_task(playing.play()))
                    case ["republish", kind, first, last]:
                        again = MessagesRepublished(message=kind, first=int(first), last=int(last))
                        await journal.append(again)
            for task in ours:
                task.cancel()


if __name__ == "__main__":
    asyncio.run(_main(Part(**json.loads(sys.argv[1]))))
