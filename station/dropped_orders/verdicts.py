"""What becomes of a dropped file, by whoever imports it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from io import FileIO


@dataclass(frozen=True, slots=True)
class DroppedFile:
    """An order's file that lies still, open for reading."""

    source: str
    """Its name, fit to be shown."""
    file: FileIO
    size: int
    """In bytes."""
    sha256: str
    """Of its bytes, lower-case hex."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The order is there, with every line. The same file again is taken, too, and changes nothing."""

    line: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing of it was taken, and never will be as the file is."""

    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NotNow:
    """The station lacks something; the same file may be taken later."""

    line: str


Verdict = Taken | Refused | NotNow
TakeOrder = Callable[[DroppedFile], Awaitable[Verdict]]
