"""Backups: made beside a daemon, checked, thinned out only by what proves them needless, and brought back whole or not at all."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from benches.journal_samples import ledger_in, one_result
from benches.mounts import where_it_may_mount
from station.backups import restoring
from station.backups.errors import BackupError
from station.backups.making import Made, Source, backups_in, make_backup
from station.backups.manifest import NAME, check_backup
from station.backups.memory import recall
from station.backups.restoring import Restored, restore_backup
from station.messages.topics import Topics
from station.records.copies import set_aside
from station.records.errors import JournalError, JournalInUse
from station.records.verify import verify

FIRST = datetime(2026, 11, 1, 2, 30, tzinfo=UTC)
"""Of a journal whose ledger is that of bench-1 at leeds."""


class Bench:
    """A state directory with all that is backed up, and nights that pass."""

    def __init__(self, folder: Path) -> None:
        self.state, self.backups = folder / "state", folder / "backups"
        for path in (
            self.state / "catalogue" / "metadata-3",
            self.state / "catalogue" / "images",
            self.backups,
        ):
            path.mkdir(parents=True)
        (self.state / "catalogue" / "metadata-3" / "accepted").write_text("2026-11-01")
        (self.state / "catalogue" / "images" / "large").write_bytes(b"image")
        (self.state / "catalogue" / "current").symlink_to("metadata-3")
        (self.state / "used-unlock-tokens").mkdir()
        (self.state / "used-unlock-tokens" / ("ab" * 32)).touch()
        (self.state / "operators.json").write_text("Alice Example")
        self.config = folder / "station.toml"
        self.config.write_text("site = 'leeds'\n")
        self.nights = 0
        self.hubs = 0

    @property
    def journal(self) -> Path:
        return self.state / "journal"

    def work(self, segment_rows: int = 10) -> None:
        with ledger_in(self.journal, segment_rows) as ledger:
            one_result(ledger, self.hubs, order=None)
        self.hubs += 1

    def make(self, keep: int = 2) -> Made:
        source = Source("leeds", "bench-1", self.state, (self.config,))
        self.nights += 1
        return make_backup(source, self.backups, keep, lambda: FIRST + timedelta(days=self.nights))

    def restore(self, backup: Path, station: str = "bench-1") -> Restored:
        return restore_backup(backup, self.state, Topics("leeds", station), None)

    def looks(self) -> dict[str, bytes]:
        """Everything on disk but what is remembered of backups."""
        return {
            str(path): path.read_bytes()
            for path in sorted(self.state.rglob("*"))
            if path.is_file() and not path.is_symlink() and path.name != "last-backup.json"
        }


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_the_newest_stay_and_an_older_one_goes_only_when_the_newest_holds_all_of_it(bench: Bench) -> None:
    bench.work()
    with ledger_in(bench.journal):  # beside whoever writes
        made = [bench.make()]
    for _ in range(3):
        bench.work()
        made.append(bench.make())
    assert [each.removed for each in made] == [(), (), (made[0].folder,), (made[1].folder,)]
    assert [folder for folder, _ in backups_in(bench.backups)] == [made[3].folder, made[2].folder]
    memory = recall(bench.state)
    assert memory.failed is None
    assert memory.verified is not None
    assert (memory.verified.folder, memory.verified.events) == (
        made[3].folder,
        verify(bench.journal).events,
    )
    inside = {str(path.relative_to(made[3].folder)) for path in made[3].folder.rglob("*") if path.is_file()}
    assert {name for name in inside if not name.startswith("journal/")} == {
        NAME,
        "catalogue/metadata-3/accepted",
        f"used-unlock-tokens/{'ab' * 32}",
        f"configuration{bench.config}",
    }, "no image, and nobody's name"
    set_aside(bench.journal)
    bench.work()
    newest = bench.make(keep=1)
    assert newest.removed == ()
    assert set(newest.kept) == {made[3].folder, made[2].folder}, "they alone know of the journal before"
    assert newest.kept[0].is_dir()


def test_what_was_done_by_hand_does_not_go_with_an_older_backup(bench: Bench) -> None:
    bench.work()
    with ledger_in(bench.state / "by-hand") as ledger:
        one_result(ledger, 99, order=None)
    first = bench.make(keep=1).folder
    second = bench.make(keep=1)
    assert second.removed == (first,)
    shutil.rmtree(bench.state / "by-hand")
    third = bench.make(keep=1)
    assert (third.removed, third.kept) == ((), (second.folder,)), "it alone knows of that journal"


def test_what_is_found_wrong_removes_nothing_and_is_remembered(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.work()
    first = bench.make(keep=1)
    (bench.backups / "bench-1-20260101T000000Z.partial").mkdir()
    for name in ("somebodys", "somebodys.partial"):
        (bench.backups / name).mkdir()
    damaged = bench.journal / "journal-000001.sqlite"
    whole = damaged.read_bytes()
    damaged.write_bytes(whole.replace(b"station_version", b"station_versiom"))
    with pytest.raises(JournalError) as error:
        bench.make(keep=1)
    memory = recall(bench.state)
    assert memory.failed is not None
    assert (memory.failed.line, memory.verified and memory.verified.folder) == (
        str(error.value),
        first.folder,
    )
    assert sorted(path.name for path in bench.backups.iterdir()) == [
        first.folder.name,
        "somebodys",
        "somebodys.partial",
    ]
    damaged.write_bytes(whole)
    shutil.rmtree(bench.backups)
    with pytest.raises(BackupError, match="mount its disk"):
        bench.make(keep=1)
    bench.backups.mkdir()
    assert bench.make(keep=1).removed == ()
    assert recall(bench.state).failed is None


def test_a_backup_is_brought_back_whole_beside_what_is_there(bench: Bench) -> None:
    bench.work()
    made = bench.make().folder
    set_aside(bench.journal)
    shutil.rmtree(bench.state / "catalogue")
    restored = bench.restore(made)
    assert (restored.brought, restored.left) == (("catalogue",), ("used-unlock-tokens",))
    assert (bench.state / "catalogue" / "metadata-3" / "accepted").read_text() == "2026-11-01"
    assert restored.configuration == made / "configuration"
    assert verify(bench.journal) == restored.journal
    bench.work()


def test_no_daemon_begins_a_journal_while_a_backup_comes_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.work()
    made = bench.make().folder
    set_aside(bench.journal)
    for kind in ("catalogue", "used-unlock-tokens"):
        shutil.rmtree(bench.state / kind)
    refused: list[str] = []
    bring = restoring._bring_folder

    def while_somebody_starts_a_daemon(
        backup: Path, kind: str, files: Mapping[str, str], folder: Path
    ) -> None:
        with pytest.raises(JournalInUse, match=r"held by process \d+: stop that one first"):
            bench.work()
        refused.append(kind)
        bring(backup, kind, files, folder)

    monkeypatch.setattr(restoring, "_bring_folder", while_somebody_starts_a_daemon)
    assert bench.restore(made).brought == ("catalogue", "used-unlock-tokens")
    assert refused == ["catalogue", "used-unlock-tokens"]
    bench.work()


def test_what_was_killed_while_it_brought_a_backup_back_is_done_again(bench: Bench) -> None:
    bench.work()
    made = bench.make().folder
    set_aside(bench.journal)
    bench.journal.mkdir()
    (bench.journal / "lock").touch()  # of a process that is no more
    bench.restore(made)
    bench.work()


def test_nothing_comes_in_that_the_backup_does_not_name(bench: Bench, tmp_path: Path) -> None:
    bench.work()
    made = bench.make().folder
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    (made / "catalogue" / "metadata-4").symlink_to(secret)
    (made / "catalogue" / "metadata-9").mkdir()
    (made / "used-unlock-tokens" / ("cd" * 32)).touch()
    set_aside(bench.journal)
    for kind in ("catalogue", "used-unlock-tokens"):
        shutil.rmtree(bench.state / kind)
    assert bench.restore(made).brought == ("catalogue", "used-unlock-tokens")
    found = {
        str(path.relative_to(bench.state)): path.stat().st_mode & 0o777
        for kind in ("catalogue", "used-unlock-tokens")
        for path in (bench.state / kind, *(bench.state / kind).rglob("*"))
    }
    assert found == {
        "catalogue": 0o750,
        "catalogue/metadata-3": 0o750,
        "catalogue/metadata-3/accepted": 0o640,
        "used-unlock-tokens": 0o700,
        f"used-unlock-tokens/{'ab' * 32}": 0o600,
    }
    assert secret.stat().st_mode & 0o777 == 0o600


def newer(backup: Path) -> None:
    said = json.loads((backup / NAME).read_text())
    (backup / NAME).write_text(json.dumps({**said, "version": 2, "program": "9.0", "more": 1}))


def newer_journal(backup: Path) -> None:
    with closing(sqlite3.connect(backup / "journal" / "journal-000001.sqlite")) as journal:
        journal.execute("PRAGMA user_version = 99")
        journal.commit()


def cut(backup: Path) -> None:
    (backup / "catalogue" / "metadata-3" / "accepted").write_text("2027-11-01")


def outside(backup: Path) -> None:
    said = json.loads((backup / NAME).read_text())
    said["files"]["catalogue/../../secret"] = "ab" * 32
    (backup / NAME).write_text(json.dumps(said))


def gone(backup: Path) -> None:
    (backup / NAME).unlink()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (newer, "made by reflash-station 9.0, which is newer"),
        (newer_journal, "run the newer reflash-station again"),
        (cut, "is not what it was"),
        (outside, "names a file outside"),
        (gone, "there is no backup in"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line_and_the_bench_is_as_it_was(
    bench: Bench, spoil: Callable[[Path], None], says: str
) -> None:
    bench.work()
    made = bench.make().folder
    set_aside(bench.journal)
    shutil.rmtree(bench.state / "catalogue")
    spoil(made)
    before = bench.looks()
    with pytest.raises((BackupError, JournalError)) as refused:
        bench.restore(made)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)
    assert bench.looks() == before
    assert not bench.journal.exists()


def test_nothing_is_restored_over_a_daemon_over_a_journal_or_to_another_station(bench: Bench) -> None:
    bench.work()
    made = bench.make().folder
    with ledger_in(bench.journal):
        before = bench.looks()
        with pytest.raises(JournalError, match=r"held by process \d+: stop that one first"):
            bench.restore(made)
        assert bench.looks() == before
    with pytest.raises(JournalError, match="set it aside first"):
        bench.restore(made)
    set_aside(bench.journal)
    shutil.rmtree(bench.state / "catalogue")
    before = bench.looks()
    with pytest.raises(JournalError, match="station bench-1 at site leeds"):
        bench.restore(made, station="bench-2")
    assert bench.looks() == before
    assert not bench.journal.exists()
    check_backup(made)


FULL = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from benches.journal_samples import ledger_in, one_result
from station.backups.errors import BackupError
from station.backups.making import Source, make_backup
from station.backups.memory import recall
from station.records.errors import JournalError

state, disk = Path(sys.argv[1]), Path(sys.argv[2])
source = Source("leeds", "bench-1", state, ())

def make(night):
    return make_backup(source, disk, 1, lambda: datetime(2026, 11, night, tzinfo=UTC))

with ledger_in(state / "journal") as ledger:
    one_result(ledger, 1, order=None)
first = make(1)
ballast = disk / "ballast"
ballast.write_bytes(bytes(1_500_000))
(state / "used-unlock-tokens").mkdir()
(state / "used-unlock-tokens" / "large").write_bytes(bytes(700_000))
for night in (2, 3):
    try:
        make(night)
    except (BackupError, JournalError) as error:
        print(error)
    assert sorted(each.name for each in disk.iterdir()) == ["ballast", first.folder.name]
assert recall(state).failed is not None
ballast.unlink()
assert make(4).removed == (first.folder,)
print("whole")
"""


def test_a_disk_that_is_really_full_has_the_backups_that_it_had(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    script = f'mount -t tmpfs -o size=2500k tmpfs {disk} && exec {sys.executable} -c "$0" {tmp_path / "state"} {disk}'
    first, second, whole = where_it_may_mount(script, FULL)
    assert "No space left on device" in first
    assert first.replace("-1102", "-1103") == second.replace("-1102", "-1103")
    assert whole == "whole"
