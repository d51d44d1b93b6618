"""A slot's port: taken as soon as it is there. Where a hub brings its port along, the hub has to have power first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import closing
from itertools import count
from typing import Final

from pydantic import BaseModel

from drivers.errors import PlaceUnavailable
from drivers.hub import DriverPlugin, HubDriver
from drivers.port_watch import PortWatch
from station.bench.changes import first_of
from station.bench.seat import Seat

RETRY_SECONDS: Final = (1.0, 2.0, 5.0, 10.0)
"""Pauses between tries to open a port of which nothing is heard (another program holds it, say); the last one repeats."""

_POWERED_RETRY_SECONDS: Final = 0.5
"""The same while a hub has just been given power."""


class SlotPort:
    """Opens one slot's port."""

    def __init__(
        self, port: str, plugin: DriverPlugin, settings: BaseModel, seat: Seat, boot_seconds: float
    ) -> None:
        """`boot_seconds` is how long a port may take to appear once its hub has power."""
        self.port = port
        self._plugin = plugin
        self._settings = settings
        self._seat = seat
        self._boot_seconds = boot_seconds
        self.comes_with_power = False
        """Whether the port was last found because a hub was given power: then it goes with the hub, too."""

    async def open(self, on_absent: Callable[[PlaceUnavailable], None]) -> HubDriver:
        """Return the driver of the port, however long that takes. `on_absent` is told why it cannot be had.

        On a jig that gives power, a hub that may be begun with is given it meanwhile, in case it brings the port.
        """
        with closing(PortWatch(self.port)) as watch:
            for tries in count():
                driver = await self._try(on_absent)
                if driver is not None:
                    if self._seat.present() is False:
                        self.comes_with_power = False
                    elif tries and self._seat.gives_power:
                        self.comes_with_power = True
                    return driver
                if await self._powered_within(watch, RETRY_SECONDS[min(tries, len(RETRY_SECONDS) - 1)]):
                    found = await self._open_powered(watch, on_absent)
                    if found is not None:
                        return found
        raise AssertionError("unreachable")

    async def _try(self, on_absent: Callable[[PlaceUnavailable], None]) -> HubDriver | None:
        try:
            return await self._plugin.open(self.port, self._settings)
        except PlaceUnavailable as error:
            on_absent(error)
            return None

    async def _powered_within(self, watch: PortWatch, seconds: float) -> bool:
        """Wait until it is worth looking again, and return whether meanwhile a hub was given power."""
        if not self._seat.gives_power:
            await watch.changed(seconds)
            return False

        async def powered() -> bool:
            await self._seat.until_ready()
            return True

        async def changed() -> bool:
            await watch.changed(seconds)
            return False

        return await first_of(powered(), changed())

    async def _open_powered(
        self, watch: PortWatch, on_absent: Callable[[PlaceUnavailable], None]
    ) -> HubDriver | None:
        """Return the driver of a port that appears, or None once the hub has been taken out again."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._boot_seconds

        def told_late(error: PlaceUnavailable) -> None:
            if clock() > deadline:
                on_absent(error)

        while self._seat.present() is not False:
            driver = await self._try(told_late)
            if driver is not None:
                self.comes_with_power = True
                return driver
            seconds = _POWERED_RETRY_SECONDS if clock() < deadline else RETRY_SECONDS[-1]
            await first_of(self._seat.until_emptied(), watch.changed(seconds))
        return None
