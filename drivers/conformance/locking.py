"""Checks of the lock: what it forbids, how it is opened, and that an answer is never wasted."""

from __future__ import annotations

from drivers.conformance.call import Broken
from drivers.conformance.check import Checks, check
from drivers.conformance.device import Ability
from drivers.conformance.stage import Stage, Told
from drivers.errors import DriverError, HubAction, HubLocked, UnlockAuthorityFailed, UnlockRefused
from drivers.hub import HubDriver, UnlockAuthority, UnlockChallenge


class _Recorder:
    """An authority that remembers what it was asked to sign."""

    def __init__(self, authority: UnlockAuthority) -> None:
        self._authority = authority
        self.challenges: list[UnlockChallenge] = []

    async def sign(self, challenge: UnlockChallenge) -> bytes:
        """Sign as the other one does."""
        self.challenges.append(challenge)
        return await self._authority.sign(challenge)


class _Truncating:
    """An authority whose signatures are too short."""

    async def sign(self, _: UnlockChallenge) -> bytes:
        """Return a few bytes."""
        return bytes(7)


class _Failing:
    """An authority that cannot sign."""

    async def sign(self, _: UnlockChallenge) -> bytes:
        """Raise what an authority may."""
        raise UnlockAuthorityFailed("no key today", action=HubAction.UNLOCK, state_known=True)


class LockingChecks(Checks):
    """Of devices with a lock."""

    @check(Ability.LOCK)
    async def test_a_locked_hub_is_not_flashed(self, stage: Stage) -> None:
        """`flash` raises HubLocked while the lock is closed, having written nothing."""
        driver, _ = await stage.greet()
        await _refuses(
            stage, driver, await stage.refused(HubLocked, driver.flash, stage.hub, stage.image, Told())
        )

    @check(Ability.LOCK)
    async def test_a_locked_hub_is_not_erased(self, stage: Stage) -> None:
        """`erase` raises HubLocked while the lock is closed, having erased nothing."""
        driver, _ = await stage.greet()
        await stage.flash(driver)
        await stage.do(driver.reboot, stage.hub)
        await stage.refused(HubLocked, driver.erase, stage.hub)
        if (await stage.do(driver.state)).holding(stage.image.image_hash) is None:
            raise Broken("the image in the other slot is gone")

    @check(Ability.LOCK)
    async def test_a_wrong_answer_is_given_once(self, stage: Stage) -> None:
        """A wrong signature is one UnlockRefused for one challenge: `unlock` never tries by itself again."""
        driver, _ = await stage.greet()
        wrong = _Recorder(stage.device.wrong_authority())
        await stage.refused(UnlockRefused, driver.unlock, stage.hub, wrong)
        if len(wrong.challenges) != 1:
            raise Broken(f"{len(wrong.challenges)} signatures were asked for")
        await _wrong_answers(stage, 1)
        if not (await stage.do(driver.identify)).locked:
            raise Broken("the hub says that it is open")
        right = _Recorder(stage.device.authority())
        await stage.do(driver.unlock, stage.hub, right)
        if right.challenges[0].nonce == wrong.challenges[0].nonce:
            raise Broken("the next call had the same challenge signed")

    @check(Ability.LOCK)
    async def test_one_challenge_is_signed_and_an_open_hub_is_left_alone(self, stage: Stage) -> None:
        """`unlock` has one challenge of this very hub signed and opens it; a hub that is open is asked nothing."""
        driver, hub = await stage.greet()
        authority = _Recorder(stage.device.authority())
        await stage.do(driver.unlock, stage.hub, authority)
        if [(asked.device_id, asked.model) for asked in authority.challenges] != [(hub.device_id, hub.model)]:
            raise Broken(f"these were to be signed: {authority.challenges}")
        if (await stage.do(driver.identify)).locked:
            raise Broken("the hub says that it is locked")
        await stage.do(driver.unlock, stage.hub, authority)
        if len(authority.challenges) != 1:
            raise Broken("a second signature was asked for when the hub was open")

    @check(Ability.LOCK)
    async def test_a_hub_locks_itself_at_every_boot(self, stage: Stage) -> None:
        """A hub that was unlocked is locked after `reboot`, and says so."""
        driver, _ = await stage.greet()
        await stage.unlock(driver)
        if not (await stage.do(driver.reboot, stage.hub)).locked:
            raise Broken("it came back open")

    @check(Ability.LOCK)
    async def test_a_signature_of_another_length_is_never_sent(self, stage: Stage) -> None:
        """A signature that has not 64 bytes is an UnlockAuthorityFailed, and no answer for the hub to count."""
        driver, _ = await stage.greet()
        await stage.refused(UnlockAuthorityFailed, driver.unlock, stage.hub, _Truncating())
        await _wrong_answers(stage, 0)
        await stage.unlock(driver)

    @check(Ability.LOCK)
    async def test_an_authority_that_fails_costs_the_hub_nothing(self, stage: Stage) -> None:
        """What an authority raises comes out of `unlock` as it is, and the hub counts no wrong answer."""
        driver, _ = await stage.greet()
        await stage.refused(UnlockAuthorityFailed, driver.unlock, stage.hub, _Failing())
        await _wrong_answers(stage, 0)
        await stage.unlock(driver)


async def _refuses(stage: Stage, driver: HubDriver, error: DriverError) -> None:
    if not error.state_known:
        raise Broken("its state_known is False, though nothing was written")
    if (await stage.do(driver.state)).holding(stage.image.image_hash) is not None:
        raise Broken("the hub holds the image")
    if stage.can(Ability.INSPECTION) and (await stage.device.inspect()).spare_sha256 is not None:
        raise Broken("there is an image in the slot that is not running")


async def _wrong_answers(stage: Stage, expected: int) -> None:
    if stage.can(Ability.INSPECTION):
        counted = (await stage.device.inspect()).wrong_unlock_answers
        if counted not in {None, expected}:
            raise Broken(f"the hub has counted {counted} wrong answers")
