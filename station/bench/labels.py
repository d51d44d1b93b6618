"""What a label scanner reads: a hub's label, or the code of the slot that the next label is for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from firmware_catalog.identity import Eui64, IdentityError
from station.attempt.authorise import ScannedLabel

_SLOT: Final = re.compile(
    r"(?:(?!slot\b)(?P<jig>[A-Za-z0-9_-]+)[/ ]+)?(?:slot ?)?(?P<slot>[1-8])", re.ASCII | re.IGNORECASE
)
_LABEL: Final = re.compile(r"(?:(?P<role>CHF|GPF)[ :=]+)?(?P<id>[0-9A-F:-]{16,23})", re.ASCII | re.IGNORECASE)
_SHOWN: Final = 40
"""So much of what could not be read is shown."""


class ScanRefused(Exception):
    """A scan cannot be used, or says that the hub it was meant for is another. One line."""


class ScanUnreadable(ScanRefused):
    """A scanner's line means nothing: noise, or another code than was meant. One line."""


@dataclass(frozen=True, slots=True)
class SlotCode:
    """The code of a slot, as stuck on the jig: `jig1/3`, or `3` where the jig is known."""

    jig: str | None
    slot: int


def read_scan(text: str) -> SlotCode | ScannedLabel:
    """Read one line of a scanner.

    A label is an EUI-64, after `CHF ` or `GPF ` where the label says whose. What else the makers print on their
    labels is unpublished. Raises ScanUnreadable for everything that is neither a label nor a slot's code.
    """
    line = "".join(character for character in text if character.isprintable()).strip()
    if label := _LABEL.fullmatch(line):
        role: Literal["CHF", "GPF"] | None = None
        if label["role"] is not None:
            role = "CHF" if label["role"].upper() == "CHF" else "GPF"
        try:
            return ScannedLabel(Eui64.parse(label["id"]), role)
        except IdentityError as error:
            raise ScanUnreadable(f"{error}; scan it again") from error
    if code := _SLOT.fullmatch(line):
        return SlotCode(code["jig"], int(code["slot"]))
    raise ScanUnreadable(f"{line[:_SHOWN]!r} is neither a hub's id nor a slot's code; scan it again")
