"""A serial port on the host whose bytes really take their time: a pty behind a simulated UART.

The UART takes bytes off the line whatever the hub does, and hands them on when the line would have carried
them, never earlier. The pty's own buffer plays the host's transmit buffer.
"""

from __future__ import annotations

import asyncio
import math
import os
import random
import tty
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

BITS_A_BYTE = 10
"""Start bit, eight data bits, stop bit."""

_ADAPTER_BUFFER = 4096
"""Bytes that the simulated adapter takes from the host ahead of the line."""


class Listener(Protocol):
    """The hub's end of the line."""

    @property
    def is_ready(self) -> bool:
        """Whether more bytes would find room. Only a line with RTS/CTS asks."""
        ...

    def feed(self, block: bytes) -> None:
        """Take what the line has carried."""
        ...


class Cutter(Protocol):
    """Knows where what the host sends ends and begins, for a line that hands on each piece at its own moment."""

    def restart(self) -> None:
        """Learn that nothing is under way."""
        ...

    def cut(self, block: bytes) -> list[bytes]:
        """Split the block where the hub could act on what it has."""
        ...


@dataclass(frozen=True, slots=True)
class WireUsage:
    """What one direction has carried since it was made."""

    bytes: int
    busy_seconds: float


class Wire:
    """One direction of a line. What is sent comes out when the baud rate allows, in order."""

    def __init__(self, baud: int, deliver: Callable[[bytes], None], is_clear: Callable[[], bool]) -> None:
        self.in_flight = 0
        """Bytes sent and not yet delivered."""
        self._byte_seconds = BITS_A_BYTE / baud
        self._deliver = deliver
        self._is_clear = is_clear
        self._loop = asyncio.get_running_loop()
        self._queue: deque[tuple[float, bytes, Callable[[], None] | None]] = deque()
        self._free_at = 0.0
        self._accepted = 0
        self._held = False
        self._timer: asyncio.TimerHandle | None = None

    def send(self, block: bytes, gone: Callable[[], None] | None = None) -> None:
        """Put bytes on the wire behind those already there. `gone` is called once they have left it."""
        self._free_at = max(self._free_at, self._loop.time()) + len(block) * self._byte_seconds
        self._queue.append((self._free_at, block, gone))
        self.in_flight += len(block)
        self._accepted += len(block)
        if self._timer is None and not self._held:
            self._timer = self._loop.call_at(self._free_at, self._arrive)

    def release(self) -> None:
        """Go on after the far end was not clear to send to."""
        if self._held and self._is_clear():
            self._held = False
            self._respace()
            self._arrive()

    def clear(self) -> int:
        """Lose everything in flight, and say how much that was."""
        lost, self.in_flight = self.in_flight, 0
        self._accepted -= lost
        queue, self._queue = self._queue, deque()
        self._free_at = 0.0
        self._held = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for _, _, gone in queue:
            if gone is not None:
                gone()
        return lost

    def usage(self) -> WireUsage:
        """Bytes and seconds carried up to this moment, the part of a block under way included."""
        if self._held:
            ahead = float(self.in_flight - len(self._queue[0][1]))
        else:
            ahead = min(self.in_flight, max(0.0, self._free_at - self._loop.time()) / self._byte_seconds)
        carried = self._accepted - ahead
        return WireUsage(int(carried), carried * self._byte_seconds)

    def _arrive(self) -> None:
        self._timer = None
        now = self._loop.time()
        while self._queue and self._queue[0][0] <= now:
            if not self._is_clear():
                self._held = True
                return
            _, block, gone = self._queue.popleft()
            self.in_flight -= len(block)
            self._deliver(block)
            if gone is not None:
                gone()
        if self._queue and self._timer is None:
            self._timer = self._loop.call_at(self._queue[0][0], self._arrive)

    def _respace(self) -> None:
        """After a hold the first block is through; the ones behind it start now."""
        at = self._loop.time()
        (_, block, gone), *rest = self._queue
        self._queue = deque([(at, block, gone)])
        for _, block, gone in rest:
            at += len(block) * self._byte_seconds
            self._queue.append((at, block, gone))
        self._free_at = at


class BitErrors:
    """Wrong bits, so many a byte on average. Draws the distance to the next one rather than each byte's luck."""

    def __init__(self, source: random.Random) -> None:
        self._source = source
        self._rate = 0.0
        self._good_bytes = 0

    def spoil(self, block: bytes, rate: float) -> bytes:
        """Return the block as a line with this error rate (0 to 1 a byte) hands it on."""
        if rate != self._rate:
            self._rate = rate
            self._draw()
        if not rate:
            return block
        if self._good_bytes >= len(block):
            self._good_bytes -= len(block)
            return block
        spoilt = bytearray(block)
        position = 0
        while position + self._good_bytes < len(spoilt):
            position += self._good_bytes
            spoilt[position] ^= 1 << self._source.randrange(8)
            position += 1
            self._draw()
        self._good_bytes -= len(spoilt) - position
        return bytes(spoilt)

    def _draw(self) -> None:
        if 0 < self._rate < 1:
            self._good_bytes = int(math.log(1 - self._source.random()) / math.log1p(-self._rate))
        else:
            self._good_bytes = 0


@dataclass(frozen=True, slots=True)
class LineSettings:
    """How a line is wired."""

    baud: int = 921_600
    rtscts: bool = False
    """Back-pressure in both directions; without, what finds no room is lost."""


@dataclass(frozen=True, slots=True)
class PortStatistics:
    """One port's line, both ways, since it was made."""

    at: float
    """Monotonic seconds, to be compared with another reading of the same rig."""
    to_hub: WireUsage
    to_host: WireUsage
    unheard: int
    """Bytes that came while no hub listened."""
    overrun: int
    """Bytes that the host did not read in time."""


class SerialPort:
    """A port under a stable link name. Made unplugged; `plug` gives it a pty."""

    def __init__(self, link: Path, settings: LineSettings, seed: int, cutter: Cutter) -> None:
        self.link = link
        self._cutter = cutter
        self.settings = settings
        self.flip_rate: Callable[[], float] = lambda: 0.0
        """Probability of a wrong bit, a byte."""
        self._errors_to_hub = BitErrors(random.Random(f"{seed} to hub"))
        self._errors_to_host = BitErrors(random.Random(f"{seed} to host"))
        self._loop = asyncio.get_running_loop()
        self._to_hub = Wire(settings.baud, self._deliver_to_hub, self._is_hub_clear)
        self._to_host = Wire(settings.baud, self._deliver_to_host, lambda: not self._backlog)
        self._listener: Listener | None = None
        self._master: int | None = None
        self._slave: int | None = None
        self._reading = False
        self._stalled = False
        self._backlog = b""
        self._unheard = 0
        self._overrun = 0

    @property
    def address(self) -> str:
        """What the host opens."""
        return str(self.link)

    @property
    def is_plugged(self) -> bool:
        """Whether the host sees a port."""
        return self._master is not None

    def plug(self) -> None:
        """Make a pty and link it. Each time a new one, as when an adapter is re-enumerated."""
        if self._master is not None:
            return
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        new_link = self.link.with_name(f".{self.link.name}.new")
        with suppress(FileNotFoundError):
            new_link.unlink()
        new_link.symlink_to(os.ttyname(self._slave))
        new_link.replace(self.link)
        self._resume_reading()

    def unplug(self) -> None:
        """Take the port from the host: its open file sees a hang-up, the link is gone."""
        if self._master is None or self._slave is None:
            return
        self._pause_reading()
        self._loop.remove_writer(self._master)
        os.close(self._master)
        os.close(self._slave)
        self._master = self._slave = None
        self._backlog = b""
        self._unheard += self._to_hub.clear()
        self._overrun += self._to_host.clear()
        with suppress(FileNotFoundError):
            self.link.unlink()

    def attach(self, listener: Listener | None) -> None:
        """Connect the hub's end, or leave it open."""
        self._listener = listener
        self._to_hub.release()

    def send(self, block: bytes, gone: Callable[[], None] | None = None) -> None:
        """Send from the hub to the host. `gone` is called once the bytes have left the line."""
        self._to_host.send(block, gone)

    def listener_is_ready(self) -> None:
        """Tell that the hub's end has room again."""
        self._to_hub.release()
        self._resume_reading()

    def stall(self) -> None:
        """Stop taking bytes from the host."""
        self._stalled = True
        self._pause_reading()

    def resume(self) -> None:
        """Take bytes from the host again."""
        self._stalled = False
        self._to_hub.release()
        self._resume_reading()

    def statistics(self) -> PortStatistics:
        """Return the counts up to this moment."""
        return PortStatistics(
            at=self._loop.time(),
            to_hub=self._to_hub.usage(),
            to_host=self._to_host.usage(),
            unheard=self._unheard,
            overrun=self._overrun,
        )

    def _is_hub_clear(self) -> bool:
        if self._stalled:
            return False
        return not self.settings.rtscts or self._listener is None or self._listener.is_ready

    def _resume_reading(self) -> None:
        if self._master is None or self._reading or self._stalled:
            return
        if self._to_hub.in_flight < _ADAPTER_BUFFER:
            self._loop.add_reader(self._master, self._read)
            self._reading = True

    def _pause_reading(self) -> None:
        if self._master is not None and self._reading:
            self._loop.remove_reader(self._master)
            self._reading = False

    def _read(self) -> None:
        if self._master is None:
            return
        try:
            block = os.read(self._master, _ADAPTER_BUFFER)
        except BlockingIOError:
            return
        if not self._to_hub.in_flight:
            self._cutter.restart()
        for piece in self._cutter.cut(block):
            self._to_hub.send(piece)
        if self._to_hub.in_flight >= _ADAPTER_BUFFER:
            self._pause_reading()

    def _deliver_to_hub(self, block: bytes) -> None:
        self._resume_reading()
        if self._listener is None:
            self._unheard += len(block)
        else:
            self._listener.feed(self._errors_to_hub.spoil(block, self.flip_rate()))

    def _deliver_to_host(self, block: bytes) -> None:
        if self._master is None:
            self._overrun += len(block)
            return
        block = self._errors_to_host.spoil(block, self.flip_rate())
        try:
            written = os.write(self._master, block)
        except BlockingIOError:
            written = 0
        if written == len(block):
            return
        if self.settings.rtscts:
            self._backlog = block[written:]
            self._loop.add_writer(self._master, self._write_backlog)
        else:
            self._overrun += len(block) - written

    def _write_backlog(self) -> None:
        if self._master is None:
            return
        with suppress(BlockingIOError):
            self._backlog = self._backlog[os.write(self._master, self._backlog) :]
        if not self._backlog:
            self._loop.remove_writer(self._master)
            self._to_host.release()
