"""Checks of verification, activation, confirmation, and the way back."""

from __future__ import annotations

import pytest

from drivers.conformance.call import Broken
from drivers.conformance.check import Checks, check
from drivers.conformance.device import Ability
from drivers.conformance.identity import made_of
from drivers.conformance.stage import NotShown, Stage, describe_running
from drivers.errors import AnotherHub, DriverError, HubDidNotReturn, ImageMismatch
from drivers.hub import HubDriver


class ActivationChecks(Checks):
    """From a held image to one that is kept."""

    @check()
    async def test_verify_refuses_what_does_not_run(self, stage: Stage) -> None:
        """`verify` raises ImageMismatch as long as another image runs, even if the hub holds this one."""
        driver, _ = await stage.greet()
        await stage.flash(driver)
        error = await stage.refused(ImageMismatch, driver.verify, stage.hub, stage.image)
        if not error.state_known:
            raise Broken("its state_known is False, though it only looked")

    @check()
    async def test_confirm_refuses_what_does_not_run(self, stage: Stage) -> None:
        """`confirm` raises ImageMismatch, and confirms nothing, as long as another image runs."""
        driver, before = await stage.greet()
        running = await stage.running(driver)
        await stage.flash(driver)
        await stage.refused(ImageMismatch, driver.confirm, stage.hub, stage.image)
        if await stage.running(driver) != running or (await stage.do(driver.state)).pending is not None:
            raise Broken("state() has changed")
        if (await stage.do(driver.reboot, stage.hub)).firmware != before.firmware:
            raise Broken("the next boot ran another firmware")

    @check()
    async def test_activate_refuses_what_is_not_held(self, stage: Stage) -> None:
        """`activate` raises ImageMismatch, before any boot, for an image that the hub does not hold."""
        driver, before = await stage.greet()
        await stage.unlock(driver)
        await stage.refused(ImageMismatch, driver.activate, stage.hub, stage.image)
        if (await stage.do(driver.identify)).boots != before.boots:
            raise Broken("the hub has booted")

    @check()
    async def test_activate_boots_the_image_once(self, stage: Stage) -> None:
        """`activate` returns the same hub, running the image and locked again; `verify` then passes."""
        driver, before = await stage.greet()
        after = await stage.activate(driver)
        if made_of(after) != made_of(before) or after.boots == before.boots:
            raise Broken(f"{before} left and {after} came back")
        if after.firmware != stage.image.version:
            raise Broken(f"it runs {after.firmware}, and the image is {stage.image.version}")
        if stage.can(Ability.LOCK) and not after.locked:
            raise Broken("it came back open")
        _, version, image_hash, _ = describe_running(await stage.do(driver.verify, stage.hub, stage.image))
        if (version, image_hash) != (stage.image.version_text, stage.image.image_hash):
            raise Broken(f"verify() returned a state that runs {version}")
        if await stage.do(driver.activate, stage.hub, stage.image) != after:
            raise Broken("activating what runs already did something")

    @check()
    async def test_an_unconfirmed_image_is_given_up(self, stage: Stage) -> None:
        """Where `can_revert`, an image that is not confirmed is given up at the next boot, and can not be confirmed."""
        driver, before = await stage.greet()
        _require_revert(driver)
        await stage.activate(driver)
        if (await stage.running(driver))[3]:
            raise Broken("the image counts as confirmed before confirm()")
        if (await stage.do(driver.reboot, stage.hub)).firmware != before.firmware:
            raise Broken("it runs still")
        await stage.refused(ImageMismatch, driver.verify, stage.hub, stage.image)
        await stage.refused(ImageMismatch, driver.confirm, stage.hub, stage.image)

    @check()
    async def test_a_confirmed_image_is_kept(self, stage: Stage) -> None:
        """After `confirm` the image runs confirmed, nothing pending, through any boot; a second `confirm` is none."""
        driver, _ = await stage.greet()
        await stage.activate(driver)
        for _ in range(2):
            state = await stage.do(driver.confirm, stage.hub, stage.image)
            if not describe_running(state)[3] or state.pending is not None:
                raise Broken("the state that it returned is not settled")
        if (await stage.do(driver.reboot, stage.hub)).firmware != stage.image.version:
            raise Broken("another firmware ran after a boot")
        state = await stage.do(driver.verify, stage.hub, stage.image)
        if not describe_running(state)[3] or state.pending is not None:
            raise Broken("the state after a boot is not settled")
        if stage.can(Ability.INSPECTION):
            seen = await stage.device.inspect()
            if seen.running_sha256 != stage.image.file_sha256:
                raise Broken("the running slot has other bytes than the image")

    @pytest.mark.parametrize("method", ["activate", "reboot"])
    @check(Ability.EXCHANGE)
    async def test_another_hub_is_noticed(self, stage: Stage, method: str) -> None:
        """When another hub answers after a boot, `activate` and `reboot` raise AnotherHub, its state not known."""
        driver = await _ready_for(stage, method)
        await stage.device.exchange_at_next_boot()
        await _boot_into(stage, method, AnotherHub, driver)

    @check(Ability.NO_RETURN)
    async def test_a_hub_that_stays_away_is_noticed(self, stage: Stage) -> None:
        """When no hub answers after its boot, `activate` raises HubDidNotReturn, its state not known."""
        driver = await _ready_for(stage, "activate")
        await stage.device.vanish_at_next_boot()
        await _boot_into(stage, "activate", HubDidNotReturn, driver)


def _require_revert(driver: HubDriver) -> None:
    if not driver.can_revert:
        raise NotShown("revert: the driver says that its device cannot (can_revert is False)")


async def _ready_for(stage: Stage, method: str) -> HubDriver:
    driver, _ = await stage.greet()
    if method == "activate":
        await stage.flash(driver)
    return driver


async def _boot_into(stage: Stage, method: str, kind: type[DriverError], driver: HubDriver) -> None:
    if method == "activate":
        error = await stage.refused(kind, driver.activate, stage.hub, stage.image)
    else:
        error = await stage.refused(kind, driver.reboot, stage.hub)
    if error.state_known:
        raise Broken("its state_known is True, though the hub was told to boot")
