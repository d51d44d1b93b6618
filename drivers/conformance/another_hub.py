"""Checks that no hub but the one that is meant is ever changed: hands exchange hubs at any moment."""

from __future__ import annotations

from typing import Final

import pytest

from drivers.conformance.call import Broken
from drivers.conformance.check import Checks, check
from drivers.conformance.device import Ability, Difference
from drivers.conformance.preparation import arguments_of, authority_of, prepare
from drivers.conformance.stage import NotShown, Stage
from drivers.errors import AnotherHub, DriverError
from drivers.hub import HubDriver, UnlockAuthority, UnlockChallenge
from firmware_catalog.devices import Family

_TOLD_WHICH: Final = ("unlock", "flash", "activate", "verify", "confirm", "reboot", "erase")
_CHANGING: Final = ("unlock", "flash", "activate", "confirm", "reboot", "erase")


class _Exchanging:
    """An authority that takes its time: meanwhile another hub is seated."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._authority = authority_of(stage)

    async def sign(self, challenge: UnlockChallenge) -> bytes:
        """Sign as the hub that has left would accept it."""
        await self._stage.device.exchange(Difference.IDS)
        return await self._authority.sign(challenge)


class AnotherHubChecks(Checks):
    """Which hub is meant is said, and any other is left alone."""

    @pytest.mark.parametrize("difference", [Difference.IDS, Difference.GPF, Difference.MODEL])
    @check(Ability.EXCHANGE)
    async def test_another_hub_is_refused_before_it_is_changed(
        self, stage: Stage, difference: Difference
    ) -> None:
        """Each method that is told which hub is meant raises AnotherHub for any other, and changes nothing of it."""
        if difference is not Difference.IDS:
            stage.need(Ability.TWINS)
        driver, hub = await stage.greet()
        if difference is Difference.GPF and hub.ids.kind.family is Family.BRIDGE:  # which has none
            difference = Difference.TYPE
        await stage.flash(driver)
        await stage.device.exchange(difference)
        driver, _ = await stage.welcome_back(driver)
        for method in _TOLD_WHICH:
            await _refuses(stage, driver, method)

    @check(Ability.EXCHANGE)
    async def test_what_another_hub_runs_is_no_success(self, stage: Stage) -> None:
        """`activate`, `verify` and `confirm` raise AnotherHub when another hub runs the image, also if confirmed."""
        driver, _ = await stage.greet()
        await stage.activate(driver)
        await stage.do(driver.confirm, stage.hub, stage.image)
        await stage.device.exchange(Difference.IDS)
        driver, _ = await stage.welcome_back(driver)
        for method in ("activate", "verify", "confirm"):
            await _refuses(stage, driver, method)

    @check(Ability.LOCK, Ability.EXCHANGE)
    async def test_a_hub_that_comes_while_one_is_signed_for_gets_no_answer(self, stage: Stage) -> None:
        """`unlock` asks again who is there before it answers: another hub gets no signature, AnotherHub is raised."""
        driver, _ = await stage.greet()
        authority: UnlockAuthority = _Exchanging(stage)
        await stage.refused(DriverError, driver.unlock, stage.hub, authority)
        await _is_as_it_was(stage, "unlock")

    @check(Ability.EXCHANGE)
    async def test_an_upload_does_not_go_on_with_another_hub(self, stage: Stage) -> None:
        """`flash` halfway through when the hub is exchanged ends in a DriverError, and writes nothing to the other."""
        driver, _ = await stage.greet()
        flashing = await stage.flash_halfway(driver)
        await stage.device.exchange(Difference.IDS)
        error = await flashing.refusal(DriverError)
        await _is_as_it_was(stage, "flash")
        if error.state_known:
            raise Broken("its state_known is True, though a part of the image was written to the first hub")

    @pytest.mark.parametrize("method", _CHANGING)
    @check(Ability.EXCHANGE_WITHIN)
    async def test_nothing_is_said_twice_to_another_hub(self, stage: Stage, method: str) -> None:
        """A method whose hub is exchanged as it is told to change ends in a DriverError, and does not tell the other."""
        if method == "unlock":
            stage.need(Ability.LOCK)
        driver, _ = await stage.greet()
        await prepare(stage, driver, method)
        await stage.device.exchange_at_next_change()
        call = stage.begin(getattr(driver, method), *arguments_of(stage, method))
        try:
            await call.result()
        except Broken:
            error = await call.refusal(DriverError)
        else:
            if (await stage.do(driver.identify)).device != stage.hub:
                raise Broken(f"{method}() returned as if nothing had happened")
            raise NotShown(f"exchange within: {method}() tells this hub nothing that would change it")
        await _is_as_it_was(stage, method)
        if error.state_known:
            raise Broken(f"the {type(error).__name__} has state_known True, though the first hub was told")


async def _refuses(stage: Stage, driver: HubDriver, method: str) -> None:
    error = await stage.refused(AnotherHub, getattr(driver, method), *arguments_of(stage, method))
    await _is_as_it_was(stage, method)
    if not error.state_known:
        raise Broken(f"the AnotherHub of {method}() has state_known False, though no hub was told anything")


async def _is_as_it_was(stage: Stage, method: str) -> None:
    """See that the hub that was put in was told nothing that would change it."""
    if stage.can(Ability.INSPECTION) and (changes := (await stage.device.inspect()).changes):
        raise Broken(f"{method}() told the other hub {changes} times to change something")
