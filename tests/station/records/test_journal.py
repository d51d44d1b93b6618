from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
from contextlib import AbstractAsyncContextManager, closing
from pathlib import Path

import pytest

from benches.journal_samples import STARTED, chf, closed, gpf, opened, order_events, order_line
from benches.processes import running
from station.domain.outcome import Outcome
from station.messages.topics import TopicError
from station.records.chain import RecordedEvent
from station.records.errors import (
    EventRefused,
    JournalCorrupt,
    JournalFailed,
    JournalFull,
    JournalInUse,
)
from station.records.facts.outbox import MessagesAcknowledged, MessagesRepublished
from station.records.journal import Journal
from station.records.ledger import Ledger
from station.records.reader import JournalReader
from station.records.segments import segment_path, segment_paths
from station.records.verify import verify


def journal_in(folder: Path, **options: int) -> AbstractAsyncContextManager[Journal]:
    return Journal.open(folder, site="leeds", station="bench-1", **options)


def writer_held_up(journal: Journal) -> threading.Event:
    """Make the writing thread wait in its next commit until the event is set."""
    go = threading.Event()
    commit = journal._writer._commit

    def wait_first(*args: object) -> None:
        go.wait(60)
        commit(*args)

    journal._writer._commit = wait_first
    return go


async def test_what_is_appended_is_durable_and_answered(folder: Path) -> None:
    async with journal_in(folder) as journal:
        assert await journal.append() == ()
        await journal.append(*order_events())
        assert await journal.jig_order("jig-1") == "WO-1"
        assert (await journal.order_line_state("WO-1", gpf(1))).line == order_line(1)
        assert [order.order for order in await journal.orders()] == ["WO-1"]
        (first,) = await journal.append(opened(1))
        assert [attempt.attempt for attempt in await journal.open_attempts()] == [first.sequence]
        assert (await journal.open_attempt_of(chf(1))).attempt == first.sequence
        assert await journal.attempt_count("WO-1", chf(1)) == 1
        (result,) = await journal.append(closed(first.sequence, 1))
        assert (await journal.hub_history(chf(1))).passed_in("WO-1")
        assert (await journal.life_of(gpf(1))).events == (first, result)
        assert [state.outcome for state in await journal.order_lines("WO-1")] == [None, Outcome.PASSED, None]
        assert await journal.outbox_size() == 3
        assert await journal.outbox_batch(9) == (
            await journal.messages("order", 1, 9) + await journal.messages("result", 1, 1)
        )
        await journal.append(
            MessagesAcknowledged(message="order", numbers=(1, 2)),
            MessagesAcknowledged(message="result", numbers=(1,)),
        )
        assert await journal.outbox_size() == 0
        await journal.append(MessagesRepublished(message="result", first=1, last=1))
        assert await journal.outbox_size() == 1
        with pytest.raises(EventRefused):
            await journal.append(MessagesRepublished(message="result", first=7, last=9))
    assert verify(folder).events == 9


async def test_several_questions_are_answered_from_one_state(folder: Path) -> None:
    async with journal_in(folder) as journal:
        await journal.append(*order_events())
        loop = asyncio.get_running_loop()

        def look(records: JournalReader) -> tuple[int, int]:
            before = records.hub_history(chf(1)).attempts_in("WO-1")
            asyncio.run_coroutine_threadsafe(journal.append(opened(1)), loop).result(60)
            return before, records.hub_history(chf(1)).attempts_in("WO-1")

        assert await journal.at_once(look) == (0, 0)
        assert await journal.attempt_count("WO-1", chf(1)) == 1


async def test_appends_that_arrive_together_share_a_commit(folder: Path) -> None:
    groups: list[int] = []

    async with journal_in(folder) as journal:
        go = writer_held_up(journal)
        held = journal._writer._commit
        journal._writer._commit = lambda ledger, group: (groups.append(len(group)), held(ledger, group))
        first = asyncio.create_task(journal.append(STARTED))
        await asyncio.sleep(0)
        others = [asyncio.create_task(journal.append(STARTED)) for _ in range(100)]
        await asyncio.sleep(0)
        go.set()
        recorded = await asyncio.gather(first, *others)
        assert [row.sequence for (row,) in recorded] == list(range(2, 103))
    assert sum(groups) == 101
    assert len(groups) <= 3


async def test_a_cancelled_append_ends_when_its_fate_is_known(folder: Path) -> None:
    heard: list[RecordedEvent] = []

    async with journal_in(folder) as journal:
        journal.subscribe(heard.append)
        go = writer_held_up(journal)
        append = asyncio.create_task(journal.append(STARTED))
        await asyncio.sleep(0)
        for _ in range(3):
            append.cancel()
            await asyncio.sleep(0)
        assert not append.done()
        go.set()
        with pytest.raises(asyncio.CancelledError):
            await append
        assert [recorded.sequence for recorded in heard] == [2]
    assert verify(folder).events == 2


async def test_a_deadline_on_an_append_still_waits_for_its_fate(folder: Path) -> None:
    async with journal_in(folder) as journal:
        go = writer_held_up(journal)
        asyncio.get_running_loop().call_later(0.05, go.set)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await journal.append(STARTED)
    assert verify(folder).events == 2


async def test_subscribers_hear_facts_in_order_after_their_commit(folder: Path) -> None:
    heard: list[RecordedEvent] = []
    complaints: list[str] = []

    async with journal_in(folder) as journal:

        def check(recorded: RecordedEvent) -> None:
            with closing(sqlite3.connect(segment_path(folder, 1))) as segment:
                assert segment.execute(
                    "SELECT 1 FROM events WHERE sequence = ?", (recorded.sequence,)
                ).fetchone()
            heard.append(recorded)

        def deaf(recorded: RecordedEvent) -> None:
            raise LookupError("not mine")

        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: complaints.append(context["message"]))
        journal.subscribe(deaf)
        forget = journal.subscribe(check)
        recorded = [
            row
            for rows in await asyncio.gather(*(journal.append(STARTED, STARTED) for _ in range(5)))
            for row in rows
        ]
        assert heard == recorded
        forget()
        await journal.append(STARTED)
        assert heard == recorded
    assert complaints[0] == "journal subscriber failed on row 2"


async def test_a_refused_event_is_told_to_its_caller_alone(folder: Path) -> None:
    async with journal_in(folder) as journal:
        good, bad = await asyncio.gather(
            journal.append(STARTED), journal.append(closed(99)), return_exceptions=True
        )
        assert isinstance(good, tuple)
        assert isinstance(bad, EventRefused)


async def test_a_full_disk_is_told_and_the_journal_goes_on(folder: Path) -> None:
    async with journal_in(folder) as journal:
        ledgers: list[sqlite3.Connection] = []
        commit = journal._writer._commit

        def limited(ledger: object, group: object) -> None:
            segment = ledger._opened()
            if not ledgers:
                segment.execute(
                    f"PRAGMA max_page_count = {segment.execute('PRAGMA page_count').fetchone()[0]}"
                )
                ledgers.append(segment)
            else:
                segment.execute("PRAGMA max_page_count = 1000000")
            commit(ledger, group)

        journal._writer._commit = limited
        with pytest.raises(JournalFull):
            await journal.append(*order_events(hubs=500))
        await journal.append(*order_events(hubs=500))
    verify(folder)


async def test_a_fault_in_the_writer_reaches_everyone_and_hangs_nobody(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with journal_in(folder) as journal:

        def break_down(*_: object) -> None:
            raise LookupError("a bug")

        monkeypatch.setattr(Ledger, "commit", break_down)
        appends = [asyncio.create_task(journal.append(STARTED)) for _ in range(5)]
        outcomes = await asyncio.gather(*appends, return_exceptions=True)
        assert {str(outcome) for outcome in outcomes} == {"the journal stopped: LookupError('a bug')"}
        with pytest.raises(JournalFailed, match="a bug"):
            await journal.append(STARTED)


async def test_after_closing_nothing_is_taken(folder: Path) -> None:
    async with journal_in(folder) as journal:
        pass
    with pytest.raises(JournalFailed, match="is closed"):
        await journal.append(STARTED)


async def test_appends_under_way_at_the_end_are_still_written(folder: Path) -> None:
    async with journal_in(folder) as journal:
        tasks = [asyncio.create_task(journal.append(STARTED)) for _ in range(20)]
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    assert verify(folder).events == 21


async def test_a_new_segment_does_not_disturb_the_answers(folder: Path) -> None:
    async with journal_in(folder, segment_rows=5) as journal:
        number = 0
        while number < 12 or len(segment_paths(folder)) < 4:  # each of these readers may put a rotation off
            (first,) = await journal.append(opened(number, order=None))
            assert len(await journal.open_attempts()) == 1
            await journal.append(closed(first.sequence, number, order=None))
            number += 1
            assert await journal.outbox_size() == number
    verify(folder)


async def test_an_unusable_journal_is_refused_and_nothing_is_left_running(folder: Path) -> None:
    folder.mkdir()
    segment_path(folder, 1).write_bytes(b"not a journal" * 99)
    with pytest.raises(JournalCorrupt):
        await journal_in(folder).__aenter__()


async def test_a_station_whose_name_no_topic_can_hold_is_refused(folder: Path) -> None:
    with pytest.raises(TopicError, match="bench/1"):
        await Journal.open(folder, site="leeds", station="bench/1").__aenter__()
    assert not folder.exists()


HOLDER = """
import asyncio, sys
from pathlib import Path
from station.records.journal import Journal

async def main():
    async with Journal.open(Path(sys.argv[1]), site="leeds", station="bench-1"):
        print("held", flush=True)
        await asyncio.to_thread(sys.stdin.readline)

asyncio.run(main())
"""


async def test_a_second_daemon_is_told_the_first_ones_process(folder: Path) -> None:
    with running(
        [sys.executable, "-c", HOLDER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(JournalInUse) as refused:
            await journal_in(folder).__aenter__()
        assert refused.value.pid == holder.pid
        assert verify(folder).events == 1  # reading needs no lock
        holder.stdin.write("\n")
    assert holder.returncode == 0
