"""A slot's port: taken as soon as it is there. Where a hub brings its port along, the hub has to have power first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Final

from pydantic import BaseModel

from drivers.errors import PlaceUnavailable
from drivers.hub import DriverPlugin, HubDriver
from station.bench.seat import Seat

_RETRY_SECONDS: Final = (1.0, 2.0, 5.0, 10.0)
"""Pauses between tries to open an absent port; the last one repeats."""

_POWERED_RETRY_SECONDS: Final = 0.5
"""The same while a hub has just been given power: nothing tells when the port is there."""


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
        for tries in count():
            try:
                driver = await self._plugin.open(self.port, self._settings)
            except PlaceUnavailable as error:
                on_absent(error)
            else:
                if self._seat.present() is False:
                    self.comes_with_power = False
                return driver
            if await self._powered_within(_RETRY_SECONDS[min(tries, len(_RETRY_SECONDS) - 1)]):
                found = await self._open_powered(on_absent)
                if found is not None:
                    return found
        raise AssertionError("unreachable")

    async def _powered_within(self, seconds: float) -> bool:
        """Wait, and return whether meanwhile a hub was given power."""
        if not self._seat.gives_power:
            await asyncio.sleep(seconds)
            return False
        try:
            async with asyncio.timeout(seconds):
                await self._seat.until_ready()
        except TimeoutError:
            return False
        return True

    async def _open_powered(self, on_absent: Callable[[PlaceUnavailable], None]) -> HubDriver | None:
        """Return the driver of a port that appears, or None once the hub has been taken out again."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._boot_seconds
        while self._seat.present() is not False:
            try:
                driver = await self._plugin.open(self.port, self._settings)
            except PlaceUnavailable as error:
                if clock() > deadline:
                    on_absent(error)
            else:
                self.comes_with_power = True
                return driver
            await self._until_emptied(_POWERED_RETRY_SECONDS if clock() < deadline else _RETRY_SECONDS[-1])
        return None

    async def _until_emptied(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._seat.until_emptied()
        except TimeoutError:
            pass
