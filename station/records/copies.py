"""Journals as folders: backed up, restored, set aside, and exported as text."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from glob import escape
from pathlib import Path
from tempfile import mkdtemp
from typing import Final
from uuid import uuid4

from station.domain.actor import Actor
from station.messages.topics import Topics
from station.records import lock
from station.records.chain import RecordedEvent, canonical_json
from station.records.errors import (
    UNREADABLE,
    AnotherStation,
    JournalFailed,
    JournalFull,
    JournalInUse,
    SegmentMissing,
    journal_error,
)
from station.records.facts.events import EVENT, VOCABULARY
from station.records.facts.journal import JournalRestored, JournalUpgraded
from station.records.facts.unlocks import UnlockAnswersUnknown
from station.records.files import sync_file, sync_folder
from station.records.head import HEAD_NAME
from station.records.moments import Clock, system_clock
from station.records.reader import JournalReader
from station.records.replay import replay
from station.records.segments import SET_ASIDE, is_there, open_for_reading, segment_path, segment_paths
from station.records.verify import Verification, verify

_PARTIAL: Final = ".partial-"
"""Follows the name of a copy that is being made. Whoever makes it holds it as a journal is held, until it is whole."""


def backup(folder: Path, destination: Path) -> Verification:
    """Copy the journal, as it is now, to a new folder, and return what checking the copy found.

    May run beside the daemon. Raises JournalFailed if something is at `destination` already, and otherwise what
    `verify` raises; `destination` is then not there.
    """
    if is_there(destination):
        raise JournalFailed(f"{destination} is there already: name a new folder for the backup")
    if not segment_paths(folder):
        raise SegmentMissing(folder, segment_path(folder, 1).name)
    return _copy(folder, destination)


def restore(
    source: Path,
    folder: Path,
    clock: Clock = system_clock,
    *,
    actor: Actor | None = None,
    whose: Topics | None = None,
) -> Verification:
    """Make a backup the journal at `folder`, on this person's word, and return what checking the result found.

    Only the events are believed: the tables are made again from them. What is recorded keeps its ids; from here on the
    journal is known by a new one, so that no id that the lost journal gave away comes to stand for something else, and one
    unlock answer that nobody knows of counts against each hub that is not opened first. With `whose`, it has to be that
    station's. Raises as `_require_restorable`, and otherwise what `verify` and `replay` raise; nothing has changed then.
    """
    with restoring(source, folder, clock, actor=actor, whose=whose) as bring:
        return bring()


@contextmanager
def restoring(
    source: Path,
    folder: Path,
    clock: Clock = system_clock,
    *,
    actor: Actor | None = None,
    whose: Topics | None = None,
) -> Iterator[Callable[[], Verification]]:
    """Hold the place where a backup is to become the journal, and yield what does that, as `restore` says.

    Until then nobody begins a journal there: what is brought in beside it meanwhile is nobody else's. A block that ends
    without it leaves the place as it was.
    """
    _require_restorable(source, folder, whose)
    is_new = not is_there(folder)
    given_up = False

    def own_identity(copy: Path) -> None:
        former = verify(copy).journal
        restored = JournalRestored(journal=uuid4(), former=former, actor=actor)
        upgraded = JournalUpgraded(vocabulary=VOCABULARY)
        replay(copy, clock, lambda _: None, restored, upgraded, UnlockAnswersUnknown())

    def put(copy: Path) -> None:
        nonlocal given_up
        given_up = True
        # It is held by its own lock, and takes the place of an empty folder at once.
        (folder / lock.LOCK_NAME).unlink()
        copy.rename(folder)

    with lock.hold(folder):
        try:
            _require_empty(folder)
            yield lambda: _copy(source, folder, own_identity, put)
        finally:
            with suppress(OSError):
                if not given_up:
                    (folder / lock.LOCK_NAME).unlink()
                if is_new:
                    folder.rmdir()  # unless a journal is in it


def _require_restorable(source: Path, folder: Path, whose: Topics | None = None) -> None:
    """Return if a backup may become the journal at `folder`.

    Raises JournalInUse while a daemon has that, JournalFailed if it holds anything or there is no backup, JournalNewer, and
    AnotherStation for the backup of another than `whose`.
    """
    if is_there(folder) and lock.is_held(folder):
        with lock.hold(folder):  # says who has it
            pass
    _require_empty(folder)
    paths = segment_paths(source)
    if not paths:
        raise JournalFailed(
            f"there is no backup in {source}: name a folder that `reflash journal backup` made"
        )
    if whose is None:
        return
    with closing(open_for_reading(paths[-1], finished=True)) as newest:
        try:
            found = newest.execute("SELECT site, station FROM station").fetchone()
        except UNREADABLE as error:
            raise journal_error(error, paths[-1]) from error
    if found != (whose.site, whose.station):
        raise AnotherStation(
            f"{source} is a backup of station {found[1]} at site {found[0]}, this is {whose.station} at {whose.site}: "
            "name a backup of this one"
        )


def _require_empty(folder: Path) -> None:
    """Return if no journal is there, nor anything else but the lock of whoever was about to make one."""
    if is_there(folder) and any(each.name != lock.LOCK_NAME for each in folder.iterdir()):
        raise JournalFailed(f"{folder} is not empty: set it aside first (reflash journal set-aside)")


def holds(folder: Path, sequence: int, digest: bytes) -> bool:
    """Whether a journal, or a copy of one, has this very row, and so all that its chain has up to there. Raises JournalError."""
    for path in reversed(segment_paths(folder)):
        with closing(open_for_reading(path, finished=True)) as segment:
            try:
                found = segment.execute("SELECT hash FROM events WHERE sequence = ?", (sequence,)).fetchone()
            except UNREADABLE as error:
                raise journal_error(error, path) from error
        if found is not None:
            return bytes(found[0]) == digest
    return False


def set_aside(folder: Path) -> Path:
    """Move the journal folder, as it is, out of the way, and return where to. Raises JournalInUse, JournalFailed."""
    if not is_there(folder):
        raise JournalFailed(f"there is no journal folder {folder}")
    with lock.hold(folder):
        aside = folder.with_name(f"{folder.name}{SET_ASIDE}{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")
        try:
            folder.rename(aside)
            sync_folder(aside.parent)
        except OSError as error:
            raise journal_error(error, folder) from error
    return aside


def export(reader: JournalReader) -> Iterator[str]:
    """Yield every event as one line of JSON, oldest first, with all that its hash covers."""
    for recorded in reader.events():
        yield exported(recorded)


def exported(recorded: RecordedEvent) -> str:
    """Return an event as one line of JSON."""
    return canonical_json(
        {
            "journal": str(recorded.journal),
            "sequence": recorded.sequence,
            "utc": recorded.utc.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "monotonic_ns": recorded.monotonic_ns,
            "hash": recorded.hash.hex(),
            "event": EVENT.dump_python(recorded.event, mode="json"),
        }
    )


def left_behind(folder: Path) -> list[Path]:
    """Return what backups and restores that were killed have left in `folder`: copies that no process works on."""
    found = []
    for partial in sorted(folder.glob(f"*{_PARTIAL}*")):
        with suppress(OSError):  # not for everybody's eyes, or gone by now
            if partial.is_dir() and not lock.is_held(partial):
                found.append(partial)
    return found


def _clear_away(destination: Path) -> None:
    """Remove what was left behind where this copy is to be made."""
    for partial in destination.parent.glob(f"{escape(destination.name)}{_PARTIAL}*"):
        if not (partial / lock.LOCK_NAME).exists():
            with suppress(OSError):
                partial.rmdir()  # if empty: somebody may be about to hold it, and makes it again then
            continue
        with suppress(JournalInUse, JournalFailed), lock.hold(partial):
            shutil.rmtree(partial, ignore_errors=True)


def _copy(
    source: Path,
    destination: Path,
    change: Callable[[Path], None] = lambda _: None,
    put: Callable[[Path], None] | None = None,
) -> Verification:
    """Make a whole copy, change it, and `put` it where it belongs, held as a journal is; else it is a folder that nobody holds."""
    try:
        destination.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        _clear_away(destination)
        # Under a name that nothing else has: whatever lies beside is somebody's.
        partial = Path(mkdtemp(prefix=f"{destination.name}{_PARTIAL}", dir=destination.parent))
    except OSError as error:
        raise journal_error(error, destination) from error
    with lock.hold(partial):
        return _copied(source, partial, destination, change, put)


def _copied(
    source: Path,
    partial: Path,
    destination: Path,
    change: Callable[[Path], None],
    put: Callable[[Path], None] | None,
) -> Verification:
    try:
        partial.chmod(0o750)
        # The published head first: it may be behind the copied rows, never ahead of them.
        if (source / HEAD_NAME).exists():
            shutil.copyfile(source / HEAD_NAME, partial / HEAD_NAME)
        *finished, newest = segment_paths(source)
        for path in finished:
            shutil.copyfile(path, partial / path.name)
        _copy_newest(newest, partial / newest.name)
        change(partial)
        found = verify(partial)
        for path in partial.iterdir():
            path.chmod(0o640)
            sync_file(path)
        if put is None:
            (partial / lock.LOCK_NAME).unlink()  # whoever uses the copy makes one of its own
        sync_folder(partial)
        (put or (lambda copy: copy.rename(destination)))(partial)
        sync_folder(destination.parent)
    except JournalFull as error:
        raise JournalFull(destination) from error  # nobody knows the copy by its own name
    except OSError as error:
        raise journal_error(error, destination) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return found


def _copy_newest(path: Path, copy: Path) -> None:
    """Copy a segment that may be written to meanwhile, in one piece and into one file."""
    with closing(open_for_reading(path, finished=False)) as segment, closing(sqlite3.connect(copy)) as target:
        try:
            segment.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.Error as error:
            raise journal_error(error, copy) from error
