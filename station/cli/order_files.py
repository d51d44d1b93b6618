"""A work order's file, as a command brings it to the station."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from firmware_catalog.files import read_named_file
from station.cli.common import UsageError
from station.desk.refusals import Invalid
from station.orders.csv_import import MAX_FILE_SIZE


class Brought(NamedTuple):
    """A file that was read once."""

    source: str
    size: int
    sha256: str
    file: int
    """A descriptor of what was read, which nobody else changes."""


@contextmanager
def brought(path: Path) -> Iterator[Brought]:
    """Read an order's file, and tell every fault that the station finds in it. Raises UsageError."""
    try:
        content = read_named_file(path, MAX_FILE_SIZE)
    except OSError as error:
        advice = "import it once it is whole" if error.errno == errno.EBUSY else "name the order's CSV file"
        raise UsageError(f"{path}: {error.strerror}; {advice}") from error
    source = os.fsencode(path.name).decode(errors="replace")
    try:
        with _in_memory(content) as file:
            yield Brought(source, len(content), hashlib.sha256(content).hexdigest(), file)
    except Invalid as refused:
        problems = refused.facts.get("problems")
        if not isinstance(problems, list) or len(problems) < 2:
            raise
        shown = "\n".join(f"{refused.facts['source']}: {problem}" for problem in problems)
        raise UsageError(f"{shown}\n{refused}") from refused


@contextmanager
def _in_memory(content: bytes) -> Iterator[int]:
    """Yield a file of this content that has no name and that nobody else changes: what was read is what arrives."""
    file = os.memfd_create("order", os.MFD_CLOEXEC)
    try:
        with open(file, "wb", closefd=False) as writing:
            writing.write(content)
        yield file
    finally:
        os.close(file)
