"""The DFU driver and a hub on a simulated USB: the whole life, and the ways in which it goes wrong."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import usb.core
from cryptography.hazmat.primitives.asymmetric import ec

from benches.descriptor_limits import descriptors_left
from benches.looking import until
from benches.usb_bench import (
    FACTORY,
    HUB,
    MANUFACTURER,
    MODEL,
    TARGET,
    TARGET_IMAGE,
    Authority,
    Bench,
    SeatedHub,
    firmware,
    make_hub,
    open_bench,
)
from drivers.dfu import presence
from drivers.dfu.driver import DfuHubDriver
from drivers.dfu.errors import NoBootableFirmware
from drivers.dfu.plugin import PLUGIN, DfuPlugin
from drivers.dfu.settings import DfuSettings
from drivers.dfu.transfers import translate
from drivers.dfu.work import Work
from drivers.errors import (
    AnotherHub,
    HubAction,
    HubDidNotReturn,
    HubLocked,
    HubLockedOut,
    ImageMismatch,
    ImageUnsuitable,
    LinkLost,
    PlaceUnavailable,
    UnlockAuthorityFailed,
    UnlockRefused,
    UploadRejected,
)
from drivers.hub import DriverPlugin, FlashProgress, HubDriver, HubIdentity, LeavesRecovery, UnlockChallenge
from firmware_catalog.image import FirmwareImage
from firmware_catalog.mcuboot import load_image
from simulators.dfu_profile import DfuProfile
from simulators.faults import Fault, FaultName, Occasion
from simulators.firmware import FirmwareSpec, make_firmware
from simulators.image import find_image
from simulators.keys import generate_key

PROFILES = {
    "usual": DfuProfile(off_the_bus=0.02, manifestation=0.01),
    "needs-a-bus-reset": DfuProfile(off_the_bus=0.02, manifestation=0.01, will_detach=False),
    "not-tolerant": DfuProfile(off_the_bus=0.02, manifestation=0.01, manifestation_tolerant=False),
    "not-tolerant-and-fast": DfuProfile(off_the_bus=0.02, manifestation=0.0, manifestation_tolerant=False),
    "no-upload-small-blocks": DfuProfile(
        off_the_bus=0.02, manifestation=0.01, can_upload=False, transfer_size=64
    ),
    "large-blocks": DfuProfile(off_the_bus=0.02, manifestation=0.01, transfer_size=4096),
}


def ignore(_: FlashProgress) -> None:
    pass


@contextlib.asynccontextmanager
async def with_hub(
    profile: DfuProfile | None = None, build: dict[str, Any] | None = None, **settings: Any
) -> AsyncIterator[tuple[DfuHubDriver, SeatedHub, Bench]]:
    """One hub in one place."""
    async with open_bench() as bench:
        seated = bench.seat(profile=profile, **(build or {}))
        async with bench.driver(**settings) as driver:
            yield driver, seated, bench


async def flash_and_confirm(driver: DfuHubDriver, image: FirmwareImage = TARGET_IMAGE) -> HubIdentity:
    hub = await driver.wait_for_hub()
    await driver.unlock(hub.device, Authority())
    await driver.flash(hub.device, image, ignore)
    await driver.activate(hub.device, image)
    await driver.verify(hub.device, image)
    await driver.confirm(hub.device, image)
    return hub


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
async def test_a_hub_is_taken_through_its_whole_life(profile: DfuProfile) -> None:
    async with with_hub(profile) as (driver, seated, _):
        told: list[FlashProgress] = []
        assert isinstance(driver, HubDriver)
        before = await driver.wait_for_hub()
        assert before.locked
        assert str(before.firmware) == "00010120"
        assert await driver.identify() == before
        await driver.unlock(HUB, Authority())
        assert not (await driver.identify()).locked
        await driver.flash(HUB, TARGET_IMAGE, told.append)
        assert told[-1] == FlashProgress(len(TARGET), len(TARGET))
        assert [progress.sent for progress in told] == sorted(progress.sent for progress in told)
        state = await driver.state()
        assert state.running is not None
        assert state.running.confirmed, "flashing alone changes nothing that runs"
        assert state.pending is None, "nor what the next boot will run"
        after = await driver.activate(HUB, TARGET_IMAGE)
        assert (after.chf, after.firmware, after.boots) == (
            before.chf,
            TARGET_IMAGE.version,
            before.boots + 1,
        )
        assert after.locked
        assert await driver.activate(HUB, TARGET_IMAGE) == after, "what runs already is not booted again"
        state = await driver.verify(HUB, TARGET_IMAGE)
        assert state.running is not None
        assert not state.running.confirmed
        await driver.confirm(HUB, TARGET_IMAGE)
        assert await driver.confirm(HUB, TARGET_IMAGE) == await driver.verify(HUB, TARGET_IMAGE)
        await driver.reboot(HUB)
        state = await driver.verify(HUB, TARGET_IMAGE)
        assert state.running is not None
        assert state.running.confirmed
        assert seated.hub.layout.primary.read(0, len(TARGET)) == TARGET


async def test_an_unconfirmed_image_is_given_up_at_the_next_boot() -> None:
    async with with_hub() as (driver, seated, _):
        await driver.wait_for_hub()
        await driver.unlock(HUB, Authority())
        await driver.flash(HUB, TARGET_IMAGE, ignore)
        await driver.activate(HUB, TARGET_IMAGE)
        await driver.reboot(HUB)
        with pytest.raises(ImageMismatch, match=r"runs 0\.1\.288"):
            await driver.verify(HUB, TARGET_IMAGE)
        with pytest.raises(ImageMismatch):
            await driver.confirm(HUB, TARGET_IMAGE)
        assert seated.hub.layout.primary.read(0, len(FACTORY)) == FACTORY
        # The image is still held, so it need not be flashed again.
        await driver.unlock(HUB, Authority())
        assert (await driver.activate(HUB, TARGET_IMAGE)).firmware == TARGET_IMAGE.version


async def test_the_other_slot_is_erased_when_it_is_told() -> None:
    async with with_hub() as (driver, seated, _):
        await driver.wait_for_hub()
        await driver.unlock(HUB, Authority())
        await driver.flash(HUB, TARGET_IMAGE, ignore)
        await driver.erase(HUB)
        assert find_image(seated.hub.layout.secondary) is None
        with pytest.raises(ImageMismatch, match="holds no image"):
            await driver.activate(HUB, TARGET_IMAGE)


async def test_a_locked_hub_takes_nothing() -> None:
    async with with_hub() as (driver, seated, _):
        await driver.wait_for_hub()
        for attempt in (driver.flash(HUB, TARGET_IMAGE, ignore), driver.erase(HUB)):
            with pytest.raises(HubLocked):
                await attempt
        assert find_image(seated.hub.layout.secondary) is None


async def test_a_wrong_unlock_answer_is_given_once_and_the_hub_backs_off_after_three() -> None:
    async with with_hub() as (driver, _, _):
        await driver.wait_for_hub()
        stranger = Authority(generate_key())
        for wrong in range(1, 4):
            with pytest.raises(UnlockRefused, match="check the unlock key"):
                await driver.unlock(HUB, stranger)
            assert stranger.signed == wrong
        with pytest.raises(HubLockedOut):
            await driver.unlock(HUB, Authority())


async def test_an_authority_that_signs_nonsense_costs_the_hub_nothing() -> None:
    class Broken:
        async def sign(self, _: UnlockChallenge) -> bytes:
            return b"short"

    async with with_hub() as (driver, seated, _):
        await driver.wait_for_hub()
        with pytest.raises(UnlockAuthorityFailed):
            await driver.unlock(HUB, Broken())
        assert seated.hub.lock.wrong_answers == 0


def foreign_image() -> FirmwareImage:
    return load_image(firmware("0.2.303", model="00000099"))


def forged_image() -> FirmwareImage:
    forger: ec.EllipticCurvePrivateKey = generate_key()
    return load_image(make_firmware(FirmwareSpec("0.2.303", MANUFACTURER, MODEL, size=20_000), forger))


@pytest.mark.parametrize(
    ("image", "error", "code"),
    [
        (foreign_image, ImageUnsuitable, "errTARGET"),
        (forged_image, UploadRejected, "errFILE"),
        (lambda: load_image(firmware("0.2.303", size=64_000)), ImageUnsuitable, "errADDRESS"),
    ],
    ids=["another-model", "not-the-makers", "too-large"],
)
async def test_a_hub_says_why_it_does_not_take_an_image(
    image: Callable[[], FirmwareImage], error: type[Exception], code: str
) -> None:
    async with with_hub() as (driver, _, _):
        await driver.wait_for_hub()
        await driver.unlock(HUB, Authority())
        with pytest.raises(error) as caught:
            await driver.flash(HUB, image(), ignore)
        assert caught.value.device_code == code
        assert caught.value.action is HubAction.FLASH
        await driver.flash(HUB, TARGET_IMAGE, ignore)


@pytest.mark.parametrize(("at", "code"), [(1, "errERASE"), (3, "errWRITE")])
async def test_worn_flash_is_named(at: int, code: str) -> None:
    async with with_hub() as (driver, seated, _):
        await driver.wait_for_hub()
        await driver.unlock(HUB, Authority())
        seated.faults.arm(Fault(name=FaultName.FLASH_FAULT, at=at))
        with pytest.raises(UploadRejected, match=code):
            await driver.flash(HUB, TARGET_IMAGE, ignore)
        await driver.flash(HUB, TARGET_IMAGE, ignore)


@pytest.mark.parametrize("fault", [FaultName.POWER_LOSS_IN_WRITE, FaultName.POWER_LOSS_IN_ERASE])
async def test_a_hub_that_loses_power_while_flashed_is_back_and_whole(fault: FaultName) -> None:
    async with with_hub() as (driver, seated, _):
        hub = await driver.wait_for_hub()
        await driver.unlock(HUB, Authority())
        seated.faults.arm(Fault(name=fault, at=4, seconds=0.05))
        with pytest.raises(LinkLost) as caught:
            await driver.flash(HUB, TARGET_IMAGE, ignore)
        assert not caught.value.state_known
        again = await driver.wait_for_hub()
        assert (again.chf, again.boots, again.locked) == (hub.chf, hub.boots + 1, True)
        await flash_and_confirm(driver)


async def test_a_hub_that_is_pulled_out_while_flashed_is_missed_at_once() -> None:
    async with with_hub() as (driver, seated, _):
        await driver.wait_for_hub()
        await driver.unlock(HUB, Authority())
        seated.faults.arm(Fault(name=FaultName.UNPLUG_HUB, on=Occasion.UPLOAD, at_byte=5000))
        with pytest.raises(LinkLost, match=r"1-1 .*check its seat"):  # and no NoAnswer, which takes its time
            await driver.flash(HUB, TARGET_IMAGE, ignore)
        with pytest.raises(LinkLost, match="nothing is plugged in at 1-1"):
            await driver.identify()
        seated.power_on()
        await flash_and_confirm(driver)


async def test_a_cancelled_flash_leaves_hub_and_driver_usable() -> None:
    async with with_hub(PROFILES["no-upload-small-blocks"]) as (driver, _, _):
        await driver.wait_for_hub()
        await driver.unlock(HUB, Authority())
        begun = asyncio.Event()
        task = asyncio.create_task(driver.flash(HUB, TARGET_IMAGE, lambda _: begun.set()))
        await begun.wait()
        threads = threading.active_count()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert threading.active_count() == threads, "one thread a device, whatever happens"
        assert not (await driver.identify()).locked, "nothing was booted"
        await driver.flash(HUB, TARGET_IMAGE, ignore)
        await driver.activate(HUB, TARGET_IMAGE)


async def test_a_silent_hub_frees_its_slot_within_one_transfers_timeout() -> None:
    async with with_hub(transfer_seconds=0.5) as (driver, seated, _):
        await driver.wait_for_hub()
        seated.faults.arm(Fault(name=FaultName.LOSE_REQUEST, on=Occasion.IDENTITY, times=1))
        task = asyncio.create_task(driver.identify())
        (lost,) = seated.faults._armed[FaultName.LOSE_REQUEST]
        await until(lambda: lost._strikes_left == 0)  # it was asked, and says nothing
        task.cancel()
        await asyncio.wait([task], timeout=30)
        assert task.cancelled()
        await driver.identify()


async def test_a_hub_that_never_comes_back_is_reported() -> None:
    async with with_hub(DfuProfile(off_the_bus=3600), return_seconds=0.5) as (driver, _, _):
        await driver.wait_for_hub()
        with pytest.raises(HubDidNotReturn, match=r"1-1 left the bus and is not back after 0\.5 s") as caught:
            await driver.reboot(HUB)
        assert not caught.value.state_known


async def test_another_hub_that_comes_back_is_not_taken_for_the_one_that_left() -> None:
    async with with_hub() as (driver, seated, _):
        await driver.wait_for_hub()
        seated.faults.arm(Fault(name=FaultName.ANOTHER_HUB))
        with pytest.raises(AnotherHub):
            await driver.reboot(HUB)


async def test_a_hub_that_comes_back_without_bootable_firmware_is_for_rework() -> None:
    async with with_hub() as (driver, seated, _):
        await driver.wait_for_hub()
        seated.faults.arm(Fault(name=FaultName.SERIAL_RECOVERY, times=9))
        with pytest.raises(NoBootableFirmware, match="rework") as caught:
            await driver.reboot(HUB)
        assert caught.value.device_code == "errFIRMWARE"
        for ask in (driver.wait_for_hub, driver.identify):
            with pytest.raises(NoBootableFirmware):
                await ask()


async def test_a_hub_in_dfu_mode_without_firmware_leaves_it_when_told_to_boot_or_is_said_to_stay() -> None:
    async with with_hub() as (driver, seated, _):
        asked = await driver.wait_for_hub()
        assert isinstance(driver, LeavesRecovery)
        assert await driver.leave_recovery() == asked, "one that says who it is is not booted"
        seated.faults.arm(Fault(name=FaultName.SERIAL_RECOVERY, times=3))
        for leave in (driver.reboot(HUB), driver.leave_recovery(), driver.leave_recovery()):
            with pytest.raises(NoBootableFirmware):
                await leave
        assert (await driver.leave_recovery()).boots == asked.boots + 4


async def test_removal_is_noticed_and_reseating_and_exchange_too() -> None:
    async with with_hub() as (driver, seated, bench):
        hub = await driver.wait_for_hub()
        waiting = asyncio.create_task(driver.wait_for_removal(hub))
        done, _ = await asyncio.wait([waiting], timeout=0.5)
        assert not done, "a hub that stays is not removed"
        await seated.power_off()
        await waiting
        # Another hub takes its place before anyone looks.
        other = bench.seat_hub(make_hub(2))
        await driver.wait_for_removal(hub)
        second = await driver.wait_for_hub()
        assert second.chf != hub.chf
        # The same hub, pulled and put back at once.
        waiting = asyncio.create_task(driver.wait_for_removal(second))
        await other.power_off()
        other.power_on()
        await waiting
        await driver.wait_for_removal(None)


async def test_a_silent_hub_that_was_seated_at_once_does_not_pass_for_the_one_before() -> None:
    async with with_hub(removal_seconds=0.5, transfer_seconds=0.2) as (driver, seated, bench):
        hub = await driver.wait_for_hub()
        waiting = asyncio.create_task(driver.wait_for_removal(hub))
        await seated.power_off()
        mute = bench.seat(serial=2)
        mute.faults.arm(Fault(name=FaultName.NO_ANSWER, on=Occasion.BOOT))
        await waiting
        assert mute.hub.boots == 1

        # It never says who it is, and so its own removal is that it leaves, or that another one comes.
        waiting = asyncio.create_task(driver.wait_for_removal(None))
        done, _ = await asyncio.wait([waiting], timeout=1.5)
        assert not done
        await mute.power_off()
        third = bench.seat(serial=3)
        third.faults.arm(Fault(name=FaultName.NO_ANSWER, on=Occasion.BOOT))
        await waiting


async def test_a_hub_that_is_in_dfu_mode_already_is_taken_from_there() -> None:
    async with with_hub() as (driver, _, bench):
        await driver.wait_for_hub()
        await driver.unlock(HUB, Authority())
        record = bench.server.ports["1-1"].record
        assert record is not None
        assert record.device_descriptor[10:12] == b"\x02\x00", "it is another product now"
        await flash_and_confirm(driver)


async def test_24_hubs_at_once_take_about_as_long_as_the_slowest() -> None:
    places = [f"1-{number}" for number in range(1, 25)]

    async def life(bench: Bench, place: str) -> HubIdentity:
        async with bench.driver(place) as driver:
            return await flash_and_confirm(driver)

    async with open_bench(*places) as bench:
        for number, place in enumerate(places, 1):
            bench.seat(place, serial=number)
        seen = await asyncio.gather(*(life(bench, place) for place in places))
        assert len({hub.chf for hub in seen}) == 24
        for seated in bench.seated.values():
            image = find_image(seated.hub.layout.primary)
            assert image is not None
            assert image.image_hash == TARGET_IMAGE.image_hash
            assert not seated.hub.lock.is_open


async def test_a_place_that_is_none_or_that_nobody_serves_is_refused_with_advice() -> None:
    with pytest.raises(PlaceUnavailable, match="no USB place"):
        await PLUGIN.open("/dev/ttyUSB0", DfuSettings())
    async with open_bench() as bench:
        settings = bench.settings()
    with pytest.raises(PlaceUnavailable, match="start it, or correct usbip_host"):
        await PLUGIN.open("1-1", settings)


async def test_a_place_without_a_hub_is_taken_all_the_same_and_its_hub_is_awaited() -> None:
    async with open_bench() as bench, bench.driver() as driver:
        assert driver.place == "1-1"
        assert driver.can_revert
        waiting = asyncio.create_task(driver.wait_for_hub())
        done, _ = await asyncio.wait([waiting], timeout=0.2)
        assert not done
        seated = bench.seat()
        assert (await waiting).chf.to_bytes() == seated.hub.nameplate.chf


async def test_a_server_that_ends_is_the_loss_of_the_link() -> None:
    async with open_bench() as bench:
        bench.seat()
        settings = bench.settings()
        driver = await PLUGIN.open("1-1", settings)
        await driver.wait_for_hub()
    with pytest.raises(LinkLost, match="no USB/IP server answers"):
        await driver.wait_for_hub()
    await driver.close()
    await driver.close()


async def test_without_descriptors_a_place_cannot_be_looked_at_and_the_hub_there_stays_as_it_is() -> None:
    short = r"no more file descriptors \(\d+ allowed\): raise LimitNOFILE"

    async with open_bench() as bench, bench.driver() as driver:
        with descriptors_left(0):
            with pytest.raises(PlaceUnavailable, match=short):
                await PLUGIN.open("1-1", bench.settings())
            with pytest.raises(LinkLost, match=short):
                await driver.wait_for_hub()
        bench.seat()
        hub = await driver.wait_for_hub()
        with descriptors_left(0):
            assert await driver.identify() == hub, "what is open stays open"
            # libusb calls it so when it cannot open the device's node.
            failed = usb.core.USBError("Input/Output Error", errno=errno.EIO)
            work = Work("1-1", HubAction.ACTIVATE, 1.0, writes=True)
            assert isinstance(translate(failed, work), PlaceUnavailable)
        assert isinstance(translate(failed, work), LinkLost)
        assert await driver.reboot(HUB) != hub


async def test_a_hub_that_another_program_holds_is_not_waited_for_in_silence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(presence, "_PERMISSION_SECONDS", 0.1)

    async with open_bench() as bench:
        bench.seat()
        async with bench.driver() as holder, bench.driver() as driver:
            await holder.wait_for_hub()
            with pytest.raises(LinkLost, match="held by another program"):
                await driver.wait_for_hub()


def test_the_plugin_is_what_the_entry_point_promises() -> None:
    plugin: DriverPlugin = PLUGIN
    assert isinstance(plugin, DfuPlugin)
    assert plugin.name == "dfu"
    fields = plugin.settings_model.model_fields
    assert all(field.description and not field.is_required() for field in fields.values())
