"""Reads a party's packing list, and what somebody at goods-in scanned. **Provisional**: neither form is published, both are ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from firmware_catalog.identity import Eui64, IdentityError
from inventory.delivery.judging import COUNTED, SEEN, Finding, Reason
from inventory.errors import WrongInput
from inventory.requests.sheet import Sheet

PACKING_TEMPLATE: Final = "reflash-packing-list-1"
PACKING_COLUMNS: Final = ("template", "pallet", "carton", "chf_id", "gpf_id")
BRIDGES_TEMPLATE: Final = "reflash-packing-list-bridges-1"
BRIDGES_COLUMNS: Final = ("template", "pallet", "carton", "device_id")
GOODS_TEMPLATE: Final = "reflash-goods-1"
GOODS_COLUMNS: Final = ("template", "unit", "code", "finding", "detail")


class UnitKind(StrEnum):
    """In what goods are received. A bridge is received as a hub is, by its one id."""

    PALLET = "pallet"
    CARTON = "carton"
    HUB = "hub"


_BRIDGE: Final = "bridge"
"""What a list for goods-in may call one of bridges."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A hub, and in what it comes."""

    line: int
    ids: tuple[Eui64, ...]
    pallet: str | None
    carton: str | None


@dataclass(frozen=True, slots=True)
class Unit:
    """A pallet, carton or hub that came, and what was seen of it."""

    kind: UnitKind
    code: str
    """A hub's by either id, in canonical text."""
    finding: Finding | None = None


def read_packing_list(sheet: Sheet) -> list[Packed]:
    """Read a party's list of what is in which carton on which pallet. Raises WrongInput with the first line that is wrong."""
    found: list[Packed] = []
    seen: dict[Eui64, int] = {}
    of_bridges = sheet.template == BRIDGES_TEMPLATE
    names = ("device_id",) if of_bridges else ("chf_id", "gpf_id")
    columns = BRIDGES_COLUMNS if of_bridges else PACKING_COLUMNS
    for line, row in sheet.rows_of(BRIDGES_TEMPLATE if of_bridges else PACKING_TEMPLATE, columns):
        where = f"{sheet.name}, line {line}"
        try:
            ids = tuple(Eui64.parse(row[name].meant()) for name in names if row[name].meant())
            pallet, carton = (_code(row[name].meant()) for name in ("pallet", "carton"))
        except ValueError as error:
            raise WrongInput(f"{where}: {error}") from error
        if not ids:
            raise WrongInput(f"{where}: no {' or '.join(names)} is there")
        for each in ids:
            if (first := seen.setdefault(each, line)) != line:
                raise WrongInput(f"{where}: {each} is on line {first} already")
        found.append(Packed(line, ids, pallet, carton))
    if not found:
        raise WrongInput(f"{sheet.name} lists no {'bridge' if of_bridges else 'hub'} below its headings")
    pallets: dict[str, str | None] = {}
    for one in found:
        if one.carton is not None and pallets.setdefault(one.carton, one.pallet) != one.pallet:
            raise WrongInput(f"{sheet.name}, line {one.line}: carton {one.carton} is on two pallets")
    return found


def read_goods(sheet: Sheet) -> list[Unit]:
    """Read what was scanned at goods-in: one pallet, carton or hub a line. Raises WrongInput."""
    units = []
    for line, row in sheet.rows_of(GOODS_TEMPLATE, GOODS_COLUMNS):
        try:
            units.append(
                unit_of(row["unit"].text, row["code"].meant(), row["finding"].text, row["detail"].text)
            )
        except (ValueError, WrongInput) as error:
            raise WrongInput(f"{sheet.name}, line {line}: {error}") from error
    return units


def unit_of(kind: str, code: str, finding: str = "", detail: str = "") -> Unit:
    """Return a unit by the words of a list or an option. Raises WrongInput."""
    try:
        of_kind = UnitKind.HUB if kind.casefold() == _BRIDGE else UnitKind(kind.casefold())
    except ValueError as error:
        raise WrongInput(f"{kind[:20]!r} is no pallet, carton, hub or bridge") from error
    if of_kind is UnitKind.HUB:
        try:
            return Unit(of_kind, str(Eui64.parse(code)), _finding(finding, detail, of_kind))
        except IdentityError as error:
            raise WrongInput(str(error)) from error
    name = _code(code)
    if name is None:
        raise WrongInput(f"the {of_kind} has no code")
    return Unit(of_kind, name, _finding(finding, detail, of_kind))


def _finding(word: str, detail: str, kind: UnitKind) -> Finding | None:
    if not word:
        return None
    if len(detail) > 200 or not detail.isprintable():
        raise WrongInput("what was found is more than 200 characters, or has some that cannot be shown")
    if word == COUNTED:
        if kind is UnitKind.HUB or not (detail.isascii() and detail.isdigit() and len(detail) < 6):
            raise WrongInput(f"{COUNTED} takes how many hubs are in a carton or on a pallet")
        return Finding(None, detail, counted=int(detail))
    if word not in SEEN:
        raise WrongInput(f"{word[:30]!r} is no finding: {COUNTED}, {', '.join(SEEN)}")
    reason = Reason(word)
    if reason is Reason.FOREIGN_HUB:
        if kind is not UnitKind.CARTON:
            raise WrongInput("a foreign hub is found in a carton")
        return Finding(reason, str(Eui64.parse(detail)))
    return Finding(reason, detail or None)


def _code(text: str) -> str | None:
    if len(text) > 40 or not text.isprintable():
        raise WrongInput(f"{text[:40]!r} is no code of a pallet or carton")
    return text or None


def units_of(words: Sequence[str], kind: UnitKind) -> list[Unit]:
    """Return units as options give them: CODE, CODE=finding, or CODE=finding=detail. Raises WrongInput."""
    units = []
    for word in words:
        code, _, rest = word.partition("=")
        finding, _, detail = rest.partition("=")
        units.append(unit_of(kind, code.strip(), finding.strip(), detail.strip()))
    return units
