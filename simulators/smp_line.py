"""SMP over a console line, the hub's end: lines in, packets out, out of a small pool of buffers.

Framing as in Zephyr's `doc/services/device_mgmt/smp_transport.rst`, "UART/serial and console": a packet is
preceded by its length, followed by a CRC16 (XMODEM), base64-encoded and cut into lines of at most 127 bytes,
the first of which begins with 06 09 and the others with 04 14.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_START: Final = b"\x06\x09"
_CONTINUE: Final = b"\x04\x14"
_FRAME_START: Final = b"\n" + _START
_LINE_ROOM: Final = 128
"""Bytes of a line buffer, newline included: Zephyr's CONFIG_UART_MCUMGR_RX_BUF_SIZE."""
_CODED_A_LINE: Final = 124
"""Base64 characters in a line of 127 bytes."""


@dataclass(frozen=True, slots=True)
class BufferProfile:
    """What a hub has for packets, and what its firmware was built with. Requests and answers share the pool."""

    buf_size: int = 1024
    """Bytes of a buffer; on a console, length and CRC share it with the packet."""
    buf_count: int = 5
    line_buffers: int = 2
    """Whole lines kept while the hub cannot work on them: Zephyr's CONFIG_UART_MCUMGR_RX_BUF_COUNT."""
    tells_boot_loader: bool = True
    """Zephyr's CONFIG_MCUMGR_GRP_OS_BOOTLOADER_INFO, which is off unless asked for."""
    checks_uploads: bool = True
    """Whether the last answer says if the SHA-256 holds: Zephyr's CONFIG_IMG_ENABLE_IMAGE_CHECK."""
    tells_reasons: bool = False
    """Whether a refused upload says why in words: Zephyr's CONFIG_MCUMGR_GRP_IMG_VERBOSE_ERR."""
    lists_frugally: bool = False
    """Whether the image list leaves out what is false or 0: Zephyr's CONFIG_MCUMGR_GRP_IMG_FRUGAL_LIST."""
    raw: bool = False
    """Whether packets stand on the line as they are: Zephyr's CONFIG_UART_MCUMGR_RAW_PROTOCOL."""
    input_timeout: float = 3.0
    """Seconds for which a raw packet may be under way: Zephyr's CONFIG_MCUMGR_TRANSPORT_RAW_UART_INPUT_TIMEOUT_TIME_MS."""


PROFILES: Final = {
    "default": BufferProfile(),
    "zephyr": BufferProfile(buf_size=384, buf_count=4),
    "sparse": BufferProfile(
        buf_size=384, buf_count=4, tells_boot_loader=False, checks_uploads=False, tells_reasons=True
    ),
    "one-buffer": BufferProfile(buf_count=1),
    "tight": BufferProfile(buf_size=124, buf_count=4, lists_frugally=True),
}
"""By name: a roomy hub, Zephyr's buffers, one built with other choices, a hub that can hold nothing but the packet it works on, and
one whose buffers hold who it is and one image, but no list of two."""


class PacketPool:
    """Counts free buffers."""

    def __init__(self, count: int) -> None:
        self.free = count
        self.count = count

    def take(self) -> bool:
        """Take a buffer if there is one."""
        if not self.free:
            return False
        self.free -= 1
        return True

    def give(self) -> None:
        """Give a buffer back."""
        self.free += 1


def encode_frame(packet: bytes) -> bytes:
    """Return all lines of one packet."""
    crc = binascii.crc_hqx(packet, 0)
    framed = (len(packet) + 2).to_bytes(2, "big") + packet + crc.to_bytes(2, "big")
    coded = binascii.b2a_base64(framed, newline=False)
    lines = [coded[start : start + _CODED_A_LINE] for start in range(0, len(coded), _CODED_A_LINE)]
    return _START + (b"\n" + _CONTINUE).join(lines) + b"\n"


class FrameCutter:
    """Finds where frames end in what the host sends, so that each arrives at its own moment and not with the last one."""

    def restart(self) -> None:
        """Nothing: each frame has its mark."""

    def cut(self, block: bytes) -> list[bytes]:
        """Split the block before each frame that begins in it."""
        pieces: list[bytes] = []
        start = 0
        while (cut := block.find(_FRAME_START, start) + 1) > 0:
            pieces.append(block[start:cut])
            start = cut
        pieces.append(block[start:])
        return pieces


class PacketReceiver:
    """Puts packets together from lines. What finds no room, or is broken, is lost and counted in bytes.

    `deliver` is called with each whole packet, and has its buffer to give back.
    """

    def __init__(
        self,
        profile: BufferProfile,
        pool: PacketPool,
        is_stalled: Callable[[], bool],
        deliver: Callable[[bytes], None],
    ) -> None:
        self.lost = 0
        """Bytes that did not become part of a packet."""
        self.kept = 0
        """Bytes that did."""
        self._profile = profile
        self._pool = pool
        self._is_stalled = is_stalled
        self._deliver = deliver
        self._waiting: list[bytes] = []
        self._line = b""
        self._overlong = False
        self._frame: bytearray | None = None
        self._wire_bytes = 0

    @property
    def is_ready(self) -> bool:
        """Whether another line would find room."""
        return not self._is_stalled() and (self._frame is not None or self._pool.free > 0)

    def feed(self, block: bytes) -> None:
        """Take bytes off the line."""
        lines = (self._line + block).split(b"\n")
        self._line = lines.pop()
        stalled = self._is_stalled()
        for line in lines:
            if self._overlong:
                self._overlong = False
                self.lost += len(line) + 1
            elif not stalled:
                self._take_line(line)
            elif len(self._waiting) < self._profile.line_buffers:
                self._waiting.append(line)
            else:
                self.lost += len(line) + 1
        if len(self._line) >= _LINE_ROOM:
            self.lost += len(self._line)
            self._line = b""
            self._overlong = True

    def catch_up(self) -> None:
        """Work on the lines that waited while the hub could not."""
        waiting, self._waiting = self._waiting, []
        for line in waiting:
            self._take_line(line)

    @property
    def pending(self) -> int:
        """Bytes held in lines and packets that are not whole yet."""
        waiting = sum(len(line) + 1 for line in self._waiting)
        return len(self._line) + waiting + self._wire_bytes

    def _take_line(self, line: bytes) -> None:
        size = len(line) + 1
        if size > _LINE_ROOM:
            self.lost += size
            return
        mark = line[:2]
        if mark == _START:
            self._abandon()
            if not self._pool.take():
                self.lost += size
                return
            self._frame = bytearray()
        elif mark != _CONTINUE or self._frame is None:
            self.lost += size
            return
        self._wire_bytes += size
        frame = self._frame
        try:
            frame += binascii.a2b_base64(line[2:], strict_mode=True)
        except binascii.Error:
            self._abandon()
            return
        if len(frame) < 2:
            return
        wanted = int.from_bytes(frame[:2], "big") + 2
        if len(frame) > wanted or wanted > self._profile.buf_size:
            self._abandon()
        elif len(frame) == wanted:
            self._complete(bytes(frame))

    def _complete(self, frame: bytes) -> None:
        packet = frame[2:-2]
        if binascii.crc_hqx(frame[2:], 0) != 0:  # a CRC over its own CRC is 0
            self._abandon()
            return
        self.kept += self._wire_bytes
        self._wire_bytes = 0
        self._frame = None
        self._deliver(packet)

    def _abandon(self) -> None:
        """Give up the packet under way."""
        if self._frame is not None:
            self._frame = None
            self._pool.give()
        self.lost += self._wire_bytes
        self._wire_bytes = 0
