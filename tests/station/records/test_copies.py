from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest

from benches.journal_samples import (
    STARTED,
    chf,
    closed,
    ledger_in,
    next_segment,
    one_result,
    opened,
    order_events,
    write,
)
from benches.mounts import where_it_may_mount
from benches.processes import running
from station.domain.outcome import Stage
from station.records.chain import RecordedEvent
from station.records.copies import backup, export, left_behind, restore, set_aside
from station.records.errors import JournalCorrupt, JournalFailed, JournalInUse, SegmentMissing
from station.records.facts.attempts import StageEnded
from station.records.facts.events import EVENT
from station.records.facts.journal import JournalRestored, SegmentStarted
from station.records.facts.orders import OrderClosed, order_lines, orders
from station.records.facts.outbox import MessagesAcknowledged, MessagesRepublished
from station.records.facts.unlocks import UnlockAnswerDue, UnlockAnswerVoid, wrong_unlock_answers
from station.records.reader import JournalReader
from station.records.rebuild import rebuild
from station.records.segments import segment_path, segment_paths
from station.records.verify import verify


def events_of(folder: Path) -> list[RecordedEvent]:
    with JournalReader(folder) as reader:
        return list(reader.events())


def test_a_backup_taken_while_the_daemon_writes_restores_to_the_same_journal(
    folder: Path, tmp_path: Path
) -> None:
    copy, restored = tmp_path / "backup", tmp_path / "restored"
    with ledger_in(folder, segment_rows=10) as ledger:
        write(ledger, *order_events(hubs=10))
        for number in range(10):
            one_result(ledger, number)
        (attempt,) = write(ledger, opened(1))
        write(ledger, closed(attempt.sequence, 1), MessagesAcknowledged(message="result", numbers=(11,)))
        saved = events_of(folder)
        found = backup(folder, copy)
        write(ledger, STARTED)
    assert found == verify(copy)
    assert found.events == len(saved)
    assert sorted(path.name for path in copy.iterdir()) == [
        *(path.name for path in segment_paths(folder)),
        "published-head.json",
    ]
    restored.mkdir()
    made = restore(copy, restored)
    assert made == verify(restored)
    with ledger_in(restored) as ledger:
        (further,) = write(ledger, STARTED)
    *kept, begun, restoring, _upgraded, _unknown, last = events_of(restored)
    assert (kept, last) == (saved, further)
    assert isinstance(begun.event, SegmentStarted)
    assert restoring.event == JournalRestored(journal=made.journal, former=found.journal)


def test_a_backup_overwrites_nothing(folder: Path, tmp_path: Path) -> None:
    with ledger_in(folder):
        pass
    (tmp_path / "backup").mkdir()
    with pytest.raises(JournalFailed, match="is there already"):
        backup(folder, tmp_path / "backup")
    with pytest.raises(JournalFailed, match="not empty"):
        restore(folder, folder)


def test_a_backup_needs_a_journal(tmp_path: Path) -> None:
    with pytest.raises(SegmentMissing):
        backup(tmp_path / "nothing", tmp_path / "copy")
    with pytest.raises(JournalFailed, match=r"there is no backup in .*nothing: name a folder"):
        restore(tmp_path / "nothing", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_a_user_who_may_not_look_is_told_so_and_not_that_nothing_is_there(
    folder: Path, tmp_path: Path
) -> None:
    with ledger_in(folder):
        pass

    def ask() -> None:
        with JournalReader(folder) as reader:
            reader.ask(orders)

    before = os.geteuid()
    folder.chmod(0o000)
    os.seteuid(65534 if before == 0 else before)  # root is refused nothing
    try:
        for look in (
            ask,
            partial(verify, folder),
            partial(backup, folder, tmp_path / "copy"),
            partial(restore, folder, tmp_path / "copy"),
            partial(rebuild, folder),
        ):
            with pytest.raises(
                JournalFailed, match=r"may not be looked into by .*; run this as the station's user"
            ):
                look()
    finally:
        os.seteuid(before)
        folder.chmod(0o750)


def test_a_damaged_backup_is_not_restored(folder: Path, tmp_path: Path) -> None:
    with ledger_in(folder) as ledger:
        for number in range(5):
            one_result(ledger, number, order=None)
    backup(folder, tmp_path / "backup")
    segment = segment_path(tmp_path / "backup", 1)
    content = segment.read_bytes()
    segment.write_bytes(content.replace(b'"station_version":"1.0"', b'"station_version":"1.1"', 1))
    with pytest.raises(JournalCorrupt, match="does not match its hash"):
        restore(tmp_path / "backup", tmp_path / "restored")
    assert not (tmp_path / "restored").exists()
    assert not list(tmp_path.glob("*.partial*"))


KILLED = """
import sys
from pathlib import Path
from station.records import copies

def stand_still(_: Path) -> None:
    print("copied", flush=True)
    sys.stdin.read()

copies.verify = stand_still
copies.backup(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def test_what_a_killed_copy_left_is_removed_by_the_next_one_into_its_place(
    folder: Path, tmp_path: Path
) -> None:
    with ledger_in(folder):
        pass
    copy, elsewhere = tmp_path / "copy", tmp_path / "copy2"
    (tmp_path / "copy.partial-empty").mkdir()
    command = [sys.executable, "-c", KILLED, folder]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with running([*command, copy], **pipes) as at_work, running([*command, elsewhere], **pipes) as other:
        assert at_work.stdout.readline() == other.stdout.readline() == "copied\n"
        (partial,) = tmp_path.glob("copy.partial-*")
        (others,) = tmp_path.glob("copy2.partial-*")
        backup(folder, copy)
        assert partial.exists(), "a process works on it"
        assert left_behind(tmp_path) == []
        at_work.kill()
        other.kill()
        at_work.wait()
        other.wait()
        shutil.rmtree(copy)
        assert left_behind(tmp_path) == [partial, others]
        restore(others, copy)
        assert not partial.exists()
        assert left_behind(tmp_path) == [others]
    assert not list(copy.glob("*partial*"))


def test_a_copy_that_finds_no_room_leaves_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ledger_in(folder):
        pass

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("station.records.copies.sync_file", fail)
    with pytest.raises(JournalFailed, match="no room"):
        backup(folder, tmp_path / "backup")
    assert [path.name for path in tmp_path.iterdir()] == ["journal"]


def test_a_damaged_journal_is_set_aside_untouched_and_a_new_one_begins(folder: Path) -> None:
    folder.mkdir()
    damaged = b"damaged beyond words" * 99
    segment_path(folder, 1).write_bytes(damaged)
    aside = set_aside(folder)
    assert segment_path(aside, 1).read_bytes() == damaged
    assert aside.parent == folder.parent
    with ledger_in(folder) as ledger:
        write(ledger, STARTED)


def test_a_journal_in_use_stays_where_it_is(folder: Path) -> None:
    with ledger_in(folder), pytest.raises(JournalInUse):
        set_aside(folder)
    with pytest.raises(JournalFailed, match="no journal folder"):
        set_aside(folder / "nothing")


def test_an_export_holds_all_that_a_hash_covers(folder: Path) -> None:
    with ledger_in(folder, segment_rows=6) as ledger:
        write(ledger, *order_events())
        one_result(ledger)
        write(ledger, STARTED)
    with JournalReader(folder) as reader:
        lines = list(export(reader))
    for line, recorded in zip(lines, events_of(folder), strict=True):
        read = json.loads(line)
        assert EVENT.validate_python(read["event"], strict=False) == recorded.event
        assert (read["sequence"], read["hash"]) == (recorded.sequence, recorded.hash.hex())
        assert read["journal"] == str(recorded.journal)


READ_ONLY = """
import sys
from functools import partial
from pathlib import Path
from benches.journal_samples import ledger_in
from station.records.errors import JournalError
from station.records.reader import JournalReader
from station.records.rebuild import rebuild
from station.records.verify import verify

folder = Path(sys.argv[1])
print(verify(folder).events)
with JournalReader(folder) as reader:
    print(len(list(reader.events())))
try:
    with ledger_in(folder):
        print("opened")
except JournalError as error:
    print(error)
"""


@pytest.mark.parametrize("died", [False, True])
def test_a_read_only_journal_is_read_to_its_end_and_says_that_it_cannot_be_written(
    folder: Path, tmp_path: Path, died: bool
) -> None:
    with ledger_in(folder) as ledger:
        one_result(ledger, 1, order=None)
        as_it_was_left = shutil.copytree(folder, tmp_path / "died")  # its newest facts are in the log alone
    if died:
        folder = as_it_was_left
    script = f'mount --bind {folder} {folder} && mount -o remount,ro,bind {folder} && exec {sys.executable} -c "$0" {folder}'
    verified, read, refusal = where_it_may_mount(script, READ_ONLY)
    assert (verified, read) == ("3", "3")
    assert "is read-only" in refusal
    assert str(folder) in refusal


FULL = """
import sys
from contextlib import suppress
from pathlib import Path
from benches.journal_samples import STARTED, ledger_in, next_segment, order_events, write
from station.records.errors import JournalFull
from station.records.rebuild import rebuild
from station.records.verify import verify

folder = Path(sys.argv[1]) / "journal"
ballast = Path(sys.argv[1]) / "ballast"
with ledger_in(folder) as ledger:
    ballast.write_bytes(bytes(1_000_000))
    written = 1
    try:
        while True:
            ledger.commit([(STARTED,)])
            ledger.tidy(idle=True)
            written += 1
    except JournalFull as error:
        print(error)
    assert verify(folder).events == written, (verify(folder).events, written)
    ballast.unlink()
    write(ledger, *order_events(hubs=50))
assert verify(folder).events == written + 3
with ledger_in(folder, segment_rows=1) as ledger:
    while not sum(path.stat().st_size for path in folder.glob("*.partial")) > 100_000:
        write(ledger, STARTED)
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    with suppress(JournalFull):
        while True:
            ledger.commit([(STARTED,)])
    write(ledger, STARTED)  # where the next segment was being made
    ballast.unlink()
    next_segment(ledger, folder)
verify(folder)
assert rebuild(folder).differing == ()
print("whole")
"""


def test_a_disk_that_is_really_full_loses_nothing(tmp_path: Path) -> None:
    script = f'mount -t tmpfs -o size=2m tmpfs {tmp_path} && exec {sys.executable} -c "$0" {tmp_path}'
    full, whole = where_it_may_mount(script, FULL)
    assert "no room for the journal" in full
    assert whole == "whole"


def test_a_copy_takes_nothing_away_that_lies_beside_it(folder: Path, tmp_path: Path) -> None:
    with ledger_in(folder) as ledger:
        one_result(ledger, 1, order=None)
    (tmp_path / "copy.partial").mkdir()
    (tmp_path / "copy.partial" / "somebodys").touch()
    backup(folder, tmp_path / "copy")
    assert (tmp_path / "copy.partial" / "somebodys").exists()
    source = (tmp_path / "copy").rename(tmp_path / "journal-2.partial")
    restore(source, tmp_path / "journal-2")
    assert verify(source).events == 3
    assert verify(tmp_path / "journal-2").events == 7
    assert not list(tmp_path.glob("*.partial-*"))


def test_the_life_of_a_hub_survives_a_restore(folder: Path, tmp_path: Path) -> None:
    with ledger_in(folder, segment_rows=6) as ledger:
        for number in range(6):
            one_result(ledger, number, order=None)
    backup(folder, tmp_path / "backup")
    with JournalReader(folder) as one, JournalReader(tmp_path / "backup") as other:
        assert one.life_of(chf(0)) == other.life_of(chf(0))


def payloads(folder: Path) -> list[bytes]:
    with JournalReader(folder) as reader:
        return [result.payload for result in reader.messages("result", 1, 99)]


def test_a_restored_journal_keeps_the_old_ids_and_gives_new_ones(folder: Path, tmp_path: Path) -> None:
    with ledger_in(folder) as ledger:
        one_result(ledger, 0, order=None)
        write(ledger, MessagesAcknowledged(message="result", numbers=(1,)))
        backup(folder, tmp_path / "backup")
        lost = one_result(ledger, 1, order=None)
        write(ledger, MessagesAcknowledged(message="result", numbers=(2,)))
    told = payloads(folder)
    for life in (1, 2):
        restored = tmp_path / f"restored-{life}"
        restore(tmp_path / "backup", restored)
        assert payloads(restored) == told[:life]
        with ledger_in(restored, segment_rows=6) as ledger:
            result = one_result(ledger, 9, order=None)
            assert (result.journal, result.id) != (lost.journal, lost.id)
            assert json.loads(payloads(restored)[-1])["id"] == result.id
            assert json.loads(payloads(restored)[-1])["data"]["station_sequence"] == life + 1
            write(ledger, MessagesAcknowledged(message="result", numbers=(life + 1,)))
            write(ledger, MessagesRepublished(message="result", first=1, last=1))
            write(ledger, MessagesAcknowledged(message="result", numbers=(1,)))
        with ledger_in(restored):
            pass
        assert verify(restored).journal == result.journal
        assert rebuild(restored).differing == ()
        with JournalReader(restored) as reader:
            exported_ids = {json.loads(line)["journal"] for line in export(reader)}
        assert len(exported_ids) == life + 1
        told = payloads(restored)
        backup(restored, tmp_path / f"backup-{life}")
        shutil.rmtree(tmp_path / "backup")
        (tmp_path / f"backup-{life}").rename(tmp_path / "backup")


@pytest.mark.parametrize("restored", [True, False], ids=["restored", "begun beside one that was set aside"])
def test_one_answer_that_nobody_knows_of_counts_against_each_hub_until_it_is_opened(
    folder: Path, tmp_path: Path, restored: bool
) -> None:
    with ledger_in(folder) as ledger:
        (before,) = write(ledger, opened(1, order=None))
        write(ledger, UnlockAnswerDue(attempt=before.sequence, chf=chf(1)))
    backup(folder, tmp_path / "backup")
    set_aside(folder)
    if restored:
        restore(tmp_path / "backup", folder)

    with ledger_in(folder, segment_rows=12) as ledger, JournalReader(folder) as reader:

        def counted() -> list[int]:
            return [reader.ask(wrong_unlock_answers, chf(number)) for number in range(3)]

        assert counted() == [1, 2 if restored else 1, 1]
        write(ledger, *order_events(hubs=1))
        (attempt,) = write(ledger, opened(0))
        due, void = (
            kind(attempt=attempt.sequence, chf=chf(0)) for kind in (UnlockAnswerDue, UnlockAnswerVoid)
        )
        found = []
        for event in (
            due,
            void,
            due,
            StageEnded(attempt=attempt.sequence, stage=Stage.UNLOCK, seconds=1),
            due,
            void,
        ):
            write(ledger, event)
            found.append(counted()[0])
        assert found == [2, 1, 2, 0, 1, 0]
        # It is kept in mind for as long as the hub is on an open order.
        next_segment(ledger, folder)
        write(ledger, closed(attempt.sequence, 0))
        assert counted()[0] == 0
        write(ledger, OrderClosed(order="WO-1", reason="done"))
        next_segment(ledger, folder)
        assert counted() == [1, 2 if restored else 1, 1]
    assert rebuild(folder).differing == ()


def test_only_the_events_of_a_backup_are_believed(folder: Path, tmp_path: Path) -> None:
    with ledger_in(folder) as ledger:
        write(ledger, *order_events(hubs=2))
    backup(folder, tmp_path / "backup")
    with closing(sqlite3.connect(segment_path(tmp_path / "backup", 1), isolation_level=None)) as edited:
        edited.execute(
            "INSERT INTO order_lines SELECT work_order, 'another', 'hub', line, outcome FROM order_lines LIMIT 1"
        )
    restore(tmp_path / "backup", tmp_path / "restored")
    with JournalReader(tmp_path / "restored") as reader:
        assert len(reader.ask(order_lines, "WO-1")) == 2
    assert rebuild(tmp_path / "restored").differing == ()


def test_another_journal_cannot_be_passed_off_as_restored(folder: Path) -> None:
    with ledger_in(folder) as ledger:
        write(ledger, JournalRestored(journal=UUID(int=1), former=UUID(int=2)))
        write(ledger, STARTED)
    with pytest.raises(JournalCorrupt, match="row 2 goes on from journal 00000000"):
        verify(folder)
