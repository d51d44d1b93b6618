"""The reports' file: the same whatever cuts its making short, and made anew whenever it cannot be gone on with."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benches.descriptor_limits import descriptors_left
from benches.journal_samples import STARTED, order_events, write
from benches.report_journal import project, report_content, work, writing
from station.domain.actor import Actor
from station.records.copies import backup, restore, set_aside
from station.records.errors import JournalError
from station.records.segments import segment_path, segment_paths
from station.reports.errors import ReportError
from station.reports.projection import BeingProjected, Projection
from station.reports.reader import Wanted, open_reports
from station.reports.tables import FILE_NAME


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty hubs in several segments."""
    folder = tmp_path_factory.mktemp("reports") / "journal"
    with writing(folder) as ledger:
        write(ledger, STARTED, *order_events(hubs=40))
        work(ledger, *range(40))
    assert len(segment_paths(folder)) >= 3
    return folder


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    return tmp_path / "reports"


def passed(reports: Path) -> int:
    with open_reports(reports) as state:
        return state.hubs(Wanted(), state.span(Wanted())).all.passed


class Killed(BaseException):
    """What nobody catches."""


@settings(max_examples=15)
@given(st.lists(st.tuples(st.integers(1, 90), st.integers(0, 4)), max_size=12))
def test_killed_at_any_moment_it_goes_on_to_the_same_file(
    journal: Path, tmp_path_factory: pytest.TempPathFactory, slices: list[tuple[int, int]]
) -> None:
    at_once = tmp_path_factory.mktemp("at-once")
    with Projection(at_once, journal, room=0) as projection:
        assert projection.step(1_000)
        while projection.step(1_000):
            pass
    by_slices = tmp_path_factory.mktemp("slices")
    for rows, breaths in slices:
        left = breaths

        def breathe() -> None:
            nonlocal left, by_slices
            left -= 1
            if left < 0:
                # What lies on the disk just now is all that a killed process leaves.
                remains = tmp_path_factory.mktemp("killed")
                shutil.copytree(by_slices, remains, dirs_exist_ok=True)
                by_slices = remains
                raise Killed

        try:
            with Projection(by_slices, journal, room=0) as projection:
                projection.step(rows, breathe)
        except Killed:
            pass
    project(by_slices, journal)
    assert report_content(by_slices) == report_content(at_once)
    for folder in (at_once, by_slices):
        assert passed(folder) == 32


def test_what_the_journal_goes_on_with_is_taken_in_over_segments_and_by_turns(
    tmp_path: Path, reports: Path
) -> None:
    journal = tmp_path / "journal"
    with (
        writing(journal) as ledger,
        Projection(reports, journal, room=0) as one,
        Projection(reports, journal, room=0) as other,
    ):
        write(ledger, STARTED, *order_events(hubs=40))
        for hub in range(40):
            work(ledger, hub)
            one.step(5)
            other.step(3)
        assert len(segment_paths(journal)) >= 3
        while one.step(7):
            pass
        assert other.step(7) == 0
        assert one.sequence == other.sequence
    project(tmp_path / "again", journal)
    assert report_content(reports) == report_content(tmp_path / "again")


def test_a_reader_has_one_state_and_holds_nobody_up(tmp_path: Path, reports: Path) -> None:
    journal = tmp_path / "journal"
    with writing(journal) as ledger:
        write(ledger, STARTED, *order_events(hubs=20))
        work(ledger, 0, 1)
        project(reports, journal)
        with open_reports(reports) as before:
            work(ledger, 2, 3)
            project(reports, journal)
            for _ in range(2):
                assert before.hubs(Wanted(), before.span(Wanted())).all.passed == 2
        assert passed(reports) == 4


def newer(file: Path) -> None:
    with closing(sqlite3.connect(file)) as meddler:
        meddler.execute("PRAGMA user_version = 99")


def no_progress(file: Path) -> None:
    with closing(sqlite3.connect(file)) as meddler, meddler:
        meddler.execute("UPDATE progress SET account = '{', sequence = 'x'")


def no_table(file: Path) -> None:
    with closing(sqlite3.connect(file)) as meddler, meddler:
        meddler.execute("DROP TABLE progress")


def half_written(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


UNUSABLE: dict[str, Callable[[Path], object]] = {
    "deleted": Path.unlink,
    "empty": lambda file: file.write_bytes(b""),
    "garbage": lambda file: file.write_bytes(b"what is this? " * 999),
    "half-written": half_written,
    "newer": newer,
    "no progress": no_progress,
    "no table": no_table,
}


@pytest.mark.parametrize("spoil", UNUSABLE.values(), ids=UNUSABLE)
def test_what_cannot_be_gone_on_with_is_made_anew(
    journal: Path, reports: Path, spoil: Callable[[Path], object]
) -> None:
    project(reports, journal)
    before = report_content(reports)
    spoil(reports / FILE_NAME)
    with pytest.raises(ReportError), open_reports(reports) as state:
        state.hubs(Wanted(), state.span(Wanted()))
    project(reports, journal)
    assert report_content(reports) == before


def test_a_file_or_folder_that_is_deleted_under_the_one_who_writes_it_is_made_anew(
    journal: Path, reports: Path
) -> None:
    with Projection(reports, journal, room=0) as projection:
        for delete in (Path.unlink, lambda file: shutil.rmtree(file.parent)):
            projection.step(50)
            delete(reports / FILE_NAME)
        while projection.step(50):
            pass
    assert passed(reports) == 32


def test_of_a_restored_journal_is_kept_what_it_still_holds(tmp_path: Path, reports: Path) -> None:
    journal, copy = tmp_path / "journal", tmp_path / "copy"
    with writing(journal) as ledger:
        write(ledger, STARTED, *order_events(hubs=20))
        work(ledger, *range(10))
        project(reports, journal)
        backup(journal, copy)
        work(ledger, 10)
    set_aside(journal)
    restore(copy, journal, actor=Actor(pseudonym=None, where="terminal"))
    inode = (reports / FILE_NAME).stat().st_ino
    with writing(journal) as ledger:
        work(ledger, 11, 12)
    project(reports, journal)
    assert (reports / FILE_NAME).stat().st_ino == inode, "nothing that it held was lost"
    assert passed(reports) == 10
    with open_reports(reports) as state:
        identity = state.cursor.journal
    # Now one that had gone on past the backup.
    set_aside(journal)
    restore(copy, journal, actor=Actor(pseudonym=None, where="terminal"))
    project(reports, journal)
    assert passed(reports) == 8
    with open_reports(reports) as state:
        assert state.cursor.journal != identity
    # And one that begins anew.
    set_aside(journal)
    with pytest.raises(ReportError, match="no journal") as gone:
        project(reports, journal)
    assert not isinstance(gone.value, JournalError)
    assert passed(reports) == 8
    with writing(journal) as ledger:
        write(ledger, STARTED, *order_events(hubs=20))
        work(ledger, 1)
    project(reports, journal)
    assert passed(reports) == 1


def test_a_segment_that_is_missing_or_damaged_is_said_as_the_reports_trouble(
    journal: Path, reports: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "journal"
    shutil.copytree(journal, mine)
    second = segment_path(mine, 2)
    second.rename(tmp_path / "elsewhere")
    for _ in range(2):
        with pytest.raises(ReportError, match=r"journal-000002\.sqlite is not in .*: copy it back"):
            project(reports, mine)
    second.write_bytes(b"what is this? " * 999)
    with pytest.raises(ReportError, match=r"journal-000002\.sqlite: SQLite says"):
        project(reports, mine)
    second.unlink()
    (tmp_path / "elsewhere").rename(second)
    project(reports, mine)
    assert passed(reports) == 32


def test_a_disk_that_is_full_or_may_not_be_written_is_said_and_gone_on_from(
    journal: Path, reports: Path
) -> None:
    with Projection(reports, journal, room=0) as projection:
        projection.step(30)
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, before[1]))
        try:
            with pytest.raises(ReportError, match="check that its disk is mounted"):
                projection.step(30)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        projection.step(30)
    with pytest.raises(ReportError, match=r"MiB free in .* free some disk space"):
        project(reports, journal, room=1 << 60)
    before_user = os.geteuid()
    (reports / FILE_NAME).chmod(0o444)
    reports.chmod(0o555)
    os.seteuid(65534 if before_user == 0 else before_user)  # root is refused nothing
    try:
        with pytest.raises(ReportError, match="give the folder back to the station's user"):
            project(reports, journal)
    finally:
        os.seteuid(before_user)
        reports.chmod(0o750)
        (reports / FILE_NAME).chmod(0o640)
    project(reports, journal)
    assert passed(reports) == 32


def test_short_of_descriptors_it_says_so_and_goes_on_later(journal: Path, reports: Path) -> None:
    for left in range(12):
        with descriptors_left(left):
            try:
                project(reports, journal)
            except ReportError as error:
                assert "file descriptors" in str(error), error  # noqa: PT017
                continue
            break
    project(reports, journal)
    assert passed(reports) == 32


def test_while_another_process_is_at_it_nobody_waits(journal: Path, reports: Path) -> None:
    with Projection(reports, journal, room=0) as one, Projection(reports, journal, room=0) as other:
        refused = []

        def breathe() -> None:
            with pytest.raises(BeingProjected, match="by another process"):
                other.step(5)
            refused.append(1)

        assert one.step(100, breathe)
        assert refused
        assert other.step(5)
