"""What a backup says of itself: `backup.json`, beside what it is about."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from firmware_catalog.files import read_regular_file
from station.backups.errors import BackupError
from station.records.verify import Verification, verify

NAME: Final = "backup.json"
JOURNAL: Final = "journal"
BY_HAND: Final = "by-hand"
CATALOGUE: Final = "catalogue"
USED_TOKENS: Final = "used-unlock-tokens"
CONFIGURATION: Final = "configuration"
"""What a backup holds: two journals, and folders of files."""
_VERSION: Final = 1
_MAX_SIZE: Final = 64 << 20
MAX_FILE_SIZE: Final = 64 << 20
"""Bytes of a file that is no journal: the metadata of a catalogue may have half of it."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class _Version(BaseModel):
    model_config = ConfigDict(extra="ignore")

    version: int
    program: str


class Manifest(BaseModel):
    """Whose it is, of when, and what has to be in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = _VERSION
    program: str
    """Version of the station that made it."""
    site: str
    station: str
    at: AwareDatetime
    """When it was begun."""
    events: int = Field(ge=1)
    head: Sha256
    """Hash of the journal's last row."""
    files: dict[str, Sha256]
    """Every other file by its path in the backup."""


def read_manifest(backup: Path) -> Manifest:
    """Read what a backup says of itself. Raises BackupError."""
    try:
        content = read_regular_file(backup / NAME, _MAX_SIZE)
    except FileNotFoundError as error:
        raise BackupError(
            f"there is no backup in {backup}: name a folder that `reflash backup make` made"
        ) from error
    except OSError as error:
        raise BackupError(f"{backup / NAME}: {error.strerror}") from error
    try:
        said = _Version.model_validate_json(content)
        if said.version > _VERSION:
            raise BackupError(
                f"backup {backup} was made by reflash-station {said.program}, which is newer: run that one again, or name a "
                "backup made before the upgrade"
            )
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        raise BackupError(f"{backup / NAME} is damaged: name another backup") from error


def check_backup(backup: Path) -> tuple[Manifest, Verification]:
    """Read all of it: each row of its journal against the one before, each other file against what it was.

    Changes nothing. Raises BackupError, and JournalError for the first row that is not what was written.
    """
    manifest = read_manifest(backup)
    found = verify(backup / JOURNAL)
    if (found.events, found.head.hex()) != (manifest.events, manifest.head):
        raise BackupError(
            f"the journal in {backup} is not the one that it was made with: name another backup"
        )
    if (backup / BY_HAND).is_dir():
        verify(backup / BY_HAND)
    for name, sha256 in manifest.files.items():
        if not _is_inside(name):
            raise BackupError(f"{backup / NAME} names a file outside: name another backup")
        read_checked(backup, name, sha256)
    return manifest, found


def read_checked(backup: Path, name: str, sha256: str) -> bytes:
    """Return a file of a backup that is no journal. Raises BackupError where it is not what it was."""
    try:
        content = read_regular_file(backup / name, MAX_FILE_SIZE)
    except OSError as error:
        raise BackupError(f"{backup / name}: {error.strerror}; name another backup") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise BackupError(f"{backup / name} is not what it was: name another backup")
    return content


def _is_inside(name: str) -> bool:
    parts = Path(name).parts
    return len(parts) > 1 and parts[0] in {CATALOGUE, USED_TOKENS, CONFIGURATION} and ".." not in parts
