"""Checks of a flash that is broken off halfway: by power, by link, by hands."""

from __future__ import annotations

import pytest

from drivers.conformance.call import Broken
from drivers.conformance.check import Checks, check
from drivers.conformance.device import Ability
from drivers.conformance.stage import LOSSES, Stage
from drivers.errors import DriverError


class InterruptionChecks(Checks):
    """No hub is ever left with nothing to run."""

    @pytest.mark.parametrize("loss", LOSSES)
    @check(leaves_nothing=True)
    async def test_an_interrupted_flash_ends_in_a_typed_error(self, stage: Stage, loss: Ability) -> None:
        """`flash` that loses its hub ends, in time, in a DriverError with state_known False, and leaves nothing."""
        stage.need(loss)
        driver, _ = await stage.greet()
        flashing = await stage.flash_halfway(driver)
        await LOSSES[loss].happen(stage.device)
        error = await flashing.refusal(DriverError)
        if error.state_known:
            raise Broken(f"the {type(error).__name__} says that the hub is certainly as it was")
        await LOSSES[loss].undo(stage.device)

    @pytest.mark.parametrize("loss", LOSSES)
    @check()
    async def test_flashing_is_resumed_or_redone(self, stage: Stage, loss: Ability) -> None:
        """After an interrupted `flash` the hub runs what it ran, shows no part as a whole, and can be flashed."""
        stage.need(loss)
        driver, before = await stage.greet()
        running = await stage.running(driver)
        seen = await stage.device.inspect() if stage.can(Ability.INSPECTION) else None
        flashing = await stage.flash_halfway(driver)
        await LOSSES[loss].happen(stage.device)
        await flashing.refusal(DriverError)
        await LOSSES[loss].undo(stage.device)
        driver, back = await stage.welcome_back(driver)
        if (back.device_id, back.firmware) != (before.device_id, before.firmware):
            raise Broken(f"{before} was lost and {back} came back")
        if await stage.running(driver) != running:
            raise Broken("state() names another running image than before")
        if seen is not None and (await stage.device.inspect()).running_sha256 != seen.running_sha256:
            raise Broken("the running slot was written to")
        await stage.refused(DriverError, driver.activate, stage.hub, stage.image)
        if (await stage.do(driver.reboot, stage.hub)).firmware != before.firmware:
            raise Broken("another firmware ran after a boot")
        after = await stage.activate(driver)
        if after.firmware != stage.image.version:
            raise Broken(f"it runs {after.firmware} after all, and the image is {stage.image.version}")
