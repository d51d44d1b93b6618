"""How a label printer says that it is (ZPL II Programming Guide, `~HQES` and `~HS`). Pure: bytes in, state out.

Both are asked. `~HQES` is answered whatever is wrong; `~HS` is not by a printer without labels or ribbon or with its head
open, but it alone says whether a printer pauses and what it still has to print.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

ASK_ERRORS: Final = b"~HQES\r\n"
ASK_STATUS: Final = b"~HS\r\n"
LONGEST_ANSWER: Final = 4096

_FRAME: Final = re.compile(rb"\x02([^\x02\x03]*)\x03")
_ERRORS: Final = re.compile(rb"ERRORS:\s*([01])\s+([0-9A-F]{8})\s+([0-9A-F]{8})\b")

_FLAGS: Final = {
    0x1: "no labels are left",
    0x2: "no ribbon is left",
    0x4: "its head is open",
    0x8: "its cutter is stuck",
    0x10: "its head is too hot",
    0x20: "its motor is too hot",
    0x40: "its head has a bad element",
    0x80: "its head is not recognised",
    0x100: "its firmware's configuration is invalid",
    0x200: "its head's temperature is not known",
    0x10000: "it pauses",
}
"""Of the second group; what has no word of its own is told as its number."""


class AnswerUnreadable(Exception):
    """What came is no answer of a label printer."""


@dataclass(frozen=True, slots=True)
class Errors:
    """What keeps the printer from printing."""

    flags: int
    """Of both groups, as one number of 64 bits. 0 where nothing does."""

    def __str__(self) -> str:
        known = [word for flag, word in _FLAGS.items() if self.flags & flag]
        rest = self.flags & ~sum(_FLAGS)
        return ", ".join([*known, *([f"error {rest:016X}"] if rest else [])])


@dataclass(frozen=True, slots=True)
class HostStatus:
    """What the printer has to do."""

    faults: tuple[str, ...]
    waiting: int
    """Labels that it was sent and has not printed."""
    partial: bool
    """Whether it has received part of one."""

    @property
    def idle(self) -> bool:
        """Whether it has printed all that it was sent."""
        return not (self.waiting or self.partial)


def read_errors(answer: bytes) -> Errors | None:
    """Return what `~HQES` was answered; None while more has to come. Raises AnswerUnreadable."""
    frames = _FRAME.findall(answer)
    if not frames:
        return None
    found = _ERRORS.search(frames[0])
    if found is None:
        raise AnswerUnreadable(f"{frames[0][:40]!r} to the question for errors")
    flags = int(found[2] + found[3], 16)
    if bool(flags) != (found[1] == b"1"):
        raise AnswerUnreadable(f"{found[0]!r} contradicts itself")
    return Errors(flags)


def read_status(answer: bytes) -> HostStatus | None:
    """Return what `~HS` was answered; None while more has to come. Raises AnswerUnreadable."""
    frames = _FRAME.findall(answer)
    if len(frames) < 3:
        return None
    try:
        first, second = ([int(field) for field in frame.split(b",")] for frame in frames[:2])
        # The names are those of the guide.
        _, paper_out, paused, _, formats, buffer_full, _, partial, _, ram_corrupt, too_cold, too_hot = first
        _, _, head_up, ribbon_out, thermal_transfer, _, _, _, remaining, _, _ = second
    except ValueError:
        raise AnswerUnreadable(f"{answer[:60]!r} to the question for its state") from None
    faults = (
        (paper_out, "no labels are left"),
        (paused, "it pauses"),
        (buffer_full, "it has no room for more"),
        (ram_corrupt, "it has lost its configuration"),
        (too_cold, "its head is too cold"),
        (too_hot, "its head is too hot"),
        (head_up, "its head is open"),
        (ribbon_out and thermal_transfer, "no ribbon is left"),
    )
    return HostStatus(tuple(word for is_so, word in faults if is_so), formats + remaining, bool(partial))
