"""The published head: the newest row whose hash has left the station in an acknowledged result.

It lies in a small file beside the database. A database that lost its tail (a disk that lied about a sync, an old
copy put in place) no longer holds that row, which is noticed at the next start and by `verify`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from firmware_catalog.files import replace_file
from station.records.chain import canonical_json
from station.records.errors import PublishedHeadUnreadable

HEAD_NAME: Final = "published-head.json"


@dataclass(frozen=True, slots=True)
class PublishedHead:
    """One row as the world outside knows it."""

    journal: UUID
    sequence: int
    hash: bytes


class _Note(BaseModel):
    """The file, as `write_published_head` writes it and no other."""

    model_config = ConfigDict(strict=True, extra="forbid")

    journal: UUID
    sequence: Annotated[int, Field(ge=1, lt=1 << 63)]
    hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def read_published_head(folder: Path) -> PublishedHead | None:
    """Return what was last published, or None before the first acknowledgement. Raises PublishedHeadUnreadable."""
    path = folder / HEAD_NAME
    try:
        noted = _Note.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise PublishedHeadUnreadable(path) from error
    return PublishedHead(noted.journal, noted.sequence, bytes.fromhex(noted.hash))


def published_head_if_readable(folder: Path) -> PublishedHead | None:
    """Return what was last published, as far as the file still says."""
    try:
        return read_published_head(folder)
    except PublishedHeadUnreadable:
        return None


def write_published_head(folder: Path, head: PublishedHead) -> None:
    """Keep the head durably. Raises OSError."""
    text = canonical_json({"journal": str(head.journal), "sequence": head.sequence, "hash": head.hash.hex()})
    replace_file(folder / HEAD_NAME, text.encode() + b"\n", mode=0o640)
