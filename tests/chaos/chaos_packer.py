"""Somebody who packs what the technician has done with, takes a hub for another now and then, and asks again over every death."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import uuid4

from benches.station_bench import StockHub
from firmware_catalog.identity import Eui64
from station.control.client import ControlError, ask_daemon
from station.desk.packing_requests import DecideHub, OpenCarton, PackHub, PutHub
from station.desk.refusals import Refused
from station.desk.request import Command
from station.domain.destination import Destination

MIX_UPS = 0.15
"""Chance of bringing a hub where another belongs."""
_MOST_SCANS = 8
_PAUSE_SECONDS = 0.1
_WRONG = (Destination.CARTON, Destination.REWORK, Destination.QUARANTINE, Destination.PARTY)


class Packer:
    """Brings hubs to their places for as long as `work` runs; `where` is the world, whatever the books have."""

    def __init__(
        self, state: Path, order: str, seed: int, sets: Mapping[Eui64, tuple[str, str]] = MappingProxyType({})
    ) -> None:
        """`sets` are the order and the premises of each bridge."""
        self.acts: Counter[str] = Counter()
        self.where: dict[Eui64, tuple[Destination, str | None]] = {}
        self._state = state
        self._order = order
        self._random = random.Random(f"packer {seed}")
        self._tray: asyncio.Queue[tuple[StockHub, bool]] = asyncio.Queue()
        self._cartons: dict[tuple[str, str | None], str] = {}
        """The open one of each order and, of bridges, of each premises."""
        self._sets = dict(sets)
        self._waiting: list[StockHub] = []

    def take(self, hub: StockHub, *, passed: bool) -> None:
        """Have a hub brought to where this word of its slot sends it."""
        self._tray.put_nowait((hub, passed))

    async def all_brought(self) -> None:
        """Wait until nothing lies on the tray, and have a supervisor part the sets that cannot be whole."""
        await self._tray.join()
        while self._waiting:
            await self._bring(self._waiting.pop(), Destination.CARTON, parted=True)

    async def work(self) -> None:
        """Pack until cancelled."""
        while True:
            hub, passed = await self._tray.get()
            to = Destination.CARTON if passed else Destination.REWORK
            if self._random.random() < MIX_UPS:
                to = self._random.choice(_WRONG)
                self.acts["mix up"] += 1
            await self._bring(hub, to)
            self._tray.task_done()

    async def _bring(self, hub: StockHub, to: Destination, *, parted: bool = False) -> None:
        """Scan it there, and go where each refusal sends it; one that belongs into a slot stays in hand.

        A bridge whose set is not ready waits; in the end it is `parted` from it.
        """
        order, premises = self._sets.get(hub.chf, (self._order, None))
        for _ in range(_MOST_SCANS):
            carton: str | None = None
            command: Command[Any]
            try:
                match to:
                    case Destination.CARTON:
                        if (order, premises) not in self._cartons:
                            opened = await self._ask(OpenCarton(order=order))
                            self._cartons[order, premises] = opened.carton
                        carton = self._cartons[order, premises]
                        command = PackHub(id=hub.label.device_id, role=hub.label.role, carton=carton)
                        if parted:
                            why = "its set cannot be whole"
                            command = DecideHub(id=hub.chf, place=to, carton=carton, reason=why)
                    case Destination.SCRAP:
                        command = DecideHub(id=hub.chf, place=to, reason="failed in two slots")
                    case _:
                        command = PutHub(id=hub.chf, place=to)
                put = await self._ask(command)
            except Refused as refused:
                self.acts["refused scan"] += 1
                if "order" in refused.facts:
                    order = str(refused.facts["order"])
                elif "belongs" not in refused.facts:
                    self._cartons.pop((order, premises), None)
                elif refused.facts["belongs"] == to == Destination.CARTON:
                    self._waiting.append(hub)
                    return
                elif refused.facts["belongs"] is None:
                    return
                else:
                    to = Destination(str(refused.facts["belongs"]))
            else:
                self.acts["placed"] += 1
                self.where[hub.chf] = to, carton
                if put.closed:
                    self._cartons.pop((order, premises), None)
                mates = [each for each in self._waiting if self._sets[each.chf] == (order, premises)]
                self._waiting = [each for each in self._waiting if each not in mates]
                for mate in mates:
                    self._tray.put_nowait((mate, True))
                return

    async def _ask(self, command: Command[Any]) -> Any:
        """Ask under one key until there is an answer. Raises Refused."""
        key = uuid4()
        while True:
            try:
                return await ask_daemon(self._state, command, key=key)
            except ControlError:
                await asyncio.sleep(_PAUSE_SECONDS)  # it is dead, or dying
