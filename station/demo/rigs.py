"""Simulated rigs as processes of their own, one a jig, and the line to the technicians who serve them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

from firmware_catalog.identity import Eui64
from simulators.faults import FaultFileError, load_faults
from station.demo.scene import BAUD, Scene
from station.demo.simulator import start_simulator
from station.demo.transport import Transport
from station.domain.slot_name import SlotName

_BOOT_SECONDS: Final = 1.0
"""More than a simulated hub needs to boot: a slot that is silent for longer is empty."""


class RigError(Exception):
    """A simulated rig did not start or does not do as it is told. One line."""


class Rigs:
    """All rigs of the demonstration, by jig name."""

    def __init__(self, controls: dict[str, RigControl], jigs: Sequence[Mapping[str, Any]] = ()) -> None:
        self.jigs = jigs
        """Each jig as a station's configuration has it."""
        self._controls = controls

    async def swap(self, place: SlotName) -> tuple[Eui64, Eui64 | None]:
        """Have the hub taken out and the next one put in, which takes a moment. Returns both; None if there is no next one."""
        control = self._controls[place.jig]
        answer = await control.ask({"do": "unload", "jig": control.jig, "slot": place.slot})
        following = answer["next"]
        return Eui64.parse(answer["taken"]), None if following is None else Eui64.parse(following)

    async def seat(self, place: SlotName, hub: Eui64) -> None:
        """Put a hub that was taken out into an empty slot."""
        control = self._controls[place.jig]
        await control.ask({"do": "seat", "jig": control.jig, "slot": place.slot, "chf": str(hub)})

    async def reseat(self, place: SlotName, hub: Eui64) -> None:
        """Find a hub and seat it where it was, as the operator's line asks."""
        control = self._controls[place.jig]
        there = {"jig": control.jig, "slot": place.slot}
        slots = (await control.ask({"do": "slots"}))["slots"]
        if next(slot["occupied"] for slot in slots if slot["slot"] == place.slot):
            await control.ask({"do": "unseat", **there})
        await control.ask({"do": "seat", **there, "chf": str(hub)})

    async def statistics(self) -> list[dict[str, Any]]:
        """Return what each port has carried so far, and what its hub spent on erasures and boots."""
        return [
            port
            for control in self._controls.values()
            for port in (await control.ask({"do": "statistics"}))["ports"]
        ]

    async def hubs(self) -> list[dict[str, Any]]:
        """Look into every simulated hub, wherever it is now."""
        return [
            hub for control in self._controls.values() for hub in (await control.ask({"do": "hubs"}))["hubs"]
        ]


class RigControl:
    """The control socket of one rig process. One request at a time."""

    def __init__(self, jig: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.jig = jig
        self._reader = reader
        self._writer = writer
        self._turn = asyncio.Lock()
        self._exchanges: set[asyncio.Task[dict[str, Any]]] = set()

    async def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send one request and return its answer. Raises RigError."""
        # Cancelling the caller must not leave its answer behind for the next one.
        exchange = asyncio.create_task(self._exchange(request))
        self._exchanges.add(exchange)
        exchange.add_done_callback(self._exchanges.discard)
        return await asyncio.shield(exchange)

    async def _exchange(self, request: dict[str, Any]) -> dict[str, Any]:
        async with self._turn:
            self._writer.write(json.dumps(request).encode() + b"\n")
            await self._writer.drain()
            line = await self._reader.readline()
        if not line:
            raise RigError(f"the simulated rig of jig{self.jig} is gone")
        answer: dict[str, Any] = json.loads(line)
        if not answer["ok"]:
            raise RigError(f"simulated jig{self.jig}: {answer['error']}")
        return answer


def check_faults(faults: str) -> None:
    """Raise RigError for a file of faults that no rig could use. Every rig reads it for itself."""
    try:
        load_faults(faults)
    except FaultFileError as error:
        raise RigError(str(error)) from error


@asynccontextmanager
async def start_rigs(
    scene: Scene, *, seed: int, faults: str, transport: Transport = Transport.SERIAL
) -> AsyncIterator[Rigs]:
    """Run one rig process a jig while the block lasts. Raises RigError."""
    async with AsyncExitStack() as stack:
        started = [
            await stack.enter_async_context(_start_rig(scene, jig, seed, faults, transport))
            for jig in range(1, scene.jigs + 1)
        ]
        controls = {f"jig{control.jig}": control for control, _ in started}
        yield Rigs(controls, [_jig(control.jig, ready) for control, ready in started])


def _jig(number: int, ready: Mapping[str, Any]) -> dict[str, Any]:
    """Return the table of one jig, by the ready line of its rig."""
    if "usbip" in ready:
        usbip = ready["usbip"]
        driver = "dfu"
        settings = {"backend": "usbip", "usbip_host": usbip["host"], "usbip_port": usbip["port"]}
    else:
        driver, settings = "smp", {"baud": BAUD}
    settings["removal_seconds"] = _BOOT_SECONDS
    slots = {place.rpartition("slot")[2]: port for place, port in ready["slots"].items()}
    return {
        "name": f"jig{number}",
        "driver": driver,
        "driver_settings": settings,
        "slots": slots,
        "recognition_seconds": _BOOT_SECONDS,
    }


@asynccontextmanager
async def _start_rig(
    scene: Scene, jig: int, seed: int, faults: str, transport: Transport
) -> AsyncIterator[tuple[RigControl, Mapping[str, Any]]]:
    """Run one rig process; yield the line to it and what it said when it was ready."""
    arguments: list[object] = ["rig", "--dir", scene.rig_folder(jig), "--first-jig", jig, "--jigs", 1]
    arguments += ["--slots", scene.slots, "--baud", BAUD, "--seed", seed, "--hubs", scene.hubs_file(jig)]
    arguments += ["--maker-key", scene.maker_key, "--unlock-key", scene.unlock_key.with_suffix(".pub")]
    arguments += ["--faults", faults, "--transport", transport]
    name = f"the simulated rig of jig{jig}"
    async with start_simulator(name, *arguments, failed=RigError) as ready:
        reader, writer = await asyncio.open_unix_connection(ready["control"], limit=1 << 24)
        try:
            yield RigControl(jig, reader, writer), ready
        finally:
            writer.close()
