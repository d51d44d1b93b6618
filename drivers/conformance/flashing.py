"""Checks of writing and erasing the slot that is not running."""

from __future__ import annotations

import threading
from itertools import pairwise

from drivers.conformance.call import Broken
from drivers.conformance.check import Checks, check
from drivers.conformance.device import Ability
from drivers.conformance.stage import Stage


class FlashingChecks(Checks):
    """What `flash` and `erase` do, and what they leave alone."""

    @check()
    async def test_progress_rises_and_ends_at_the_size(self, stage: Stage) -> None:
        """`flash` tells its progress on the event loop: never less than before, at last all of the image."""
        driver, _ = await stage.greet()
        told = await stage.flash(driver)
        size = len(stage.image)
        if not told.progress:
            raise Broken("it told nothing")
        if {progress.size for progress in told.progress} != {size}:
            raise Broken(f"the image has {size} bytes, and it told of {told.progress[0].size}")
        fallen = next(((a, b) for a, b in pairwise(told.progress) if b.sent < a.sent), None)
        if fallen is not None:
            raise Broken(f"{fallen[0].sent} bytes were followed by {fallen[1].sent}")
        if not 0 <= told.progress[0].sent <= told.progress[-1].sent == size:
            raise Broken(f"it ended at {told.progress[-1].sent} of {size} bytes")
        if told.threads != {threading.get_ident()}:
            raise Broken("the listener was called by another thread")

    @check()
    async def test_the_hub_holds_what_was_flashed(self, stage: Stage) -> None:
        """When `flash` returns the hub holds the image, bootable and beside what runs, and may be flashed again."""
        driver, _ = await stage.greet()
        for _ in range(2):
            await stage.flash(driver)
            held = (await stage.do(driver.state)).holding(stage.image.image_hash)
            if held is None:
                raise Broken("state() names no slot that holds it")
            if not held.bootable or held.active:
                raise Broken(f"state() says of it: {held}")

    @check(Ability.INSPECTION)
    async def test_what_the_driver_says_is_what_the_hub_holds(self, stage: Stage) -> None:
        """A flashed hub really has every byte of the image in the slot that is not running."""
        driver, _ = await stage.greet()
        await stage.flash(driver)
        seen = await stage.device.inspect()
        if seen.spare_sha256 != stage.image.file_sha256:
            raise Broken("its flash has other bytes there")

    @check()
    async def test_flashing_changes_nothing_that_runs(self, stage: Stage) -> None:
        """`flash` leaves alone what runs and what the next boot will run: that is for `activate`."""
        driver, before = await stage.greet()
        running = await stage.running(driver)
        seen = await stage.device.inspect() if stage.can(Ability.INSPECTION) else None
        await stage.flash(driver)
        state = await stage.do(driver.state)
        if await stage.running(driver) != running:
            raise Broken("state() names another running image than before")
        if state.pending is not None:
            raise Broken("state() says that the next boot will run another image")
        if seen is not None and (await stage.device.inspect()).running_sha256 != seen.running_sha256:
            raise Broken("the running slot was written to")
        after = await stage.do(driver.reboot, stage.hub)
        if after.firmware != before.firmware:
            raise Broken(f"the hub ran {before.firmware}, and {after.firmware} after a boot")

    @check()
    async def test_erasing_leaves_only_what_runs(self, stage: Stage) -> None:
        """`erase` empties the slot that is not running, and nothing else."""
        driver, _ = await stage.greet()
        running = await stage.running(driver)
        await stage.flash(driver)
        await stage.do(driver.erase, stage.hub)
        if (await stage.do(driver.state)).holding(stage.image.image_hash) is not None:
            raise Broken("state() still names the image")
        if await stage.running(driver) != running:
            raise Broken("state() names another running image than before")
