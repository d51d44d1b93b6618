"""Each fault of the catalogue, seen from the host by a client that knows nothing of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import cbor2
import pytest
from smpclient.generics import success
from smpclient.requests.image_management import ImageStatesRead, ImageStatesWrite, ImageUploadWrite
from smpclient.requests.os_management import EchoWrite, ResetWrite

from benches.sim_bench import (
    CHF,
    NEW,
    OLD,
    Client,
    build,
    client_of,
    hub_at_work,
    image,
    make_hub,
    rig_of,
    tlv_hash,
    until,
    until_mode,
)
from simulators.faults import Fault, FaultName, Occasion
from simulators.flash import FlashTiming
from simulators.hub import Mode
from simulators.slot import Slot, SlotError

ECHO = EchoWrite(d="there?")
QUICK = 0.25
"""Seconds in which an answer would have come."""


def arm(slot: Slot, name: FaultName, **fields: object) -> None:
    slot.faults.arm(Fault(name=name, **fields))


def piece(offset: int, length: int = 500) -> ImageUploadWrite:
    file = image(NEW)
    first = {"len": len(file)} if offset == 0 else {}
    return ImageUploadWrite(off=offset, data=file[offset : offset + length], **first)


async def silent(client: Client, request: object = ECHO) -> bool:
    try:
        await client.request(request, timeout_s=QUICK)
    except TimeoutError:
        return True
    return False


async def boot(slot: Slot, client: Client, mode: Mode = Mode.APPLICATION) -> None:
    assert slot.hub is not None
    boots = slot.hub.boots
    await client.request(ResetWrite())
    await until_mode(slot, mode, boots + 1)


@pytest.mark.parametrize("name", [FaultName.UNPLUG_HUB, FaultName.POWER_LOSS, FaultName.REBOOT])
async def test_power_goes_at_a_byte_of_the_upload_and_comes_back(tmp_path: Path, name: FaultName) -> None:
    async with hub_at_work(tmp_path) as (slot, client):
        arm(slot, name, on=Occasion.UPLOAD, at_byte=1000, seconds=0.05)
        await client.unlock()
        assert (await client.request(piece(0))).off == 500
        assert (await client.request(piece(500))).off == 1000
        assert await silent(client, piece(1000))
        await until_mode(slot, Mode.APPLICATION, boots=2)
        plate = await client.identity()
        assert (plate["chf"], plate["boots"], plate["locked"]) == (CHF, 2, True)


async def test_a_hub_unplugged_for_good_stays_away_until_it_is_seated(tmp_path: Path) -> None:
    async with hub_at_work(tmp_path) as (slot, client):
        hub = slot.hub
        assert hub is not None
        arm(slot, FaultName.UNPLUG_HUB, on=Occasion.OTHER)
        assert await silent(client)
        assert not slot.is_occupied
        assert hub.mode is Mode.OFF
        slot.seat(hub)
        await until_mode(slot, Mode.APPLICATION, boots=2)
        assert not await silent(client)


async def test_a_loose_hub_comes_back_by_itself_unless_it_is_picked_up(tmp_path: Path) -> None:
    async with rig_of(tmp_path, make_hub(), slots=2) as rig:
        first, second = rig.slot(1, 1), rig.slot(1, 2)
        hub = await until_mode(first, Mode.APPLICATION)
        first.perform(Fault(name=FaultName.UNPLUG_HUB, seconds=0.02))
        first.power(on=False)
        first.power(on=True)
        assert await until_mode(first, Mode.APPLICATION, boots=2) is hub
        first.perform(Fault(name=FaultName.UNPLUG_HUB, seconds=0.02))
        assert first.unseat() is hub
        second.seat(hub)
        await until_mode(second, Mode.APPLICATION, boots=3)
        assert not first.is_occupied
        with pytest.raises(SlotError, match="jig 1 slot 1 is empty"):
            first.unseat()


async def test_an_unplugged_port_comes_back_under_its_name(tmp_path: Path) -> None:
    async with hub_at_work(tmp_path) as (slot, _):
        slot.perform(Fault(name=FaultName.UNPLUG_PORT, seconds=0.02))
        assert not slot.port.link.is_symlink()
        await until(lambda: slot.port.is_plugged)
        async with client_of(slot) as client:
            assert (await client.identity())["boots"] == 1


@pytest.mark.parametrize(
    "name", [FaultName.POWER_LOSS_IN_ERASE, FaultName.POWER_LOSS_IN_WRITE, FaultName.POWER_LOSS_IN_SWAP]
)
async def test_power_goes_in_the_middle_of_flash_work(tmp_path: Path, name: FaultName) -> None:
    async with hub_at_work(tmp_path) as (slot, client):
        await client.unlock()
        arm(slot, name, at=2, seconds=0.01)
        for offset in range(0, len(image(NEW)), 500):
            if await silent(client, piece(offset)):
                break
        else:
            await client.request(ImageStatesWrite(hash=tlv_hash(image(NEW))))
            await client.request(ResetWrite())
        in_swap = name is FaultName.POWER_LOSS_IN_SWAP
        hub = await until_mode(slot, Mode.APPLICATION, boots=3 if in_swap else 2)
        assert hub.slots.is_running(tlv_hash(image(NEW if in_swap else OLD)))


async def test_a_stalled_line_moves_again(tmp_path: Path) -> None:
    async with hub_at_work(tmp_path) as (slot, client):
        slot.perform(Fault(name=FaultName.STALL, seconds=0.4))
        assert await silent(client)
        answer = await client._transport.receive()
        assert cbor2.loads(answer[8:]) == {"r": "there?"}


async def test_requests_and_answers_are_dropped(tmp_path: Path) -> None:
    async with hub_at_work(tmp_path) as (slot, client):
        for name in (FaultName.LOSE_REQUEST, FaultName.DROP_REPLY):
            arm(slot, name)
            assert await silent(client)
            assert not await silent(client)
        arm(slot, FaultName.DROP_REPLY, on=Occasion.RESET)
        assert await silent(client, ResetWrite())
        await until_mode(slot, Mode.APPLICATION, boots=2)


async def test_answers_come_late_twice_or_from_elsewhere(tmp_path: Path) -> None:
    async with hub_at_work(tmp_path) as (slot, client):

        async def sequences(count: int) -> list[int]:
            requests = [EchoWrite(d=str(number), sequence=number) for number in (1, 2)]
            for request in requests:
                await client._transport.send(bytes(request))
            return [(await client._transport.receive())[6] for _ in range(count)]

        arm(slot, FaultName.DELAY_REPLY, seconds=0.05)
        assert await sequences(2) == [2, 1]
        arm(slot, FaultName.DUPLICATE_REPLY)
        assert await sequences(3) == [1, 1, 2]
        arm(slot, FaultName.FOREIGN_REPLY)
        assert await sequences(3) == [98, 1, 2]


async def test_an_upload_answer_lies_about_offset_and_match(tmp_path: Path) -> None:
    async with hub_at_work(tmp_path) as (slot, client):
        await client.unlock()
        arm(slot, FaultName.WRONG_OFFSET, at=2)
        assert (await client.request(piece(0))).off == 500
        assert (await client.request(piece(500))).off < 1000
        assert (await client.request(piece(0))).off == 500
        file = image(NEW)
        arm(slot, FaultName.LYING_MATCH)
        whole = {"off": 0, "data": file[:900], "len": 900, "sha": bytes(32)}
        assert await client.ask(1, 1, whole) == {"off": 900, "match": False}


async def test_a_good_answer_to_the_challenge_is_refused_once(tmp_path: Path) -> None:
    async with hub_at_work(tmp_path) as (slot, client):
        arm(slot, FaultName.REFUSE_UNLOCK)
        assert await client.unlock() == {"err": {"group": 64, "rc": 2}}
        assert await client.unlock() == {"rc": 0}


async def test_a_lock_stays_open_over_a_boot_and_closes_at_the_next(tmp_path: Path) -> None:
    async with hub_at_work(tmp_path) as (slot, client):
        arm(slot, FaultName.NEVER_RELOCKS)
        await client.unlock()
        for locked in (False, True):
            await boot(slot, client)
            assert (await client.identity())["locked"] is locked


async def test_a_hub_lies_from_one_boot_to_the_next(tmp_path: Path) -> None:
    async with hub_at_work(tmp_path) as (slot, client):

        async def told() -> tuple[int, str, bytes]:
            answer = await client.request(ImageStatesRead())
            assert success(answer)
            state = answer.images[0]
            return (await client.identity())["fw"], state.version, bytes(state.hash or b"")

        truth = 0x01000001, OLD, tlv_hash(image(OLD))
        assert await told() == truth
        arm(slot, FaultName.LYING_VERSION)
        arm(slot, FaultName.LYING_HASH, at=2)
        await boot(slot, client)
        assert await told() == (truth[0] ^ 1, OLD + ".1", truth[2])
        await boot(slot, client)
        version, text, image_hash = await told()
        assert (version, text) == truth[:2]
        assert image_hash != truth[2]
        await boot(slot, client)
        assert await told() == truth


async def test_another_hub_comes_out_of_the_boot(tmp_path: Path) -> None:
    async with hub_at_work(tmp_path) as (slot, client):
        arm(slot, FaultName.ANOTHER_HUB)
        await boot(slot, client)
        assert (await client.identity())["chf"] != CHF


async def test_a_boot_ends_in_serial_recovery(tmp_path: Path) -> None:
    async with hub_at_work(tmp_path) as (slot, client):
        arm(slot, FaultName.SERIAL_RECOVERY)
        await boot(slot, client, Mode.RECOVERY)
        assert await client.ask(64, 0) == {"rc": 8}
        await boot(slot, client)
        assert (await client.identity())["chf"] == CHF


async def test_a_frame_in_the_boot_loaders_window_traps_the_hub(tmp_path: Path) -> None:
    async with hub_at_work(tmp_path) as (slot, client):
        arm(slot, FaultName.TRAP_IN_RECOVERY, seconds=0.1, times=2)
        await boot(slot, client)  # in silence
        assert slot.hub is not None
        await client.request(ResetWrite())
        await until_mode(slot, Mode.BOOTING)
        await client._transport.send(bytes(ECHO))
        await until_mode(slot, Mode.RECOVERY)


async def test_an_application_that_is_mute_crashes_or_boots_in_a_loop(tmp_path: Path) -> None:
    async with hub_at_work(tmp_path) as (slot, client):
        arm(slot, FaultName.NO_ANSWER)
        await boot(slot, client)
        assert await silent(client)
        slot.power(on=False)
        arm(slot, FaultName.CRASH)
        slot.power(on=True)
        await until_mode(slot, Mode.APPLICATION, boots=4)
        arm(slot, FaultName.REBOOT_LOOP, times=3, seconds=0.01)
        await client.request(ResetWrite())
        await until_mode(slot, Mode.APPLICATION, boots=8)
        assert not await silent(client)


async def test_flash_that_fails_says_so(tmp_path: Path) -> None:
    async with hub_at_work(tmp_path) as (slot, client):
        await client.unlock()
        arm(slot, FaultName.FLASH_FAULT)
        assert (await client.ask(1, 1, {"off": 0, "data": image(NEW)[:200], "len": 9000})) == {
            "err": {"group": 1, "rc": 13}
        }


async def test_bits_flip_on_the_wire(tmp_path: Path) -> None:
    async with hub_at_work(tmp_path) as (slot, client):
        arm(slot, FaultName.BIT_FLIPS, probability=0.05)
        assert await silent(client, EchoWrite(d="a long word " * 20))
        slot.faults.disarm()
        assert not await silent(client)


def test_the_same_seed_cuts_power_at_the_same_cell(tmp_path: Path) -> None:
    async def held(folder: Path) -> bytes:
        slow = build(flash=FlashTiming(erase_page=0.001, write_byte=0.0))
        hub = make_hub(hub_build=slow)
        async with rig_of(folder, hub) as rig:
            slot = rig.slot(1, 1)
            await until_mode(slot, Mode.APPLICATION)
            arm(slot, FaultName.POWER_LOSS_IN_WRITE, seconds=30.0)
            async with client_of(slot) as client:
                await client.unlock()
                assert await silent(client, piece(0))
            return hub.layout.secondary.read(0, 4096)

    first, again = (asyncio.run(held(tmp_path / name)) for name in ("first", "again"))
    assert first == again
    assert b"\xff" in first
    assert first[:8] != b"\xff" * 8
