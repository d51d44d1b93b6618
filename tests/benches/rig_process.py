"""A simulated rig as a process of its own, and one of its slots as a test sees it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benches.key_authority import KeyAuthority
from benches.processes import running, wait_for
from drivers.hub import HubDriver
from drivers.smp.plugin import PLUGIN
from drivers.smp.settings import SmpSettings
from firmware_catalog.image import FirmwareImage
from firmware_catalog.mcuboot import load_image
from simulators.firmware import FirmwareSpec, make_firmware
from simulators.keys import generate_key, load_private_key
from simulators.population import MANUFACTURER, MODEL

BAUD = 3_000_000

RIG_SETTINGS = SmpSettings(
    baud=BAUD,
    answer_seconds=0.5,
    attempts=3,
    slot_bytes=4096,
    erase_seconds_per_mebibyte=2.0,
    quiet_after_reset_seconds=0.1,
    return_seconds=5.0,
    removal_seconds=0.4,
    probe_seconds=0.1,
    stall_seconds=0.3,
)
"""Times that fit the rig's hubs, which boot and erase ten times as fast as real ones."""


@dataclass
class RigSlot:
    """One slot with its hub. A test has it to itself."""

    directory: Path
    jig: int
    number: int

    @property
    def port(self) -> str:
        return str(self.directory / f"jig{self.jig}" / f"slot{self.number}")

    @property
    def authority(self) -> KeyAuthority:
        return KeyAuthority(load_private_key(self.directory / "unlock.pem"))

    @property
    def foreign_authority(self) -> KeyAuthority:
        return KeyAuthority(generate_key())

    def image(self, version: str = "0.2.303", *, size: int = 40_000, model: str = MODEL) -> FirmwareImage:
        spec = FirmwareSpec(version, MANUFACTURER, model, size)
        return load_image(make_firmware(spec, load_private_key(self.directory / "maker.pem")))

    async def do(self, what: str, **fields: Any) -> dict[str, Any]:
        reader, writer = await asyncio.open_unix_connection(self.directory / "control.sock")
        try:
            writer.write(
                json.dumps({"do": what, "jig": self.jig, "slot": self.number, **fields}).encode() + b"\n"
            )
            answer: dict[str, Any] = json.loads(await reader.readline())
        finally:
            writer.close()
            await writer.wait_closed()
        assert answer.pop("ok"), answer
        return answer

    async def fault(self, name: str, **fields: Any) -> None:
        await self.do("fault", fault={"name": name, "jig": self.jig, "slot": self.number, **fields})

    @contextlib.asynccontextmanager
    async def driver(self, **changes: Any) -> AsyncIterator[HubDriver]:
        driver = await PLUGIN.open(self.port, RIG_SETTINGS.model_copy(update=changes))
        try:
            yield driver
        finally:
            await driver.close()


@contextlib.contextmanager
def rig_slots(directory: Path, *options: str, jigs: int = 1, slots: int = 1) -> Iterator[Iterator[RigSlot]]:
    """Run a rig; hand out its slots, each once."""
    command = [sys.executable, "-m", "simulators", "rig", "--dir", str(directory), "--until-stdin-closes"]
    fixed = ["--jigs", str(jigs), "--slots", str(slots), "--baud", str(BAUD), "--speed", "10"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with running([*command, *fixed, *options], **pipes, text=True) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["ready"]
        places = itertools.product(range(1, jigs + 1), range(1, slots + 1))
        yield (RigSlot(directory, jig, slot) for jig, slot in places)
        assert process.stdin is not None
        process.stdin.close()
        assert wait_for(process) == 0
