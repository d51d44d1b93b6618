from __future__ import annotations

import asyncio
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benches.sim_bench import NEW, OLD, image, make_hub, tlv_hash
from simulators.boot import Swap
from simulators.flash import FlashError, Interruption, Operation
from simulators.hub import Hub, Locked
from simulators.slots import Chunk, ImageError, ImageRefused


def open_hub() -> Hub:
    hub = make_hub()
    hub.lock.is_open = True
    return hub


async def upload(hub: Hub, file: bytes, piece: int = 1000) -> bool | None:
    sha = hashlib.sha256(file).digest()
    taken = await hub.take_chunk(Chunk(0, file[:piece], len(file), sha))
    while taken.offset < len(file):
        taken = await hub.take_chunk(Chunk(taken.offset, file[taken.offset : taken.offset + piece]))
    return taken.matches


def refusal(code: ImageError) -> pytest.RaisesExc[ImageRefused]:
    return pytest.RaisesExc(ImageRefused, check=lambda error: error.code is code)


def test_a_factory_image_counts_as_confirmed() -> None:
    (only,) = make_hub().report_slots()
    assert (only.slot, only.version, only.image_hash) == (0, OLD, tlv_hash(image(OLD)))
    assert (only.active, only.confirmed, only.pending, only.permanent) == (True, True, False, False)


async def test_the_flags_follow_upload_mark_boot_confirm() -> None:
    hub = open_hub()
    assert await upload(hub, image(NEW)) is True

    def flags() -> list[tuple[str, bool, bool, bool, bool]]:
        return [(s.version, s.active, s.confirmed, s.pending, s.permanent) for s in hub.report_slots()]

    assert flags() == [(OLD, True, True, False, False), (NEW, False, False, False, False)]
    await hub.mark(tlv_hash(image(NEW)), permanent=False)
    assert flags() == [(OLD, True, True, False, False), (NEW, False, False, True, False)]
    await hub.boot_loader.boot()
    # Zephyr calls the image to go back to the confirmed one.
    assert flags() == [(NEW, True, False, False, False), (OLD, False, True, False, False)]
    await hub.confirm()
    assert flags() == [(NEW, True, True, False, False), (OLD, False, False, False, False)]
    await hub.mark(tlv_hash(image(OLD)), permanent=True)
    assert flags() == [(NEW, True, True, False, False), (OLD, False, False, True, True)]


async def test_locked_only_the_running_image_can_be_confirmed() -> None:
    hub = make_hub()
    await hub.confirm()
    for forbidden in (
        hub.take_chunk(Chunk(0, image(NEW), len(image(NEW)))),
        hub.erase(),
        hub.mark(tlv_hash(image(OLD)), permanent=False),
    ):
        with pytest.raises(Locked):
            await forbidden


async def test_what_a_boot_still_needs_is_not_overwritten() -> None:
    hub = open_hub()
    await upload(hub, image(NEW))
    await hub.mark(tlv_hash(image(NEW)), permanent=False)
    for due in (Swap.TEST, Swap.REVERT):
        assert hub.boot_loader.next_swap() is due
        with refusal(ImageError.NO_FREE_SLOT):
            await hub.erase()
        with refusal(ImageError.NO_FREE_SLOT):
            await hub.take_chunk(Chunk(0, image(NEW)[:1000], len(image(NEW))))
        await hub.boot_loader.boot()
    await hub.erase()


async def test_marking_is_refused_for_what_is_not_there_or_runs_already() -> None:
    hub = open_hub()
    with refusal(ImageError.HASH_NOT_FOUND):
        await hub.mark(bytes(32), permanent=False)
    with refusal(ImageError.INVALID_HASH):
        await hub.mark(b"short", permanent=False)
    with refusal(ImageError.IMAGE_SETTING_TEST_TO_ACTIVE_DENIED):
        await hub.mark(tlv_hash(image(OLD)), permanent=False)
    await upload(hub, image(NEW))
    await hub.mark(tlv_hash(image(NEW)), permanent=False)
    await hub.boot_loader.boot()
    with refusal(ImageError.IMAGE_ALREADY_PENDING):
        await hub.mark(tlv_hash(image(OLD)), permanent=False)


@pytest.mark.parametrize(
    ("chunk", "code"),
    [
        (Chunk(0, image(NEW)[:100]), ImageError.INVALID_LENGTH),
        (Chunk(0, image(NEW)[:31], 6000), ImageError.INVALID_IMAGE_HEADER),
        (Chunk(0, bytes(100), 6000), ImageError.INVALID_IMAGE_HEADER_MAGIC),
        (Chunk(0, image(NEW)[:100], 6000, bytes(33)), ImageError.INVALID_HASH),
        (Chunk(0, image(NEW)[:100], 1 << 20), ImageError.INVALID_IMAGE_TOO_LARGE),
        (Chunk(0, image("1.0.0")[:100], 6000, upgrade=True), ImageError.CURRENT_VERSION_IS_NEWER),
        (Chunk(0, image(NEW)[:100], 99), ImageError.INVALID_IMAGE_DATA_OVERRUN),
    ],
)
def test_a_first_piece_that_makes_no_sense_is_refused(chunk: Chunk, code: ImageError) -> None:
    with refusal(code):
        asyncio.run(open_hub().take_chunk(chunk))


async def test_an_upload_resumes_by_its_sha_and_starts_anew_for_another() -> None:
    hub, file = open_hub(), image(NEW)
    sha = hashlib.sha256(file).digest()
    first = Chunk(0, file[:500], len(file), sha)
    assert (await hub.take_chunk(first)).offset == 500
    assert (await hub.take_chunk(Chunk(500, file[500:900]))).offset == 900
    assert (await hub.take_chunk(first)).offset == 900
    assert (await hub.take_chunk(Chunk(700, file[700:900]))).offset == 900
    await hub.erase()
    assert (await hub.take_chunk(first)).offset == 500, "what was erased is not continued"
    assert (await hub.take_chunk(Chunk(0, file[:400], len(file), bytes(32)))).offset == 400


async def test_a_repeated_last_piece_is_told_to_begin_at_0() -> None:
    hub, file = open_hub(), image(NEW)
    await upload(hub, file)
    assert (await hub.take_chunk(Chunk(len(file) - 10, file[-10:]))).offset == 0


async def test_the_end_says_whether_the_sha_holds_if_one_was_announced() -> None:
    hub, file = open_hub(), image(NEW)
    taken = await hub.take_chunk(Chunk(0, file, len(file), bytes(32)))
    assert taken.matches is False
    taken = await hub.take_chunk(Chunk(0, file, len(file)))
    assert taken.matches is None
    assert taken.offset == len(file)


@pytest.mark.parametrize(
    ("failing", "code"),
    [(Operation.ERASE, ImageError.FLASH_ERASE_FAILED), (Operation.WRITE, ImageError.FLASH_WRITE_FAILED)],
)
async def test_a_flash_fault_ends_the_upload_with_its_code(failing: Operation, code: ImageError) -> None:
    def fail(operation: Operation) -> Interruption | None:
        if operation is failing:
            raise FlashError("worn out")
        return None

    hub, file = open_hub(), image(NEW)
    hub.flash.on_operation = fail
    with refusal(code):
        await hub.take_chunk(Chunk(0, file[:500], len(file)))
    assert (await hub.take_chunk(Chunk(500, file[500:900]))).offset == 0
    if failing is Operation.ERASE:
        with refusal(code):
            await hub.erase()


pieces = st.tuples(st.integers(0, 6500), st.integers(1, 1500))


@given(st.lists(pieces, max_size=40))
def test_the_slot_holds_exactly_what_the_offset_says(wanted: list[tuple[int, int]]) -> None:
    async def run() -> None:
        hub, file = open_hub(), image(NEW)
        sha = hashlib.sha256(file).digest()
        offset = (await hub.take_chunk(Chunk(0, file[:100], len(file), sha))).offset
        for somewhere, length in wanted:
            start = offset if length % 2 else somewhere
            piece = file[start : start + length]
            if start == 0 or not piece:
                continue
            taken = await hub.take_chunk(Chunk(start, piece))
            assert taken.offset == (offset + len(piece) if start == offset else offset)
            offset = taken.offset
            assert hub.layout.secondary.read(0, offset) == file[:offset]
            if offset == len(file):
                assert taken.matches is True
                return

    asyncio.run(run())


async def test_a_flash_fault_refuses_to_mark_and_to_confirm() -> None:
    def fail(_: Operation) -> Interruption | None:
        raise FlashError("worn out")

    hub = open_hub()
    await upload(hub, image(NEW))
    sound, hub.flash.on_operation = hub.flash.on_operation, fail
    with refusal(ImageError.FLASH_WRITE_FAILED):
        await hub.mark(tlv_hash(image(NEW)), permanent=False)
    hub.flash.on_operation = sound
    await hub.mark(tlv_hash(image(NEW)), permanent=False)
    await hub.boot_loader.boot()
    hub.flash.on_operation = fail
    with refusal(ImageError.FLASH_WRITE_FAILED):
        await hub.confirm()
    assert not hub.report_slots()[0].confirmed
