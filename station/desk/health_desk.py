"""How the bench PC is, asked in a thread beside the work."""

from __future__ import annotations

import time
from collections.abc import Callable

from firmware_catalog.catalog import Catalog
from station.desk.act import Act
from station.desk.desk import Handlers
from station.desk.health_requests import HealthShown, ShowHealth
from station.desk.looks import Looks
from station.health.looking import catalogue_health, look
from station.settings import StationSettings


class HealthDesk:
    """Answers for the daemon that it was made by."""

    def __init__(
        self, looks: Looks, settings: Callable[[], StationSettings], catalogue: Callable[[], Catalog]
    ) -> None:
        self._looks = looks
        self._settings = settings
        self._catalogue = catalogue
        self._since = time.monotonic()

    def handlers(self) -> Handlers:
        """Return what it answers."""
        return {ShowHealth: self._show}

    async def _show(self, _: ShowHealth, __: Act) -> HealthShown:
        health = await self._looks.ask(
            lambda journal: look(self._settings(), journal, catalogue_health(self._catalogue()))
        )
        return HealthShown(uptime_seconds=time.monotonic() - self._since, health=health)
