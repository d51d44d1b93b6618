"""The hub in software, at a pseudo-terminal: its loader as the README describes it, written without the driver."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import tty
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SOH, STX, EOT, ACK, NAK, CAN = 0x01, 0x02, 0x04, 0x06, 0x15, 0x18
WRITE_SECONDS = 0.002
BOOT_SECONDS = 0.02
INVITE_SECONDS = 0.05
INVITES = 6
"""How often the loader asks for a block before it goes back to its console."""


@dataclass(frozen=True)
class Stored:
    version: str
    data: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    def __str__(self) -> str:
        return f"{self.version},{self.sha256}"


def crc16(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


class Line:
    """A serial port under a link of a stable name, which can be unplugged."""

    def __init__(self, link: Path, received: Callable[[bytes], None]) -> None:
        self._link = link
        self._received = received
        self._master = self._slave = -1

    def plug(self) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self._link.symlink_to(os.ttyname(self._slave))
        asyncio.get_running_loop().add_reader(self._master, self._readable)

    def unplug(self) -> None:
        if self._master < 0:
            return
        asyncio.get_running_loop().remove_reader(self._master)
        self._link.unlink()
        os.close(self._master)
        os.close(self._slave)
        self._master = self._slave = -1

    def send(self, data: bytes) -> None:
        if self._master >= 0:
            with contextlib.suppress(BlockingIOError):
                os.write(self._master, data)

    def _readable(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._received(os.read(self._master, 65536))


@dataclass
class Receiving:
    """A transfer by XMODEM under way."""

    size: int
    sha256: str
    version: str
    data: bytes = b""
    block: int = 1
    packet: bytes = b""
    cancels: int = 0
    invites: int = INVITES


class SimulatedHub:
    """Flash and boot count survive without power; everything else does not."""

    def __init__(self, link: Path, factory: Stored) -> None:
        self.line = Line(link, self._received)
        self.running = factory
        self.spare: Stored | None = None
        self.boots = 0
        self.silent = self.refuses = self.garbles = False
        self.exchange_at_change = False
        self.changes = 0
        """Commands that change it, since it was put in place of another."""
        self.up = asyncio.Event()
        self.exchange_at_boot = self.vanish_at_boot = False
        self._chf, self._gpf, self._model = "8873840000000051", "000b6b0000000a51", "00000051"
        self._next_is_spare = False
        self._is_up = False
        self._text = b""
        self._receiving: Receiving | None = None
        self._timers: set[asyncio.TimerHandle] = set()

    def power_on(self) -> None:
        self._later(BOOT_SECONDS, self._boot)

    def power_off(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._is_up, self._text, self._receiving = False, b"", None
        self.up.clear()

    def exchange(self, *, chf: bool = False, gpf: bool = False, model: bool = False) -> None:
        """Have another one sit here, which holds the same; it differs in these."""
        self.power_off()
        self._chf = "8873840000000052" if chf else self._chf
        self._gpf = "000b6b0000000a52" if gpf else self._gpf
        self._model = "00000052" if model else self._model
        self.changes = 0
        self.power_on()

    def _later(self, seconds: float, what: Callable[[], None]) -> None:
        def fire() -> None:
            self._timers.discard(timer)
            what()

        timer = asyncio.get_running_loop().call_later(seconds, fire)
        self._timers.add(timer)

    def _boot(self) -> None:
        self.boots += 1
        if self._next_is_spare and self.spare is not None:
            self.running, self.spare = self.spare, None
        self._next_is_spare = False
        if self.exchange_at_boot:
            self._chf, self._gpf = "8873840000000052", "000b6b0000000a52"
        self.silent = self.silent or self.vanish_at_boot
        self._is_up = True
        self.up.set()

    def _received(self, data: bytes) -> None:
        if not self._is_up or self.silent:
            return
        for byte in data:
            if self._receiving is not None:
                self._take_byte(self._receiving, byte)
            elif byte == ord("\n"):
                line, self._text = self._text, b""
                self._take_line(line.decode("ascii", "replace"))
            else:
                self._text += bytes((byte,))

    def _take_line(self, line: str) -> None:
        tag, _, question = line.partition("?")[2].partition(" ")
        command, *words = question.split() or [""]
        if command in {"take", "use", "wipe", "boot"}:
            if self.exchange_at_change:
                self.exchange_at_change = False
                self.exchange(chf=True, gpf=True)
                return
            self.changes += 1
        if self.refuses or self.garbles:
            self.line.send(f"!{tag} {'no not-now' if self.refuses else 'ok noise'}\n".encode())
            return
        match command, words:
            case "who", []:
                answer = (
                    f"ok chf={self._chf} gpf={self._gpf} maker=10A8 model={self._model} hw=1.0 variant=SBCH "
                    f"fw={self.running.version} boots={self.boots}"
                )
            case "banks", []:
                then = "spare" if self._next_is_spare else "run"
                answer = f"ok run={self.running} spare={self.spare or 'none'} next={then}"
            case "take", [size, sha256, version]:
                self.spare, self._next_is_spare = None, False
                self._receiving = Receiving(int(size), sha256, version)
                self._later(0, self._invite)
                answer = "ok"
            case "use", [sha256]:
                held = self.spare is not None and self.spare.sha256 == sha256
                self._next_is_spare = held
                answer = "ok" if held else "no such-image"
            case "wipe", []:
                self.spare, self._next_is_spare = None, False
                answer = "ok"
            case "boot", []:
                self._is_up = False
                self._later(BOOT_SECONDS, self._boot)
                answer = "ok"
            case _:
                answer = "no such-command"
        self.line.send(f"!{tag} {answer}\n".encode())

    def _invite(self) -> None:
        """Ask for the first block, or for one that did not come whole."""
        receiving = self._receiving
        if receiving is None:
            return
        receiving.packet = b""
        receiving.invites -= 1
        if receiving.invites < 0:
            self._receiving = None
            return
        if not self.silent:
            self.line.send(b"C" if receiving.block == 1 else bytes((NAK,)))
        self._invite_later(receiving)

    def _invite_later(self, receiving: Receiving) -> None:
        at = receiving.block

        def look() -> None:
            if self._receiving is receiving and receiving.block == at:
                self._invite()

        self._later(INVITE_SECONDS, look)

    def _take_byte(self, receiving: Receiving, byte: int) -> None:
        if receiving.packet:
            receiving.packet += bytes((byte,))
            body = 1024 if receiving.packet[0] == STX else 128
            if len(receiving.packet) == body + 5:
                packet, receiving.packet = receiving.packet, b""
                self._take_packet(receiving, packet)
            return
        receiving.cancels = receiving.cancels + 1 if byte == CAN else 0
        if receiving.cancels == 2:
            self._receiving = None
        elif byte in {SOH, STX}:
            receiving.packet = bytes((byte,))
        elif byte == EOT:
            self._end(receiving)

    def _take_packet(self, receiving: Receiving, packet: bytes) -> None:
        number, complement, body = packet[1], packet[2], packet[3:-2]
        if number + complement != 0xFF or crc16(body) != int.from_bytes(packet[-2:], "big"):
            self.line.send(bytes((NAK,)))
            return
        if number == receiving.block & 0xFF:
            receiving.data += body
            receiving.block += 1
            receiving.invites = INVITES
        self._later(WRITE_SECONDS, lambda: self._acknowledge(receiving))

    def _acknowledge(self, receiving: Receiving) -> None:
        if self._receiving is receiving:
            self.line.send(bytes((ACK,)))
            self._invite_later(receiving)

    def _end(self, receiving: Receiving) -> None:
        image = Stored(receiving.version, receiving.data[: receiving.size])
        self._receiving = None
        if image.sha256 != receiving.sha256:
            self.line.send(bytes((CAN, CAN)))
            return
        self.spare = image
        self.line.send(bytes((ACK,)))
