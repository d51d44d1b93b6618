"""The SMP driver over raw framing, which checks nothing: what it believes, when it sends again, and whom it tells."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from pydantic import ValidationError

from benches.key_authority import KeyAuthority
from benches.looking import until
from benches.sim_bench import NEW, authority, image, make_hub, rig_of, until_mode
from benches.smp_peer import IDENTITY, PARAMETERS, QUICK, RESET, STATE, UPLOAD, met, peer_and_client
from drivers.errors import DriverError, HubAction, HubRefused, MalformedAnswer, NoAnswer, UploadRejected
from drivers.hub_answers import IdentityAnswer
from drivers.smp.device import McubootDevice
from drivers.smp.messages import IdentityRead
from drivers.smp.other_framing import WrongFraming
from drivers.smp.plugin import PLUGIN
from drivers.smp.settings import SmpSettings
from firmware_catalog.mcuboot import load_image
from simulators.faults import Fault, FaultName, Occasion
from simulators.hub import Mode
from simulators.smp_line import PROFILES

RAW = QUICK.model_copy(update={"framing": "raw", "input_timeout_seconds": 0.1})
HUB = QUICK.model_copy(update={"answer_seconds": 1.0, "input_timeout_seconds": 0.1, "upload_attempts": 30})
IDENTITY_FIELDS = {
    "chf": bytes(8),
    "gpf": bytes(8),
    "manufacturer": "10A8",
    "model": "00000011",
    "hw": "1.0",
    "variant": "SBCH",
    "fw": 1,
    "locked": True,
    "boots": 3,
}


async def ask_identity(client):
    return await client.ask(IdentityRead, IdentityAnswer, action=HubAction.IDENTIFY)


async def test_what_is_read_is_believed_once_it_was_said_twice():
    async with peer_and_client(RAW) as (peer, client):
        damaged = iter([{"boots": 7}])
        peer.scripts[IDENTITY] = lambda _: IDENTITY_FIELDS | next(damaged, {})
        assert (await ask_identity(client)).boots == 3
        assert len(peer.asked(IDENTITY)) == 3
        # A refusal, too: what the answer says of one, and what was asked, can be damaged alike.
        refusals = iter([{"rc": 8}])
        peer.scripts[IDENTITY] = lambda _: next(refusals, IDENTITY_FIELDS)
        assert (await ask_identity(client)).boots == 3
        peer.scripts[IDENTITY] = lambda _: {"rc": 8}
        with pytest.raises(HubRefused):
            await ask_identity(client)


async def test_what_is_never_said_twice_is_not_believed():
    async with peer_and_client(RAW) as (peer, client):
        peer.scripts[IDENTITY] = lambda request: IDENTITY_FIELDS | {"boots": request.sequence}
        with pytest.raises(MalformedAnswer, match="something else each time"):
            await ask_identity(client)


async def test_a_hub_that_missed_a_question_is_left_alone_until_it_has_dropped_it():
    """Whatever it got of the question, the next one must not be taken for the rest of it."""
    async with peer_and_client(RAW.model_copy(update={"input_timeout_seconds": 0.4})) as (peer, client):
        loop = asyncio.get_running_loop()
        asked = []

        def deaf(_):
            asked.append(loop.time())

        peer.scripts[IDENTITY] = lambda _: IDENTITY_FIELDS
        await ask_identity(client)
        peer.scripts[IDENTITY] = deaf
        with pytest.raises(NoAnswer):
            await ask_identity(client)
        assert len(asked) == RAW.attempts
        assert asked[1] - asked[0] >= 0.4 > RAW.answer_seconds


async def test_a_refused_order_to_boot_may_be_a_consent_with_a_wrong_bit():
    """Taken for a refusal it would be asked on at once, and bytes in the quiet time can trap a boot loader."""
    for settings, is_checked in ((RAW, False), (QUICK, True)):
        async with peer_and_client(settings) as (peer, client):
            peer.scripts[RESET] = lambda _: {"rc": 8}
            if is_checked:
                with pytest.raises(HubRefused):
                    await McubootDevice(client)._order_boot(HubAction.REBOOT)
            else:
                assert not await McubootDevice(client)._order_boot(HubAction.REBOOT)


async def test_text_on_the_line_costs_no_answer():
    async with peer_and_client(RAW) as (peer, client):

        def with_a_log_line(request):
            # In one piece: what comes after a silence belongs to the next answer.
            return [request.answer(IDENTITY_FIELDS) + b"[00:00:07] <inf> app: sensor\r\n"]

        peer.scripts[IDENTITY] = with_a_log_line
        peer.port.send(b"*** Booting Zephyr OS ***\r\n")
        await until(lambda: client.noise)
        assert (await ask_identity(client)).boots == 3
        assert len(peer.asked(IDENTITY)) == 2


def image_state(*, permanent: bool, pending: bool = True) -> dict:
    held = load_image(image(NEW))
    running = {"slot": 0, "version": "1.0.1", "hash": bytes(32), "active": True, "confirmed": True}
    other = {"slot": 1, "version": NEW, "hash": held.image_hash, "pending": pending, "permanent": permanent}
    return {"images": [running, other]}


async def test_a_hub_that_would_keep_the_image_untried_is_not_booted():
    """The bit between a test and for good is one of the packet's, and nothing else guards it."""
    async with peer_and_client(RAW) as (peer, client):
        device = McubootDevice(client)
        marked = [False]

        def mark_or_list(request):
            marked[0] = marked[0] or request.writes
            return image_state(pending=marked[0], permanent=marked[0])

        peer.scripts[STATE] = mark_or_list
        peer.scripts[RESET] = lambda _: {"rc": 0}
        for _ in range(2):  # neither when it was marked so just now, nor when it was before
            with pytest.raises(HubRefused, match="for good at its next boot, untried"):
                await device.mark_for_test(load_image(image(NEW)), await device.state(), client_is_there)
        assert not peer.asked(RESET)


async def client_is_there() -> None:
    pass


@pytest.mark.parametrize("times", [1, 100])
async def test_a_chunk_is_refused_once_it_was_twice(times):
    async with peer_and_client(RAW) as (peer, client):
        new = load_image(image(NEW))
        held = bytearray()
        refusals = iter([{"rc": 3}] * times)

        def take(request):
            offset = request.fields["off"]
            if offset and (refusal := next(refusals, None)):
                return refusal
            if offset == len(held):
                held.extend(request.fields["data"])
            return {"off": len(held)}

        def listed(_):
            state = image_state(pending=False, permanent=False)
            return state if len(held) == len(new) else {"images": state["images"][:1]}

        peer.scripts |= {
            STATE: listed,
            UPLOAD: take,
            PARAMETERS: lambda _: {"buf_size": 1024, "buf_count": 4},
            (0, 8): lambda _: {"bootloader": "MCUboot"},
        }
        device = await met(client)
        if times == 1:
            await device.flash(new, lambda _: None)
            assert bytes(held) == new.data
        else:
            with pytest.raises(UploadRejected, match="invalid value"):
                await device.flash(new, lambda _: None)


@asynccontextmanager
async def hub_on(folder, framing: str, settings: SmpSettings):
    """Give a driver with these settings at a simulated hub that was built for this framing, and the hub's slot."""
    profile = replace(PROFILES["default"], raw=framing == "raw", input_timeout=0.1)
    async with rig_of(folder, make_hub(), profile=profile) as rig:
        slot = rig.slot(1, 1)
        await until_mode(slot, Mode.APPLICATION)
        driver = await PLUGIN.open(slot.port.address, settings)
        try:
            yield driver, slot
        finally:
            await driver.close()


async def test_a_line_with_errors_costs_time_and_never_the_image(tmp_path):
    """One bit in five thousand bytes is wrong: whatever the driver says was done is so in the hub's flash."""
    new = load_image(image(NEW))
    async with hub_on(tmp_path, "raw", HUB.model_copy(update={"framing": "raw"})) as (driver, slot):
        hub = slot.hub
        meant = (await driver.wait_for_hub()).device
        await driver.unlock(meant, KeyAuthority(authority()))
        slot.faults.arm(Fault(name=FaultName.BIT_FLIPS, probability=2e-4))
        done = 0
        while done < 4:
            told = []
            try:
                await driver.erase(meant)
                await driver.flash(meant, new, lambda progress, told=told: told.append(progress.sent))
            except DriverError:
                continue
            assert told == sorted(told)
            assert hub.layout.secondary.read(0, len(new)) == new.data
            done += 1
        assert slot.port.statistics().to_hub.bytes > 5 * len(new)  # else nothing had to be sent again


async def test_a_last_answer_that_got_lost_has_the_image_sent_again(tmp_path):
    """The hash that the hub lists was written with the image: it says nothing of what the line made of the rest."""
    new = load_image(image(NEW))
    async with hub_on(tmp_path, "raw", HUB.model_copy(update={"framing": "raw"})) as (driver, slot):
        meant = (await driver.wait_for_hub()).device
        await driver.unlock(meant, KeyAuthority(authority()))
        chunks = -(-len(new) // 998)
        slot.faults.arm(Fault(name=FaultName.DROP_REPLY, on=Occasion.UPLOAD, at=chunks))
        before = slot.port.statistics().to_hub.bytes
        await driver.flash(meant, new, lambda _: None)
        assert slot.port.statistics().to_hub.bytes - before > 2 * len(new)
        client = driver.device.client
        assert client.sent_again == chunks + 1 < client.sent  # the last one, and all from the beginning


@pytest.mark.parametrize(("framing", "other"), [("console", "raw"), ("raw", "console")])
async def test_a_hub_of_the_other_framing_is_told_as_that(tmp_path, framing, other):
    settings = HUB.model_copy(update={"framing": framing})
    async with hub_on(tmp_path, other, settings) as (driver, slot):
        with pytest.raises(NoAnswer):
            await driver.identify()
        why = await driver.explain_silence()
        assert isinstance(why, WrongFraming)
        assert f"was built for {other} framing, and its jig is set to {framing} framing" in str(why)
        assert f'set framing = "{other}"' in str(why)
        slot.unseat()
        assert await driver.explain_silence() is None


async def test_asking_in_the_other_framing_leaves_the_right_one_as_it_was(tmp_path):
    for framing in ("console", "raw"):
        async with hub_on(tmp_path / framing, framing, HUB.model_copy(update={"framing": framing})) as (
            driver,
            _,
        ):
            before = await driver.identify()
            assert await driver.explain_silence() is None
            assert await driver.identify() == before


def test_a_packet_has_to_be_through_before_the_hub_drops_it():
    assert SmpSettings(framing="raw").largest_packet > 4096
    assert SmpSettings(framing="raw", baud=9600, input_timeout_seconds=0.5).largest_packet == 240
    with pytest.raises(ValidationError, match="no packet gets through"):
        SmpSettings(framing="raw", baud=1200, input_timeout_seconds=0.5)
    assert SmpSettings().silence_seconds == 0
    assert SmpSettings(framing="raw").silence_seconds > SmpSettings().input_timeout_seconds
