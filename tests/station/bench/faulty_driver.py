"""A third party's driver with a bug: the SMP driver, but for one method that raises what no contract allows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from drivers.hub import HubDriver
from drivers.smp.plugin import PLUGIN as REAL
from drivers.smp.settings import SmpSettings


class FaultySettings(SmpSettings):
    raises_in: str
    """Which method raises, the first time that it is called."""


class FaultyDriver:
    """Hands every call on, but for the first of one method."""

    def __init__(self, driver: HubDriver, take_fault: Callable[[str], bool]) -> None:
        self._driver = driver
        self._take_fault = take_fault

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._driver, name)
        if not callable(found):
            return found

        def call(*arguments: Any) -> Awaitable[Any]:
            if self._take_fault(name):
                raise RuntimeError(f"bug in {name}")
            return found(*arguments)

        return call


class FaultyPlugin:
    name = "faulty"
    settings_model = FaultySettings

    def __init__(self) -> None:
        self._places_that_failed: set[str] = set()
        self.on_open: Callable[[], object] = lambda: None
        """Called once a port is open, before whoever asked for it hears of that."""

    async def open(self, place: str, settings: FaultySettings) -> FaultyDriver:
        def take_fault(method: str) -> bool:
            if method != settings.raises_in or place in self._places_that_failed:
                return False
            self._places_that_failed.add(place)
            return True

        if take_fault("open"):
            raise RuntimeError("bug in open")
        real = SmpSettings(**settings.model_dump(exclude={"raises_in"}))
        driver = await REAL.open(place, real)
        self.on_open()
        return FaultyDriver(driver, take_fault)


PLUGIN = FaultyPlugin()
