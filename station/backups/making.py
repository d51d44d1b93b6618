"""Makes a backup, checks it, and only then lets older ones go.

It is made under a name that is no backup's, and gets its own once it is whole.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from firmware_catalog.errors import CatalogError
from firmware_catalog.files import read_named_file
from firmware_catalog.locking import locked
from station.backups.errors import BackupError
from station.backups.manifest import (
    BY_HAND,
    CATALOGUE,
    CONFIGURATION,
    JOURNAL,
    MAX_FILE_SIZE,
    NAME,
    USED_TOKENS,
    Manifest,
    check_backup,
    read_manifest,
)
from station.backups.memory import BackupFailed, BackupMade, BackupMemory, recall, remember
from station.records.copies import backup as backup_journal
from station.records.copies import holds
from station.records.errors import JournalError
from station.records.files import settle_tree, sync_folder
from station.records.segments import segment_paths
from station.records.verify import verify
from station.version import station_version

_PARTIAL: Final = ".partial"
_GOING: Final = ".going"
"""Follows the name of a backup that is being made, or removed: neither is one."""
_DIGITS: Final = f"{'[0-9]' * 8}T{'[0-9]' * 6}Z"
"""When a backup was begun, as a pattern of its name: whatever else lies there is somebody's."""
_IMAGES: Final = "images"
"""What the catalogue's store can fetch anew."""
_PATIENCE_SECONDS: Final = 10.0
"""How long a renewal of the catalogue is waited for: it holds its store for a few files' writing."""


@dataclass(frozen=True, slots=True)
class Source:
    """What is backed up."""

    site: str
    station: str
    state_directory: Path
    configuration: tuple[Path, ...]
    """Files that hold no secret: the station's own, and public ones that it names."""


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made and checked, and what became of the older ones."""

    folder: Path
    manifest: Manifest
    removed: tuple[Path, ...]
    kept: tuple[Path, ...]
    """They are beyond the number to keep, and hold what the new one does not."""


def make_backup(source: Source, folder: Path, keep: int, now: Callable[[], datetime]) -> Made:
    """Make one in `folder`, check it, remember how that went, and keep the newest `keep`. The daemon may run.

    Blocks. Raises BackupError and JournalError: nothing older was removed then, unless removing is what failed.
    """
    begun = now()
    try:
        with _held(folder):
            made, manifest = _make(source, folder, begun)
            verified = BackupMade(folder=made, at=begun, events=manifest.events)
            remember(source.state_directory, BackupMemory(verified=verified))
            removed, kept = _let_go(folder, made, manifest, keep)
    except OSError as error:
        told = BackupError(f"backup in {folder}: {error.strerror or error}; see: reflash doctor")
        _remember_failure(source.state_directory, begun, told)
        raise told from error
    except (BackupError, JournalError) as error:
        _remember_failure(source.state_directory, begun, error)
        raise
    return Made(made, manifest, removed, kept)


def backups_in(folder: Path) -> list[tuple[Path, Manifest]]:
    """Return the backups there, of whichever station, the newest first. Raises BackupError where it cannot be read."""
    found = []
    try:
        entries = list(folder.iterdir())
    except OSError as error:
        raise BackupError(f"{folder}: {error.strerror}; mount its disk, or correct backup.folder") from error
    for entry in entries:
        if not entry.name.endswith((_PARTIAL, _GOING)):
            with suppress(BackupError):
                found.append((entry, read_manifest(entry)))
    return sorted(found, key=lambda each: (each[1].at, each[0].name), reverse=True)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Keep other backups out of the folder. Raises BackupError, where it is not there, too."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise BackupError(
            f"backup.folder {folder}: {error.strerror}; mount its disk, or make the folder for the station's user"
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise BackupError(f"another backup is being made in {folder}: wait for it") from error
    finally:
        os.close(descriptor)


def _make(source: Source, folder: Path, begun: datetime) -> tuple[Path, Manifest]:
    name = f"{source.station}-{begun:%Y%m%dT%H%M%SZ}"
    final, partial = folder / name, folder / f"{name}{_PARTIAL}"
    for suffix in (_PARTIAL, _GOING):
        for left in folder.glob(f"{source.station}-{_DIGITS}{suffix}"):
            shutil.rmtree(left)  # of one that was killed: nobody else is at work here
    if final.exists():
        raise BackupError(f"{final} is there already: is this computer's clock right?")
    partial.mkdir(mode=0o750)
    try:
        found = backup_journal(source.state_directory / "journal", partial / JOURNAL)
        if segment_paths(source.state_directory / BY_HAND):
            backup_journal(source.state_directory / BY_HAND, partial / BY_HAND)
        files = {name: _write(partial / name, content) for name, content in _files(source)}
        manifest = Manifest(
            program=station_version(),
            site=source.site,
            station=source.station,
            at=begun,
            events=found.events,
            head=found.head.hex(),
            files=files,
        )
        (partial / NAME).write_text(manifest.model_dump_json(indent=1) + "\n")
        settle_tree(partial, folder_mode=0o750, file_mode=0o640)
        check_backup(partial)
        partial.rename(final)
        sync_folder(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return final, manifest


def _files(source: Source) -> Iterator[tuple[str, bytes]]:
    """Yield what is no journal, by its path in the backup. Raises OSError and BackupError."""
    catalogue = source.state_directory / CATALOGUE
    if catalogue.is_dir():
        try:
            with locked(catalogue, _PATIENCE_SECONDS):
                # What begins with a dot is half made. Images can be fetched anew, and a link says no more than the names do.
                kept = [each for each in _regular(catalogue) if each.parts[0] != _IMAGES]
                accepted = [(each, _read(catalogue / each)) for each in kept if each.name[0] != "."]
        except CatalogError as error:
            raise BackupError(str(error)) from error
        yield from ((f"{CATALOGUE}/{each}", content) for each, content in accepted)
    for token in _regular(source.state_directory / USED_TOKENS):
        yield f"{USED_TOKENS}/{token}", _read(source.state_directory / USED_TOKENS / token)
    for file in source.configuration:
        yield f"{CONFIGURATION}/{str(file).lstrip('/')}", _read(file)


def _regular(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if stat.S_ISREG(path.lstat().st_mode):
            yield path.relative_to(folder)


def _read(file: Path) -> bytes:
    return read_named_file(file, MAX_FILE_SIZE)


def _write(copy: Path, content: bytes) -> str:
    """Write a file, and return its SHA-256. Raises OSError."""
    copy.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    copy.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def _let_go(
    folder: Path, made: Path, manifest: Manifest, keep: int
) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Remove those of this station beyond the newest `keep`, whose whole journals stand in the new one, too.

    A backup of a journal that was set aside since, or whose end a restore lost, is the last that knows of it.
    """
    removed, kept = [], []
    ours = [
        each
        for each in backups_in(folder)
        if (each[1].site, each[1].station) == (manifest.site, manifest.station) and each[0] != made
    ]
    for old, of_old in ours[keep - 1 :]:
        if not _stands_in(made, old, of_old):
            kept.append(old)
            continue
        going = old.rename(old.with_name(f"{old.name}{_GOING}"))
        shutil.rmtree(going)
        removed.append(old)
    return tuple(removed), tuple(kept)


def _stands_in(made: Path, old: Path, of_old: Manifest) -> bool:
    """Whether a new backup has all that an old one has of both journals. Raises JournalError."""
    if not holds(made / JOURNAL, of_old.events, bytes.fromhex(of_old.head)):
        return False
    if not segment_paths(old / BY_HAND):
        return True
    try:
        by_hand = verify(old / BY_HAND)
    except JournalError:
        return False  # nobody knows what it had
    return holds(made / BY_HAND, by_hand.events, by_hand.head)


def _remember_failure(state_directory: Path, at: datetime, error: Exception) -> None:
    """Keep it for whoever asks how the bench is, where the disk still lets it: the error is told in any case."""
    with suppress(OSError):
        failed = BackupFailed(at=at, line=str(error))
        remember(state_directory, BackupMemory(verified=recall(state_directory).verified, failed=failed))
