"""Uploads over a real pseudo-terminal to a scripted hub that takes chunks as Zephyr's server does."""

from __future__ import annotations

import asyncio
import hashlib
import random
from itertools import groupby, pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benches.hub_samples import NEW, image_of
from benches.smp_peer import (
    BOOT_LOADER,
    PARAMETERS,
    QUICK,
    STATE,
    UPLOAD,
    Peer,
    Request,
    met,
    run_with_peer,
    unsupported,
)
from drivers.errors import (
    DriverError,
    HubInSerialRecovery,
    HubLocked,
    ImageUnsuitable,
    LinkLost,
    LinkStalled,
    MalformedAnswer,
    NoAnswer,
    StuckProgress,
    TransferIncomplete,
    UploadRejected,
)
from drivers.hub import FlashProgress
from drivers.smp.device import McubootDevice
from drivers.smp.framing import FrameEncoder
from drivers.smp.messages import ParametersAnswer
from drivers.smp.settings import SmpSettings
from drivers.smp.upload import Upload
from firmware_catalog.image import FirmwareImage


def make_image(size: int) -> FirmwareImage:
    return image_of(random.Random(size).randbytes(size))


IMAGE = make_image(20_000)


class Slot:
    """The hub's inactive slot, and its side of an upload."""

    def __init__(self, peer: Peer, *, buf_size: int = 1024, buf_count: int = 5) -> None:
        self.held = bytearray()
        self.size: int | None = None
        self.sha = b""
        self.fates = iter(())
        self.most_under_way = 0
        self._held_back: list[bytes] = []
        self._peer = peer
        self._largest = buf_size - 4
        peer.scripts |= {
            PARAMETERS: lambda _: {"buf_size": buf_size, "buf_count": buf_count},
            BOOT_LOADER: lambda _: {"bootloader": "MCUboot"},
            STATE: self.state,
            UPLOAD: self.upload,
        }

    def state(self, _: Request) -> dict:
        running = {"slot": 0, "version": "0.2.1", "hash": bytes(32), "active": True, "confirmed": True}
        radio = {"image": 1, "slot": 0, "version": "1.0", "hash": bytes(64)}  # more than small buffers hold
        whole = len(self.held) == self.size and self.sha in {b"", hashlib.sha256(self.held).digest()}
        return {
            "images": [running, radio, *([{"slot": 1, "version": "0.2.303", "hash": NEW}] if whole else [])]
        }

    def forget(self) -> None:
        self.held.clear()
        self.size = None

    def take(self, request: Request) -> dict:
        fields = request.fields
        assert len(request.answer(fields)) <= self._largest
        if fields["off"] == 0 and (self.size is None or not fields.get("sha") or fields["sha"] != self.sha):
            self.held.clear()
            self.size, self.sha = fields["len"], fields.get("sha", b"")
            assert len(fields["data"]) >= min(32, self.size)
        if self.size is not None and fields["off"] == len(self.held):
            self.held += fields["data"]
        answer = {"off": len(self.held)}
        if self.size == len(self.held) and self.sha:
            answer["match"] = hashlib.sha256(self.held).digest() == self.sha
        return answer

    def upload(self, request: Request) -> list[bytes]:
        match next(self.fates, "ok"):
            case "lose request":
                return []
            case "lose answer":
                self.take(request)
                return []
            case "duplicate":
                return [request.answer(self.take(request)), request.answer(self.take(request))]
            case "delay":
                self._held_back.append(request.answer(self.take(request)))
                return []
            case "reboot":
                self.forget()
                return []
            case "no memory":
                return [request.answer({"rc": 2})]
        answers = [request.answer(self.take(request)), *self._held_back]
        self._held_back.clear()
        return answers


def flash(prepare=lambda _slot: None, *, image=IMAGE, smp_settings=QUICK, **pool):
    """Upload to a scripted hub; return its slot and what progress was told."""
    told: list[FlashProgress] = []

    async def scenario(peer, client):
        slot = Slot(peer, **pool)
        prepare(slot)
        await (await met(client)).flash(image, told.append)
        return slot

    return run_with_peer(scenario, smp_settings), told


@pytest.mark.parametrize("pool", [(1024, 5), (384, 4), (1024, 1), (128, 2), (65535, 65535)])
@pytest.mark.parametrize("size", [1, 900, 20_000])
def test_every_byte_arrives(pool, size):
    image = make_image(size)
    slot, told = flash(image=image, buf_size=pool[0], buf_count=pool[1])
    assert slot.held == image.data
    assert told[-1] == FlashProgress(size, size)
    assert [progress.sent for progress in told] == sorted(progress.sent for progress in told)
    assert len(told) <= 102


def test_the_opening_chunk_names_length_and_hash_of_the_file_and_goes_alone():
    async def scenario(peer, client):
        slot = Slot(peer)
        seen_alone = []

        def answer_late(request):
            asyncio.get_running_loop().call_later(
                0.03, lambda: (seen_alone.append(len(peer.asked(UPLOAD))), peer.send(late))
            )
            late = request.answer(slot.take(request))
            peer.scripts[UPLOAD] = slot.upload
            return []

        peer.scripts[UPLOAD] = answer_late
        await (await met(client)).flash(IMAGE, lambda _: None)
        first = peer.asked(UPLOAD)[0].fields
        assert seen_alone == [1]
        assert (first["off"], first["len"], first["sha"]) == (0, len(IMAGE), IMAGE.file_sha256)
        assert all(set(request.fields) == {"off", "data"} for request in peer.asked(UPLOAD)[1:])

    run_with_peer(scenario)


@pytest.mark.parametrize(("buf_count", "most", "expected"), [(5, 16, 4), (4, 16, 3), (1, 16, 1), (40, 6, 6)])
def test_the_window_leaves_one_of_the_hubs_buffers_for_its_answers(buf_count, most, expected):
    async def scenario(peer, client):
        slot = Slot(peer, buf_count=buf_count)
        waiting: list[Request] = []

        def hold_back_after_the_first(request):
            if request.fields["off"] == 0:
                return slot.upload(request)
            waiting.append(request)
            return []

        peer.scripts[UPLOAD] = hold_back_after_the_first
        flashing = asyncio.create_task((await met(client)).flash(IMAGE, lambda _: None))
        await peer.until_asked(UPLOAD, 1 + expected)
        peer.scripts[UPLOAD] = slot.upload
        for request in waiting:
            peer.send(request.answer(slot.take(request)))
        assert len(waiting) == expected
        await flashing

    run_with_peer(scenario, QUICK.model_copy(update={"window": most, "answer_seconds": 5.0}))


@pytest.mark.parametrize(
    ("window", "fates", "expected"),
    [
        (6, "", [0, 4, 0]),
        (3, "", [0, 1, 0]),
        (2, "", [0]),
        (1, "", [0]),
        (6, "lose request", [0, 4, 0, 1, 0]),
    ],
)
def test_answers_may_lie_unread_only_while_more_is_under_way(window, fates, expected):
    """In quarters of a chunk's time on the line, from the first chunk to the last answer."""
    told = []

    async def scenario(peer, client):
        slot = Slot(peer, buf_count=7)
        slot.fates = iter(["ok"] * 5 + [fates or "ok"])
        device = await met(client)
        may_wait = client.link.may_wait

        def listen(seconds):
            told.append(seconds)
            may_wait(seconds)

        client.link.may_wait = listen
        await device.flash(IMAGE, lambda _: None)
        assert slot.held == IMAGE.data

    smp_settings = QUICK.model_copy(update={"window": window, "baud": 921_600})
    run_with_peer(scenario, smp_settings)
    quarter = 1020 * FrameEncoder.bits_a_byte / 921_600 / 4
    assert [seconds / quarter for seconds, _ in groupby(told)] == pytest.approx(expected)


def test_a_hub_whose_answers_lie_unread_for_too_long_is_not_taken_for_silent():
    """As they do where the process is held up, and the look for silence comes before the look into the ports."""
    waited = []

    async def scenario(peer, client):
        slot = Slot(peer, buf_count=7)
        device = await met(client)
        may_wait = client.link.may_wait

        def wait_for_good(seconds):
            waited.append(seconds)
            may_wait(3600 if seconds else 0)

        client.link.may_wait = wait_for_good
        await device.flash(IMAGE, lambda _: None)
        assert slot.held == IMAGE.data
        assert any(waited)
        assert client.sent_again == 0

    run_with_peer(scenario)


def test_an_upload_cut_short_is_resumed_where_the_hub_stands():
    def half_done(slot):
        slot.size, slot.sha = len(IMAGE), IMAGE.file_sha256
        slot.held += IMAGE.data[:10_000]

    async def scenario(peer, client):
        half_done(slot := Slot(peer))
        await (await met(client)).flash(IMAGE, lambda _: None)
        assert slot.held == IMAGE.data
        assert [r.fields["off"] for r in peer.asked(UPLOAD)[:2]] == [0, 10_000]

    run_with_peer(scenario)


def test_a_hub_that_tells_no_parameters_gets_small_packets_one_at_a_time():
    async def scenario(peer, client):
        slot = Slot(peer, buf_size=384)
        del peer.scripts[PARAMETERS]
        await (await met(client)).flash(IMAGE, lambda _: None)
        assert slot.held == IMAGE.data

    run_with_peer(scenario)


FATES = ["ok"] * 8 + ["lose request", "lose answer", "duplicate", "delay", "reboot", "no memory"]


@settings(max_examples=25)
@given(
    fates=st.lists(st.sampled_from(FATES), max_size=25),
    pool=st.sampled_from([(1024, 5), (384, 4), (1024, 1)]),
    size=st.integers(min_value=1, max_value=8_000),
)
def test_every_byte_arrives_through_any_finite_run_of_faults(fates, pool, size):
    def prepare(slot):
        slot.fates = iter(fates)

    image = make_image(size)
    # The whole upload has minutes, however busy the machine: it is the bytes that matter here.
    patient = QUICK.model_copy(
        update={"attempts": 30, "upload_attempts": 30, "answer_seconds": 0.03, "slowness": 10_000.0}
    )
    slot, _ = flash(prepare, image=image, smp_settings=patient, buf_size=pool[0], buf_count=pool[1])
    assert slot.held == image.data


def fails(kind: type[DriverError], script, image=IMAGE, **how) -> DriverError:
    async def scenario(peer, client):
        slot = Slot(peer)
        peer.scripts[UPLOAD] = lambda request: script(slot, request)
        with pytest.raises(kind) as caught:
            await (await met(client)).flash(image, lambda _: None)
        assert caught.value.action == "flash"
        assert peer.port.path in str(caught.value)
        return caught.value

    return run_with_peer(scenario, QUICK.model_copy(update={"upload_attempts": 3, **how}))


def later(answer):
    """Answer the opening chunk as a hub does, then as said."""

    def script(slot, request):
        return slot.upload(request) if request.fields["off"] == 0 else answer(slot, request)

    return script


REFUSALS = {
    "code": ({"err": {"group": 1, "rc": 30}}, ImageUnsuitable, ", invalid image too large (group 1 rc 30)"),
    "reason": ({"rc": 1, "rsn": "img too large"}, ImageUnsuitable, ', "img too large" (rc 1)'),
    "other reason": ({"rc": 1, "rsn": "fa write\nfail"}, UploadRejected, ', "fa writefail" (rc 1)'),
    "not supported": ({"rc": 8}, ImageUnsuitable, ", not supported (rc 8)"),
    "flash": ({"err": {"group": 1, "rc": 12}}, UploadRejected, ", flash write failed (group 1 rc 12)"),
    "unheard of": ({"err": {"group": 1, "rc": 999}}, UploadRejected, "at offset 0 (group 1 rc 999)"),
}


@pytest.mark.parametrize("why", REFUSALS)
def test_a_hub_that_refuses_the_image_is_quoted(why):
    answer, kind, words = REFUSALS[why]
    error = fails(UploadRejected, lambda *_: answer)
    assert type(error) is kind
    assert str(error).endswith(words)
    assert not error.state_known


def test_a_device_that_takes_version_2_is_sent_the_image_in_it():
    async def scenario(peer, client):
        Slot(peer)
        await (await met(client)).flash(IMAGE, lambda _: None)
        assert {request.version for request in peer.asked(UPLOAD)} == {1}

    run_with_peer(scenario)


@pytest.mark.parametrize("answer", [None, {"rc": 13}], ids=["ignores it", "refuses it"])
def test_a_device_that_takes_version_1_alone_is_asked_in_version_2_once(answer):
    async def scenario(peer, client):
        slot = Slot(peer)
        for command, script in list(peer.scripts.items()):
            peer.scripts[command] = lambda request, script=script: (
                answer if request.version else script(request)
            )
        await (await met(client)).flash(IMAGE, lambda _: None)
        assert slot.held == IMAGE.data
        assert [request.command for request in peer.requests if request.version] == [STATE]

    run_with_peer(scenario)


def test_a_locked_hub_that_refuses_the_opening_chunk_is_as_it_was():
    assert fails(HubLocked, lambda *_: {"rc": 11}).state_known


def test_a_hub_that_locks_itself_half_way_is_not():
    assert not fails(HubLocked, later(lambda *_: {"rc": 11})).state_known


def test_a_hub_without_memory_for_ever_is_given_up():
    assert fails(UploadRejected, later(lambda *_: {"rc": 2})).device_code == "rc 2"


def test_a_hub_that_has_no_memory_and_then_forgets_the_upload_is_sent_it_anew():
    async def scenario(peer, client):
        slot = Slot(peer)

        def refuse_one_then_forget(request):
            if len(peer.asked(UPLOAD)) == 2:
                return [request.answer({"rc": 2})]
            if 3 <= len(peer.asked(UPLOAD)) <= 5:
                slot.forget()
                return [request.answer({"off": 0})]
            return slot.upload(request)

        peer.scripts[UPLOAD] = refuse_one_then_forget
        await (await met(client)).flash(IMAGE, lambda _: None)
        assert slot.held == IMAGE.data

    run_with_peer(scenario, QUICK.model_copy(update={"answer_seconds": 5.0}))


def test_a_hub_that_has_locked_itself_after_a_reboot_is_not_as_it_was():
    def forget_and_lock(slot, request):
        if request.fields["off"]:
            return {"off": 0}
        return {"rc": 11} if slot.held else slot.upload(request)

    assert not fails(HubLocked, forget_and_lock).state_known


def test_a_hub_that_never_hears_the_image_is_tried_with_a_small_packet_and_given_up():
    async def scenario(peer, client):
        Slot(peer)
        peer.scripts[UPLOAD] = lambda _: None
        with pytest.raises(NoAnswer, match="first packet, large or small"):
            await (await met(client)).flash(IMAGE, lambda _: None)
        sizes = [len(request.fields["data"]) for request in peer.asked(UPLOAD)]
        assert sizes[0] == sizes[1] > 900
        assert all(32 <= size < 186 for size in sizes[2:])
        assert len(sizes) == 4

    run_with_peer(scenario, QUICK.model_copy(update={"upload_attempts": 3}))


def test_an_answer_that_comes_as_it_is_asked_who_is_there_counts():
    """As of a hub that is slower than one look: it answers in the order of asking, the chunk before the question."""

    async def scenario(peer, client):
        slot, late = Slot(peer), []

        def held_back(request):
            late.extend(slot.upload(request))
            return []

        def after_what_came_before(script):
            def answer(request):
                said = script(request)
                before = [*late]
                late.clear()
                return [*before, *([request.answer(said)] if isinstance(said, dict) else said or [])]

            return answer

        device = await met(client)
        for command in {*peer.scripts} - {UPLOAD} | {request.command for request in peer.requests}:
            peer.scripts[command] = after_what_came_before(peer.scripts.get(command, unsupported))
        first_and_last = (0, len(IMAGE) - 1)
        peer.scripts[UPLOAD] = lambda request: (
            held_back(request)
            if any(
                request.fields["off"] <= each < request.fields["off"] + len(request.fields["data"])
                for each in first_and_last
            )
            else slot.upload(request)
        )
        told = []
        await device.flash(IMAGE, told.append)
        assert told[-1] == FlashProgress(len(IMAGE), len(IMAGE))
        assert [request.fields["off"] for request in peer.asked(UPLOAD)].count(0) == 1
        assert client.sent_again == 0

    run_with_peer(scenario, QUICK.model_copy(update={"answer_seconds": 30.0}))


def test_a_device_that_loses_bursts_is_sent_small_packets_one_at_a_time():
    async def scenario(peer, client):
        slot = Slot(peer)
        peer.scripts[UPLOAD] = lambda request: (
            slot.upload(request) if len(request.fields["data"]) < 186 else None
        )
        image = make_image(3_000)
        await (await met(client)).flash(image, lambda _: None)
        assert slot.held == image.data

    run_with_peer(scenario)


def test_a_hub_that_holds_all_of_it_is_not_sent_it_again_because_its_last_answer_got_lost():
    async def scenario(peer, client):
        slot = Slot(peer)

        def lose_the_last(request):
            answers = slot.upload(request)
            return [] if len(slot.held) == slot.size else answers

        peer.scripts[UPLOAD] = lose_the_last
        told = []
        await (await met(client)).flash(IMAGE, told.append)
        assert told[-1] == FlashProgress(len(IMAGE), len(IMAGE))
        assert len([request for request in peer.asked(UPLOAD) if request.fields["off"] == 0]) == 1

    run_with_peer(scenario)


def test_a_loss_after_others_is_noticed_as_soon_as_one_that_comes_alone():
    heard = []

    def prepare(slot):
        fates = ["ok"] * 6 + ["lose request"] + ["ok"] * 3 + ["lose request"] * 3 + ["ok", "lose request"]
        slot.fates = iter(fates)
        upload = slot.upload

        def note(request):
            heard.append((asyncio.get_running_loop().time(), request.fields["off"]))
            return upload(request)

        slot._peer.scripts[UPLOAD] = note

    flash(prepare, smp_settings=QUICK.model_copy(update={"answer_seconds": 10.0}), buf_count=2)
    waited = [later[0] - sooner[0] for sooner, later in pairwise(heard) if later[1] == sooner[1]]
    alone, first, _, third, after = waited
    assert third > 1.5 * first, "each in a row is waited for longer"
    assert after < 3 * alone


def test_a_line_that_others_talk_on_is_said_to_be_so():
    def chatter(slot, _):
        slot._peer.port.send(b"uart:~$ log\r\n")

    assert "nothing else talks or reads on this line" in str(
        fails(NoAnswer, later(chatter), answer_seconds=0.15)
    )


@pytest.mark.parametrize("buf_size", [72, 96, 127])
def test_small_buffers_are_enough(buf_size):
    image = make_image(900)
    slot, _ = flash(image=image, buf_size=buf_size, buf_count=4)
    assert slot.held == image.data


def test_a_hub_that_falls_silent_is_given_up():
    error = fails(NoAnswer, later(lambda *_: None), answer_seconds=0.03)
    assert not error.state_known
    assert "fell silent at offset" in str(error)


def test_a_hub_that_stays_at_one_offset_is_given_up():
    def stay(slot, request):
        return {"off": 900 if request.fields["off"] else 950}

    assert "was thrown back" in str(fails(StuckProgress, stay))


def test_an_upload_has_a_last_deadline():
    def crawl(slot, request):
        answer = request.answer(slot.take(request))
        asyncio.get_running_loop().call_later(0.04, slot._peer.port.send, b"")
        asyncio.get_running_loop().call_later(0.04, lambda: slot._peer.send(answer))
        return []

    error = fails(
        StuckProgress,
        crawl,
        make_image(400_000),
        window=1,
        answer_seconds=1.5,
        slowness=1.0,
        upload_attempts=1,
    )
    assert "is not done after" in str(error)


@pytest.mark.parametrize("answer", [{"off": 5_000_000}, {"off": -1}, {"off": "1"}, {"off": True}, {}])
def test_an_impossible_offset_is_malformed(answer):
    fails(MalformedAnswer, later(lambda *_: answer))


def test_a_hub_whose_check_of_the_bytes_fails_is_believed():
    def lie(slot, request):
        answer = slot.take(request)
        return {**answer, "match": False} if "match" in answer else answer

    fails(TransferIncomplete, lie)


def test_a_hub_that_shows_no_such_image_afterwards_is_believed():
    async def scenario(peer, client):
        Slot(peer)
        peer.scripts[STATE] = lambda _: {"images": []}
        with pytest.raises(TransferIncomplete, match="shows no image"):
            await (await met(client)).flash(IMAGE, lambda _: None)

    run_with_peer(scenario)


def test_an_unplugged_port_ends_the_upload():
    def unplug(slot, request):
        slot._peer.port.close()

    assert not fails(LinkLost, later(unplug)).state_known


def test_a_port_that_takes_no_more_bytes_ends_the_upload():
    # A port buffers more than a window; only a hub that announces many large buffers can be stalled at all.
    async def scenario(peer, client):
        slot = Slot(peer, buf_size=4096, buf_count=65)

        def stop_reading(request):
            peer.port.stop_listening()
            return slot.upload(request)

        peer.scripts[UPLOAD] = stop_reading
        with pytest.raises(LinkStalled) as caught:
            await (await met(client)).flash(make_image(400_000), lambda _: None)
        assert not caught.value.state_known

    patient = {"answer_seconds": 5.0, "window": 64, "stall_seconds": 0.1}
    run_with_peer(scenario, QUICK.model_copy(update=patient))


def test_a_listener_that_fails_ends_the_upload_with_its_error():
    def fail(_):
        raise ZeroDivisionError

    async def scenario(peer, client):
        Slot(peer)
        with pytest.raises(ZeroDivisionError):
            await (await met(client)).flash(IMAGE, fail)

    run_with_peer(scenario)


def test_serial_recovery_is_never_uploaded_to():
    async def scenario(peer, client):
        Slot(peer)
        del peer.scripts[BOOT_LOADER]
        peer.scripts[STATE] = lambda _: {"images": [{"slot": 0, "version": "0.2.1", "hash": bytes(32)}]}
        with pytest.raises(HubInSerialRecovery, match="rework"):
            await (await met(client)).flash(IMAGE, lambda _: None)
        assert peer.asked(UPLOAD) == []

    run_with_peer(scenario)


def test_an_upload_can_be_cancelled_at_any_chunk_and_done_anew():
    async def scenario(peer, client):
        slot = Slot(peer)
        device = await met(client)
        for chunks in range(1, 20, 3):
            slot.forget()
            peer.requests.clear()
            flashing = asyncio.create_task(device.flash(IMAGE, lambda _: None))
            await peer.until_asked(UPLOAD, chunks)
            flashing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await flashing
            assert (await McubootDevice(client).state()).running is not None
        await device.flash(IMAGE, lambda _: None)
        assert slot.held == IMAGE.data

    run_with_peer(scenario)


async def test_the_last_chunk_has_the_time_of_a_check_and_the_first_that_of_an_erase() -> None:
    times, size = SmpSettings(), 1 << 20
    image: Any = type(
        "Image", (), {"data": bytes(size), "file_sha256": bytes(32), "__len__": lambda _: size}
    )()
    client: Any = SimpleNamespace(
        settings=times,
        version=1,
        noise=0,
        encoder=FrameEncoder(127),
        next_sequence=iter(range(9999)).__next__,
        link=SimpleNamespace(unsent_seconds=0.0),
    )

    async def nobody() -> bool:
        return True

    upload = Upload(
        client, image, ParametersAnswer(buf_size=384, buf_count=2), lambda _: None, nobody, nobody
    )
    opening = upload._window.next_chunk()
    assert upload._busy_seconds() >= times.erase_seconds(size)
    upload._window.answered(opening.sequence, opening.end)
    while not upload._window.closing:
        chunk = upload._window.next_chunk()
        if not upload._window.closing:
            upload._window.answered(chunk.sequence, chunk.end)
    assert times.check_seconds(size) <= upload._busy_seconds() < times.erase_seconds(size)
