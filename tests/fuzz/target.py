"""What a fuzz target is: one reader of bytes that others wrote, and how to hand it any bytes at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

LONGEST_INPUT = 8192


@dataclass(frozen=True)
class Target:
    """A reader under attack."""

    read: Callable[[bytes], None]
    """Hands the bytes over. Swallows the reader's own errors and lets every other one out: that is a finding."""
    seeds: tuple[bytes, ...]
    """Good input to begin from, and bad input that once was a finding."""
    words: tuple[bytes, ...] = ()
    """What means something to the reader."""


Opener = Callable[[Path], AbstractContextManager[Target]]
"""Makes a target with a folder of its own, and takes away what it needed."""


def stateless(
    read: Callable[[bytes], None], seeds: tuple[bytes, ...], words: tuple[bytes, ...] = ()
) -> Opener:
    """Return the opener of a target that needs nothing."""

    @contextmanager
    def open_target(_: Path) -> Iterator[Target]:
        yield Target(read, seeds, words)

    return open_target
