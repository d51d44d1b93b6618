"""The SMP hub driver through a hub's whole life, and its faults, on simulated rigs at line rate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from benches.rig_process import RigSlot, rig_slots
from drivers.errors import (
    AnotherHub,
    HubDidNotReturn,
    HubInSerialRecovery,
    HubLocked,
    HubLockedOut,
    HubRefused,
    ImageMismatch,
    ImageUnsuitable,
    LinkLost,
    LinkStalled,
    NoAnswer,
    PlaceUnavailable,
    TransferIncomplete,
    UnlockAuthorityFailed,
    UnlockRefused,
    UploadRejected,
)
from drivers.hub import DriverPlugin, ExpectedDevice, HubDriver
from drivers.smp.plugin import PLUGIN
from firmware_catalog.identity import FirmwareVersion


def ignore(_progress) -> None:
    pass


@pytest.fixture(scope="module")
def slots(tmp_path_factory) -> Iterator[Iterator[RigSlot]]:
    with rig_slots(tmp_path_factory.mktemp("rig"), jigs=5, slots=8) as slots:
        yield slots


@pytest.fixture
def slot(slots) -> RigSlot:
    return next(slots)


@asynccontextmanager
async def on(slot: RigSlot, **settings) -> AsyncIterator[tuple[HubDriver, ExpectedDevice]]:
    """Give a driver whose hub, which is meant, has answered."""
    async with slot.driver(**settings) as driver:
        hub = await driver.wait_for_hub()
        yield driver, hub.device


async def ready(slot, driver, meant, image) -> None:
    """Have the image in the hub's other slot."""
    await driver.unlock(meant, slot.authority)
    await driver.flash(meant, image, ignore)


@pytest.mark.parametrize("profile", ["default", "zephyr", "one-buffer", "sparse"])
async def test_the_whole_life_of_a_hub(tmp_path, profile):
    with rig_slots(tmp_path, "--profile", profile) as slots:
        slot = next(slots)
        image = slot.image()

        async with on(slot) as (driver, meant):
            found = await driver.identify()
            assert found.locked
            assert str(found.firmware) == "00010120"
            with pytest.raises(HubLocked):
                await driver.flash(meant, image, ignore)
            authority = slot.authority
            await driver.unlock(meant, authority)
            await driver.unlock(meant, authority)
            assert authority.signed == 1, "an open hub is not unlocked again"
            told = []
            await driver.flash(meant, image, told.append)
            assert told[-1].sent == len(image)
            back = await driver.activate(meant, image)
            assert back.firmware == image.version
            assert back.locked
            assert back.boots == found.boots + 1
            tested = (await driver.verify(meant, image)).running
            assert tested is not None
            assert not tested.confirmed
            confirmed = await driver.confirm(meant, image)
            assert confirmed.running is not None
            assert confirmed.running.confirmed
            assert (await driver.reboot(meant)).firmware == image.version
            await driver.unlock(meant, authority)
            await driver.erase(meant)
            assert [held.slot for held in (await driver.state()).slots] == [0]
        hub = await slot.do("hub")
        assert hub["firmware"] == str(image.version)
        assert hub["image_file_sha256"] == image.file_sha256.hex()
        assert hub["wrong_unlock_answers"] == 0


async def test_a_hub_whose_buffers_are_too_small_for_its_list_is_told_so_before_anything_is_sent_to_it(
    tmp_path,
):
    with rig_slots(tmp_path, "--profile", "tight") as slots:
        slot = next(slots)

        async with on(slot) as (driver, meant):
            await driver.unlock(meant, slot.authority)
            sent = []
            with pytest.raises(
                ImageUnsuitable, match=r"of 124 bytes and needs 1\d\d to list a second image"
            ) as caught:
                await driver.flash(meant, slot.image(size=4_000), sent.append)
            assert caught.value.state_known
            assert sent == []
            assert str((await driver.reboot(meant)).firmware) == "00010120"


async def test_the_plugin_and_its_driver_keep_the_contract(slot):
    assert isinstance(PLUGIN.name, str)
    settings = PLUGIN.settings_model()
    assert all(field.description for field in type(settings).model_fields.values())

    plugin: DriverPlugin = PLUGIN
    assert plugin.name == "smp"
    async with on(slot) as (driver, _):
        assert isinstance(driver, HubDriver)
        assert driver.place == slot.port
        assert driver.can_revert
        with pytest.raises(PlaceUnavailable, match="held by another program"):
            await PLUGIN.open(slot.port, settings)


async def test_an_unconfirmed_image_is_given_up_at_the_next_boot(slot):
    image = slot.image()

    async with on(slot) as (driver, meant):
        await ready(slot, driver, meant, image)
        await driver.activate(meant, image)
        assert (await driver.activate(meant, image)).firmware == image.version, "it runs: nothing is done"
        reverted = await driver.reboot(meant)
        assert str(reverted.firmware) == "00010120"
        with pytest.raises(ImageMismatch, match=r"runs 0\.1\.288 .* not 0\.2\.303"):
            await driver.verify(meant, image)
        with pytest.raises(ImageMismatch):
            await driver.confirm(meant, image)


async def test_an_image_that_crashes_reverts_by_itself_and_the_hub_comes_back_as_it_was(slot):
    image = slot.image(model="OTHER")

    async with on(slot) as (driver, meant):
        await ready(slot, driver, meant, image)
        assert str((await driver.activate(meant, image)).firmware) == "00010120"


async def test_activating_what_the_hub_does_not_hold_is_refused_before_the_boot(slot):
    async with on(slot) as (driver, meant):
        before = await driver.identify()
        with pytest.raises(ImageMismatch, match="flash it first"):
            await driver.activate(meant, slot.image())
        assert (await driver.identify()).boots == before.boots


async def test_a_locked_hub_activates_and_erases_nothing(slot):
    image = slot.image()

    async with on(slot) as (driver, meant):
        await ready(slot, driver, meant, image)
        await driver.reboot(meant)
        with pytest.raises(HubLocked):
            await driver.activate(meant, image)
        with pytest.raises(HubLocked):
            await driver.erase(meant)


async def test_wrong_answers_are_told_apart_from_a_hub_that_takes_none(slot):
    async with on(slot) as (driver, meant):
        for _ in range(3):
            authority = slot.foreign_authority
            with pytest.raises(UnlockRefused) as refused:
                await driver.unlock(meant, authority)
            assert authority.signed == 1
            assert refused.value.state_known
        with pytest.raises(HubLockedOut):
            await driver.unlock(meant, slot.authority)


async def test_a_signature_of_another_length_is_never_sent(slot):
    class Broken:
        async def sign(self, challenge) -> bytes:
            return challenge.nonce

    async with on(slot) as (driver, meant):
        with pytest.raises(UnlockAuthorityFailed):
            await driver.unlock(meant, Broken())
        assert (await slot.do("hub"))["wrong_unlock_answers"] == 0


async def test_an_image_that_is_too_large_is_refused_in_the_hubs_own_words(slot):
    image = slot.image(size=600_000)

    async with on(slot) as (driver, meant):
        await driver.unlock(meant, slot.authority)
        with pytest.raises(UploadRejected) as refused:
            await driver.flash(meant, image, ignore)
        assert refused.value.device_code is not None


async def test_another_hub_that_comes_back_is_noticed(slot):
    image = slot.image()

    async with on(slot) as (driver, meant):
        await ready(slot, driver, meant, image)
        await slot.fault("another_hub")
        with pytest.raises(AnotherHub) as caught:
            await driver.activate(meant, image)
        assert not caught.value.state_known


async def test_a_hub_in_serial_recovery_is_recognised_everywhere(slot):
    image = slot.image()

    async with on(slot) as (driver, meant):
        await ready(slot, driver, meant, image)
        await slot.fault("serial_recovery")
        for attempt in (driver.reboot(meant), driver.identify(), driver.wait_for_hub()):
            with pytest.raises(HubInSerialRecovery, match="rework"):
                await attempt
        with pytest.raises(HubInSerialRecovery):
            await driver.flash(meant, image, ignore)
        leaving = asyncio.create_task(driver.wait_for_removal(None))
        await slot.do("unseat")
        await leaving


async def test_a_hub_in_serial_recovery_leaves_it_when_told_to_boot_or_is_said_to_stay(slot):
    async with on(slot) as (driver, meant):
        asked = await driver.identify()
        assert await driver.leave_recovery() == asked, "one that says who it is is not booted"
        await slot.fault("serial_recovery", times=3)
        for leave in (driver.reboot(meant), driver.leave_recovery(), driver.leave_recovery()):
            with pytest.raises(HubInSerialRecovery):
                await leave
        assert (await driver.leave_recovery()).boots == asked.boots + 4


async def test_the_quiet_time_keeps_a_boot_loader_from_being_trapped(slot):
    image = slot.image()

    async with on(slot, quiet_after_reset_seconds=0.8) as (driver, meant):
        await ready(slot, driver, meant, image)
        await slot.fault("trap_in_recovery", seconds=0.3)
        assert (await driver.activate(meant, image)).firmware == image.version
    async with on(slot, quiet_after_reset_seconds=0.0) as (driver, meant):
        await slot.fault("trap_in_recovery", seconds=0.3)
        with pytest.raises(HubInSerialRecovery):
            await driver.reboot(meant)


async def test_a_hub_that_does_not_come_back_is_told(slot):
    async with on(slot, return_seconds=1.0) as (driver, meant):
        await slot.fault("no_answer", on="boot")
        with pytest.raises(HubDidNotReturn) as caught:
            await driver.reboot(meant)
        assert not caught.value.state_known


@pytest.mark.parametrize(
    ("fault", "fields"),
    [
        ("lose_request", {"at": 12}),
        ("drop_reply", {"at": 9, "times": 3}),
        ("delay_reply", {"at": 10, "seconds": 0.8}),
        ("duplicate_reply", {"times": 40}),
        ("foreign_reply", {"times": 40}),
        ("wrong_offset", {"at_byte": 20_000}),
        ("bit_flips", {"probability": 2e-5}),
    ],
)
async def test_an_upload_gets_through(slot, fault, fields):
    image = slot.image()

    async with on(slot, answer_seconds=0.3) as (driver, meant):
        await driver.unlock(meant, slot.authority)
        on_upload = {} if fault == "bit_flips" else {"on": "upload"}
        await slot.fault(fault, **on_upload, **fields)
        await driver.flash(meant, image, ignore)
        await slot.do("disarm")
        assert (await driver.activate(meant, image)).firmware == image.version


async def test_every_command_gets_through_lost_and_late_answers(slot):
    image = slot.image(size=10_000)

    async with on(slot, answer_seconds=0.2) as (driver, meant):
        for occasion in ("identity", "challenge", "state", "mark", "confirm", "reset"):
            await slot.fault("drop_reply", on=occasion)
            await slot.fault("duplicate_reply", on=occasion, at=2)
        await ready(slot, driver, meant, image)
        await driver.activate(meant, image)
        assert (await driver.confirm(meant, image)).running.confirmed
        await driver.unlock(meant, slot.authority)
        await slot.fault("drop_reply", on="erase")
        await driver.erase(meant)


async def test_a_lost_reset_is_ordered_again_and_a_heard_one_is_not(slot):
    async with on(slot, answer_seconds=0.2) as (driver, meant):
        before = await driver.identify()
        await slot.fault("lose_request", on="reset")
        assert (await driver.reboot(meant)).boots == before.boots + 1
        await slot.fault("drop_reply", on="reset")
        assert (await driver.reboot(meant)).boots == before.boots + 2


async def test_a_hub_that_reboots_within_an_upload_locks_itself_and_can_be_done_anew(slot):
    image = slot.image()

    async with on(slot) as (driver, meant):
        await driver.unlock(meant, slot.authority)
        await slot.fault("reboot", on="upload", at_byte=20_000)
        with pytest.raises(HubLocked) as caught:
            await driver.flash(meant, image, ignore)
        assert not caught.value.state_known
        await ready(slot, driver, meant, image)
        assert (await driver.activate(meant, image)).firmware == image.version


async def test_a_hub_taken_out_within_an_upload_falls_silent(slot):
    async with on(slot, answer_seconds=0.1, upload_attempts=2) as (driver, meant):
        await driver.unlock(meant, slot.authority)
        await slot.fault("unplug_hub", on="upload", at_byte=20_000)
        with pytest.raises(NoAnswer, match="fell silent"):
            await driver.flash(meant, slot.image(), ignore)


async def test_a_port_pulled_within_an_upload_is_lost_until_it_is_opened_anew(slot):
    async with on(slot) as (driver, meant):
        await driver.unlock(meant, slot.authority)
        await slot.fault("unplug_port", on="upload", at_byte=20_000)
        with pytest.raises(LinkLost):
            await driver.flash(meant, slot.image(), ignore)
        with pytest.raises(LinkLost):
            await driver.wait_for_hub()
        with pytest.raises(PlaceUnavailable, match="is not there"):
            await PLUGIN.open(slot.port, PLUGIN.settings_model())
        await slot.do("port", plugged=True)
        async with slot.driver() as anew:
            await anew.identify()


async def test_a_stalled_line_ends_in_a_deadline_and_works_again_once_it_flows(slot):
    async with on(slot, answer_seconds=0.1, upload_attempts=1) as (driver, meant):
        await driver.unlock(meant, slot.authority)
        await slot.fault("stall", on="upload", at_byte=20_000, seconds=1.5)
        with pytest.raises((NoAnswer, LinkStalled)):
            await driver.flash(meant, slot.image(), ignore)
        await driver.wait_for_hub()


async def test_a_hub_that_says_its_bytes_do_not_match_is_believed(slot):
    async with on(slot) as (driver, meant):
        await driver.unlock(meant, slot.authority)
        await slot.fault("lying_match")
        with pytest.raises(TransferIncomplete):
            await driver.flash(meant, slot.image(), ignore)


async def test_a_flash_fault_is_quoted(slot):
    async with on(slot) as (driver, meant):
        await driver.unlock(meant, slot.authority)
        await slot.fault("flash_fault")
        with pytest.raises(HubRefused) as caught:
            await driver.flash(meant, slot.image(), ignore)
        assert caught.value.device_code


@pytest.mark.parametrize(("fault", "kind"), [("lying_version", ImageMismatch), ("lying_hash", ImageMismatch)])
async def test_verify_believes_neither_a_wrong_version_nor_a_wrong_hash(slot, fault, kind):
    image = slot.image()

    async with on(slot) as (driver, meant):
        await ready(slot, driver, meant, image)
        await slot.fault(fault, on="boot")
        await driver.activate(meant, image)
        with pytest.raises(kind):
            await driver.verify(meant, image)
        with pytest.raises(kind):
            await driver.confirm(meant, image)
        assert not (await slot.do("hub"))["slots"][0]["confirmed"]


async def test_a_hub_is_waited_for_and_its_leaving_is_noticed(slot):
    async with on(slot) as (driver, _):
        hub = await driver.identify()
        leaving = asyncio.create_task(driver.wait_for_removal(hub))
        taken = await slot.do("hub")
        await slot.do("unseat")
        await leaving
        coming = asyncio.create_task(driver.wait_for_hub())
        await slot.do("seat", chf=taken["chf"])
        assert (await coming).chf == hub.chf


async def test_a_reseated_hub_counts_as_having_left(slot):
    async with on(slot, removal_seconds=30.0) as (driver, _):
        hub = await driver.identify()
        leaving = asyncio.create_task(driver.wait_for_removal(hub))
        await slot.fault("power_loss", seconds=0.05)
        await leaving
        # Whoever never said who it is counts as gone once somebody does.
        await driver.wait_for_hub()
        await driver.wait_for_removal(None)


async def test_cancelling_any_call_at_any_time_leaves_the_driver_usable(slot):
    image = slot.image(size=20_000)

    async with on(slot) as (driver, meant):

        async def cut(call, seconds) -> bool:
            task = asyncio.create_task(call)
            done, _ = await asyncio.wait([task], timeout=seconds)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            # Whatever was cut, the next question gets its own answer.
            await driver.wait_for_hub()
            return bool(done)

        for turn in range(1, 12):
            delay = 0.002 * turn**1.5
            await cut(driver.identify(), delay / 10)
            await cut(driver.state(), delay / 10)
            await driver.unlock(meant, slot.authority)
            await cut(driver.flash(meant, image, ignore), delay)
        await driver.unlock(meant, slot.authority)
        await driver.flash(meant, image, ignore)
        await cut(driver.activate(meant, image), 0.03)
        await cut(driver.reboot(meant), 0.1)
        assert (await driver.identify()).chf


def test_firmware_versions_are_the_images_own(slot):
    assert slot.image("1.2.303").version == FirmwareVersion.parse("0102012F")
