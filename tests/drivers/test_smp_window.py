"""The upload window against a hub that drops, delays, duplicates, reorders, refuses, forgets and lies."""

from __future__ import annotations

import itertools
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.smp.window import Chunk, OffsetOutOfRange, UploadWindow


def window(size: int = 1000, *, width: int = 4, attempts: int = 8) -> UploadWindow:
    numbers = itertools.count(1)
    return UploadWindow(
        size,
        first=50,
        chunk=100,
        width=width,
        attempts=attempts,
        next_sequence=lambda: next(numbers) & 0xFF,
    )


def sendable(upload: UploadWindow) -> list[Chunk]:
    """What goes out, once it was seen who is there."""
    if upload.doubtful:
        assert upload.next_chunk() is None
        if upload.settled:
            upload.assured()
    return list(iter(upload.next_chunk, None))


def opened(upload: UploadWindow) -> list[Chunk]:
    [first] = sendable(upload)
    upload.answered(first.sequence, first.end)
    return sendable(upload)


def test_the_first_chunk_goes_alone_and_the_rest_fill_the_window():
    upload = window()
    assert sendable(upload) == [Chunk(1, 0, 50)]
    assert upload.opening
    upload.answered(1, 50)
    assert not upload.opening
    assert sendable(upload) == [(2, 50, 150), (3, 150, 250), (4, 250, 350), (5, 350, 450)]
    upload.answered(2, 150)
    assert sendable(upload) == [(6, 450, 550)]


def test_an_answer_settles_the_chunks_sent_before_it():
    upload = window()
    chunks = opened(upload)
    upload.answered(chunks[2].sequence, chunks[2].end)
    assert not upload.expects(chunks[0].sequence)
    assert [chunk.start for chunk in sendable(upload)] == [450, 550, 650]
    assert upload.width == 4


def test_a_lost_chunk_is_sent_again_after_what_is_under_way_was_answered():
    upload = window()
    chunks = opened(upload)
    for chunk in chunks[1:-1]:
        upload.answered(chunk.sequence, 50)
        assert sendable(upload) == []
    upload.answered(chunks[-1].sequence, 50)
    assert upload.width == 2
    assert upload.setbacks == 1
    assert [chunk.start for chunk in sendable(upload)] == [50, 150]


def test_silence_rewinds_to_the_last_offset_told_and_late_answers_mean_nothing():
    upload = window()
    chunks = opened(upload)
    upload.answered(chunks[0].sequence, chunks[0].end)
    upload.heard_nothing()
    assert [chunk.start for chunk in sendable(upload)] == [150, 250]
    assert not upload.expects(chunks[1].sequence)


def test_an_upload_that_the_hub_remembers_is_resumed():
    upload = window()
    [first] = sendable(upload)
    upload.answered(first.sequence, 700)
    assert [chunk.start for chunk in sendable(upload)] == [700, 800, 900]


def test_a_hub_that_forgot_is_sent_the_opening_chunk_again():
    upload = window()
    chunks = opened(upload)
    for chunk in chunks:
        upload.answered(chunk.sequence, 0)
    assert upload.opening
    assert [(chunk.start, chunk.end) for chunk in sendable(upload)] == [(0, 50)]


def test_the_window_widens_again_on_a_clean_line():
    upload = window(100_000)
    chunks = opened(upload)
    for chunk in chunks:
        upload.answered(chunk.sequence, 50)
    assert upload.width == 2
    for _ in range(300):
        for chunk in sendable(upload)[:]:
            upload.answered(chunk.sequence, chunk.end)
    assert upload.width == 4


@pytest.mark.parametrize("offset", [-1, 451, 1000])
def test_a_hub_that_claims_more_than_it_was_sent_is_not_believed(offset):
    upload = window()
    chunks = opened(upload)
    with pytest.raises(OffsetOutOfRange, match=str(offset)):
        upload.answered(chunks[0].sequence, offset)


def test_an_image_of_one_chunk_is_done_with_its_answer():
    upload = window(30)
    assert sendable(upload) == [(1, 0, 30)]
    assert upload.closing
    upload.answered(1, 30)
    assert upload.done


class Hub:
    """A server that takes chunks in order and wants the next byte that it lacks, as Zephyr's does."""

    def __init__(self, size: int) -> None:
        self.held = bytearray()
        self.size = size
        self.remembers = False

    def take(self, chunk: Chunk) -> int:
        if chunk.start == 0 and not self.remembers:
            self.held.clear()
            self.remembers = True
        if self.remembers and chunk.start == len(self.held):
            self.held += bytes(position & 0xFF for position in range(chunk.start, chunk.end))
        offset = len(self.held) if self.remembers else 0
        if offset == self.size:
            self.remembers = True
        return offset

    def reboot(self) -> None:
        if len(self.held) < self.size:
            self.held.clear()
            self.remembers = False


FATES = ["ok"] * 12 + [
    "lose request",
    "lose answer",
    "no memory",
    "duplicate",
    "delay",
    "swap",
    "reboot",
    "silence",
]


@given(
    size=st.integers(min_value=1, max_value=4000),
    width=st.integers(min_value=1, max_value=8),
    fates=st.lists(st.sampled_from(FATES), max_size=60),
)
def test_every_byte_arrives_whatever_happens_on_the_way_as_long_as_it_ends(size, width, fates):
    """Faults are finite here: after them the hub behaves, and the upload must come to its end."""
    upload = window(size, width=width, attempts=1000)
    hub = Hub(size)
    fate = iter(fates)
    answers: deque[tuple[int, int | None]] = deque()
    late: list[tuple[int, int | None]] = []
    for _ in range(5000):
        sent = sendable(upload)
        assert len(sent) <= upload.width
        if upload.opening:
            assert len(sent) <= 1
        for chunk in sent:
            match next(fate, "ok"):
                case "ok":
                    answers.append((chunk.sequence, hub.take(chunk)))
                case "lose request":
                    pass
                case "lose answer":
                    hub.take(chunk)
                case "no memory":
                    answers.append((chunk.sequence, None))
                case "duplicate":
                    answers.extend([(chunk.sequence, hub.take(chunk)), (chunk.sequence, hub.take(chunk))])
                case "delay":
                    late.append((chunk.sequence, hub.take(chunk)))
                case "swap":
                    answers.appendleft((chunk.sequence, hub.take(chunk)))
                case "reboot":
                    hub.reboot()
                case "silence":
                    answers.clear()
        if not answers:
            upload.heard_nothing()
            answers.extend(late)
            late.clear()
            continue
        sequence, offset = answers.popleft()
        if upload.expects(sequence):
            if offset is None:
                upload.refused(sequence)
            else:
                upload.answered(sequence, offset)
        if upload.done:
            break
    assert upload.done
    assert hub.held == bytes(position & 0xFF for position in range(size))


@given(
    size=st.integers(min_value=1, max_value=4000),
    width=st.integers(min_value=1, max_value=8),
    before=st.integers(min_value=0, max_value=40),
    forgets=st.booleans(),
)
def test_nothing_is_sent_to_whoever_answers_after_a_setback_before_it_is_seen_who_that_is(
    size, width, before, forgets
):
    """The first hub leaves at any chunk; the next one sits there when the silence ends, or answers from the start."""
    upload = window(size, width=width)
    hub = Hub(size)
    answers: deque[tuple[int, int]] = deque()
    for number in itertools.count():
        chunks = list(iter(upload.next_chunk, None))
        if number == before:
            break
        answers.extend((chunk.sequence, hub.take(chunk)) for chunk in chunks)
        if not answers:
            return  # it was done before the hub left
        upload.answered(*answers.popleft())
        if upload.done:
            return
    if forgets and chunks and not upload.opening:
        for sequence in (*(sequence for sequence, _ in answers), *(chunk.sequence for chunk in chunks)):
            if upload.expects(sequence):
                upload.answered(sequence, 0)
                assert upload.next_chunk() is None
    else:
        upload.heard_nothing()
    assert upload.doubtful
    assert upload.next_chunk() is None
    upload.assured()
    assert upload.next_chunk() is not None


@given(
    size=st.integers(min_value=200, max_value=4000),
    lies=st.lists(st.one_of(st.none(), st.integers(min_value=-10, max_value=5000)), min_size=1, max_size=20),
)
def test_a_lying_hub_cannot_hold_an_upload_for_ever(size, lies):
    upload = window(size)
    for lie in itertools.cycle(lies):
        if upload.done or upload.exhausted:
            return
        sent = sendable(upload)
        if lie is None or not sent:
            upload.heard_nothing()
            continue
        try:
            upload.answered(sent[-1].sequence, lie)
        except OffsetOutOfRange:
            return


def test_a_hub_that_always_reboots_half_way_exhausts_the_attempts():
    upload = window(1000, width=1, attempts=3)
    hub = Hub(1000)
    for _ in range(1000):
        if upload.exhausted:
            break
        [chunk] = sendable(upload)
        if chunk.start > 500:
            hub.reboot()
        upload.answered(chunk.sequence, hub.take(chunk))
    assert upload.exhausted


def plain_window(attempts: int) -> UploadWindow:
    numbers = iter(range(1000))
    return UploadWindow(
        100, first=10, chunk=10, width=4, attempts=attempts, next_sequence=lambda: next(numbers)
    )


@pytest.mark.parametrize("attempts", [1, 2, 5])
def test_as_many_setbacks_as_there_are_attempts_are_borne_and_one_more_is_not(attempts: int) -> None:
    window = plain_window(attempts)
    for _ in range(attempts):
        assert window.next_chunk() is not None
        window.heard_nothing()
        window.assured()
        assert not window.exhausted
    assert window.next_chunk() is not None
    window.heard_nothing()
    assert window.exhausted


def test_silence_while_a_setback_is_settled_is_another_setback() -> None:
    window = plain_window(5)
    opening = window.next_chunk()
    assert opening is not None
    window.answered(opening.sequence, 10)
    first, _, third = (window.next_chunk() for _ in range(3))
    assert first is not None
    assert third is not None
    window.answered(first.sequence, 10)  # it was lost, and two are under way still
    window.assured()
    assert (window.setbacks, window.settled) == (1, False)
    window.heard_nothing()
    assert window.setbacks == 2
