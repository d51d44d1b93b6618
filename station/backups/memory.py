"""What the station remembers of its backups: a small file beside the journal, so that nobody waits for another disk to ask."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from firmware_catalog.files import read_regular_file, replace_file

FILE_NAME: Final = "last-backup.json"
_MAX_SIZE: Final = 64 * 1024


class BackupMade(BaseModel):
    """A backup that was made and found whole."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path
    at: AwareDatetime
    """When it was begun: it holds what was recorded before."""
    events: int = Field(ge=0)


class BackupFailed(BaseModel):
    """A backup that could not be made, or was not whole."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: AwareDatetime
    line: str


class BackupMemory(BaseModel):
    """The last that was verified, and what went wrong since."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    verified: BackupMade | None = None
    failed: BackupFailed | None = None
    """None once a later one was verified."""


def recall(state_directory: Path) -> BackupMemory:
    """Return what is remembered; nothing where the file is not there, or is none. Raises OSError."""
    try:
        return BackupMemory.model_validate_json(read_regular_file(state_directory / FILE_NAME, _MAX_SIZE))
    except (FileNotFoundError, ValidationError):
        return BackupMemory()
    except OSError as error:
        if error.errno in {errno.EFBIG, errno.EINVAL, errno.ELOOP}:
            return BackupMemory()
        raise


def remember(state_directory: Path, memory: BackupMemory) -> None:
    """Keep it durably. Raises OSError."""
    replace_file(state_directory / FILE_NAME, memory.model_dump_json().encode() + b"\n", mode=0o640)
