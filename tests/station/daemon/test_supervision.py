"""Parts of a station that fail at once, later, or for ever: begun again after a pause, and said."""

from __future__ import annotations

import asyncio

import pytest

from benches.looking import until
from benches.sentences import SENTENCES
from station.daemon.supervision import pause_after, supervise
from station.domain.statement import Statement
from station.records.errors import JournalFailed, JournalHeldUp

LONGEST_SECONDS = 60.0


class Board:
    """What people were shown."""

    def __init__(self) -> None:
        self.lines: list[str | None] = []

    def set_fault(self, source: str, fault: Statement | None) -> None:
        assert source == "publisher"
        self.lines.append(None if fault is None else SENTENCES.notice(fault))


class Part:
    """Fails as it is told to, then works without end; counts how often it was begun."""

    def __init__(self, *failures: BaseException | None) -> None:
        self.failures = list(failures)
        self.begun = 0
        self.works = asyncio.Event()

    async def work(self) -> None:
        self.begun += 1
        if self.failures:
            if (failure := self.failures.pop(0)) is not None:
                raise failure
            return
        self.works.set()
        await asyncio.Event().wait()


async def supervised(part: Part, board: Board, **changes: float) -> list[float]:
    """Supervise until the part works, and return the pauses."""
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    supervising = asyncio.create_task(supervise("publisher", part.work, board, pause=pause, **changes))
    working = asyncio.create_task(part.works.wait())
    try:
        await asyncio.wait((supervising, working), return_when=asyncio.FIRST_COMPLETED)
        if supervising.done():
            supervising.result()
    finally:
        for task in (supervising, working):
            task.cancel()
        await asyncio.gather(supervising, working, return_exceptions=True)
    return pauses


async def test_a_part_that_fails_is_begun_again_and_shown_in_one_line() -> None:
    part, board = Part(KeyError("x\ny")), Board()
    assert await supervised(part, board) == [1.0]
    assert board.lines == [
        "publisher: a fault of the station's own (KeyError); it is begun again in 1 s, tell the supervisor"
    ]
    assert part.begun == 2


async def test_a_part_whose_task_was_cancelled_from_within_is_begun_again() -> None:
    part, board = Part(asyncio.CancelledError()), Board()
    assert await supervised(part, board) == [1.0]
    assert "a fault of the station's own (CancelledError)" in str(board.lines[0])


async def test_what_a_parts_own_tasks_raise_is_judged_like_its_own() -> None:
    held_up = JournalHeldUp("the journal is held up: wait")
    board = Board()
    await supervised(Part(ExceptionGroup("tasks", [held_up])), board)
    assert "the journal is held up" in str(board.lines[0])
    deep = ExceptionGroup("tasks", [KeyError("x"), ExceptionGroup("more", [held_up, JournalFailed("disk")])])
    with pytest.raises(JournalFailed, match="disk"):
        await supervised(Part(deep), board)


async def test_a_part_that_returns_is_begun_again_too() -> None:
    part = Part(None)
    assert await supervised(part, Board()) == [1.0]


async def test_pauses_double_up_to_a_minute_however_long_it_goes_on() -> None:
    part = Part(*(OSError(number) for number in range(2_000)))
    pauses = await supervised(part, Board())
    assert pauses[:8] == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, LONGEST_SECONDS, LONGEST_SECONDS]
    assert set(pauses[8:]) == {LONGEST_SECONDS}
    assert part.begun == 2_001
    assert pause_after(10**9) == LONGEST_SECONDS


async def test_a_part_that_has_worked_for_a_while_is_sound_again_and_its_next_failure_is_a_first_one() -> (
    None
):
    fail, failures = asyncio.Event(), 0
    board, pauses = Board(), []

    async def part() -> None:
        nonlocal failures
        failures += 1
        if failures > 2:
            fail.clear()
            await fail.wait()
        raise OSError

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    supervising = asyncio.create_task(supervise("publisher", part, board, steady_seconds=0.01, pause=pause))
    await until(lambda: None in board.lines)
    fail.set()
    await until(lambda: len(pauses) >= 3)
    supervising.cancel()
    await asyncio.gather(supervising, return_exceptions=True)
    assert pauses == [1.0, 2.0, 1.0]


async def test_a_journal_that_fails_is_not_lived_with_and_one_that_is_full_is() -> None:
    board = Board()
    assert await supervised(Part(JournalHeldUp("no room; make some")), board) == [1.0]
    assert "no room; make some" in (board.lines[0] or "")
    with pytest.raises(JournalFailed):
        await supervised(Part(JournalFailed("broken")), board)


async def test_an_end_of_the_station_is_no_failure() -> None:
    board = Board()
    await supervised(Part(), board)
    assert board.lines == []
