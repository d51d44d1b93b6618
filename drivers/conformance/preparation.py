"""How a hub is made ready for a method, and what the method is called with."""

from __future__ import annotations

from drivers.conformance.device import Ability
from drivers.conformance.stage import Stage, Told
from drivers.hub import HubDriver, UnlockAuthority, UnlockChallenge


class _NoKey:
    """The authority where there is no lock to open."""

    async def sign(self, _: UnlockChallenge) -> bytes:
        """Raise: nothing is to be signed."""
        raise AssertionError("a signature was asked for, of a device without a lock")


async def prepare(stage: Stage, driver: HubDriver, method: str) -> None:
    """Have the hub ready for the method, whatever the last try has left."""
    if method == "unlock":
        if not (await stage.do(driver.identify)).locked:
            await stage.do(driver.reboot, stage.hub)
        return
    if method in {"flash", "erase"}:
        await stage.unlock(driver)
        return
    if method not in {"activate", "verify", "confirm"}:
        return
    state = await stage.do(driver.state)
    runs = state.running is not None and state.running.image_hash == stage.image.image_hash
    if method == "activate" and runs and driver.can_revert:
        await stage.do(driver.reboot, stage.hub)
        runs = False
    if runs:
        return
    await stage.unlock(driver)
    if state.holding(stage.image.image_hash) is None:
        await stage.flash(driver)
    if method != "activate":
        await stage.do(driver.activate, stage.hub, stage.image)


def arguments_of(stage: Stage, method: str) -> tuple[object, ...]:
    """Return what the method is to be called with; nothing for those that take nothing, or a hub's identity."""
    match method:
        case "unlock":
            return stage.hub, authority_of(stage)
        case "flash":
            return stage.hub, stage.image, Told()
        case "activate" | "verify" | "confirm":
            return stage.hub, stage.image
        case "reboot" | "erase":
            return (stage.hub,)
        case _:
            return ()


def authority_of(stage: Stage) -> UnlockAuthority:
    """Return one whose signatures the hub accepts, if it has a lock."""
    return stage.device.authority() if stage.can(Ability.LOCK) else _NoKey()
