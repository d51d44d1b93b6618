"""Finds out which place belongs to which slot: by a hub that somebody seats there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel

from drivers.errors import DriverError
from drivers.hub import DeviceIdentity, DriverPlugin
from drivers.places import PlaceFinder, PlaceSight
from drivers.topology import same_place

_LEAST_SECONDS: Final = 1.0
"""So long at least the other places are waited for once a hub newly answers."""


class NotBound(Exception):
    """No place, or no single one, belongs to the slot. One line that says what to do."""


@dataclass(frozen=True, slots=True)
class Look:
    """What is where and who answers, at one moment."""

    sights: tuple[PlaceSight, ...]
    hubs: Mapping[str, DeviceIdentity]
    """By place."""
    unusable: Mapping[str, str]
    """By place, why it could not be asked, in one line."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """A driver's places, and how hubs are asked there."""

    finder: PlaceFinder
    plugin: DriverPlugin
    settings: BaseModel
    seconds: float
    """How long a hub may take to appear, and then to answer."""
    of_no_slot: frozenset[str] = frozenset()
    """Ports of boards and scanners, as `same_place` names them: seen, and asked nothing."""

    async def look(self, before: Look | None = None) -> Look:
        """Ask at every place, all at once, for a hub that answers.

        With an earlier look, wait first for something new that may be a hub, and no longer for the others once one
        newly answers than that one took: a second hub that was just seated, too, shows itself by then. Raises
        PlaceUnavailable when nothing can be seen at all.
        """
        if before is None:
            sights = await self.finder.find_places(self.settings)
        else:
            sights = await self.finder.find_places(self.settings, beyond=before.sights, seconds=self.seconds)
        hubs: dict[str, DeviceIdentity] = {}
        unusable: dict[str, str] = {}
        asking: dict[str, asyncio.Task[None]] = {}
        for sight in sights:
            if same_place(sight.place) in self.of_no_slot:
                continue
            if sight.hindrance is not None:
                unusable[sight.place] = sight.hindrance
            elif sight.may_be_hub:
                asking[sight.place] = asyncio.create_task(self._ask(sight.place, hubs, unusable))
        try:
            cut = await self._until_known(
                set(asking.values()), lambda: before is not None and bool(_new(before, hubs))
            )
        finally:
            for task in asking.values():
                task.cancel()
            await asyncio.gather(*asking.values(), return_exceptions=True)
        if before is not None:  # who was not asked to the end is as before, as far as anybody knows
            known = {
                place: before.hubs[place]
                for place, task in asking.items()
                if task in cut and place in before.hubs
            }
            hubs = known | hubs
        return Look(sights, hubs, unusable)

    async def _until_known(
        self, asking: set[asyncio.Task[None]], enough: Callable[[], bool]
    ) -> set[asyncio.Task[None]]:
        """Wait for the answers, or for enough of them; return who was not asked to the end."""
        clock = asyncio.get_running_loop().time
        began = clock()
        while asking:
            done, asking = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            if enough():
                break
        if asking:
            done, asking = await asyncio.wait(asking, timeout=max(_LEAST_SECONDS, clock() - began))
            for task in done:
                task.result()
        return asking

    async def _ask(self, place: str, hubs: dict[str, DeviceIdentity], unusable: dict[str, str]) -> None:
        try:
            driver = await self.plugin.open(place, self.settings)
        except Exception as error:
            unusable[place] = _why(error)
            return
        try:
            async with asyncio.timeout(self.seconds):
                hubs[place] = await driver.wait_for_hub()
        except TimeoutError:
            pass  # nobody there
        except Exception as error:
            unusable[place] = _why(error)
        finally:
            await driver.close()


def _why(error: Exception) -> str:
    """Say why a place cannot be used. What no driver may raise costs this look, too, and nobody's bound slots."""
    if isinstance(error, DriverError):
        return str(error)
    return f"its driver failed: {type(error).__name__}: {error}"


def newly_answering(before: Look, now: Look) -> tuple[str, DeviceIdentity]:
    """Return the one place at which another hub answers than before. Raises NotBound."""
    new = _new(before, now.hubs)
    if len(new) == 1:
        return next(iter(new.items()))
    if new:
        raise NotBound(f"hubs newly answer at {' and '.join(sorted(new))}; seat one hub at a time")
    # What was just plugged in says more than what has sat there all along.
    fresh = [sight for sight in now.sights if sight not in before.sights]
    others = [sight for sight in now.sights if sight.may_be_hub]
    reasons = (now.unusable[sight.place] for sight in [*fresh, *others] if sight.place in now.unusable)
    why = f" ({reason})" if (reason := next(reasons, None)) is not None else ""
    raise NotBound(f"no hub newly answers anywhere{why}; check how it sits and its power, and try again")


def _new(before: Look, hubs: Mapping[str, DeviceIdentity]) -> dict[str, DeviceIdentity]:
    """Return the hubs that answer where none, or another, did."""
    return {
        place: hub
        for place, hub in hubs.items()
        if place not in before.hubs or before.hubs[place].device_id != hub.device_id
    }
