from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path

import cbor2
import pytest
from imgtool import keys
from imgtool.image import Image, VerifyResult
from smpclient.generics import error_v2, success
from smpclient.requests.image_management import (
    ImageErase,
    ImageStatesRead,
    ImageStatesWrite,
    ImageUploadWrite,
)
from smpclient.requests.os_management import (
    BootloaderInformationRead,
    EchoWrite,
    MCUMgrParametersRead,
    ResetWrite,
)

from benches.sim_bench import (
    MODEL,
    NEW,
    OLD,
    Client,
    build,
    client_of,
    hub_at_work,
    image,
    make_hub,
    maker,
    rig_of,
    tlv_hash,
    until,
    until_mode,
)
from simulators.flash import FlashTiming
from simulators.hub import Mode
from simulators.keys import generate_key
from simulators.population import HubFileError
from simulators.slot import Slot
from simulators.smp_line import PROFILES, BufferProfile, encode_frame
from simulators.uart import LineSettings

LOCKED = {"rc": 11}


async def flash_and_test(client: Client, slot: Slot, file: bytes) -> None:
    """Unlock, upload, mark, reset, and wait for the hub."""
    assert await client.unlock() == {"rc": 0}
    async for _ in client.upload(file):
        pass
    answer = await client.request(ImageStatesWrite(hash=tlv_hash(file)))
    assert success(answer)
    await reset(client, slot)


async def reset(client: Client, slot: Slot, mode: Mode = Mode.APPLICATION) -> None:
    assert slot.hub is not None
    boots = slot.hub.boots
    assert success(await client.request(ResetWrite()))
    await until_mode(slot, mode, boots + 1)


async def versions(client: Client) -> list[tuple[str, bool, bool]]:
    answer = await client.request(ImageStatesRead())
    assert success(answer)
    return [(state.version, bool(state.active), bool(state.confirmed)) for state in answer.images]


@pytest.mark.parametrize("profile", ["default", "zephyr", "one-buffer"])
async def test_smpclient_flashes_a_hub_from_identity_to_confirmation(tmp_path: Path, profile: str) -> None:
    hub = make_hub()
    async with hub_at_work(tmp_path, hub, profile=PROFILES[profile]) as (slot, client):
        plate = await client.identity()
        assert plate == {
            "chf": hub.nameplate.chf,
            "gpf": hub.nameplate.gpf,
            "manufacturer": "10A8",
            "model": MODEL,
            "hw": "1.0",
            "variant": "SBCH",
            "fw": 0x01000001,
            "locked": True,
            "boots": 1,
        }
        await flash_and_test(client, slot, image(NEW))
        assert await versions(client) == [(NEW, True, False), (OLD, False, True)]
        plate = await client.identity()
        assert (plate["fw"], plate["locked"], plate["boots"]) == (0x0102012F, True, 2)
        assert success(await client.request(ImageStatesWrite(confirm=True)))
        await reset(client, slot)
        assert await versions(client) == [(NEW, True, True), (OLD, False, False)]
    held = tmp_path / "held.bin"
    held.write_bytes(hub.layout.primary.read(0, len(image(NEW))))
    assert held.read_bytes() == image(NEW)
    assert Image.verify(str(held), keys.ECDSA256P1(maker()))[0] is VerifyResult.OK


async def test_an_unconfirmed_image_is_given_up_at_the_next_boot(tmp_path: Path) -> None:
    async with hub_at_work(tmp_path) as (slot, client):
        await flash_and_test(client, slot, image(NEW))
        await reset(client, slot)
        assert await versions(client) == [(OLD, True, True), (NEW, False, False)]


async def test_an_image_for_another_model_never_answers_and_is_reverted(tmp_path: Path) -> None:
    async with hub_at_work(tmp_path) as (slot, client):
        assert await client.unlock() == {"rc": 0}
        foreign = image(NEW, model="00000012")
        async for _ in client.upload(foreign):
            pass
        await client.request(ImageStatesWrite(hash=tlv_hash(foreign)))
        await reset(client, slot, Mode.CRASHED)
        await until_mode(slot, Mode.APPLICATION, boots=3)
        assert await versions(client) == [(OLD, True, True), (NEW, False, False)]


async def test_locked_a_hub_tells_and_resets_but_changes_nothing(tmp_path: Path) -> None:
    hub = make_hub()
    async with hub_at_work(tmp_path, hub) as (slot, client):
        before = hub.flash.read(0, hub.flash.size)
        file = image(NEW)
        first = {"off": 0, "data": file[:100], "len": len(file)}
        for version in (0, 1):
            assert await client.ask(1, 1, first, version) == LOCKED
            assert await client.ask(1, 5, {}, version) == LOCKED
            assert await client.ask(1, 5, {"slot": 0}, version) == LOCKED
            assert await client.ask(1, 0, {"hash": bytes(32)}, version) == LOCKED
        assert await versions(client) == [(OLD, True, True)]
        assert success(await client.request(ImageStatesWrite(confirm=True)))
        assert success(await client.request(ImageStatesWrite(confirm=True, hash=tlv_hash(image(OLD)))))
        assert hub.flash.read(0, hub.flash.size) == before
        await reset(client, slot)


async def test_unlock_refusals_in_both_versions(tmp_path: Path) -> None:
    async with rig_of(tmp_path, make_hub(1), make_hub(2)) as rig:
        for number, version, codes in (
            (1, 0, [{"rc": 11}, {"rc": 6}, {"rc": 10}]),
            (2, 1, [{"err": {"group": 64, "rc": code}} for code in (2, 3, 4)]),
        ):
            slot = rig.slot(1, number)
            await until_mode(slot, Mode.APPLICATION)
            wrong, unasked, locked_out = codes
            async with client_of(slot) as client:
                for _ in range(3):
                    assert await client.unlock(version, generate_key()) == wrong
                    if slot.hub and slot.hub.lock.wrong_answers < 3:
                        assert await client.ask(64, 1, {"sig": bytes(64)}, version) == unasked
                assert await client.ask(64, 1, version=version) == locked_out
                await reset(client, slot)
                assert await client.ask(64, 1, {"sig": bytes(64)}, version) == locked_out


async def test_small_commands_and_what_is_not_supported(tmp_path: Path) -> None:
    async with hub_at_work(tmp_path, make_hub(), profile=PROFILES["zephyr"]) as (_, client):
        echo = await client.request(EchoWrite(d="here"))
        assert success(echo)
        assert echo.r == "here"
        parameters = await client.request(MCUMgrParametersRead())
        assert success(parameters)
        assert (parameters.buf_size, parameters.buf_count) == (384, 4)
        loader = await client.request(BootloaderInformationRead())
        assert success(loader)
        assert loader.bootloader == "MCUboot"
        assert await client.ask(0, 8, version=1) == {"bootloader": "MCUboot"}
        for group, command in ((0, 99), (63, 0), (64, 2), (200, 0)):
            assert await client.ask(group, command) == {"rc": 8}
        assert await client.ask(0, 0, {"d": 5}) == {"rc": 3}


async def test_a_packet_that_is_no_request_is_dropped_and_its_buffer_returned(tmp_path: Path) -> None:
    async with hub_at_work(tmp_path) as (_, client):
        for noise in (b"no header", b"\x0b\x00\x00\x01\x00\x00\x01\x00\x80") * 4:
            await client._transport.send(noise)
            assert success(await client.request(EchoWrite(d="still there")))


async def test_the_boot_loader_tells_its_mode_and_nothing_else(tmp_path: Path) -> None:
    async with hub_at_work(tmp_path) as (_, client):
        ask = client.ask_with_body
        assert await ask(0, 0, {"d": "read"}) == {"r": "read"}
        assert await ask(0, 8, {"query": "mode"}) == {"mode": 1}
        assert await ask(0, 8, {"query": "age"}) == {"err": {"group": 0, "rc": 3}}


async def test_an_answer_larger_than_its_buffer_is_an_error(tmp_path: Path) -> None:
    async with hub_at_work(tmp_path, make_hub(), profile=BufferProfile(buf_size=128)) as (_, client):
        assert await client.ask(1, 0) == {"rc": 7}


async def test_a_hub_with_tight_buffers_lists_one_image_and_never_two(tmp_path: Path) -> None:
    async with hub_at_work(tmp_path, make_hub(), profile=PROFILES["tight"]) as (_, client):
        (listed,) = (await client.ask(1, 0))["images"]
        assert listed.keys() == {"slot", "version", "hash", "bootable", "confirmed", "active"}
        assert await client.unlock() == {"rc": 0}
        whole, at = image(NEW), 0
        assert await client.ask(1, 1, {"off": 0, "len": len(whole), "data": whole[:31]}) == {
            "err": {"group": 1, "rc": 22}
        }, "it wants to see the whole header"
        while at < len(whole):
            first = {} if at else {"len": len(whole)}
            answer = await client.ask(1, 1, {"off": at, "data": whole[at : at + 64], **first})
            at = answer["off"]
        assert await client.ask(1, 0) == {"rc": 7}


async def test_image_errors_have_two_forms(tmp_path: Path) -> None:
    hub = make_hub()
    async with hub_at_work(tmp_path, hub) as (_, client):
        assert await client.unlock() == {"rc": 0}
        refused = await client.request(ImageStatesWrite(hash=bytes(32)))
        assert error_v2(refused)
        assert refused.err.rc == 8
        assert await client.ask(1, 0, {"hash": bytes(32)}, version=0) == {"rc": 1}
        assert await client.ask(1, 1, {"data": b"x"}, version=0) == {"rc": 3}
        assert await client.ask(1, 1, {"data": b"x"}) == {"err": {"group": 1, "rc": 20}}
        assert await client.ask(1, 0, {}) == {"err": {"group": 1, "rc": 24}}
        no_image = {"off": 0, "len": 1000, "data": bytes(32)}
        assert await client.ask(1, 1, no_image, version=0) == {"rc": 1}
        assert await client.ask(1, 1, no_image) == {"err": {"group": 1, "rc": 23}}


async def test_an_erase_takes_the_slot_that_does_not_run_and_no_other(tmp_path: Path) -> None:
    """As Zephyr's `img_mgmt_erase` does; where no slot is named, too."""
    hub = make_hub()
    async with hub_at_work(tmp_path, hub) as (_, client):
        assert await client.unlock() == {"rc": 0}
        for erased in ({}, {"slot": 1}):
            async for _ in client.upload(image(NEW)):
                pass
            both = await versions(client)
            assert [version for version, *_ in both] == [OLD, NEW]
            assert await client.ask(1, 5, {"slot": 0}) == {"err": {"group": 1, "rc": 9}}, "it runs"
            assert await client.ask(1, 5, {"slot": 0}, version=0) == {"rc": 6}
            assert await client.ask(1, 5, {"slot": 2}) == {"err": {"group": 1, "rc": 14}}
            assert await client.ask(1, 5, {"slot": 2}, version=0) == {"rc": 3}
            assert await client.ask(1, 5, {"slot": -1}) == {"rc": 3}
            assert await versions(client) == both
            assert await client.ask(1, 5, erased) in ({}, {"rc": 0})
            assert [version for version, *_ in await versions(client)] == [OLD]
        assert success(await client.request(ImageErase())), "what is empty already"


async def test_an_upload_goes_on_after_an_erase_of_a_slot_in_use_and_after_no_other(tmp_path: Path) -> None:
    """As Zephyr's `img_mgmt_erase` has it: it forgets the upload with what it tried, and looks before whether the slot is in use."""
    async with hub_at_work(tmp_path) as (_, client):
        assert await client.unlock() == {"rc": 0}
        file = image(NEW)
        first = ImageUploadWrite(off=0, data=file[:500], len=len(file), sha=hashlib.sha256(file).digest())
        assert (await client.request(first)).off == 500
        assert await client.ask(1, 5, {"slot": 0}) == {"err": {"group": 1, "rc": 9}}
        assert (await client.request(ImageUploadWrite(off=500, data=file[500:900]))).off == 900
        assert await client.ask(1, 5, {"slot": 2}) == {"err": {"group": 1, "rc": 14}}
        assert (await client.request(ImageUploadWrite(off=900, data=file[900:999]))).off == 0
        async for _ in client.upload(file):
            pass
        assert success(await client.request(ImageStatesWrite(hash=tlv_hash(file))))
        assert await client.ask(1, 5, {"slot": 1}) == {"err": {"group": 1, "rc": 9}}, "it is marked"
        assert [version for version, *_ in await versions(client)] == [OLD, NEW]


async def test_a_hub_built_with_other_choices_tells_reasons_and_neither_its_boot_loader_nor_a_match(
    tmp_path: Path,
) -> None:
    async with hub_at_work(tmp_path, make_hub(), profile=PROFILES["sparse"]) as (_, client):
        assert await client.ask(0, 8) == {"rc": 8}
        assert await client.unlock() == {"rc": 0}
        too_large = {"off": 0, "len": 1 << 30, "data": image(NEW)[:100]}
        assert await client.ask(1, 1, too_large, version=0) == {"rc": 1, "rsn": "img too large"}
        assert (await client.ask(1, 1, too_large))["rsn"] == "img too large"
        whole, at = image(NEW), 0
        sha = hashlib.sha256(whole).digest()
        while at < len(whole):
            first = {} if at else {"len": len(whole), "sha": sha}
            answer = await client.ask(1, 1, {"off": at, "data": whole[at : at + 200], **first})
            at = answer["off"]
        assert answer == {"off": len(whole)}


async def test_a_confirm_is_refused_while_another_image_is_marked(tmp_path: Path) -> None:
    async with hub_at_work(tmp_path) as (_, client):
        assert await client.unlock() == {"rc": 0}
        async for _ in client.upload(image(NEW)):
            pass
        assert success(await client.request(ImageStatesWrite(hash=tlv_hash(image(NEW)))))
        assert await client.ask(1, 0, {"confirm": True}) == {"err": {"group": 1, "rc": 28}}


async def test_an_upload_is_forgotten_by_a_boot(tmp_path: Path) -> None:
    async with hub_at_work(tmp_path) as (slot, client):
        file = image(NEW)
        first = ImageUploadWrite(off=0, data=file[:500], len=len(file), sha=hashlib.sha256(file).digest())
        await client.unlock()
        assert (await client.request(first)).off == 500
        assert (await client.request(first)).off == 500
        await reset(client, slot)
        await client.unlock()
        later = await client.request(ImageUploadWrite(off=500, data=file[500:900]))
        assert later.off == 0


async def test_a_hub_without_firmware_waits_in_serial_recovery_and_is_saved_there(tmp_path: Path) -> None:
    hub = make_hub(file=b"")
    async with rig_of(tmp_path, hub) as rig:
        slot = rig.slot(1, 1)
        await until_mode(slot, Mode.RECOVERY)
        async with client_of(slot) as client:
            assert await client.ask(64, 0) == {"rc": 8}
            assert await client.ask(0, 6) == {"rc": 8}
            assert await client.ask(0, 8) == {"rc": 8}
            assert await client.ask(1, 0, {"confirm": True}) == {"rc": 8}
            assert await client.ask(0, 0, {"d": "there?"}) == {"r": "there?"}
            assert await client.ask(1, 0) == {"images": []}
            assert await client.ask(1, 1, {"off": 0, "len": 100, "data": bytes(100)}) == {"rc": 3}
            file, offset = image(OLD), 0
            while offset < len(file):
                body = {"off": offset, "data": file[offset : offset + 120]}
                if not offset:
                    body["len"] = len(file)
                answer = await client.ask(1, 1, body)
                assert answer["rc"] == 0
                offset = answer["off"]
            assert await client.ask(1, 0) == {"images": [{"slot": 0, "version": OLD, "hash": tlv_hash(file)}]}
            assert await client.ask(0, 5, {}) == {"rc": 0}
            await until_mode(slot, Mode.APPLICATION, boots=2)
            assert await versions(client) == [(OLD, True, True)]


async def send_pieces(client: Client, numbers: range) -> None:
    """Send so many further pieces of an upload, which the first of them begins, without waiting for their answers."""
    file = image(NEW)
    if numbers.start == 0:
        assert await client.unlock() == {"rc": 0}
        await client.request(ImageUploadWrite(off=0, data=file[:50], len=len(file)))
    for number in numbers:
        piece = ImageUploadWrite(off=50 + 300 * number, data=file[50 + 300 * number :][:300])
        await client._transport.send(bytes(piece))


@pytest.mark.parametrize(("window", "is_lost"), [(3, False), (4, True)])
async def test_requests_and_answers_share_the_pool(tmp_path: Path, window: int, is_lost: bool) -> None:
    """Zephyr's four buffers hold three requests and an answer; a fourth request finds none."""
    # The line keeps requests apart, however busy the machine, and the flash keeps all of them waiting.
    slow, line = build(flash=FlashTiming(erase_page=0.0, write_byte=0.002)), LineSettings(115_200)
    async with rig_of(tmp_path, make_hub(hub_build=slow), profile=PROFILES["zephyr"], line=line) as rig:
        slot = rig.slot(1, 1)
        await until_mode(slot, Mode.APPLICATION)
        async with client_of(slot) as client:
            await send_pieces(client, range(window))
            for number in range(1, 4):
                answer = await client._transport.receive()
                assert cbor2.loads(answer[8:]) == {"off": 50 + 300 * number}
        assert (slot.interface.lost > 300) is is_lost


async def test_a_request_that_leaves_no_buffer_for_its_answer_is_told_so(tmp_path: Path) -> None:
    slow = build(flash=FlashTiming(erase_page=0.0, write_byte=0.01))
    profile, line = BufferProfile(buf_count=3), LineSettings(1_000_000, rtscts=True)
    async with rig_of(tmp_path, make_hub(hub_build=slow), profile=profile, line=line) as rig:
        slot = rig.slot(1, 1)
        await until_mode(slot, Mode.APPLICATION)
        async with client_of(slot) as client:
            await send_pieces(client, range(1))
            session = slot.interface._session
            assert session is not None
            await until(
                lambda: session._pool.free == 1
            )  # the first is at work, and has a buffer for its answer
            await send_pieces(client, range(1, 3))
            answers = [cbor2.loads((await client._transport.receive())[8:]) for _ in range(3)]
        assert answers == [{"off": 350}, {"rc": 2}, {"rc": 2}]
        assert slot.interface.lost == 0


async def test_an_empty_slot_has_a_port_and_no_answer(tmp_path: Path) -> None:
    async with rig_of(tmp_path, slots=2) as rig:
        slot = rig.slot(1, 2)
        assert not slot.is_occupied
        assert slot.current_ma == 0
        host = os.open(slot.port.link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            os.write(host, encode_frame(b"anyone there?"))
            await until(lambda: slot.port.statistics().unheard > 0)
            with pytest.raises(BlockingIOError):
                os.read(host, 1)
        finally:
            os.close(host)


async def test_power_taken_at_any_moment_leaves_a_bootable_hub(tmp_path: Path) -> None:
    slow = build(flash=FlashTiming(erase_page=0.004, write_byte=0.000001), boot_seconds=0.001)
    hub = make_hub(hub_build=slow)
    async with hub_at_work(tmp_path, hub) as (slot, client):
        await client.unlock()
        async for _ in client.upload(image(NEW)):
            pass
        await client.request(ImageStatesWrite(hash=tlv_hash(image(NEW))))
        for milliseconds in range(3, 40, 4):
            slot.power(on=False)
            assert not slot.is_powered
            slot.power(on=True)
            await asyncio.sleep(milliseconds / 1000)
            assert await hub.boot_loader.is_bootable()
        boots = hub.boots
        await until_mode(slot, Mode.APPLICATION, boots)
        assert {state for state, _, _ in await versions(client)} == {OLD, NEW}


async def test_two_hubs_for_one_slot_are_refused(tmp_path: Path) -> None:
    first, again = make_hub(1), make_hub(1)
    with pytest.raises(HubFileError, match="is there twice"):
        async with rig_of(tmp_path, first, again):
            pass
