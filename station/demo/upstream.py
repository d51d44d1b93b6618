"""What is before and after the bench in the demonstration: a request that becomes the work order, and the inventory that is told.

`reflash inventory` is another program, and is used as one here: by its commands, its files and the broker.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from drivers.threads import apart
from station.demo.broker import BrokerAddress
from station.demo.scene import MANUFACTURER, MODEL, NEW_VERSION, OLD_VERSION, ORDER, PARTY, Scene
from station.demo.simulator import start_simulator
from station.demo.upstream_way import UpstreamWay

_START_SECONDS: Final = 60.0
_PAUSE_SECONDS: Final = 1.0
_PATIENCE: Final = 100
"""How often it is asked whether all is told: each asking is a program's start and end."""
_BY: Final = ("--by", "Demonstration")
_PRICE: Final = "7.60"
"""Pounds a re-flashed hub (Preliminary Impact Assessment 9.2)."""
_PROGRAM: Final = (sys.executable, "-c", "from station.program import main; main()", "inventory")


class UpstreamError(Exception):
    """The inventory or the simulated upstream does not do as it is told. One line."""


@dataclass(frozen=True, slots=True)
class UpstreamFound:
    """What the Smart Metering Inventory holds in the end, and what the party owes."""

    updated: int
    """Hubs whose version it was told, and took."""
    mismatches: int
    """Hubs that say something else than it holds, once they are installed."""
    charged: int
    """Hubs that the party is charged for, as its month stands."""
    pounds: str
    """What for all of them."""
    dispatched: int
    """Hubs that went back to the party."""


class UpstreamDemo:
    """The inventory with its database, and the simulated upstream."""

    def __init__(self, folder: Path, way: UpstreamWay, scene: Scene, ready: Mapping[str, Any]) -> None:
        self._folder = folder
        self._way = way
        self._scene = scene
        self._ready = ready
        self._config = folder / "inventory.toml"
        self._request = ""

    @property
    def order_file(self) -> Path:
        """The work order that was authorised."""
        return self._folder / f"{ORDER}.csv"

    async def authorise(self, broker: BrokerAddress) -> None:
        """Have the party's request held against an extract, and authorised, and its hubs received. Raises UpstreamError."""
        await apart("upstream demonstration", lambda: self._write_files(broker))
        await self.ask("extract", path=str(self._folder / "smi.csv"))
        await self.command("database", "upgrade")
        taken = await self.command(
            *("requests", "import", self._folder / "request.csv", "--party", PARTY),
            *("--extract", self._folder / "smi.csv", "--json", *_BY),
        )
        self._request = json.loads(taken)["request"]
        numbers = ("--work-order", ORDER, "--purchase-order", "DEMO-PO")
        await self.command("requests", "authorise", self._request, *numbers, *_BY)
        came = (word for hub in self._scene.hubs for word in ("--hub", str(hub.chf)))
        await self.command("deliveries", "receive", self._request, "--delivery-note", "DEMO-DN", *came, *_BY)

    async def told(
        self, hubs: Collection[str], finished: Collection[datetime], pallets: Collection[str]
    ) -> UpstreamFound:
        """Wait until the inventory was told of these, have the pallets leave, and hubs installed and asked what they run; return what was found.

        `finished`: of each hub that passed, when.

        Raises UpstreamError.
        """
        if self._way is UpstreamWay.SSMI:
            await self._upload()
        # Nothing leaves of which the inventory was not told.
        dispatched = await self._dispatch(pallets) if pallets else 0
        if self._way is UpstreamWay.N3 and dispatched < len(hubs):
            await self._until_notified(len(hubs))
        for chf in sorted(hubs):
            jig = next(hub.jig for hub in self._scene.hubs if str(hub.chf) == chf)
            await self.ask("birth", chf=chf, rig=str(self._scene.rig_control(jig)))
            await self.ask("read_firmware_version", chf=chf)
        updates = (await self.ask("rows", table="updates"))["rows"]
        alerts = (await self.ask("rows", table="alerts"))["rows"]
        charged, pounds = await self._charge(finished)
        updated = len({each["chf"] for each in updates})
        return UpstreamFound(updated, len(alerts), charged, pounds, dispatched)

    async def _dispatch(self, pallets: Collection[str]) -> int:
        """Have pallets go back to the party; return how many hubs went."""
        why = ("--reason", "as they asked", *_BY)
        await self.command("redelivery", "address", self._request, "Dock 4, Some Road", *why)
        words = [word for each in sorted(pallets) for word in ("--pallet", each)]
        wanted = ("--carrier-note", "DEMO-CN", "--json")
        said = ""
        for _ in range(_PATIENCE):
            # What is on a pallet is told after what its hubs run.
            ended, said = await self._run("redelivery", "dispatch", self._request, *words, *wanted, *_BY)
            if ended == 0:
                gone: int = json.loads(said)["hubs"]
                return gone
            await asyncio.sleep(_PAUSE_SECONDS)
        raise UpstreamError(f"pallets do not leave: {said.strip()}")

    async def _charge(self, finished: Collection[datetime]) -> tuple[int, str]:
        """Return how many hubs the party is charged for, and what: each month that is over, and this one as it stands."""
        months = sorted({f"{each:%Y-%m}" for each in finished})
        found: dict[str, Any] = {"hubs": 0, "total": "0.00"}
        for month in months[:-1]:
            words = ("--party", PARTY, "--csv", self._folder / f"charge-{month}.csv", *_BY)
            await self.command("charge", "write", month, *words)
        wanted = sum(f"{each:%Y-%m}" == months[-1] for each in finished)
        for _ in range(_PATIENCE if months else 0):
            # Where a hub lies is told after what it runs.
            found = json.loads(
                await self.command("charge", "preview", months[-1], "--party", PARTY, "--json")
            )
            if found["hubs"] == wanted:
                break
            await asyncio.sleep(_PAUSE_SECONDS)
        return found["hubs"], found["total"]

    async def _until_notified(self, hubs: int) -> None:
        for _ in range(_PATIENCE):
            counts = json.loads(await self.command("upstream", "status", "--json"))["counts"]
            decided = sum(each["hubs"] for each in counts if each["state"] in {"accepted", "refused"})
            if decided >= hubs and not any(each["state"] == "waiting" for each in counts):
                return
            await asyncio.sleep(_PAUSE_SECONDS)
        raise UpstreamError("not every hub was told of upstream in time")

    async def _upload(self) -> None:
        for _ in range(_PATIENCE):
            # Until the inventory has heard that the order is closed, it writes nothing.
            if (await self._run("ssmi", "write", ORDER, *_BY))[0] == 0:
                break
            await asyncio.sleep(_PAUSE_SECONDS)
        file = next(self._folder.glob(f"{ORDER}-ssmi-*.csv"), None)
        if file is None:
            raise UpstreamError("there is no file for the SSMI")
        for _ in range(_PATIENCE):
            ended, said = await self._run("ssmi", "upload", file, *_BY)
            if ended == 0:
                return
            if " refused, 0 not answered" in said:
                raise UpstreamError(f"the SSMI refused hubs: {said.splitlines()[0]}")
        raise UpstreamError("the SSMI did not take the file")

    async def ask(self, do: str, **asked: Any) -> dict[str, Any]:
        """Ask the simulated upstream something. Raises UpstreamError."""
        reader, writer = await asyncio.open_unix_connection(self._ready["control"], limit=1 << 26)
        try:
            writer.write(json.dumps({"do": do, **asked}).encode() + b"\n")
            answer: dict[str, Any] = json.loads(await reader.readline())
        finally:
            writer.close()
        if not answer["ok"]:
            raise UpstreamError(f"simulated upstream: {answer['error']}")
        return answer

    async def command(self, *arguments: object) -> str:
        """Type a command of the inventory. Raises UpstreamError."""
        ended, said = await self._run(*arguments)
        if ended:
            raise UpstreamError(said.strip() or f"reflash inventory {arguments[0]} ended with {ended}")
        return said

    async def _run(self, *arguments: object) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            *(*_PROGRAM, *map(str, arguments), "--config", str(self._config)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, complaint = await process.communicate()
        return process.returncode or 0, (said if process.returncode == 0 else said + complaint).decode()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Run the inventory for the length of the block; it listens when that begins. Raises UpstreamError."""
        process = await asyncio.create_subprocess_exec(
            *(*_PROGRAM, "run", "--config", str(self._config)), stderr=asyncio.subprocess.PIPE
        )
        if process.stderr is None:
            raise AssertionError("its error stream was asked for")
        try:
            async with asyncio.timeout(_START_SECONDS):
                while b'"listening"' not in (line := await process.stderr.readline()):
                    if not line:
                        raise UpstreamError("reflash inventory run did not start")
            log = asyncio.create_task(_keep(process.stderr, self._folder / "inventory.log"))
            try:
                yield
            finally:
                log.cancel()
        except TimeoutError as error:
            raise UpstreamError(f"reflash inventory run did not listen in {_START_SECONDS:g} s") from error
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()

    def _write_files(self, broker: BrokerAddress) -> None:
        lines = ["template,chf_id,gpf_id,installation_end_date"]
        lines += [f"reflash-request-1,{hub.chf},{hub.gpf}," for hub in self._scene.hubs]
        (self._folder / "request.csv").write_text("\n".join([*lines, ""]))
        release = f'manufacturer = "{MANUFACTURER}", model = "{MODEL}", firmware_version = "{NEW_VERSION[1]}"'
        csp, logistics = self._reached("n3", "csp"), self._reached("ssmi", "dcc-logistics")
        self._config.write_text(
            "\n".join(
                [
                    f'database = "sqlite:///{self._folder}/inventory.db"',
                    'log.format = "json"',
                    f'mqtt = {{host = "{broker.host}", port = {broker.port}}}',
                    'stations = [{site = "demo", station = "bench"}]',
                    f'charge = {{prices = [{{first_day = 2000-01-01, pounds = "{_PRICE}"}}]}}',
                    f'ssmi = {{folder = "{self._folder}", upload = {logistics}}}',
                    "[requests]",
                    f'orders_folder = "{self._folder}"',
                    f"releases = [{{{release}}}]",
                    "[[upstream.routes]]",
                    'csp = "demo"',
                    'regions = ["Central"]',
                    *([f"n3 = {csp}"] if self._way is UpstreamWay.N3 else []),
                    "",
                ]
            )
        )

    def _reached(self, way: str, caller: str) -> str:
        certificate, key = self._ready[caller]
        return (
            f'{{url = "{self._ready[way]}", ca_file = "{self._ready["ca"]}", certificate_file = "{certificate}", '
            f'key_file = "{key}", timeout_seconds = 2.0}}'
        )


@asynccontextmanager
async def start_upstream(
    scene: Scene, way: UpstreamWay, broker: BrokerAddress, *, seed: int, faults: bool
) -> AsyncIterator[UpstreamDemo]:
    """Have the order authorised and the inventory listen for the length of the block. Raises UpstreamError."""
    folder = scene.folder / "inventory"
    await apart("upstream demonstration", lambda: folder.mkdir(exist_ok=True))
    wrong = "realistic" if faults else "none"
    simulated = start_simulator(
        *("the simulated upstream", "upstream", "--dir", folder, "--seed", seed, "--faults", wrong),
        failed=UpstreamError,
    )
    async with simulated as ready:
        demo = UpstreamDemo(folder, way, scene, ready)
        await demo.ask("register", hubs=[_registered(hub.chf, hub.gpf) for hub in scene.hubs])
        await demo.authorise(broker)
        async with demo.listening():
            yield demo


def _registered(chf: object, gpf: object) -> dict[str, str]:
    return {
        "chf": str(chf),
        "gpf": str(gpf),
        "manufacturer": MANUFACTURER,
        "model": MODEL,
        "firmware": OLD_VERSION[1],
        "chts_version": "CHTS V1.4",
        "region": "Central",
        "han_variant": "DBCH",
        "owner": PARTY,
    }


async def _keep(stream: asyncio.StreamReader, path: Path) -> None:
    with await apart("upstream demonstration", lambda: path.open("ab")) as file:
        while part := await stream.read(1 << 16):
            file.write(part)
