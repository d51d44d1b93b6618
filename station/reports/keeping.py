"""The reports kept up to date while a station works, in a thread of their own that the journal's news wake."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from drivers.threads import apart
from station.records.journal import Journal
from station.reports.projection import SLICE_ROWS, BeingProjected, Projection

_REST: Final = 4
"""So many times as long as it worked it rests at each breath: the event loop and the journal come first, whatever is to be
caught up with, and the more so the busier the machine is."""
_LONGEST_REST_SECONDS: Final = 0.25
_GATHER_SECONDS: Final = 1.0
"""For so long facts gather before they are taken in together; a report is that much behind."""
_STOP_SECONDS: Final = 2.0
"""How long a stop waits for the slice that is being taken in. One left behind is committed or not, both of them whole."""

_log = structlog.stdlib.get_logger()


class ReportKeeper:
    """Keeps one station's reports for as long as `run` goes on."""

    def __init__(
        self,
        journal: Journal,
        folder: Path,
        journal_folder: Path,
        *,
        room: int,
        gather_seconds: float = _GATHER_SECONDS,
        taken_in: Callable[[], object] = lambda: None,
    ) -> None:
        """`room` bytes of the disk are left to the journal; facts that come within `gather_seconds` are taken in together.

        `taken_in` is called on the event loop each time after which nothing was left to be taken in.
        """
        self._journal = journal
        self._projection = partial(Projection, folder, journal_folder, room=room, made_anew=_say)
        self._gather_seconds = gather_seconds
        self._taken_in = taken_in

    async def run(self) -> None:
        """Keep up until cancelled. Raises ReportError."""
        wake, stop = threading.Event(), threading.Event()
        wake.set()
        unsubscribe = self._journal.subscribe(lambda _: wake.set())
        loop = asyncio.get_running_loop()

        def taken_in() -> None:
            with suppress(RuntimeError):  # the loop was closed: this thread was left behind
                loop.call_soon_threadsafe(self._taken_in)

        working = apart("reports", partial(self._keep_up, wake, stop, taken_in))
        try:
            await asyncio.wait((working,))
            working.result()
        finally:
            unsubscribe()
            stop.set()
            wake.set()
            await asyncio.wait((working,), timeout=_STOP_SECONDS)

    def _keep_up(self, wake: threading.Event, stop: threading.Event, taken_in: Callable[[], object]) -> None:
        rested = 0.0

        def breathe() -> None:
            nonlocal rested
            if stop.wait(min(_REST * (time.monotonic() - rested), _LONGEST_REST_SECONDS)):
                raise _Stopped
            rested = time.monotonic()

        with self._projection() as projection, suppress(_Stopped):
            while True:
                wake.wait()
                stop.wait(self._gather_seconds)
                wake.clear()
                rested = time.monotonic()
                breathe()
                with suppress(BeingProjected):  # and it goes on there
                    while projection.step(SLICE_ROWS, breathe):
                        breathe()
                    taken_in()


def _say(why: str) -> None:
    _log.info("reports made anew", reason=why)


class _Stopped(Exception):
    """Nothing more is to be taken in."""
