"""Checks of what a hub says of itself."""

from __future__ import annotations

from drivers.conformance.call import Broken
from drivers.conformance.check import Checks, check
from drivers.conformance.device import Ability
from drivers.conformance.stage import Stage, describe_running
from drivers.hub import BridgeIdentity, DeviceIdentity, HubIdentity


class IdentityChecks(Checks):
    """Who the hub is, and what it holds."""

    @check()
    async def test_a_hub_says_the_same_each_time(self, stage: Stage) -> None:
        """`wait_for_hub` and `identify` say the same of a hub that nothing happens to, and so does `state`."""
        driver, hub = await stage.greet()
        for _ in range(2):
            again = await stage.do(driver.identify)
            if again != hub:
                raise Broken(f"it said {hub}, then {again}")
        first = await stage.do(driver.state)
        second = await stage.do(driver.state)
        if first != second:
            raise Broken(f"state() said {first}, then {second}")

    @check()
    async def test_a_hub_is_itself_after_a_boot(self, stage: Stage) -> None:
        """`reboot` returns the hub that left: the same ids, model and hardware, and another boot count."""
        driver, before = await stage.greet()
        after = await stage.do(driver.reboot, stage.hub)
        if made_of(after) != made_of(before):
            raise Broken(f"{before} left and {after} came back")
        if after.boots == before.boots:
            raise Broken(f"its boots are still {after.boots}")
        if await stage.do(driver.identify) != after:
            raise Broken("identify() then says something else")

    @check(Ability.LOCK)
    async def test_identity_and_state_are_told_while_locked(self, stage: Stage) -> None:
        """`identify` and `state` are answered by a hub whose lock is closed, and its identity says that it is."""
        driver, hub = await stage.greet()
        if not hub.locked:
            raise Broken("a hub that was just seated says that it is open (`cannot` has no Ability.LOCK)")
        await stage.do(driver.identify)
        await stage.do(driver.state)

    @check()
    async def test_state_names_what_runs(self, stage: Stage) -> None:
        """`state` names the one image that runs, as confirmed, and nothing as pending, on a hub left alone."""
        driver, _ = await stage.greet()
        state = await stage.do(driver.state)
        _, _, image_hash, confirmed = describe_running(state)
        if sum(slot.active for slot in state.slots) != 1:
            raise Broken(f"it names {sum(slot.active for slot in state.slots)} images as running")
        if not confirmed or state.pending is not None:
            raise Broken("the next boot would change what runs")
        if image_hash is None or image_hash == stage.image.image_hash:
            raise Broken(f"the running image's hash is {image_hash!r}")


def made_of(hub: DeviceIdentity) -> tuple[object, ...]:
    """Return what stays the same of a hub whatever it runs."""
    match hub:
        case HubIdentity():
            return hub.ids, hub.model, hub.hardware_version, hub.variant
        case BridgeIdentity():
            return hub.ids, hub.model, hub.hardware_version
