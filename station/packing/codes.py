"""The codes of cartons and pallets: plain internal numbers that nobody can take for a hub's id.

A code is three letters, of which some are no hexadecimal digits, seven digits of a number, and a check digit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

HIGHEST_NUMBER: Final = 9_999_999

_CODE: Final = re.compile(r"(CTN|PLT)(\d{7})(\d)", re.ASCII)
_DAMM: Final = (
    (0, 3, 1, 7, 5, 9, 8, 6, 4, 2),
    (7, 0, 9, 2, 1, 5, 4, 8, 6, 3),
    (4, 2, 0, 6, 8, 7, 1, 3, 5, 9),
    (1, 7, 5, 0, 9, 8, 3, 4, 2, 6),
    (6, 1, 2, 3, 0, 4, 5, 9, 7, 8),
    (3, 6, 7, 4, 2, 0, 9, 5, 8, 1),
    (5, 8, 6, 9, 7, 2, 0, 1, 3, 4),
    (8, 9, 4, 5, 3, 6, 2, 0, 1, 7),
    (9, 4, 3, 8, 6, 1, 7, 2, 0, 5),
    (2, 5, 8, 1, 4, 3, 6, 7, 9, 0),
)
"""A totally anti-symmetric quasigroup of order 10 (H. Michael Damm, 2004): shows every wrong digit, and every exchange of
two that stand side by side."""


class Package(StrEnum):
    """What a code is stuck on."""

    CARTON = "carton"
    PALLET = "pallet"


_LETTERS: Final = {Package.CARTON: "CTN", Package.PALLET: "PLT"}


class CodeError(ValueError):
    """A text is no carton's or pallet's code. One line."""


@dataclass(frozen=True, slots=True)
class PackageCode:
    """A carton or pallet by its number."""

    package: Package
    number: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a code in either case, whatever signs stand between its parts. Raises CodeError."""
        found = _CODE.fullmatch(re.sub(r"[^0-9A-Za-z]", "", text).upper())
        if found is None:
            raise CodeError(f"{text[:40]!r} is no code of a carton or pallet (such as {cls.example()})")
        letters, digits, check = found.groups()
        if _check_digit(digits) != int(check):
            raise CodeError(f"{text[:40]!r}: a digit of this code is wrong; scan it again")
        package = next(each for each, its in _LETTERS.items() if its == letters)
        return cls(package, int(digits))

    @classmethod
    def looks_like(cls, text: str) -> bool:
        """Whether a text is meant as one, right or wrong."""
        return re.match(r"(CTN|PLT)\d{4}", re.sub(r"[^0-9A-Za-z]", "", text).upper()) is not None

    @classmethod
    def example(cls) -> str:
        """Return how one looks."""
        return str(cls(Package.CARTON, 123))

    def __str__(self) -> str:
        digits = f"{self.number:07d}"
        return f"{_LETTERS[self.package]}{digits}{_check_digit(digits)}"


def carton_code(number: int) -> str:
    """Return the code of the carton of this number."""
    return str(PackageCode(Package.CARTON, number))


def pallet_code(number: int) -> str:
    """Return the code of the pallet of this number."""
    return str(PackageCode(Package.PALLET, number))


def _check_digit(digits: str) -> int:
    interim = 0
    for digit in digits:
        interim = _DAMM[interim][int(digit)]
    return interim
