"""What a label scanner reads: a hub's label, the code of the slot that the next label is for, or somebody's badge."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal, assert_never

from firmware_catalog.identity import Eui64, IdentityError
from station.domain.destination import Destination
from station.domain.label import ScannedLabel
from station.domain.scan_said import ScanCode, ScanSaid
from station.packing.codes import CodeError, Package, PackageCode
from station.papers.sscc import SsccError, read_sscc
from station.records.facts.bench import LabelScanned
from station.texts.scans import scan_line
from station.texts.texts import ENGLISH

_SYMBOLOGY: Final = re.compile(r"\][A-Za-z][0-9A-Za-z]", re.ASCII)
"""What many scanners send first: which kind of code it was (ISO/IEC 15424): `]C1`, `]d2`, `]Q3`."""
_SLOT: Final = re.compile(
    r"(?:(?!slot\b)(?P<jig>[A-Za-z0-9_-]+)[/ ]+)?(?:slot ?)?(?P<slot>[1-8])", re.ASCII | re.IGNORECASE
)
_LABEL: Final = re.compile(r"(?:(?P<role>CHF|GPF)[ :=]+)?(?P<id>[0-9A-F:-]{16,23})", re.ASCII | re.IGNORECASE)
_PAIRS: Final = re.compile(
    r"(?P<before>(?:CHF|GPF)[ :=]+)?(?P<id>[0-9A-F]{2}(?P<hyphen>[^0-9A-Za-z])[0-9A-F]{2}(?:(?P=hyphen)[0-9A-F]{2}){6})",
    re.ASCII | re.IGNORECASE,
)
_ID_DIGITS: Final = 16
_BARE_IDS: Final = re.compile(r"(?:[0-9A-F]{16}\s*){2,}", re.ASCII | re.IGNORECASE)
_PLACES: Final = frozenset(place.value for place in Destination if place is not Destination.CARTON)
"""A carton has a code of its own."""
_BADGE: Final = re.compile(r"[0-9A-Z]{8,64}", re.ASCII | re.IGNORECASE)
_UNDO: Final = re.compile(r"undo|cancel", re.IGNORECASE)
_NEW_BOX: Final = re.compile(r"new[ -](?P<package>carton|pallet)(?: (?P<order>.{1,128}))?", re.IGNORECASE)
_SIGN_OFF: Final = re.compile(r"sign[ -]?off", re.IGNORECASE)
_SHOWN: Final = 40
"""So much of what could not be read is shown."""
_UNSHIFTED: Final = frozenset("&é\"'(§-è_!çà)ěščřžýáíąćęłńóśźżº")
"""What the digits' keys give without shift in layouts that have the digits above them (French, Belgian, Czech)."""


class ScanRefused(Exception):
    """A scan cannot be used, or says that the hub it was meant for is another. As a string, one line in English."""

    def __init__(self, said: ScanSaid) -> None:
        super().__init__(scan_line(ENGLISH, said))
        self.said = said


class ScanUnreadable(ScanRefused):
    """A scanner's line means nothing: noise, or another code than was meant. One line."""


class NoSuchSlot(ScanRefused):
    """There is no such slot, or no such jig, on this bench. One line."""


class ScanNotKept(ScanRefused):
    """The journal could not take it now: nothing was taken. One line."""


@dataclass(frozen=True, slots=True)
class LabelMeaning:
    """What a label means at the slot that took it."""

    said: ScanSaid

    @property
    def disagrees(self) -> bool:
        """Whether it is not the label of the hub that sits there."""
        return self.said.code is ScanCode.DISAGREES


LabelRecord = Callable[[LabelScanned, LabelMeaning], Awaitable[object]]
"""Makes a scan durable, with what it means."""


@dataclass(frozen=True, slots=True)
class SlotCode:
    """The code of a slot, as stuck on the jig: `jig1/3`, or `3` where the jig is known."""

    jig: str | None
    slot: int


@dataclass(frozen=True, slots=True)
class Undo:
    """The code that takes the last scan back, or the label that waits at the slot scanned just before."""


@dataclass(frozen=True, slots=True)
class Badge:
    """Somebody's badge. Its code is as good as the person: it is shown, logged and kept nowhere."""

    code: str = field(repr=False)
    """Without the prefix that all badges have; in capitals."""


def read_badge(text: str, prefix: str) -> Badge | None:
    """Read one line of a scanner as a badge; None if it is none. Raises ScanUnreadable for half of one."""
    line = _cleaned(text)
    if not line.upper().startswith(prefix):
        return None
    code = line[len(prefix) :]
    if _BADGE.fullmatch(code) is None:
        raise ScanUnreadable(ScanSaid(code=ScanCode.HALF_A_BADGE))
    return Badge(code.upper())


@dataclass(frozen=True, slots=True)
class SignOffCode:
    """The code by which whoever works at the scanner's jig leaves it."""


class ActCode(StrEnum):
    """Codes that stand for a button: they are scanned where there is no keyboard."""

    DONE = "done"
    PRINT = "print"
    SUPERVISOR = "supervisor"


_ACTS: Final = frozenset(code.value for code in ActCode)


@dataclass(frozen=True, slots=True)
class NewBox:
    """The code that begins a carton or pallet: `new carton`, and the order's number behind it where that has to be said."""

    package: Package
    order: str | None


Scan = SlotCode | ScannedLabel | Undo | PackageCode | Destination | Badge | SignOffCode | ActCode | NewBox
"""What a line of a scanner can mean."""


def kind_of(scan: Scan) -> str:
    """Say what a scan is, for whoever wanted another: a code that is good must not be told as noise. A badge stays unshown."""
    match scan:
        case PackageCode():
            return f"{scan} is the code of a {scan.package}"
        case Destination():
            return f"{scan.value} is a place where hubs are put"
        case ScannedLabel():
            return f"{scan.device_id} is the label of a hub or bridge"
        case SlotCode():
            return "this is a slot's code"
        case Badge():
            return "this is a badge"
        case Undo() | SignOffCode() | ActCode() | NewBox():
            return "this is a code that stands for a button"
        case _:
            assert_never(scan)


def read_scan(text: str, jigs: Collection[str] = (), badge_prefix: str | None = None) -> Scan:
    """Read one line of a scanner at a bench with these jigs, whose badges begin with this.

    A label is an EUI-64, after `CHF ` or `GPF ` where the label says whose. What else the makers print on their
    labels is unpublished. A scanner that types as a keyboard of another layout writes the hyphens, and the stroke of
    a slot's code, as something else: they are understood where nothing else can be meant.
    The code of a place where hubs are put is its name (`rework`). Raises ScanUnreadable for everything that is none of this;
    where there are badges, without showing what it was: it may be one that another keyboard layout garbled.
    """
    if badge_prefix is not None and (badge := read_badge(text, badge_prefix)) is not None:
        return badge
    line = _cleaned(text)
    if PackageCode.looks_like(line):
        try:
            return PackageCode.parse(line)
        except CodeError as error:
            raise ScanUnreadable(ScanSaid.words(str(error))) from error
    if _is_sscc(line):
        raise ScanUnreadable(ScanSaid.words("an SSCC, which is for the carrier; scan the bar code above it"))
    if label := _LABEL.fullmatch(_with_hyphens(line)):
        role: Literal["CHF", "GPF"] | None = None
        if label["role"] is not None:
            role = "CHF" if label["role"].upper() == "CHF" else "GPF"
        try:
            return ScannedLabel(Eui64.parse(label["id"]), role)
        except IdentityError as error:
            raise ScanUnreadable(ScanSaid(code=ScanCode.NO_ID, detail=str(error))) from error
    if len(_PAIRS.findall(line)) > 1 or _BARE_IDS.fullmatch(line):
        raise ScanUnreadable(ScanSaid(code=ScanCode.TWO_LABELS))
    if _UNDO.fullmatch(line):
        return Undo()
    if line.lower() in _PLACES:
        return Destination(line.lower())
    if _SIGN_OFF.fullmatch(line):
        return SignOffCode()
    if line.lower() in _ACTS:
        return ActCode(line.lower())
    if box := _NEW_BOX.fullmatch(line):
        return NewBox(Package(box["package"].lower()), box["order"])
    for jig in jigs:
        # Whatever the keyboard's layout makes of the stroke, and of its shift key.
        if re.fullmatch(rf"{re.escape(jig)}(?:[^0-9A-Za-z]|ß)[1-8]", line, re.IGNORECASE):
            return SlotCode(jig, int(line[-1]))
    if code := _SLOT.fullmatch(line):
        return SlotCode(code["jig"], int(code["slot"]))
    garbled = len(line) >= _ID_DIGITS and not any(each.isdigit() for each in line) and _UNSHIFTED & set(line)
    if badge_prefix is None:
        why = ScanCode.OTHER_KEYBOARD if garbled else ScanCode.UNREADABLE
        raise ScanUnreadable(ScanSaid(code=why, detail=repr(line[:_SHOWN])))
    why = ScanCode.OTHER_KEYBOARD_HIDDEN if garbled else ScanCode.UNREADABLE_HIDDEN
    raise ScanUnreadable(ScanSaid(code=why, number=len(line), prefix=badge_prefix))


def _is_sscc(line: str) -> bool:
    try:
        return read_sscc(line) is not None
    except SsccError:
        return False


def _cleaned(text: str) -> str:
    """Return a line without what no code has, and without the sign that says which kind of code it was."""
    line = "".join(character for character in text if character.isprintable()).strip()
    if kind := _SYMBOLOGY.match(line):
        line = line[kind.end() :].strip()
    return line


def _with_hyphens(line: str) -> str:
    """Give an id its hyphens back where eight pairs of digits have another sign between them, the same each time."""
    if found := _PAIRS.fullmatch(line):
        return f"{found['before'] or ''}{found['id'].replace(found['hyphen'], '-')}"
    return line
