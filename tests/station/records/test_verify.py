from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benches.journal_samples import STARTED, closed, ledger_in, one_result, opened, order_events, write
from station.domain.outcome import Outcome
from station.records.errors import JournalCorrupt, JournalCutShort, JournalError, SegmentMissing
from station.records.facts.orders import OrderClosed
from station.records.facts.outbox import MessagesAcknowledged
from station.records.rebuild import rebuild, repair
from station.records.segments import segment_path, segment_paths
from station.records.verify import verify


def edit(folder: Path, statement: str, number: int = 1) -> None:
    with closing(sqlite3.connect(segment_path(folder, number), isolation_level=None)) as segment:
        segment.executescript(statement)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """Make a journal of segments, of which each test has a copy; return its last event's number, too."""
    folder = tmp_path_factory.mktemp("made") / "journal"
    with ledger_in(folder, segment_rows=20) as ledger:
        write(ledger, *order_events(hubs=30))
        for number in range(30):
            one_result(ledger, number)
        (attempt,) = write(ledger, opened(1))
        _, last = write(
            ledger, closed(attempt.sequence, 1), MessagesAcknowledged(message="result", numbers=(31,))
        )
    assert len(segment_paths(folder)) >= 3
    return folder, last.sequence


@pytest.fixture
def segmented(folder: Path, made: tuple[Path, int]) -> int:
    """Put that journal into the test's folder and return its last event's number."""
    shutil.copytree(made[0], folder, dirs_exist_ok=True)
    return made[1]


def test_a_whole_journal_is_found_whole(folder: Path, segmented: int) -> None:
    found = verify(folder)
    assert found.events == segmented
    assert found.segments == tuple(path.name for path in segment_paths(folder))


@pytest.mark.parametrize("row", [1, 2, 22, 23, 24, 50])
def test_the_first_broken_row_is_named(folder: Path, segmented: int, row: int) -> None:
    for path in segment_paths(folder):
        edit(folder, f"UPDATE events SET utc = utc + 1 WHERE sequence >= {row}", int(path.name[8:14]))
    with pytest.raises(JournalCorrupt) as broken:
        verify(folder)
    assert broken.value.row == row
    assert f"row {row} " in str(broken.value)


@pytest.mark.parametrize(
    ("statement", "row"),
    [
        ("DELETE FROM events WHERE sequence = 7", 7),
        ("DELETE FROM events WHERE sequence = 1", 1),
        ("DROP INDEX events_of_attempt; UPDATE events SET body = CAST(x'ff' AS TEXT) WHERE sequence = 9", 9),
        ("UPDATE events SET hash = zeroblob(32) WHERE sequence = 9", 9),
        ("UPDATE events SET body = '{}' WHERE sequence = 1", 1),
        ("INSERT INTO events SELECT 999999, utc, monotonic_ns, body, hash FROM events LIMIT 1", None),
    ],
)
def test_rows_that_went_or_came_are_found(
    folder: Path, segmented: int, statement: str, row: int | None
) -> None:
    edit(folder, statement)
    with pytest.raises(JournalCorrupt) as broken:
        verify(folder)
    assert row is None or broken.value.row == row


def test_a_forged_history_does_not_agree_with_what_was_published(
    folder: Path, segmented: int, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    with ledger_in(other) as ledger:
        for number in range(40):
            one_result(ledger, number, order=None)
    shutil.copy(folder / "published-head.json", other)
    with pytest.raises(JournalCorrupt, match="published from here"):
        verify(other)


def test_a_journal_cut_short_is_reported(folder: Path) -> None:
    with ledger_in(folder) as ledger:
        one_result(ledger, order=None)
        write(ledger, MessagesAcknowledged(message="result", numbers=(1,)))
    edit(folder, "DELETE FROM events WHERE sequence > 2")
    with pytest.raises(JournalCutShort, match="row 3 has been published"):
        verify(folder)


def test_missing_segments_are_named(folder: Path, segmented: int, tmp_path: Path) -> None:
    for number in (1, 2):
        damaged = tmp_path / f"without-{number}"
        shutil.copytree(folder, damaged)
        segment_path(damaged, number).unlink()
        with pytest.raises(SegmentMissing, match=f"journal-00000{number}"):
            verify(damaged)
    with pytest.raises(SegmentMissing, match="journal-000001"):
        verify(tmp_path / "nothing")


def test_segments_in_a_wrong_order_are_found(folder: Path, segmented: int) -> None:
    two, three = segment_path(folder, 2), segment_path(folder, 3)
    two.rename(folder / "aside")
    three.rename(two)
    (folder / "aside").rename(three)
    with pytest.raises(JournalCorrupt, match="does not go on from journal-000001"):
        verify(folder)


@pytest.fixture(scope="module")
def whole_journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "journal"
    with ledger_in(folder) as ledger:
        write(ledger, *order_events(hubs=3))
        for number in range(3):
            one_result(ledger, number)
    return folder


@given(data=st.data())
def test_a_flipped_byte_is_found_or_does_not_touch_the_events(
    whole_journal: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """No byte of a file, flipped, makes verify say anything but the truth or a JournalError."""
    folder = tmp_path_factory.mktemp("flipped")
    content = bytearray(segment_path(whole_journal, 1).read_bytes())
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    segment_path(folder, 1).write_bytes(content)
    truth = verify(whole_journal)
    try:
        found = verify(folder)
    except JournalError:
        return
    assert (found.head, found.events) == (truth.head, truth.events)


def test_every_byte_of_the_bodies_counts(whole_journal: Path, tmp_path: Path) -> None:
    content = segment_path(whole_journal, 1).read_bytes()
    segment = segment_path(tmp_path, 1)
    start = content.index(b'{"attempt":')
    for position in range(start, start + 40):
        edited = bytearray(content)
        edited[position] ^= 1
        segment.write_bytes(edited)
        with pytest.raises(JournalCorrupt) as broken:
            verify(tmp_path)
        assert broken.value.row is not None


# Rebuild ----------------------------------------------------------------------------------------------------


def test_tables_follow_from_the_events(folder: Path, segmented: int) -> None:
    proof = rebuild(folder)
    assert proof.differing == ()
    assert proof.events == segmented
    assert proof.rows["outbox"] == 33
    assert proof.rows["order_lines"] == 30


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ("UPDATE attempts SET outcome = 'failed' WHERE attempt = 5", "attempts"),
        ("DELETE FROM outbox WHERE number = 2", "outbox"),
        ("INSERT INTO hubs VALUES ('x', 1)", "hubs"),
    ],
)
def test_a_table_that_says_something_else_is_named_and_repaired(
    folder: Path, statement: str, table: str
) -> None:
    with ledger_in(folder) as ledger:
        write(ledger, *order_events(hubs=3))
        for number in range(3):
            one_result(ledger, number)
    edit(folder, statement)
    assert rebuild(folder).differing == (table,)
    repair(folder)
    assert rebuild(folder).differing == ()
    verify(folder)


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ("UPDATE attempts SET unsettled = NULL, outcome = 'passed'", "attempts"),
        ("DELETE FROM order_lines", "order_lines"),
        ("UPDATE outbox SET ordering_key = 'x' WHERE kind = 'result' AND number = 1", "outbox"),
    ],
)
def test_what_a_finished_segment_keeps_is_proved_and_repaired_too(
    folder: Path, statement: str, table: str
) -> None:
    with ledger_in(folder, segment_rows=12) as ledger:
        write(ledger, *order_events("WO-1", hubs=3))
        one_result(ledger, 0, Outcome.FAILED)
        write(
            ledger,
            OrderClosed(order="WO-1", reason="done"),
            MessagesAcknowledged(message="result", numbers=(1,)),
        )
        write(ledger, *order_events("WO-2", hubs=3))
        for number in range(6):
            one_result(ledger, number, order="WO-2")
    assert len(segment_paths(folder)) >= 2
    assert rebuild(folder).differing == ()
    edit(folder, statement)
    assert rebuild(folder).differing == (f"{table} of journal-000001.sqlite",)
    repair(folder)
    assert rebuild(folder).differing == ()
    verify(folder)


def test_a_journal_that_contradicts_itself_cannot_be_rebuilt(folder: Path) -> None:
    with ledger_in(folder) as ledger:
        one_result(ledger, order=None)
        write(ledger, STARTED)
    edit(
        folder,
        'UPDATE events SET body = \'{"kind":"hub_lost","attempt":77,"stage":"flash"}\' WHERE sequence = 4',
    )
    with pytest.raises(JournalCorrupt, match="no attempt 77"):
        rebuild(folder)
    edit(folder, "UPDATE events SET body = '{}' WHERE sequence = 4")
    with pytest.raises(JournalCorrupt, match="row 4"):
        rebuild(folder)


def test_there_must_be_a_journal(folder: Path) -> None:
    for act in (rebuild, repair):
        with pytest.raises(SegmentMissing):
            act(folder)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER t AFTER INSERT ON events BEGIN DELETE FROM results; END",
        "CREATE VIEW v AS SELECT * FROM events",
    ],
)
def test_a_journal_from_elsewhere_brings_no_statements_of_its_own(folder: Path, statement: str) -> None:
    with ledger_in(folder) as ledger:
        write(ledger, STARTED)
    with closing(sqlite3.connect(segment_path(folder, 1), isolation_level=None)) as segment:
        segment.execute(statement)
    for read in (verify, rebuild, repair):
        with pytest.raises(JournalCorrupt, match="triggers or views"):
            read(folder)
