"""Leaving a hub as it may be left: locked, on a confirmed image, with nothing pending; or saying what is not so.

Every attempt that ends as FAILED ends here first. It needs no image and no plan, only what the hub says of itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, assert_never

from drivers.errors import DriverError, HubDidNotReturn, HubInSerialRecovery, NoAnswer
from drivers.hub import DeviceIdentity, HubDriver, HubState
from firmware_catalog.identity import FirmwareVersion
from station.attempt import failure
from station.attempt.looking import identify, insist_on
from station.domain.outcome import Stage

MAX_SETTLING_BOOTS: Final = 3
"""Boots ordered to bring a hub back to a confirmed image: one consumes a pending swap, one reverts, one to spare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """How a hub was left."""

    hub: DeviceIdentity
    """As it last said."""
    read_back: FirmwareVersion | None
    """What it last said that it runs; None if it said nothing."""
    state: HubState | None
    """What it last said that it holds; None if it said nothing of it."""
    at_once: bool
    """It ran a confirmed image, with nothing pending, before any boot was ordered."""
    did_not_revert: bool
    """It answers, can go back, and yet runs an unconfirmed image or has one pending."""
    unsettled: str | None
    """What is not as it should be, to follow "the hub"; None if nothing is."""


async def settle(
    driver: HubDriver,
    hub: DeviceIdentity,
    *,
    present: Callable[[], bool | None],
    leave_recovery: Callable[[], Awaitable[bool]],
    may_stay: Callable[[bytes | None], bool] = lambda _: True,
) -> Settled:
    """Boot the hub, if need be, until it may be left as it is.

    `may_stay` says of an image whether the hub may be left running it; a confirmed one cannot be taken back. A hub that
    does not say what it holds is booted once. Raises the DriverError that puts the hub out of reach, or that another
    one answers: nothing is known of this one then.
    """
    seen, answered, boots, at_once = hub, False, 0, False
    state: HubState | None = None
    lacking: str | None = None
    try:
        while True:
            state = None
            try:
                seen = await identify(driver, hub.device)
                answered = True
                state = await _state(driver)
                lacking = lacking_of(seen, state, can_revert=driver.can_revert)
                at_once = at_once or (boots == 0 and is_settled(state))
                limit = MAX_SETTLING_BOOTS if state and state.running else 1
                if not _would_help(seen, state, can_revert=driver.can_revert) or boots >= limit:
                    break
                boots += 1
                seen = insist_on(hub.device, await driver.reboot(hub.device), driver)
            except HubInSerialRecovery:
                if not await leave_recovery():
                    raise
                boots += 1
    except HubInSerialRecovery:
        lacking = "runs no firmware"
    except DriverError as error:
        if failure.leaves_open(error, present=present()):
            raise
        silent = isinstance(error, NoAnswer | HubDidNotReturn)
        lacking = "no longer answers" if silent else lacking or "does not say who it is"
    if lacking is None and state is not None and state.running and not may_stay(state.running.image_hash):
        lacking = f"runs {seen.firmware}, which may not stay"
    return Settled(
        hub=seen,
        read_back=seen.firmware if answered else None,
        state=state,
        at_once=at_once,
        did_not_revert=state is not None
        and not is_settled(state)
        and not keeps_untried(state)
        and driver.can_revert,
        unsettled=lacking,
    )


async def _state(driver: HubDriver) -> HubState | None:
    """Ask what the hub holds; None of one that does not say."""
    try:
        return await driver.state()
    except HubInSerialRecovery:
        raise
    except DriverError as error:
        if failure.is_out_of_reach(error):
            raise
        return None


def is_settled(state: HubState | None) -> bool:
    """Whether the next boot would change nothing: a confirmed image runs, and none is pending."""
    return (
        state is not None and state.running is not None and state.running.confirmed and state.pending is None
    )


def keeps_untried(state: HubState | None) -> bool:
    """Whether the next boot would bring another image for good, which nobody has tried: there is no way back from it."""
    return state is not None and state.pending is not None and state.pending.permanent


def _would_help(hub: DeviceIdentity, state: HubState | None, *, can_revert: bool) -> bool:
    """Whether a boot may bring the hub nearer to being settled."""
    if state is None or state.running is None:
        return True
    if is_settled(state):
        return not hub.locked
    if keeps_untried(state):
        return False
    # A device that cannot go back would only be driven further on.
    return can_revert or (state.pending is None and not hub.locked)


def may_lack(stage: Stage, version: FirmwareVersion) -> str | None:
    """Say what may not be as it should of a hub that never came back from a stage in which it was to get this version.

    To follow "the hub"; None for one that had not been touched.
    """
    match stage:
        case Stage.DETECT | Stage.IDENTIFY | Stage.AUTHORISE:
            return None
        case Stage.UNLOCK | Stage.FLASH:
            return "may be unlocked"
        case Stage.ACTIVATE | Stage.VERIFY | Stage.CONFIRM:
            return f"may be unlocked, or run {version} unconfirmed"
        case Stage.CHECK:
            return f"may be unlocked, and {version} was not read back"
        case _:
            assert_never(stage)


def lacking_of(hub: DeviceIdentity, state: HubState | None, *, can_revert: bool) -> str | None:
    """Say what of a hub is not as it may be left, to follow "the hub"; None if nothing is."""
    lacking = [] if hub.locked else ["is not locked"]
    if state is None:
        lacking.append("does not say what it holds")
    elif state.running is None:
        lacking.append("names no running image")
    elif state.pending is not None:
        for_good = "for good " if state.pending.permanent else ""
        lacking.append(f"would run {state.pending.version} {for_good}from its next boot on")
    elif not state.running.confirmed:
        cannot = "" if can_revert else " and cannot go back"
        lacking.append(f"runs {state.running.version} unconfirmed{cannot}")
    return " and ".join(lacking) or None
