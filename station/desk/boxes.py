"""Cartons and pallets by what is printed on them, for the desks that pack."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from station.desk.refusals import Conflict, Invalid, NotFound
from station.domain.counted import counted
from station.packing.codes import CodeError, Package, PackageCode, carton_code, pallet_code
from station.records.facts.events import Event
from station.records.facts.packed import Carton, Pallet, carton, pallet
from station.records.journal import Journal

Closing = Callable[[Package, int, str], tuple[Event, ...]]
"""Says what else is recorded when a carton or pallet is closed, by its number and order."""

B = TypeVar("B", Carton, Pallet)


def nothing_more(_: Package, __: int, ___: str) -> tuple[Event, ...]:
    """Record nothing else."""
    return ()


async def find_carton(journal: Journal, code: str) -> Carton:
    """Return the carton with this code. Raises Invalid or NotFound."""
    number = _number(code, Package.CARTON)
    return _there(await journal.ask(carton, number), "carton", carton_code(number))


async def find_pallet(journal: Journal, code: str) -> Pallet:
    """Return the pallet with this code. Raises Invalid or NotFound."""
    number = _number(code, Package.PALLET)
    return _there(await journal.ask(pallet, number), "pallet", pallet_code(number))


def read_code(code: str) -> PackageCode:
    """Read the code of a carton or pallet. Raises Invalid."""
    try:
        return PackageCode.parse(code)
    except CodeError as error:
        raise Invalid(str(error)) from error


def _number(code: str, package: Package) -> int:
    read = read_code(code)
    if read.package is not package:
        raise Invalid(f"{read} is the code of a {read.package}, not of a {package}; scan the {package}'s")
    return read.number


def _there(found: B | None, what: str, code: str) -> B:
    if found is None:
        raise NotFound(f"there is no {what} {code} of an open order: see 'reflash cartons list'")
    return found


def expect(what: str, expected: int | None, now: int, thing: str) -> None:
    """Raise Conflict where a box holds another number than whoever decided saw."""
    if expected not in {None, now}:
        raise Conflict(
            f"{what} has {counted(now, thing)} now, not {expected} as was expected: look again, then decide anew"
        )
