"""Why no hub may be begun with at all: no catalogue to plan by, or descriptors or disk about to run out."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Final

import structlog

from station.descriptors import hindrance
from station.settings import StationSettings

_MEBIBYTE: Final = 1 << 20

_log = structlog.stdlib.get_logger()


class Hindrances:
    """Asked before each hub; logs once when something begins to hinder, and once when nothing does any more."""

    def __init__(self, catalogue: Callable[[], str | None], settings: Callable[[], StationSettings]) -> None:
        """`catalogue` says why it cannot be used; None if it can. `settings` are those in force."""
        self._catalogue = catalogue
        self._settings = settings
        self._hindered = False

    def now(self) -> str | None:
        """Say in one line why no hub may be begun with; None if one may."""
        why = self._catalogue() or hindrance() or self._disk()
        if why is not None and not self._hindered:
            _log.error("no hub is begun with", reason=why)
        elif why is None and self._hindered:
            _log.info("hubs are begun with again")
        self._hindered = why is not None
        return why

    def _disk(self) -> str | None:
        settings = self._settings()
        free = shutil.disk_usage(settings.state_directory).free // _MEBIBYTE
        least = settings.thresholds.least_free_mebibytes
        if free >= least:
            return None
        return f"only {free} MiB free for the journal in {settings.state_directory}; make room for {least}"
