"""The DFU driver, and plain devices, when what sits at the place is exchanged."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from benches.looking import until
from benches.usb_bench import HUB, TARGET, TARGET_IMAGE, Authority, expected, make_hub, open_bench
from drivers.dfu.application import CommandRefused
from drivers.dfu.plain import PlainDfuDevice
from drivers.dfu.plugin import open_port
from drivers.errors import AnotherHub, ChallengeVoid, HubAction, HubRefused
from drivers.hub import UnlockChallenge
from simulators.dfu_profile import DfuProfile
from simulators.faults import Fault, FaultName
from simulators.hub import Hub
from simulators.image import find_image
from simulators.slots import ImageError, ImageRefused

QUICK = DfuProfile(off_the_bus=0.02, manifestation=0.01)
PLAIN = DfuProfile(off_the_bus=0.02, manifestation=0.01, hub_commands=False)


def ignore(_: Any) -> None:
    pass


class RefusesChallenges(Hub):
    def challenge(self) -> bytes:
        raise ImageRefused(ImageError.INVALID_SLOT)


class SignsSlowly(Authority):
    """Meanwhile hands do something."""

    def __init__(self, hands: Any) -> None:
        super().__init__()
        self._hands = hands

    async def sign(self, challenge: UnlockChallenge) -> bytes:
        await self._hands()
        return await super().sign(challenge)


async def test_a_refused_challenge_is_no_wrong_answer() -> None:
    async with open_bench() as bench:
        hub = make_hub(kind=RefusesChallenges)
        bench.seat_hub(hub)
        async with bench.driver() as driver:
            await driver.wait_for_hub()
            authority = Authority()
            with pytest.raises(HubRefused) as caught:
                await driver.unlock(HUB, authority)
            assert type(caught.value) is CommandRefused
            assert authority.signed == 0
        assert hub.lock.wrong_answers == 0


async def test_a_challenge_that_was_left_too_long_is_void_and_not_wrong() -> None:
    async with open_bench() as bench:
        seated = bench.seat()
        async with bench.driver() as driver:
            await driver.wait_for_hub()

            async def let_it_age() -> None:
                seated.hub.lock._nonce_until = 0.0

            with pytest.raises(ChallengeVoid):
                await driver.unlock(HUB, SignsSlowly(let_it_age))
        assert seated.hub.lock.wrong_answers == 0


async def test_a_hub_that_boots_while_its_challenge_is_signed_gets_no_answer() -> None:
    async with open_bench() as bench:
        seated = bench.seat()
        async with bench.driver() as driver:
            await driver.wait_for_hub()

            async def nudge() -> None:
                await seated.power_off()
                seated.power_on()
                await bench.until_on_the_bus()

            with pytest.raises(ChallengeVoid, match="booted while its challenge was signed"):
                await driver.unlock(HUB, SignsSlowly(nudge))
        assert seated.hub.lock.wrong_answers == 0


async def test_a_hub_that_comes_back_from_detaching_in_place_of_another_is_not_downloaded_to() -> None:
    async with open_bench() as bench:
        first = bench.seat(profile=DfuProfile(off_the_bus=0.5))
        second = make_hub(2)
        async with bench.driver() as driver:
            await driver.wait_for_hub()
            unlocking = asyncio.create_task(driver.unlock(HUB, Authority()))
            await until(lambda: bench.server.ports["1-1"].record is None)
            await first.power_off()
            bench.seat_hub(second)
            with pytest.raises(AnotherHub) as caught:
                await unlocking
            assert not caught.value.state_known
            with pytest.raises(AnotherHub):
                await driver.flash(HUB, TARGET_IMAGE, ignore)
        assert second.lock.wrong_answers == 0
        assert second.boots == 1
        assert find_image(second.layout.secondary) is None


async def test_a_hub_in_dfu_mode_is_asked_right_before_its_reset() -> None:
    async with open_bench() as bench:
        seated = bench.seat(profile=QUICK)
        async with bench.driver() as driver:
            hub = await driver.wait_for_hub()
            await driver.unlock(HUB, Authority())  # which leaves it in DFU mode
            with pytest.raises(AnotherHub) as caught:
                await driver._boot(expected(2), hub.boots, HubAction.REBOOT)
            assert not caught.value.state_known
            assert seated.hub.boots == hub.boots
            assert seated.hub.lock.is_open


async def test_a_hub_that_came_with_another_name_from_its_boot_is_not_activated() -> None:
    async with open_bench() as bench:
        seated = bench.seat(profile=QUICK)
        async with bench.driver() as driver:
            await driver.wait_for_hub()
            await driver.unlock(HUB, Authority())
            await driver.flash(HUB, TARGET_IMAGE, ignore)
            seated.faults.arm(Fault(name=FaultName.ANOTHER_HUB))
            with pytest.raises(AnotherHub) as caught:
                await driver.activate(HUB, TARGET_IMAGE)
            assert not caught.value.state_known
            with pytest.raises(AnotherHub) as caught:
                await driver.activate(HUB, TARGET_IMAGE)  # which runs there by now
            assert caught.value.state_known


async def test_a_plain_device_that_was_unplugged_since_it_was_met_is_refused() -> None:
    async with open_bench() as bench:
        seated = bench.seat_hub(make_hub(), profile=PLAIN)
        await bench.until_on_the_bus()
        device = PlainDfuDevice(await open_port("1-1", bench.settings()))
        try:
            await device.meet(HubAction.IDENTIFY)
            await seated.power_off()
            other = make_hub(2)
            bench.seat_hub(other, profile=PLAIN)
            await bench.until_on_the_bus()
            with pytest.raises(AnotherHub, match="unplugged since") as caught:
                await device.flash(TARGET, ignore)
            assert caught.value.state_known
        finally:
            await device.close()
        assert find_image(other.layout.secondary) is None


async def test_a_plain_device_that_stays_is_flashed_and_started_though_it_goes_to_dfu_mode_and_back() -> None:
    async with open_bench() as bench:
        hub = make_hub()
        bench.seat_hub(hub, profile=PLAIN)
        await bench.until_on_the_bus()
        device = PlainDfuDevice(await open_port("1-1", bench.settings()))
        try:
            await device.meet(HubAction.IDENTIFY)
            await device.flash(TARGET, ignore)
            await device.restart()
        finally:
            await device.close()
        image = find_image(hub.layout.primary)
        assert image is not None
        assert image.image_hash == TARGET_IMAGE.image_hash


async def test_a_plain_device_of_another_vendor_does_not_pass_for_the_one_that_was_detached() -> None:
    async with open_bench() as bench:
        first = bench.seat_hub(make_hub(), profile=DfuProfile(off_the_bus=0.5, hub_commands=False))
        await bench.until_on_the_bus()
        device = PlainDfuDevice(await open_port("1-1", bench.settings()))
        other = make_hub(2)
        try:
            await device.meet(HubAction.IDENTIFY)
            flashing = asyncio.create_task(device.flash(TARGET, ignore))
            await until(lambda: bench.server.ports["1-1"].record is None)
            await first.power_off()
            bench.seat_hub(other, profile=DfuProfile(off_the_bus=0.02, hub_commands=False, vendor=0x1234))
            with pytest.raises(AnotherHub):
                await flashing
        finally:
            await device.close()
        assert find_image(other.layout.secondary) is None
