"""Checks of the two methods that wait for hands: for a hub to come, and for it to go."""

from __future__ import annotations

from typing import Final

import pytest

from drivers.conformance.call import Broken
from drivers.conformance.check import Checks, check
from drivers.conformance.device import Ability
from drivers.conformance.stage import Stage

_A_WHILE: Final = 0.3
"""Seconds in which a wait that ends for no reason would have ended."""


class WaitingChecks(Checks):
    """A jig without an I/O board knows presence by these alone."""

    @check(Ability.REMOVAL)
    async def test_a_hub_is_waited_for(self, stage: Stage) -> None:
        """`wait_for_hub` waits, without end, while no hub sits in the place, and returns the one that is seated."""
        driver, hub = await stage.greet()
        await stage.device.remove()
        waiting = stage.begin(driver.wait_for_hub)
        await waiting.run_for(_A_WHILE)
        if waiting.is_over:
            await waiting.result()
            raise Broken("it returned a hub from an empty seat")
        await stage.device.seat()
        if (await waiting.result()).device_id != hub.device_id:
            raise Broken("it returned another hub")

    @check(Ability.REMOVAL)
    async def test_a_removal_is_noticed(self, stage: Stage) -> None:
        """`wait_for_removal` waits while the hub sits there, and returns once it has been taken out."""
        driver, hub = await stage.greet()
        waiting = stage.begin(driver.wait_for_removal, hub)
        await waiting.run_for(_A_WHILE)
        if waiting.is_over:
            await waiting.result()
            raise Broken("it returned while the hub sat there")
        await stage.device.remove()
        await waiting.result()

    @check(Ability.REMOVAL)
    async def test_a_hub_that_was_reseated_counts_as_removed(self, stage: Stage) -> None:
        """`wait_for_removal` returns when the hub was taken out and put back at once: it has booted since."""
        driver, hub = await stage.greet()
        waiting = stage.begin(driver.wait_for_removal, hub)
        await waiting.run_for(0)
        await stage.device.remove()
        await stage.device.seat()
        await waiting.result()
        if (await stage.do(driver.wait_for_hub)).device_id != hub.device_id:
            raise Broken("another hub answered then")

    @pytest.mark.parametrize("ability", [Ability.REFUSAL, Ability.NOISE])
    @check(Ability.REMOVAL)
    async def test_a_hub_that_says_nothing_of_use_is_still_there(
        self, stage: Stage, ability: Ability
    ) -> None:
        """`wait_for_removal` neither ends nor raises while the hub refuses to answer, or answers noise."""
        stage.need(ability)
        driver, hub = await stage.greet()
        await (stage.device.refuse() if ability is Ability.REFUSAL else stage.device.garble())
        waiting = stage.begin(driver.wait_for_removal, hub)
        await waiting.run_for(_A_WHILE)
        if waiting.is_over:
            await waiting.result()
            raise Broken("it returned while the hub sat there")
        await stage.device.remove()
        await waiting.result()

    @check()
    async def test_the_removal_of_nobody_is_over_when_somebody_answers(self, stage: Stage) -> None:
        """`wait_for_removal(None)`, for a hub that never said who it is, returns once one does."""
        driver, _ = await stage.greet()
        await stage.do(driver.wait_for_removal, None)
