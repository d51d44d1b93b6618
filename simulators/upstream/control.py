"""The control socket of the simulated upstream, for tests and demonstrations.

A Unix stream socket for its owner only. One JSON object a line asks, one answers: `{"ok": true, ...}` or
`{"ok": false, "error": "..."}`.

| do | does |
|---|---|
| `device` | tells of the device `id` |
| `rows` | tells the whole of `table`: `devices`, `updates`, `calls`, `alerts` |
| `register` | takes in `hubs` |
| `extract` | writes what is held of each hub to `path`, as CSV, one line a hub |
| `own` | registers the hubs `chfs` to the party `owner` |
| `status` | has the hub `chf` be in `status` |
| `birth` | has the CSP commission the hub `chf`, which is in the rig whose control socket is `rig` |
| `read_firmware_version` | Service Request 11.2 to the hub `chf`, born before: what it says, what is held, whether that raised an alert |
| `fault` | arms `fault` for the next `times` calls (all of them, without) of `way`, `n3` or `ssmi` |
| `disarm` | forgets what was armed |
| `stop` | ends the simulation |
"""

from __future__ import annotations

import asyncio
import csv
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from simulators.control import bind_control
from simulators.upstream.faults import Fault, Faults
from simulators.upstream.smi import STATUSES, Smi

Answer = dict[str, Any]
_EXTRACT = {
    "chf_id": "id",
    "gpf_id": "associated",
    "manufacturer": "manufacturer",
    "model": "model",
    "firmware_version": "firmware",
    "device_status": "status",
    "owner": "owner",
    "region": "region",
    "han_variant": "han_variant",
    "chts_version": "chts_version",
}
"""Columns of an extract, by what is held."""


class Control:
    """Does what a request asks."""

    def __init__(self, smi: Smi, faults: Faults) -> None:
        self._smi = smi
        self._faults = faults
        self.stop_wanted = asyncio.Event()
        self._commands: dict[str, Callable[[Answer], Answer]] = {
            "device": self._device,
            "rows": lambda asked: {"rows": self._smi.rows_of(asked["table"])},
            "register": self._register,
            "extract": self._extract,
            "own": self._own,
            "status": self._status,
            "fault": self._fault,
            "disarm": self._disarm,
            "stop": self._stop,
        }

    @asynccontextmanager
    async def listening(self, path: Path) -> AsyncIterator[None]:
        """Answer on a socket for the length of the block."""
        with bind_control(path) as listener:
            server = await asyncio.start_unix_server(self._serve, sock=listener, limit=64 << 20)
            try:
                yield
            finally:
                server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.CancelledError):
            while line := await reader.readline():
                writer.write(json.dumps(await self._answer(line)).encode() + b"\n")
                await writer.drain()
        writer.close()

    async def _answer(self, line: bytes) -> Answer:
        try:
            asked = json.loads(line)
            match asked["do"]:
                case "birth":
                    answer = await self._birth(asked)
                case "read_firmware_version":
                    answer = await self._read_firmware_version(asked)
                case what:
                    answer = self._commands[what](asked)
        except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
            return {"ok": False, "error": f"{type(error).__name__}: {error}"}
        return {"ok": True, **answer}

    def _device(self, asked: Answer) -> Answer:
        return {"device": self._smi.device(asked["id"])}

    def _register(self, asked: Answer) -> Answer:
        self._smi.register(asked["hubs"])
        return {}

    def _extract(self, asked: Answer) -> Answer:
        hubs = [each for each in self._smi.rows_of("devices") if each["type"] == "CHF"]
        with Path(asked["path"]).open("w", newline="") as file:
            writer = csv.writer(file)
            taken = datetime.now(UTC).isoformat()
            writer.writerow([*_EXTRACT, "extract_taken"])
            writer.writerows([*(hub[column] for column in _EXTRACT.values()), taken] for hub in hubs)
        return {"hubs": len(hubs)}

    def _own(self, asked: Answer) -> Answer:
        for chf in asked["chfs"]:
            self._smi.set_owner(chf, asked["owner"])
        return {}

    def _status(self, asked: Answer) -> Answer:
        if asked["status"] not in STATUSES:
            raise ValueError(f"{asked['status']} is no DeviceStatus")
        self._smi.set_status(asked["chf"], asked["status"])
        return {}

    async def _birth(self, asked: Answer) -> Answer:
        hub = self._held(asked["chf"])
        await _hub_in_rig(asked["rig"], hub["id"])
        self._smi.set_status(hub["id"], "Commissioned", asked["rig"])
        return {}

    async def _read_firmware_version(self, asked: Answer) -> Answer:
        hub = self._held(asked["chf"])
        if hub["rig"] is None:
            raise ValueError(f"{hub['id']} was not born yet")
        said = (await _hub_in_rig(hub["rig"], hub["id"]))["firmware"]
        is_other = said != hub["firmware"]
        if is_other:
            self._smi.raise_alert(hub["id"], hub["firmware"], said)
        return {"hub": said, "held": hub["firmware"], "alert": is_other}

    def _held(self, chf: str) -> dict[str, Any]:
        hub = self._smi.device(chf)
        if hub is None:
            raise ValueError(f"{chf} is not known")
        return hub

    def _fault(self, asked: Answer) -> Answer:
        self._faults.arm(asked["way"], Fault(asked["fault"]), asked.get("times"))
        return {}

    def _disarm(self, _: Answer) -> Answer:
        self._faults.disarm()
        return {}

    def _stop(self, _: Answer) -> Answer:
        self.stop_wanted.set()
        return {}


async def _hub_in_rig(rig: str, chf: str) -> Answer:
    """Ask a simulated rig for a hub."""
    reader, writer = await asyncio.open_unix_connection(os.fspath(rig), limit=1 << 20)
    try:
        writer.write(json.dumps({"do": "hub", "chf": chf}).encode() + b"\n")
        answer: Answer = json.loads(await reader.readline())
    finally:
        writer.close()
    if not answer.get("ok"):
        raise ValueError(f"the rig has no hub {chf}: {answer.get('error')}")
    return answer
