"""Checks of deadlines: a hub that falls silent stops nobody for good, and nobody else at all."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Final

import pytest

from drivers.conformance.call import Broken
from drivers.conformance.check import Checks, check
from drivers.conformance.device import Ability
from drivers.conformance.preparation import arguments_of
from drivers.conformance.stage import Stage
from drivers.errors import DriverError
from drivers.hub import HubDriver

_READS: Final = ("identify", "state", "verify")
_WRITES: Final = ("flash", "activate", "confirm", "reboot", "erase")
_TRIES: Final = 3
"""A busy machine may hold the loop up once; a driver that blocks it does so each time."""
_TICK: Final = 0.005
"""Seconds between two signs of life of the loop."""
_FEWEST_TICKS: Final = 5


class SilenceChecks(Checks):
    """Every method but the two waits has a deadline."""

    @pytest.mark.parametrize("method", [*_READS, *_WRITES])
    @check(Ability.SILENCE)
    async def test_a_silent_hub_is_a_typed_error(self, stage: Stage, method: str) -> None:
        """Each method ends, in time, in a DriverError when the hub is silent; reading leaves its state known."""
        driver, hub = await stage.greet()
        await stage.unlock(driver)
        await stage.device.silence()
        error = await stage.refused(DriverError, getattr(driver, method), *arguments_of(stage, method))
        if method in _READS and not error.state_known:
            raise Broken(f"{method}() says that the hub's state is not known, though it only looked")
        await _is_well(stage, driver, hub.device_id)

    @check(Ability.SILENCE, Ability.LOCK)
    async def test_a_silent_hub_is_not_unlocked(self, stage: Stage) -> None:
        """`unlock` ends, in time, in a DriverError when the hub is silent."""
        driver, hub = await stage.greet()
        await stage.device.silence()
        await stage.refused(DriverError, driver.unlock, stage.hub, stage.device.authority())
        await _is_well(stage, driver, hub.device_id)

    @check(Ability.SILENCE)
    async def test_silence_within_a_flash_ends_it(self, stage: Stage) -> None:
        """A hub that falls silent within `flash` ends it, in time, in a DriverError whose state_known is False."""
        driver, hub = await stage.greet()
        flashing = await stage.flash_halfway(driver)
        await stage.device.silence()
        if (await flashing.refusal(DriverError)).state_known:
            raise Broken("its state_known is True, though a part of the image was written")
        await _is_well(stage, driver, hub.device_id)

    @check(Ability.SILENCE)
    async def test_waiting_for_an_answer_blocks_nobody_else(self, stage: Stage) -> None:
        """Whatever a driver waits for, the event loop turns on: every other slot lives on it."""
        driver, _ = await stage.greet()
        await stage.device.silence()
        gaps = []
        for _ in range(_TRIES):
            gap = await _longest_gap(stage, driver)
            if gap is None:
                return
            gaps.append(gap)
        raise Broken(f"identify() stopped the loop for {min(gaps):.0%} of its time, each time it was tried")


async def _is_well(stage: Stage, driver: HubDriver, chf: object) -> None:
    """See that the driver is as good as before once the hub speaks again."""
    await stage.device.speak()
    _, hub = await stage.welcome_back(driver)
    if hub.device_id != chf:
        raise Broken(f"afterwards {hub.device_id} answered, not {chf}")


async def _longest_gap(stage: Stage, driver: HubDriver) -> float | None:
    """Return for which share of a call the loop stood still; None if it was let turn."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    asking = stage.begin(driver.identify)
    ticks = [begun]
    while not asking.is_over and loop.time() - begun < stage.device.patience:
        await asking.run_for(_TICK)
        ticks.append(loop.time())
    await asking.refusal(DriverError)
    longest = max(later - earlier for earlier, later in pairwise(ticks))
    share = longest / (ticks[-1] - begun)
    return None if share < 0.5 and len(ticks) > _FEWEST_TICKS else share
