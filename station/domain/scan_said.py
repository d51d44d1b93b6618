"""What became of a scan, as a code and what belongs to it. Words are found at the edge."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, model_validator

from firmware_catalog.devices import Family
from firmware_catalog.identity import Eui64
from station.domain.if_any import HUB_UNLESS_SAID, IF_ANY
from station.domain.slot_name import SlotName


class ScanCode(StrEnum):
    """One for each answer."""

    # Taken.
    CHOSEN = "chosen"
    """The slot's code: its hub's label is to follow."""
    SEAT_HERE = "seat_here"
    FOR_WHO_SITS = "for_who_sits"
    ITS_OWN = "its_own"
    WAITS_NO_MORE = "waits_no_more"
    DISAGREES = "disagrees"
    """It was taken, and speaks against the hub that sits there."""
    # Not taken.
    RESULT_WRITTEN = "result_written"
    WHO_UNKNOWN = "who_unknown"
    HUB_LEFT = "hub_left"
    NONE_EMPTY = "none_empty"
    NO_SUCH_SLOT = "no_such_slot"
    NO_SUCH_JIG = "no_such_jig"
    WHICH_JIG = "which_jig"
    WHICH_SLOT = "which_slot"
    NOTHING_TO_UNDO = "nothing_to_undo"
    OTHER_WAITS = "other_waits"
    WAITS_FOR_NONE = "waits_for_none"
    NONE_WAITS = "none_waits"
    FOR_PACKING = "for_packing"
    NOT_KEPT = "not_kept"
    # Not understood.
    UNREADABLE = "unreadable"
    UNREADABLE_HIDDEN = "unreadable_hidden"
    """What it was is not shown: it may be a badge."""
    OTHER_KEYBOARD = "other_keyboard"
    OTHER_KEYBOARD_HIDDEN = "other_keyboard_hidden"
    TWO_LABELS = "two_labels"
    NO_ID = "no_id"
    HALF_A_BADGE = "half_a_badge"
    WORDS = "words"
    """For what only words are known."""


SCAN_NEEDS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        code: frozenset(names.split())
        for code, names in {
            ScanCode.SEAT_HERE: "label",
            ScanCode.FOR_WHO_SITS: "label",
            ScanCode.ITS_OWN: "hub",
            ScanCode.WAITS_NO_MORE: "label",
            ScanCode.DISAGREES: "label hub",
            ScanCode.HUB_LEFT: "hub",
            ScanCode.NO_SUCH_JIG: "named jigs",
            ScanCode.NO_SUCH_SLOT: "number",
            ScanCode.WHICH_JIG: "number example",
            ScanCode.WHICH_SLOT: "example",
            ScanCode.OTHER_WAITS: "label",
            ScanCode.WAITS_FOR_NONE: "label",
            ScanCode.FOR_PACKING: "detail",
            ScanCode.NOT_KEPT: "detail",
            ScanCode.UNREADABLE: "detail",
            ScanCode.UNREADABLE_HIDDEN: "number prefix",
            ScanCode.OTHER_KEYBOARD: "detail",
            ScanCode.OTHER_KEYBOARD_HIDDEN: "number",
            ScanCode.NO_ID: "detail",
            ScanCode.WORDS: "detail",
        }.items()
    }
)
"""What belongs to an answer. To all others, nothing."""


class ScanSaid(BaseModel):
    """The answer to one scan."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    code: ScanCode
    jig: str | None = IF_ANY
    """Which jig it is about, where one is known."""
    slot: int | None = IF_ANY
    label: Eui64 | None = IF_ANY
    family: Family = HUB_UNLESS_SAID
    """Of which what sits there is, or is to sit."""
    hub: Eui64 | None = IF_ANY
    """CHF id of the hub that sits there, or sat."""
    named: str | None = IF_ANY
    """The jig that a code names."""
    jigs: tuple[str, ...] | None = IF_ANY
    """Those that there are."""
    number: int | None = IF_ANY
    """A slot's, or of characters that were read."""
    example: str | None = IF_ANY
    """A slot's code that would do."""
    prefix: str | None = IF_ANY
    """Of badges."""
    detail: str | None = IF_ANY
    """What was read, or what the journal says, as it is."""

    @classmethod
    def at(cls, place: SlotName, code: ScanCode, **more: object) -> ScanSaid:
        """Answer for a slot."""
        return cls.model_validate({"code": code, "jig": place.jig, "slot": place.slot, **more})

    @classmethod
    def words(cls, detail: str) -> ScanSaid:
        """Answer in words, where no code is known for them."""
        return cls(code=ScanCode.WORDS, detail=detail)

    @property
    def place(self) -> SlotName | None:
        """The slot that it is about."""
        return SlotName(jig=self.jig, slot=self.slot) if self.jig and self.slot else None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        given = {name for name, value in self if value is not None}
        if missing := SCAN_NEEDS.get(self.code, frozenset()) - given:
            raise ValueError(f"{self.code} is said without {', '.join(sorted(missing))}")
        return self
