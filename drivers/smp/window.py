"""Which chunk of an upload to send next, and what each answer means. No input or output: decisions only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

_GROW_AFTER: Final = 64
"""Chunks taken without a setback after which the window widens by one again."""


class Chunk(NamedTuple):
    """A part of the image under way: the bytes from `start` up to `end`, in the request `sequence`."""

    sequence: int
    start: int
    end: int


class OffsetOutOfRange(ValueError):
    """The hub claims to hold bytes that it was never sent."""


class UploadWindow:
    """The state of one upload.

    A hub takes requests in the order of their sending and answers each with the offset that it wants next. So
    an answer settles every request sent before it, and an offset other than the expected one says where to
    go on. Then the window sends nothing until what is under way has been answered, and rewinds (or skips) to
    the last offset told. Offset 0 means that the hub has forgotten the upload, as it does in a reboot. After a setback
    another hub may be what answers, so its sender has to see who is there first.
    """

    def __init__(
        self,
        size: int,
        *,
        first: int,
        chunk: int,
        width: int,
        attempts: int,
        next_sequence: Callable[[], int],
    ) -> None:
        """Begin with `first` image bytes in the opening chunk and `chunk` in every other."""
        self._size = size
        self._first = min(first, size)
        self._chunk = chunk
        self._widest = width
        self._attempts = attempts
        self._next_sequence = next_sequence
        self._under_way: dict[int, Chunk] = {}
        self._next = 0
        self._furthest = 0
        self._best = 0
        self._settling = False
        self._taken = 0
        self.setbacks = 0
        """How often in a row the upload was thrown back, since the hub took a byte that it never had before."""
        self.doubtful = False
        """Whether, since a setback, another hub may be what answers. Nothing is sent until `assured`."""
        self.opening = True
        """Whether the chunk under way begins an upload: it goes alone, and the hub may erase before it answers."""
        self.width = width
        """How many chunks may be under way now."""
        self.acknowledged = 0
        """The offset that the hub asked for last."""

    @property
    def closing(self) -> bool:
        """Whether the last chunk is under way: the hub may check the whole image before it answers."""
        return self._next >= self._size

    @property
    def untouched(self) -> bool:
        """Whether nothing but one opening chunk was sent, and has not been answered as taken."""
        return self.opening and not self._best and not self.setbacks

    @property
    def done(self) -> bool:
        """Whether the hub holds every byte."""
        return not self.opening and self.acknowledged == self._size

    @property
    def exhausted(self) -> bool:
        """Whether the setbacks in a row, with no new byte taken, are too many to go on."""
        return self.setbacks > self._attempts

    def next_chunk(self) -> Chunk | None:
        """Return the chunk to send now, which then counts as under way; None while there is nothing to send."""
        if self.doubtful:
            return None
        under_way = len(self._under_way)
        if self._settling or self.opening:
            if under_way:
                return None
            self._settling = False
        elif under_way >= self.width or self._next >= self._size:
            return None
        start = self._next
        end = start + (self._first if self.opening else self._chunk)
        if end > self._size:  # noqa: PLR1730 - for each chunk, and a call costs more
            end = self._size
        chunk = Chunk(self._next_sequence(), start, end)
        self._under_way[chunk.sequence] = chunk
        self._next = end
        if end > self._furthest:  # noqa: PLR1730 - for each chunk, and a call costs more
            self._furthest = end
        return chunk

    def expects(self, sequence: int) -> bool:
        """Whether an answer with this number concerns a chunk under way, and is not a late one."""
        return sequence in self._under_way

    def answered(self, sequence: int, offset: int) -> None:
        """Take the offset that the hub wants next, from an answer that `expects` knows. Raises OffsetOutOfRange."""
        chunk = self._settle(sequence)
        # Only the opening answer may claim more than was sent: the hub resumes an upload that it remembers.
        if not 0 <= offset <= (self._size if self.opening else self._furthest):
            raise OffsetOutOfRange(f"offset {offset} after {self._furthest} of {self._size} bytes were sent")
        if self.opening or self._settling or offset != chunk.end:
            self._go_on_at(offset, lost=offset < chunk.end)
        else:
            self.acknowledged = offset
            if self.width < self._widest:
                self._widen()
        if offset > self._best:
            self._best = offset
            self.setbacks = 0

    def refused(self, sequence: int) -> None:
        """Take a refusal for want of memory, from an answer that `expects` knows."""
        self._settle(sequence)
        self._go_on_at(self.acknowledged, lost=True)

    def shrink(self, *, first: int, chunk: int) -> None:
        """From now on send less at once, and one chunk at a time: larger ones do not come through."""
        self._first, self._chunk = min(first, self._first), min(chunk, self._chunk)
        self._widest = self.width = 1

    def all_held(self) -> None:
        """Learn from elsewhere that the hub holds every byte: the last answer got lost."""
        self._under_way.clear()
        self.opening = self._settling = self.doubtful = False
        self.acknowledged = self._size

    @property
    def settled(self) -> bool:
        """Whether nothing is under way."""
        return not self._under_way

    def assured(self) -> None:
        """Go on after a setback: it is known again who is there."""
        self.doubtful = False

    def heard_nothing(self) -> None:
        """Count everything under way as lost, and go on after the last offset told."""
        self._under_way.clear()
        self._settling = False
        self._go_on_at(self.acknowledged, lost=True)

    def _settle(self, sequence: int) -> Chunk:
        while True:
            earliest = next(iter(self._under_way))
            chunk = self._under_way.pop(earliest)
            if earliest == sequence:
                return chunk

    def _go_on_at(self, offset: int, *, lost: bool) -> None:
        if lost and not self._settling:
            self.doubtful = True
            self.setbacks += 1
            self._taken = 0
            self.width = max(1, self.width // 2)
        self._settling = True
        self.opening = offset == 0
        self.acknowledged = self._next = offset
        self._furthest = max(self._furthest, offset)

    def _widen(self) -> None:
        self._taken += 1
        if self._taken >= _GROW_AFTER:
            self._taken = 0
            self.width = min(self._widest, self.width + 1)
