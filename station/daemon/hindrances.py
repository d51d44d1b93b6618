"""Why no hub may be begun with at all: no catalogue to plan by, or descriptors or disk about to run out."""

from __future__ import annotations

import asyncio
import math
import shutil
import time
from collections.abc import Callable, Iterable
from typing import Final, NoReturn

import structlog

from station.bench.slot_parts import ROOM_RETRY_SECONDS
from station.descriptors import hindrance
from station.domain.interlock import Interlock, interlock
from station.domain.reason import Reason
from station.sentences import Sentences
from station.settings import StationSettings
from station.texts.texts import ENGLISH

_MEBIBYTE: Final = 1 << 20
MOMENT_SECONDS: Final = 0.05
"""For so long there is enough of what there was enough of: 24 hubs that begin together ask three times each, and to count
descriptors keeps the event loop as long as two questions to a hub do."""

_log = structlog.stdlib.get_logger()


class Hindrances:
    """Asked before each hub; logs once when something begins to hinder, and once when nothing does any more."""

    def __init__(
        self,
        catalogue: Callable[[], str | None],
        settings: Callable[[], StationSettings],
        show: Callable[[Iterable[Interlock]], None],
    ) -> None:
        """`catalogue` says why it cannot be used; None if it can. `settings` are those in force. `show` shows it all."""
        self._catalogue = catalogue
        self._settings = settings
        self._show = show
        self._hindered = asyncio.Event()
        self._enough_until = -math.inf
        """Until when (monotonic) neither descriptors nor disk are looked at again."""

    def now(self) -> Interlock | None:
        """Say why no hub may be begun with; None if one may."""
        why = self._why()
        if why is not None and not self._hindered.is_set():
            _log.error("no hub is begun with", reason=in_english(why))
            self._hindered.set()
        elif why is None and self._hindered.is_set():
            _log.info("hubs are begun with again")
            self._hindered.clear()
        self._show([] if why is None else [why])
        return why

    def line(self) -> str | None:
        """Say the same in one line."""
        why = self.now()
        return None if why is None else in_english(why)

    async def keep_telling(self) -> NoReturn:
        """See to it that nothing is shown any more that hinders no more, though nobody begins with a hub."""
        while True:
            await self._hindered.wait()
            await asyncio.sleep(ROOM_RETRY_SECONDS)
            self.now()

    def _why(self) -> Interlock | None:
        if (detail := self._catalogue()) is not None:
            return interlock(Reason.CATALOGUE_UNUSABLE, detail=detail)
        if time.monotonic() < self._enough_until:
            return None
        if (detail := hindrance()) is not None:
            return interlock(Reason.DESCRIPTORS_SHORT, detail=detail)
        if (short := self._disk()) is None:
            self._enough_until = time.monotonic() + MOMENT_SECONDS
        return short

    def _disk(self) -> Interlock | None:
        settings = self._settings()
        free = shutil.disk_usage(settings.state_directory).free // _MEBIBYTE
        least = settings.thresholds.least_free_mebibytes
        if free >= least:
            return None
        folder = str(settings.state_directory)
        return interlock(Reason.DISK_LOW, free=free, least=least, folder=folder)


def in_english(why: Interlock) -> str:
    """Say it for the log, and for records."""
    return Sentences(ENGLISH).notice(why)
