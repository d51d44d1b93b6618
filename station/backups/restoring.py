"""Brings a backup in where there is no journal: all of it, or nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from station.backups.errors import BackupError
from station.backups.manifest import (
    BY_HAND,
    CATALOGUE,
    CONFIGURATION,
    JOURNAL,
    USED_TOKENS,
    check_backup,
    read_checked,
    read_manifest,
)
from station.domain.actor import Actor
from station.messages.topics import Topics
from station.records.copies import restore as restore_journal
from station.records.copies import restoring
from station.records.files import settle_tree, sync_folder
from station.records.segments import segment_paths
from station.records.verify import Verification

_PARTIAL: Final = ".partial-restore"


@dataclass(frozen=True, slots=True)
class Restored:
    """What was brought in."""

    journal: Verification
    brought: tuple[str, ...]
    """Besides the journal."""
    left: tuple[str, ...]
    """What this computer has itself, which stays as it is."""
    configuration: Path | None
    """Where the backup has the configuration of then: putting it in place is a person's."""


def restore_backup(backup: Path, state_directory: Path, whose: Topics, actor: Actor | None) -> Restored:
    """Make a backup this station's, with the journal last: what a kill leaves has none, and may be restored again.

    No daemon starts meanwhile: it would open what is taken away again if this fails. What the state directory has besides a
    journal stays: it may know of newer catalogues and of more answers given.
    Blocks. Raises BackupError and JournalError, and everything is as it was then.
    """
    journal = state_directory / "journal"
    read_manifest(backup)
    with restoring(backup / JOURNAL, journal, actor=actor, whose=whose) as bring_journal:
        manifest, _ = check_backup(backup)
        brought, left = [], []
        with _undone_if_it_fails() as undo:
            for kind in (CATALOGUE, USED_TOKENS):
                files = {
                    name: sha256 for name, sha256 in manifest.files.items() if Path(name).parts[0] == kind
                }
                if not files:
                    continue
                if (state_directory / kind).exists():
                    left.append(kind)
                    continue
                _bring_folder(backup, kind, files, state_directory / kind)
                undo.append(state_directory / kind)
                brought.append(kind)
            if segment_paths(backup / BY_HAND):
                by_hand = state_directory / BY_HAND
                if segment_paths(by_hand):
                    left.append(BY_HAND)
                else:
                    restore_journal(backup / BY_HAND, by_hand, actor=actor)
                    undo.append(by_hand)
                    brought.append(BY_HAND)
            found = bring_journal()
    configuration = backup / CONFIGURATION
    return Restored(found, tuple(brought), tuple(left), configuration if configuration.is_dir() else None)


@contextmanager
def _undone_if_it_fails() -> Iterator[list[Path]]:
    """Take away again what was brought in so far."""
    undo: list[Path] = []
    try:
        yield undo
    except BaseException as error:
        for path in undo:
            shutil.rmtree(path, ignore_errors=True)
        if isinstance(error, OSError):
            raise BackupError(
                f"{error.filename or 'the state directory'}: {error.strerror or error}; everything is as it was"
            ) from error
        raise


def _bring_folder(backup: Path, kind: str, files: Mapping[str, str], folder: Path) -> None:
    """Copy durably what the backup says that it has of this kind, by SHA-256, with what is public for the group to read, too.

    What lies there besides was checked by nobody, and a link could lead anywhere.
    """
    for_folder, for_file = (0o750, 0o640) if kind == CATALOGUE else (0o700, 0o600)
    partial = folder.with_name(f"{folder.name}{_PARTIAL}")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(mode=0o700)
        for name, sha256 in files.items():
            copy = partial / Path(name).relative_to(kind)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(read_checked(backup, name, sha256))
        settle_tree(partial, folder_mode=for_folder, file_mode=for_file)
        partial.rename(folder)
        sync_folder(folder.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
