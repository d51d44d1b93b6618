"""A serial line on a pty with one Modbus RTU device at its end, in the line's own time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Final

from simulators.modbus_rtu import BITS_A_CHARACTER, silence

TURNAROUND_SECONDS: Final = 0.001
"""How long the device thinks between request and answer."""


class ModbusLine:
    """Hands whole request frames to `device` and sends what it answers, no faster than the baud rate allows.

    A frame ends with 3.5 characters of silence. The line is half duplex: what comes while an answer is under
    way, or too soon after it, is lost.
    """

    def __init__(self, path: Path, baud_rate: int, device: Callable[[bytes], bytes | None]) -> None:
        self._path = path
        self._device = device
        self._character = BITS_A_CHARACTER / baud_rate
        self._silence = silence(baud_rate)
        self._loop = asyncio.get_running_loop()
        self._request = b""
        self._timer: asyncio.TimerHandle | None = None
        self._deaf_until = 0.0
        self.delay = 0.0
        """Added to the time the device thinks, in seconds."""
        # The far end stays open here too, or reading would fail whenever no station has it open.
        self._near, self._far = os.openpty()
        tty.setraw(self._far)
        os.set_blocking(self._near, False)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(os.ttyname(self._far))
        self._loop.add_reader(self._near, self._readable)

    def close(self) -> None:
        """Unplug the line: whoever has it open sees the port vanish."""
        self._loop.remove_reader(self._near)
        if self._timer is not None:
            self._timer.cancel()
        self._path.unlink(missing_ok=True)
        os.close(self._near)
        os.close(self._far)

    def _readable(self) -> None:
        chunk = os.read(self._near, 512)
        if self._loop.time() < self._deaf_until:
            return
        self._request += chunk
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(len(chunk) * self._character + self._silence, self._frame_ended)

    def _frame_ended(self) -> None:
        self._timer = None
        frame, self._request = self._request, b""
        answer = self._device(frame)
        if answer is not None:
            takes = TURNAROUND_SECONDS + self.delay + len(answer) * self._character
            self._deaf_until = self._loop.time() + takes
            self._timer = self._loop.call_later(takes, self._send, answer)

    def _send(self, answer: bytes) -> None:
        self._timer = None
        self._deaf_until = self._loop.time() + self._silence
        # A station that stopped reading loses bytes, as on a real line.
        with contextlib.suppress(BlockingIOError):
            os.write(self._near, answer)
