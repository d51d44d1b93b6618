"""A label printer in software, with what makes real ones inconvenient: nothing to print on, a pause, half an answer, silence.

It speaks ZPL as far as it has to: `~HQES`, `~HS` and whole `^XA … ^XZ` formats (ZPL II Programming Guide). What it has
printed can be asked of the object; it draws nothing.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Flag, auto
from typing import Final

_NEXT: Final = re.compile(rb"~HQES|~HS|\^XA.*?\^XZ", re.DOTALL)

_SECONDS_A_LABEL: Final = 0.005


class Trouble(Flag):
    """What is wrong with it. Several things may be at once."""

    NO_LABELS = auto()
    HEAD_OPEN = auto()
    PAUSED = auto()
    STUCK = auto()
    """It says that it prints, and nothing comes out."""
    SILENT = auto()
    """It takes everything in and answers nothing."""
    HALF_ANSWERS = auto()
    """Each answer breaks off in the middle, and the rest never comes."""
    HANGS_UP = auto()
    """It ends the connection when it gets a label, and forgets that."""
    BABBLES = auto()
    """It answers what no label printer does."""


@dataclass
class LabelPrinter:
    """One printer. Change `trouble` at any time."""

    trouble: Trouble = field(default_factory=lambda: Trouble(0))
    printed: list[bytes] = field(default_factory=list)
    """Every format that came out as a label, oldest first."""
    buffered: list[bytes] = field(default_factory=list)
    """Those that have not yet."""
    on_printed: Callable[[], None] = lambda: None

    @asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator[int]:
        """Listen on the loopback interface; yield the port."""
        server = await asyncio.start_server(self._talk, "127.0.0.1", port)
        printing = asyncio.create_task(self._print(), name="label printer")
        try:
            async with server:
                yield server.sockets[0].getsockname()[1]
        finally:
            printing.cancel()

    def power_cycle(self) -> None:
        """Forget what was not printed."""
        self.buffered.clear()

    @property
    def _stands(self) -> bool:
        return bool(self.trouble & (Trouble.NO_LABELS | Trouble.HEAD_OPEN | Trouble.PAUSED | Trouble.STUCK))

    async def _print(self) -> None:
        while True:
            await asyncio.sleep(_SECONDS_A_LABEL)
            if self.buffered and not self._stands:
                self.printed.append(self.buffered.pop(0))
                self.on_printed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received = b""
        try:
            while piece := await reader.read(4096):
                received += piece
                while found := _NEXT.search(received):
                    received = received[found.end() :]
                    if found[0].startswith(b"^XA"):
                        if Trouble.HANGS_UP in self.trouble:
                            return
                        self.buffered.append(found[0])
                    elif Trouble.SILENT not in self.trouble:
                        answer = self._errors() if found[0] == b"~HQES" else self._status(received)
                        if Trouble.BABBLES in self.trouble:
                            answer = b"\x02@PJL INFO STATUS\r\nCODE=10001\x03"
                        if Trouble.HALF_ANSWERS in self.trouble:
                            answer = answer[: len(answer) // 2]
                        writer.write(answer)
                        await writer.drain()
        except ConnectionError:
            pass  # the station has gone
        finally:
            writer.close()

    def _errors(self) -> bytes:
        flags = (Trouble.NO_LABELS in self.trouble) | (Trouble.HEAD_OPEN in self.trouble) << 2
        return (
            b"\x02\r\n  PRINTER STATUS\r\n"
            b"   ERRORS:         %d 00000000 %08X\r\n"
            b"   WARNINGS:       0 00000000 00000000\r\n\x03" % (bool(flags), flags)
        )

    def _status(self, received: bytes) -> bytes:
        if self.trouble & (Trouble.NO_LABELS | Trouble.HEAD_OPEN):
            return b""  # as the guide says
        return (
            b"\x02030,0,%d,1199,%03d,0,0,%d,000,0,0,0\x03\r\n"
            b"\x02000,0,0,0,0,2,4,0,00000000,1,000\x03\r\n"
            b"\x021234,0\x03\r\n"
            % (Trouble.PAUSED in self.trouble, len(self.buffered), received.startswith(b"^XA"))
        )
