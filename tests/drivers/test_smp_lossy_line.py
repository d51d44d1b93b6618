"""Uploads over a line that loses some lines, or carries somebody else's text: a simulated hub behind a real port."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import time
import tty
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from benches.rig_process import RigSlot, rig_slots
from drivers.hub import FlashProgress
from drivers.smp.plugin import PLUGIN
from drivers.smp.settings import SmpSettings

BAUD = 115_200
SIZE = 60_000
_LINES_OF_A_CHUNK = 8
_INSIDE = 10
"""Byte of an answer that is behind its marker."""
LOG_TEXT = b"[00:00:07.123,456] <inf> app: sensor\r\n"


class Line:
    """Carries what is sent from one port to another, and spoils some of it, by chance but the same each time."""

    def __init__(self, hub: str, *, lost_lines: float, foreign: float, hits_the_erase: bool) -> None:
        self._random = random.Random(4)
        self._lost, self._foreign = lost_lines, foreign
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self._hub = os.open(hub, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self._hub)
        for descriptor in (self._master, self._hub):
            os.set_blocking(descriptor, False)
        self._rest = b""
        self._unsent = bytearray()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._master, self._to_hub)
        self._loop.add_reader(self._hub, self._from_hub)
        self.spoilt = 0
        self._hits_the_erase = hits_the_erase
        self._lines_unanswered = 0
        self._line_in_frame = 0
        self._chunks = 0
        self.path = os.ttyname(self._slave)

    def _to_hub(self) -> None:
        lines = (self._rest + os.read(self._master, 65536)).split(b"\n")
        self._rest = lines.pop()
        self._lines_unanswered += len(lines)
        for line in lines:
            self._line_in_frame = 1 if line.startswith(b"\x06\x09") else self._line_in_frame + 1
            # Only chunks are so long, and the first loses a line for certain.
            first_chunk = self._line_in_frame == _LINES_OF_A_CHUNK and not self._chunks
            self._chunks += self._line_in_frame == _LINES_OF_A_CHUNK
            if self._random.random() < self._lost or (first_chunk and self._lost):
                self.spoilt += 1
            else:
                self._unsent += line + b"\n"
        self._loop.add_writer(self._hub, self._pass_on)

    def _pass_on(self) -> None:
        with contextlib.suppress(BlockingIOError):
            del self._unsent[: os.write(self._hub, self._unsent)]
        if not self._unsent:
            self._loop.remove_writer(self._hub)

    def _from_hub(self) -> None:
        with contextlib.suppress(BlockingIOError):
            answer = os.read(self._hub, 65536)
            # Only an opening chunk is as long as that and answered alone.
            hit = self._hits_the_erase and self._lines_unanswered >= _LINES_OF_A_CHUNK
            self._hits_the_erase = self._hits_the_erase and not hit
            self._lines_unanswered = 0
            for number, byte in enumerate(answer):
                if self._random.random() < self._foreign or (hit and number == _INSIDE):
                    self.spoilt += 1
                    os.write(self._master, LOG_TEXT)
                os.write(self._master, bytes([byte]))

    def close(self) -> None:
        for descriptor in (self._master, self._hub):
            self._loop.remove_reader(descriptor)
        self._loop.remove_writer(self._hub)
        for descriptor in (self._master, self._slave, self._hub):
            os.close(descriptor)


@contextlib.asynccontextmanager
async def line_to(slot: RigSlot, **spoils: Any) -> AsyncIterator[Line]:
    line = Line(slot.port, **spoils)
    try:
        yield line
    finally:
        line.close()


async def seconds_to_flash(
    slot: RigSlot, *, lost_lines: float = 0.0, foreign: float = 0.0, hits_the_erase: bool = False
) -> tuple[float, int]:
    """Return how long an upload took over such a line, and how often something was spoilt."""
    image = slot.image(size=SIZE)
    spoils = {"lost_lines": lost_lines, "foreign": foreign, "hits_the_erase": hits_the_erase}
    async with line_to(slot, **spoils) as line:
        driver = await PLUGIN.open(line.path, SmpSettings(baud=BAUD))
        try:
            meant = (await driver.wait_for_hub()).device
            await driver.unlock(meant, slot.authority)
            await driver.erase(meant)
            told: list[FlashProgress] = []
            begun = time.monotonic()
            await driver.flash(meant, image, told.append)
            assert told[-1].sent == len(image)
            return time.monotonic() - begun, line.spoilt
        finally:
            await driver.close()


@pytest.mark.proofs
def test_losses_cost_little_more_than_what_is_sent_again(tmp_path: Path) -> None:
    options = ("--profile", "default", "--baud", str(BAUD))
    with rig_slots(tmp_path, *options) as slots:
        slot = next(slots)
        clean, spoilt = asyncio.run(seconds_to_flash(slot))
        assert spoilt == 0
        lossy, lost = asyncio.run(seconds_to_flash(slot, lost_lines=0.01))
        noisy, hit = asyncio.run(seconds_to_flash(slot, foreign=0.002))
        erase_hit, once = asyncio.run(seconds_to_flash(slot, hits_the_erase=True))
        for what, seconds, times in (
            ("lossy", lossy, lost),
            ("noisy", noisy, hit),
            ("erase hit", erase_hit, once),
        ):
            print(f"{what}: {times} spoilt, {seconds / clean:.2f} times {clean:.1f} s")
            assert times
            assert seconds <= 2 * clean, what
