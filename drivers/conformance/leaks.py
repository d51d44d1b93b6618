"""Checks that a driver gives everything back: a daemon opens and closes places for months."""

from __future__ import annotations

from drivers.conformance.check import Checks, check
from drivers.conformance.stage import Stage
from drivers.errors import PlaceUnavailable


class LeakChecks(Checks):
    """No descriptor, thread or task outlives `close`."""

    @check(leaves_nothing=True)
    async def test_nothing_is_left_of_a_hubs_whole_life(self, stage: Stage) -> None:
        """After `close` no descriptor, thread or task is left of a hub that was flashed, activated and confirmed."""
        for _ in range(2):
            driver, _ = await stage.greet()
            await stage.activate(driver)
            await stage.do(driver.confirm, stage.hub, stage.image)
            await stage.close(driver)

    @check(leaves_nothing=True)
    async def test_nothing_is_left_of_a_place_that_cannot_be_taken(self, stage: Stage) -> None:
        """No descriptor, thread or task is left of an `open` that failed or was cancelled."""
        device = stage.device
        await stage.refused(PlaceUnavailable, device.plugin.open, device.absent_place, device.settings)
        opening = stage.begin(device.plugin.open, device.place, device.settings)
        await opening.run_for(0)
        if opening.is_over:
            await stage.do((await opening.result()).close)
        else:
            await opening.cut()

    @check(leaves_nothing=True)
    async def test_nothing_is_left_of_a_cancelled_flash(self, stage: Stage) -> None:
        """After `close` no descriptor, thread or task is left of a `flash` that was cancelled halfway."""
        driver, _ = await stage.greet()
        flashing = await stage.flash_halfway(driver)
        await flashing.cut()
        await stage.close(driver)
