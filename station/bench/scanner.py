"""A jig's own label scanner, on a serial port."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing
from itertools import count
from typing import Final, NoReturn

import structlog

from drivers.errors import PlaceUnavailable
from drivers.port_watch import PortWatch
from drivers.serial_link import SerialLink, open_serial_link
from station.bench.labels import ScanRefused, ScanUnreadable
from station.bench.port import RETRY_SECONDS
from station.bench.view import ScanView
from station.domain.scan_said import ScanSaid
from station.places.settings import ScannerSettings
from station.texts.scans import scan_line
from station.texts.texts import ENGLISH

_LONGEST_LINE: Final = 128
"""Bytes. No label or slot code is that long, so what has no end by then is noise."""

_log = structlog.stdlib.get_logger()


class LineReader:
    """Cuts what a scanner sends into lines, and gives noise up. A `drivers.serial_link.LinkListener`."""

    def __init__(self) -> None:
        self.lines: asyncio.Queue[str | None] = asyncio.Queue()
        """The lines; None once the port is gone."""
        self._part = b""
        self._too_long = False

    def received(self, data: bytes) -> None:
        """Take the next bytes. Scanners end a line with a carriage return, a line feed, or both."""
        *ended, rest = (self._part + data).replace(b"\r", b"\n").split(b"\n")
        for line in ended:
            if line and not self._too_long:
                self.lines.put_nowait(line[:_LONGEST_LINE].decode("ascii", "replace"))
            self._too_long = False
        if len(rest) > _LONGEST_LINE and not self._too_long:
            self._too_long = True
            self.lines.put_nowait(rest[:_LONGEST_LINE].decode("ascii", "replace"))
        self._part = b"" if self._too_long else rest

    def link_stalled(self, why: str) -> None:
        """Do nothing: nothing is ever written to a scanner."""

    def link_lost(self, why: str) -> None:  # noqa: ARG002 - the port is named where it is told
        """End the lines."""
        self.lines.put_nowait(None)


class LabelScanner:
    """Listens to one scanner for as long as the station works."""

    def __init__(
        self,
        jig: str,
        settings: ScannerSettings,
        read: Callable[[str], Awaitable[ScanSaid | None]],
        show: Callable[[ScanView], None],
    ) -> None:
        """`read` takes a line and returns what to say about it, or raises ScanRefused; `show` shows that to people."""
        self._jig = jig
        self._settings = settings
        self._read = read
        self._show = show
        self._noisy = False

    async def run(self) -> NoReturn:
        """Read scans until cancelled, through every loss of the port."""
        told = ""
        while True:
            link = await self._open(told)
            await self._listen(link)
            told = f"{self._settings.port} is gone: check the scanner's cable"
            self._tell(told)
            await asyncio.sleep(RETRY_SECONDS[0])  # a port may be lost as often as it is opened

    async def _open(self, told: str) -> SerialLink:
        """Open the port, however long that takes. Why it cannot be opened is told, unless that is what was `told` last."""
        with closing(PortWatch(self._settings.port)) as watch:
            for tries in count():
                try:
                    return await open_serial_link(self._settings.port, self._settings)
                except PlaceUnavailable as error:
                    if str(error) != told:
                        told = str(error)
                        self._tell(told)
                await watch.changed(RETRY_SECONDS[min(tries, len(RETRY_SECONDS) - 1)])
        raise AssertionError("unreachable")

    def _tell(self, why: str) -> None:
        _log.warning("scanner unavailable", jig=self._jig, reason=why)

    async def _listen(self, link: SerialLink) -> None:
        """Read until the port is lost."""
        reader = LineReader()
        try:
            link.start(reader)
            while (line := await reader.lines.get()) is not None:
                await self._take(line)
        finally:
            await link.close()

    async def _take(self, line: str) -> None:
        """Take one line. Noise is told once, until something is understood again."""
        try:
            answer = await self._read(line)
        except ScanUnreadable as noise:
            if not self._noisy:
                self._answer(noise.said, refused=True)
                _log.warning("scan not understood", jig=self._jig, reason=str(noise))
            self._noisy = True
            return
        except ScanRefused as refusal:
            self._answer(refusal.said, refused=True)
            _log.warning("scan refused", jig=self._jig, reason=str(refusal))
        else:
            if answer is not None:
                self._answer(answer, refused=False)
                _log.info("scan", jig=self._jig, line=scan_line(ENGLISH, answer))
        self._noisy = False

    def _answer(self, said: ScanSaid, *, refused: bool) -> None:
        self._show(ScanView(scanner=f"scanner of {self._jig}", jig=self._jig, said=said, refused=refused))
