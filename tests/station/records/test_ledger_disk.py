from __future__ import annotations

import os
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

import pytest

from benches.descriptor_limits import descriptors_left
from benches.journal_samples import (
    STARTED,
    TOPICS,
    chf,
    closed,
    ledger_in,
    next_segment,
    one_result,
    opened,
    order_events,
    place,
    write,
)
from station.domain.outcome import Outcome
from station.records.errors import (
    EventRefused,
    JournalCorrupt,
    JournalFailed,
    JournalFull,
    JournalInDoubt,
    JournalLocked,
    NoDescriptors,
)
from station.records.facts import outbox
from station.records.facts.journal import SegmentStarted
from station.records.facts.orders import OrderClosed, orders
from station.records.facts.outbox import MessagesAcknowledged, MessagesRepublished
from station.records.files import sync_file, sync_opened
from station.records.reader import JournalReader
from station.records.rebuild import rebuild
from station.records.segments import fold_log, segment_path, segment_paths
from station.records.verify import verify


def test_segments_follow_each_other_and_answer_as_one(folder: Path) -> None:
    with ledger_in(folder, segment_rows=10) as ledger, JournalReader(folder) as reader:
        write(ledger, *order_events(hubs=20))
        for number in range(20):
            one_result(ledger, number)
            if number % 5 == 4:
                next_segment(ledger, folder)
        write(ledger, MessagesAcknowledged(message="order", numbers=(1, 2)))
        assert [result.number.number for result in reader.waiting_messages(99)] == list(range(1, 21))
        life = reader.life_of(chf(0))
        assert [recorded.sequence for recorded in life.events] == [5, 6]
        write(ledger, MessagesAcknowledged(message="result", numbers=tuple(range(1, 21))))
        (last,) = write(ledger, MessagesRepublished(message="result", first=1, last=2))
        assert [result.number.number for result in reader.waiting_messages(99)] == [1, 2]
        started = [row for row in reader.events() if isinstance(row.event, SegmentStarted)]
        assert [row.event.previous_segment for row in started] == [p.name for p in segment_paths(folder)[:-1]]
    found = verify(folder)
    assert len(found.segments) == 5
    assert found.events == last.sequence
    assert rebuild(folder).differing == ()


def test_what_is_over_stays_behind_and_is_found(folder: Path) -> None:
    with ledger_in(folder, segment_rows=30) as ledger, JournalReader(folder) as reader:
        write(ledger, *order_events("WO-1", hubs=3))
        told = [one_result(ledger, number, Outcome.FAILED, slot=4) for number in range(3)]
        write(ledger, OrderClosed(order="WO-1", reason="done"))
        write(ledger, *order_events("WO-2", hubs=3))
        write(
            ledger,
            MessagesAcknowledged(message="result", numbers=(1, 2, 3)),
            MessagesAcknowledged(message="order", numbers=(1, 2, 3, 4, 5)),
        )
        payloads = [result.payload for result in reader.messages("result", 1, 3)]
        while len(segment_paths(folder)) < 3:
            write(ledger, STARTED)
        one_result(ledger, 1, order="WO-2")
        for table, rows in (("attempts", 1), ("order_lines", 3), ("outbox", 3)):
            count = ledger._opened().execute(f"SELECT count(*) FROM {table}").fetchone()
            assert count == (rows,), table
        history = reader.hub_history(chf(1))
        assert [(past.order, past.outcome) for past in history.attempts] == [
            ("WO-1", Outcome.FAILED),
            ("WO-2", Outcome.PASSED),
        ]
        assert history.failed_places == {place(4)}
        assert [state.outcome for state in reader.order_lines("WO-1")] == [Outcome.FAILED] * 3
        assert [order.outcomes for order in reader.ask(orders)] == [
            {Outcome.FAILED: 3},
            {Outcome.PASSED: 1},
        ]
        assert [state.order for state in reader.life_of(chf(1)).lines] == ["WO-1", "WO-2"]
        assert told[1] in reader.life_of(chf(1)).events
        # Results of a finished segment go out again, the same bytes.
        write(ledger, MessagesRepublished(message="result", first=2, last=3))
        assert reader.ask(outbox.waiting_messages) == 3
        again = reader.waiting_messages(9)
        assert [result.payload for result in again[:2]] == payloads[1:]
        write(ledger, MessagesAcknowledged(message="result", numbers=(2, 3, 4)))
        assert reader.waiting_messages(9) == ()
        (refused,) = ledger.commit([(MessagesRepublished(message="result", first=5, last=9),)])
        assert isinstance(refused, EventRefused)
    assert rebuild(folder).differing == ()
    verify(folder)


def test_a_finished_segment_is_one_file(folder: Path) -> None:
    with ledger_in(folder, segment_rows=4) as ledger:
        next_segment(ledger, folder)
        write(ledger, STARTED)
        assert sorted(path.name for path in folder.iterdir() if "000001" in path.name) == [
            "journal-000001.sqlite"
        ]


def test_the_next_start_continues_the_newest_segment(folder: Path) -> None:
    with ledger_in(folder, segment_rows=4) as ledger:
        for _ in range(9):
            write(ledger, STARTED)
    before = len(segment_paths(folder))
    with ledger_in(folder, segment_rows=4) as ledger:
        write(ledger, STARTED)
    assert len(segment_paths(folder)) in {before, before + 1}
    verify(folder)


def test_a_reader_in_the_way_puts_a_new_segment_off(folder: Path) -> None:
    with ledger_in(folder, segment_rows=3) as ledger, JournalReader(folder) as reader:
        write(ledger, STARTED)
        reading = reader.events()
        next(reading)
        for _ in range(4):
            write(ledger, STARTED)
        assert len(segment_paths(folder)) == 1
        assert ledger.put_off == (), "readers come and go"
        while not ledger.put_off:
            write(ledger, STARTED)
        assert ledger.put_off == ("no new segment could be begun (somebody reads it all the time)",)
        reading.close()
        write(ledger, STARTED)
        assert len(segment_paths(folder)) == 2
        assert ledger.put_off == ()
    verify(folder)


def test_a_new_segment_is_made_a_little_after_each_commit_and_follows_what_happens_meanwhile(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("station.records.successor.SLICE", 8)
    with ledger_in(folder, segment_rows=70) as ledger, JournalReader(folder) as reader:
        write(ledger, *order_events("WO-2", hubs=40, first=40), *order_events("WO-1", hubs=40))
        while not list(folder.glob("*.partial")):
            one_result(ledger, 0, Outcome.FAILED)
        (attempt,) = write(ledger, opened(1))
        write(ledger, closed(attempt.sequence, 1), OrderClosed(order="WO-2", reason="done"))
        write(ledger, MessagesAcknowledged(message="result", numbers=(1, 2, 3)))
        assert len(segment_paths(folder)) == 1, "it was copied in one go"
        while len(segment_paths(folder)) == 1:
            one_result(ledger, 2, Outcome.FAILED)
        newest = ledger._opened().execute("SELECT work_order, count(*) FROM order_lines GROUP BY 1")
        assert newest.fetchall() == [("WO-1", 40)]
        assert {order.order: order.waiting for order in reader.ask(orders)} == {"WO-1": 37, "WO-2": 40}
    assert rebuild(folder).differing == ()
    verify(folder)


def test_a_segment_in_the_making_that_was_left_or_failed_is_made_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("station.records.successor.SLICE", 8)
    with ledger_in(folder, segment_rows=20) as ledger:
        write(ledger, *order_events(hubs=40))
        while not list(folder.glob("*.partial")):
            write(ledger, STARTED)
        with monkeypatch.context() as broken:

            def fail(*_: object) -> None:
                raise sqlite3.OperationalError("disk I/O error")

            broken.setattr("station.records.successor.Successor._take_over", fail)
            while list(folder.glob("*.partial")):
                one_result(ledger, 0, Outcome.FAILED)
        assert len(segment_paths(folder)) == 1
        while not list(folder.glob("*.partial")):
            write(ledger, STARTED)
        assert ledger.put_off == ("no new segment could be begun (disk I/O error)",), "it is not begun yet"
    assert not list(folder.glob("*.partial")), "a ledger that is closed leaves it"
    with ledger_in(folder, segment_rows=20) as ledger:
        next_segment(ledger, folder)
    assert rebuild(folder).differing == ()
    verify(folder)


def test_a_half_made_segment_is_made_anew(folder: Path) -> None:
    with ledger_in(folder) as ledger:
        write(ledger, STARTED)
    for left in ("2.sqlite.partial", "2.sqlite.partial-wal", "1.sqlite.partial"):
        (folder / f"journal-00000{left}").write_bytes(b"half")
    with ledger_in(folder, segment_rows=2) as ledger:
        assert not list(folder.glob("*.partial*")), "nobody would ever remove it"
        next_segment(ledger, folder)
    verify(folder)


# Disks ------------------------------------------------------------------------------------------------------


@contextmanager
def file_size_limit(limit: int) -> Iterator[None]:
    """Let the kernel refuse writes beyond this many bytes a file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_database_is_said_to_be_and_works_again_with_room(folder: Path) -> None:
    with ledger_in(folder) as ledger:
        write(ledger, STARTED)
        segment = ledger._opened()
        pages = segment.execute("PRAGMA page_count").fetchone()[0]
        segment.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(JournalFull, match="free some disk space"):
            ledger.commit([order_events(hubs=500)])
        segment.execute("PRAGMA max_page_count = 1000000")
        (imported, *_) = write(ledger, *order_events(hubs=500))
        assert imported.sequence == 3
    verify(folder)
    assert rebuild(folder).differing == ()


def test_a_write_error_leaves_nothing_half_written(folder: Path) -> None:
    with ledger_in(folder) as ledger:
        write(ledger, STARTED)
        size = max(path.stat().st_size for path in folder.iterdir())
        with file_size_limit(size), pytest.raises(JournalFailed):
            ledger.commit([order_events(hubs=500)])
        (again, *_) = write(ledger, STARTED, *order_events(hubs=500))
        assert again.sequence == 3
        segment = ledger._opened()
        patience = segment.execute("PRAGMA busy_timeout").fetchone()
        with file_size_limit(size), pytest.raises(sqlite3.Error):
            fold_log(segment)
        assert segment.execute("PRAGMA busy_timeout").fetchone() == patience
    assert verify(folder).events == 6


def test_a_lock_that_another_program_holds_is_named_and_waited_out(folder: Path) -> None:
    with ledger_in(folder) as ledger:
        write(ledger, STARTED)
        ledger._opened().execute("PRAGMA busy_timeout = 20")
        with closing(sqlite3.connect(segment_path(folder, 1), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(JournalLocked, match="locked by another program: close whatever has it open"):
                ledger.commit([(STARTED,)])
        (again,) = write(ledger, STARTED)
        assert again.sequence == 3


def test_a_segment_that_cannot_be_begun_leaves_the_old_one_in_use(folder: Path) -> None:
    with ledger_in(folder, segment_rows=3) as ledger:
        write(ledger, STARTED)
        with file_size_limit(50_000):
            while not ledger.put_off:
                write(ledger, STARTED)
        assert len(segment_paths(folder)) == 1
        assert not list(folder.glob("*.partial"))
        next_segment(ledger, folder)  # as soon as there is room
    verify(folder)


@pytest.mark.parametrize("refused", ["sync", "all"])
def test_a_segment_that_may_be_there_or_not_is_told_as_that(
    folder: Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    """Its name is not on the disk for certain, and readers have gone on to it: no row may go to the old one."""

    def failing(*_: object, **__: object) -> None:
        broken.setattr("station.records.making.sync_opened", sync_opened)
        raise OSError(5, "Input/output error")

    with ledger_in(folder, segment_rows=3) as ledger:
        while not list(folder.glob("*.partial")):
            write(ledger, STARTED)
        with monkeypatch.context() as broken:
            broken.setattr("station.records.making.sync_opened", failing)
            if refused == "all":
                broken.setattr(Path, "unlink", failing)
            with pytest.raises(JournalInDoubt):
                next_segment(ledger, folder)
    assert len(segment_paths(folder)) == 2
    verify(folder)


def test_without_descriptors_commits_and_answers_go_on_and_what_needs_a_file_waits(folder: Path) -> None:
    with ledger_in(folder, segment_rows=8) as ledger, JournalReader(folder) as reader:
        write(ledger, STARTED, *order_events("WO-1", hubs=2000))
        write(ledger, MessagesAcknowledged(message="order", numbers=(1, 2)))
        assert reader.waiting_messages(9) == ()
        with descriptors_left(0):
            for _ in range(4):
                write(ledger, STARTED)  # and after the last, a new segment should be begun
            with pytest.raises(
                NoDescriptors, match=r"no more file descriptors \(\d+ allowed\): raise LimitNOFILE"
            ):
                # SQLite keeps so much in a temporary file, in case it has to be taken back.
                ledger.commit([order_events("WO-2", hubs=2000, first=2000)])
            assert reader.waiting_messages(9) == ()
        assert len(segment_paths(folder)) == 1
        write(ledger, *order_events("WO-2", hubs=2000, first=2000))
        while len(segment_paths(folder)) == 1:  # 4,000 lines are taken over in many slices
            write(ledger, STARTED)
    verify(folder)
    assert rebuild(folder).differing == ()


@contextmanager
def descriptors_used_up() -> Iterator[None]:
    """Let this process open as many files as it closes."""
    with descriptors_left(64), ExitStack() as taken:  # none that is open is beyond that
        with suppress(OSError):
            while True:
                taken.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        yield


def test_a_segment_is_opened_with_the_descriptors_of_the_one_before(folder: Path) -> None:
    with ledger_in(folder, segment_rows=2) as ledger:
        next_segment(ledger, folder)
        # The next segment is begun, and nobody has opened it yet.
        with descriptors_used_up():
            write(ledger, STARTED)
    verify(folder)


def test_a_segment_that_cannot_be_opened_for_want_of_descriptors_is_opened_later(folder: Path) -> None:
    with ledger_in(folder, segment_rows=2) as ledger, JournalReader(folder) as reader:
        assert reader.waiting_messages(9) == ()
        next_segment(ledger, folder)
        # Nor any beyond the first that is free, whatever is closed.
        with descriptors_left(0), pytest.raises(NoDescriptors):
            ledger.commit([(STARTED,)])
        write(ledger, STARTED)
        assert reader.waiting_messages(9) == ()
    verify(folder)


def test_a_segment_for_whose_name_no_descriptor_is_left_is_given_up_and_begun_later(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit is met between the file and its folder: nothing of it may be named, or nobody knew what the disk kept."""

    def synced_with_the_last(path: Path) -> None:
        sync_file(path)
        limit.enter_context(descriptors_left(0))

    def write_to_the_end() -> None:
        while not ledger.put_off and not segment_path(folder, 2).exists():
            write(ledger, STARTED)

    with ledger_in(folder, segment_rows=8) as ledger:
        with monkeypatch.context() as patched, ExitStack() as limit:
            patched.setattr("station.records.making.sync_file", synced_with_the_last)
            write_to_the_end()
        (why,) = ledger.put_off
        assert why.startswith(f"no new segment could be begun (journal {folder}: no more file descriptors (")
        assert [path.name for path in segment_paths(folder)] == [segment_path(folder, 1).name]
        assert not list(folder.glob("*.partial*"))
        next_segment(ledger, folder)
        assert ledger.put_off == ()
    verify(folder)
    assert rebuild(folder).differing == ()


def test_a_segment_in_the_making_is_given_up_for_the_descriptors_of_what_comes_next(folder: Path) -> None:
    with ledger_in(folder, segment_rows=8) as ledger:
        write(ledger, STARTED, *order_events("WO-1", hubs=2000))
        while not list(folder.glob("*.partial")):
            write(ledger, STARTED)
        with descriptors_left(0), pytest.raises(NoDescriptors):
            # SQLite keeps so much in a temporary file, in case it has to be taken back.
            ledger.commit([order_events("WO-2", hubs=2000, first=2000)])
        assert not list(folder.glob("*.partial*"))
        while len(segment_paths(folder)) == 1:
            write(ledger, STARTED)
    verify(folder)
    assert rebuild(folder).differing == ()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(JournalFailed, match="file/journal"), ledger_in(tmp_path / "file" / "journal"):
        raise AssertionError("it was opened")


def test_topics_name_the_station() -> None:
    assert TOPICS.source == "/reflash/leeds/bench-1"


def test_a_start_reads_the_end_of_a_long_journal_and_leaves_the_rest_to_verify(folder: Path) -> None:
    with ledger_in(folder) as ledger:
        write(ledger, *[STARTED] * 10_050)
    with closing(sqlite3.connect(segment_path(folder, 1), isolation_level=None)) as segment:
        segment.execute("UPDATE events SET utc = 0 WHERE sequence = 20")
    with ledger_in(folder) as ledger:
        write(ledger, STARTED)
    with pytest.raises(JournalCorrupt) as broken:
        verify(folder)
    assert broken.value.row == 20


def test_a_reading_in_progress_sees_one_journal_however_many_segments_begin(folder: Path) -> None:
    with ledger_in(folder, segment_rows=4) as ledger, JournalReader(folder) as reader:
        for _ in range(9):
            write(ledger, STARTED)
        reading = reader.events()
        begun = [next(reading)]
        for _ in range(9):
            write(ledger, STARTED)
        begun.extend(reading)
        sequences = [recorded.sequence for recorded in begun]
        assert sequences == list(range(1, len(sequences) + 1))
