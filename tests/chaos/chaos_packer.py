"""Somebody who packs what the technician has done with, takes a hub for another now and then, and asks again over every death."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path
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

    def __init__(self, state: Path, order: str, seed: int) -> None:
        self.acts: Counter[str] = Counter()
        self.where: dict[Eui64, tuple[Destination, str | None]] = {}
        self._state = state
        self._order = order
        self._random = random.Random(f"packer {seed}")
        self._tray: asyncio.Queue[tuple[StockHub, bool]] = asyncio.Queue()
        self._cartons: dict[str, str] = {}

    def take(self, hub: StockHub, *, passed: bool) -> None:
        """Have a hub brought to where this word of its slot sends it."""
        self._tray.put_nowait((hub, passed))

    async def all_brought(self) -> None:
        """Wait until nothing lies on the tray."""
        await self._tray.join()

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

    async def _bring(self, hub: StockHub, to: Destination) -> None:
        """Scan it there, and go where each refusal sends it; one that belongs into a slot stays in hand."""
        order = self._order
        for _ in range(_MOST_SCANS):
            carton: str | None = None
            command: Command[Any]
            try:
                match to:
                    case Destination.CARTON:
                        if order not in self._cartons:
                            self._cartons[order] = (await self._ask(OpenCarton(order=order))).carton
                        carton = self._cartons[order]
                        command = PackHub(id=hub.gpf, role="GPF", carton=carton)
                    case Destination.SCRAP:
                        command = DecideHub(id=hub.chf, role="CHF", place=to, reason="failed in two slots")
                    case _:
                        command = PutHub(id=hub.chf, role="CHF", place=to)
                put = await self._ask(command)
            except Refused as refused:
                self.acts["refused scan"] += 1
                if "order" in refused.facts:
                    order = str(refused.facts["order"])
                elif "belongs" not in refused.facts:
                    self._cartons.pop(order, None)
                elif refused.facts["belongs"] is None:
                    return
                else:
                    to = Destination(str(refused.facts["belongs"]))
            else:
                self.acts["placed"] += 1
                self.where[hub.chf] = to, carton
                if put.closed:
                    self._cartons.pop(order, None)
                return

    async def _ask(self, command: Command[Any]) -> Any:
        """Ask under one key until there is an answer. Raises Refused."""
        key = uuid4()
        while True:
            try:
                return await ask_daemon(self._state, command, key=key)
            except ControlError:
                await asyncio.sleep(_PAUSE_SECONDS)  # it is dead, or dying
