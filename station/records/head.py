"""The published head: the newest row whose hash has left the station in an acknowledged result.

It lies in a small file beside the database. A database that lost its tail (a disk that lied about a sync, an old
copy put in place) no longer holds that row, which is noticed at the next start and by `verify`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

from station.records.chain import canonical_json
from station.records.errors import PublishedHeadUnreadable
from station.records.files import replace_file

HEAD_NAME: Final = "published-head.json"


@dataclass(frozen=True, slots=True)
class PublishedHead:
    """One row as the world outside knows it."""

    journal: UUID
    sequence: int
    hash: bytes


def read_published_head(folder: Path) -> PublishedHead | None:
    """Return what was last published, or None before the first acknowledgement. Raises PublishedHeadUnreadable."""
    path = folder / HEAD_NAME
    try:
        head = json.loads(path.read_bytes())
        return PublishedHead(UUID(head["journal"]), int(head["sequence"]), bytes.fromhex(head["hash"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise PublishedHeadUnreadable(path) from error


def published_head_if_readable(folder: Path) -> PublishedHead | None:
    """Return what was last published, as far as the file still says."""
    try:
        return read_published_head(folder)
    except PublishedHeadUnreadable:
        return None


def write_published_head(folder: Path, head: PublishedHead) -> None:
    """Keep the head durably. Raises OSError."""
    text = canonical_json({"journal": str(head.journal), "sequence": head.sequence, "hash": head.hash.hex()})
    replace_file(folder / HEAD_NAME, text.encode() + b"\n")
