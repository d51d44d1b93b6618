"""A serial port on the event loop: bytes out, bytes in, and the two ways in which it can fail.

pyserial opens, locks and configures the port. Bytes then move on the non-blocking descriptor itself, because
pyserial's own `write()` waits without end for a peer that has stopped reading, and would stop every slot of
the process with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import termios
from functools import partial
from pathlib import Path
from typing import Final, Literal, Protocol

import serial
from pydantic import BaseModel, ConfigDict, Field

from drivers.descriptors import shortage, shortage_in
from drivers.errors import PlaceUnavailable
from drivers.reading_rounds import reading_rounds
from drivers.threads import apart
from drivers.topology import SerialPorts, denied, unavailable

_READ_SIZE: Final = 4096
"""What the kernel holds for a port at most (N_TTY_BUF_SIZE)."""
_UNSENT_LIMIT: Final = 65536
"""Bytes that may wait for a slow port: more than any upload window, so only a stopped peer reaches it."""

_ABSENT: Final = {errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO, errno.ENOTDIR}
_BUSY: Final = {errno.EAGAIN, errno.EBUSY}
_FORBIDDEN: Final = {errno.EACCES, errno.EPERM}

Parity = Literal["none", "even", "odd"]

_PARITIES: Final = {"none": serial.PARITY_NONE, "even": serial.PARITY_EVEN, "odd": serial.PARITY_ODD}


class SerialSettings(BaseModel):
    """How a port is opened. The defaults are those of Zephyr's console UART."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    baud: int = Field(default=115_200, ge=1_200, le=12_000_000, description="Line rate in bits a second.")
    parity: Parity = Field(default="none", description="Parity bit of each character.")
    stop_bits: Literal[1, 2] = Field(default=1, description="Stop bits of each character.")
    rts_cts: bool = Field(default=False, description="Hardware flow control by the RTS and CTS lines.")
    dtr: bool = Field(
        default=True, description="Level of the DTR line while the port is open. On many boards it is reset."
    )
    rts: bool = Field(
        default=True, description="Level of the RTS line while the port is open; unused with rts_cts."
    )
    stall_seconds: float = Field(
        default=5.0,
        gt=0,
        description="How long the port may refuse every byte before the link counts as stalled.",
    )


class LinkListener(Protocol):
    """Who is told what a link receives. Called on the event loop; must not block."""

    def received(self, data: bytes) -> None:
        """Take the next bytes, in whatever pieces the port delivers them."""
        ...

    def link_stalled(self, why: str) -> None:
        """Learn that the unsent bytes were thrown away because the peer stopped reading. The link stays open."""
        ...

    def link_lost(self, why: str) -> None:
        """Learn that the port is gone for good. Called once."""
        ...


class SerialLink:
    """An open port. Made by `open_serial_link`; belongs to the event loop it was made on."""

    def __init__(
        self, path: str, port: serial.Serial, *, settings: SerialSettings, low_latency: bool
    ) -> None:
        self._port = port
        self._fd: int = port.fileno()
        self._loop = asyncio.get_running_loop()
        self._settings = settings
        self._listener: LinkListener | None = None
        self._unsent = bytearray()
        self._stall_timer: asyncio.TimerHandle | None = None
        self._took_bytes = False
        self._may_wait = 0.0
        self._loss: str | None = None
        self.path = path
        """The place as it was asked for."""
        self.low_latency = low_latency
        """Whether the adapter delivers bytes at once. FTDI adapters otherwise hold them up to 16 ms."""

    @property
    def loss(self) -> str | None:
        """Why the port is gone; None while it is there."""
        return self._loss

    @property
    def waits(self) -> bool:
        """Whether what has arrived may lie there unread: see `may_wait`."""
        return self._may_wait > 0

    @property
    def unsent_seconds(self) -> float:
        """How long the line needs for the bytes that the port has not taken yet."""
        return len(self._unsent) * 10 / self._settings.baud

    def start(self, listener: LinkListener) -> None:
        """Deliver what arrives to this listener, from now on."""
        self._listener = listener
        self._begin_reading()

    def may_wait(self, seconds: float) -> None:
        """From now on, what arrives may lie for about so long before it is delivered; 0 is at once, as in the beginning.

        Ports that may wait are read together, which spares wake-ups.
        """
        if seconds == self._may_wait or self._loss is not None:
            return
        self._stop_reading()
        self._may_wait = seconds
        self._begin_reading()

    def write(self, data: bytes) -> None:
        """Send the bytes, as soon as the port takes them. Never blocks and never raises: failures are told.

        Whatever is written to a lost link is dropped; its loss was told.
        """
        if self._loss is not None:
            return
        if self._unsent:
            if len(self._unsent) + len(data) > _UNSENT_LIMIT:
                self._stall()
            else:
                self._unsent += data
            return
        try:
            sent = os.write(self._fd, data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._lose(str(error))
            return
        if sent < len(data):
            self._unsent += data[sent:]
            self._loop.add_writer(self._fd, self._writable)
            self._watch_for_stall()

    async def close(self) -> None:
        """Give the port back. Never raises; may be called twice."""
        if self._loss is None:
            self._lose("closed", tell=False)
        # Closing may wait on the adapter's own driver, so it does not happen on the loop.
        await asyncio.shield(_closing(self._port))

    def _begin_reading(self) -> None:
        if self._may_wait:
            reading_rounds().join(self._fd, self._may_wait, self._readable)
        else:
            self._loop.add_reader(self._fd, self._readable)

    def _stop_reading(self) -> None:
        if self._may_wait:
            reading_rounds().leave(self._fd)
        else:
            self._loop.remove_reader(self._fd)

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, _READ_SIZE)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(str(error))
            return
        if not data:
            self._lose("it hung up")
        elif self._listener is not None:
            self._listener.received(data)

    def _writable(self) -> None:
        try:
            sent = os.write(self._fd, self._unsent)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(str(error))
            return
        self._took_bytes = True
        del self._unsent[:sent]
        if not self._unsent:
            self._stop_sending()

    def _watch_for_stall(self) -> None:
        self._took_bytes = False
        self._stall_timer = self._loop.call_later(self._settings.stall_seconds, self._look_for_stall)

    def _look_for_stall(self) -> None:
        if self._took_bytes:
            self._watch_for_stall()
        else:
            self._stall()

    def _stop_sending(self) -> None:
        self._loop.remove_writer(self._fd)
        self._unsent.clear()
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None

    def _stall(self) -> None:
        unsent = len(self._unsent)
        self._stop_sending()
        with contextlib.suppress(termios.error):
            termios.tcflush(self._fd, termios.TCOFLUSH)
        if self._listener is not None:
            self._listener.link_stalled(f"{self.path} takes no more bytes, {unsent} were thrown away")

    def _lose(self, why: str, *, tell: bool = True) -> None:
        self._loss = why
        self._stop_reading()
        self._may_wait = 0.0
        self._stop_sending()
        if tell and self._listener is not None:
            self._listener.link_lost(why)


async def open_serial_link(path: str, settings: SerialSettings) -> SerialLink:
    """Open, lock and configure the port at the place `path` (see `drivers.topology`), wherever that leads now.

    Opening happens off the loop. When the caller is cancelled meanwhile, the port is closed as soon as it is
    open. Raises PlaceUnavailable, with what to do, when the port is absent, held, forbidden or no serial port, or
    this process may open nothing more.
    """
    # A thread's future, and not a task: a task would be cancelled with all others when the loop ends.
    opening = apart(f"opening {path}", partial(_open, path, settings))
    try:
        port, low_latency = await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close_unwanted)
        raise
    return SerialLink(path, port, settings=settings, low_latency=low_latency)


def _open(path: str, settings: SerialSettings) -> tuple[serial.Serial, bool]:
    try:
        device = SerialPorts().resolve(path).device
    except PlaceUnavailable as error:
        # Who can open nothing sees no ports either.
        if (short := shortage()) is not None:
            raise unavailable(short, "") from error
        raise
    port = serial.Serial()
    port.port = str(device)
    port.baudrate = settings.baud
    port.parity = _PARITIES[settings.parity]
    port.stopbits = settings.stop_bits
    port.rtscts = settings.rts_cts
    port.dtr = settings.dtr
    port.rts = settings.rts
    port.exclusive = True
    try:
        port.open()
    except (OSError, ValueError, termios.error) as error:
        raise _unavailable(path, device, error) from error
    try:
        attributes = termios.tcgetattr(port.fileno())
        # Hanging up on close would drop DTR and reset the hub; and with VMIN 0 a spurious wake-up would read
        # as the end of the port.
        attributes[2] &= ~termios.HUPCL
        attributes[6][termios.VMIN] = 1
        termios.tcsetattr(port.fileno(), termios.TCSANOW, attributes)
    except termios.error as error:
        port.close()
        raise _unavailable(path, device, error) from error
    try:
        port.set_low_latency_mode(True)
    except (OSError, ValueError):
        return port, False
    return port, True


def _unavailable(path: str, device: Path, error: Exception) -> PlaceUnavailable:
    code = getattr(error, "errno", None)
    if code in _FORBIDDEN:
        return denied(device)
    short = shortage_in(error)
    if short is not None:
        happened, advice = short, ""
    elif code in _ABSENT:
        happened = f"{path} is not there"
        advice = "plug the adapter in, or correct the port in the configuration"
    elif code in _BUSY:
        happened = f"{path} is held by another program"
        advice = f"stop it (`fuser {device}` names it)"
    else:
        happened = f"{path} cannot be used as a serial port ({error})"
        advice = "correct the port or the line rate"
    return unavailable(happened, advice)


def _closing(port: serial.Serial) -> asyncio.Future[None]:
    return apart(f"closing {port.port}", partial(_close, port))


def _close(port: serial.Serial) -> None:
    if port.is_open:
        # Unsent bytes would make the kernel wait for a peer that may never read.
        with contextlib.suppress(OSError, termios.error):
            termios.tcflush(port.fileno(), termios.TCOFLUSH)
        with contextlib.suppress(OSError):
            port.close()


def _close_unwanted(opening: asyncio.Future[tuple[serial.Serial, bool]]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        _closing(opening.result()[0])
