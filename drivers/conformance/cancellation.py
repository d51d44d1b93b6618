"""Checks of cancellation: the station cancels a call when a hub leaves, a person stops the jig, or it shuts down."""

from __future__ import annotations

import asyncio
from typing import Final

import pytest

from drivers.conformance.call import Broken
from drivers.conformance.check import Checks, check
from drivers.conformance.device import Ability
from drivers.conformance.preparation import arguments_of, prepare
from drivers.conformance.stage import Stage
from drivers.hub import DeviceIdentity, HubDriver

_BOOTS: Final = ("activate", "reboot")
_WAITS: Final = ("wait_for_hub", "wait_for_removal")
_METHODS: Final = ("identify", "state", "unlock", "flash", "erase", "activate", "verify", "confirm", "reboot")
_MOMENTS: Final = (0.0, 0.5)
"""When a call is cancelled, in shares of the time that it takes, or about."""


class CancellationChecks(Checks):
    """A cancelled call leaves nothing behind that the next one could stumble over."""

    @pytest.mark.parametrize("method", [*_METHODS, *_WAITS])
    @check()
    async def test_a_cancelled_call_leaves_the_driver_usable(self, stage: Stage, method: str) -> None:
        """A cancelled call ends in CancelledError, soon, at any moment, and later calls get their own answers."""
        if method == "unlock":
            stage.need(Ability.LOCK)
        driver, hub = await stage.greet()
        seconds = await _time_of(stage, driver, method)
        for moment in _MOMENTS:
            await _prepare(stage, driver, method)
            call = stage.begin(getattr(driver, method), *_arguments(stage, method, hub))
            await call.run_for(moment * seconds)
            await call.cut()
            await _answers(stage, driver, hub, boots=method in _BOOTS)
        if method not in _WAITS:
            await _prepare(stage, driver, method)
            await stage.do(getattr(driver, method), *_arguments(stage, method, hub))
            await _answers(stage, driver, hub, boots=False)

    @check()
    async def test_no_answer_is_that_of_a_cancelled_call(self, stage: Stage) -> None:
        """What a cancelled call would have been answered is never the answer to a later one."""
        driver, before = await stage.greet()
        seconds = await _time_of(stage, driver, "identify")
        for moment in _MOMENTS:
            call = stage.begin(driver.identify)
            await call.run_for(moment * seconds)
            await call.cut()
            after = await stage.do(driver.reboot, stage.hub)
            seen = await stage.do(driver.identify)
            if before.boots in {after.boots, seen.boots}:
                raise Broken(f"after a boot it still said that it had booted {before.boots} times")
            before = after


async def _time_of(stage: Stage, driver: HubDriver, method: str) -> float:
    """Return about how long the method takes, by what takes as long and changes nothing."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    if method in _BOOTS:
        await stage.do(driver.reboot, stage.hub)
    elif method == "flash":
        await stage.flash(driver)
    else:
        await stage.do(driver.identify)
    return loop.time() - begun


async def _prepare(stage: Stage, driver: HubDriver, method: str) -> None:
    """Have the hub ready for the method, even if the boot that a cancelled call has ordered comes in between."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + stage.device.patience
    while True:
        try:
            await prepare(stage, driver, method)
        except Broken:
            if method not in _BOOTS or loop.time() > deadline:
                raise
            await stage.do(driver.wait_for_hub)
        else:
            return


def _arguments(stage: Stage, method: str, hub: DeviceIdentity) -> tuple[object, ...]:
    return (hub,) if method == "wait_for_removal" else arguments_of(stage, method)


async def _answers(stage: Stage, driver: HubDriver, hub: DeviceIdentity, *, boots: bool) -> None:
    """See that each question gets its own answer, once the hub is there."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + stage.device.patience
    while True:
        try:
            await stage.do(driver.wait_for_hub)
            await stage.running(driver)
            seen = await stage.do(driver.identify)
        except Broken:
            # A hub that was told to boot may answer, and then be gone for it.
            if not boots or loop.time() > deadline:
                raise
        else:
            break
    if seen.ids != hub.ids:
        raise Broken(f"the hub {hub.device_id} then said that it is {seen.device_id}")
