"""Serial Shipping Container Codes: numbers of cartons and pallets that are theirs alone in the whole world. Pure.

GS1 General Specifications: section 2.2 (logistic units), 3.3.1 (application identifier 00), 7.9 (check digit), 1.4.4 (company
prefix). GS1 lets a number be used again after a year; here none ever is: a carton's or pallet's own number, which is given
once, makes its serial reference.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from station.packing.codes import Package, PackageCode

_DIGITS: Final = 18
_KINDS: Final = (Package.CARTON, Package.PALLET)

_SCANNED: Final = re.compile(r"(?:\]C1)?\(?00\)?([0-9]{18})", re.ASCII)
"""As scanners give it: with or without the symbology identifier (ISO/IEC 15424) and the brackets of the printed line."""


class SsccError(ValueError):
    """There is no such number. One line."""


def check_digit(digits: str) -> str:
    """Return the digit that follows these: weights of 3 and 1 in turn, 3 at the right (section 7.9.1)."""
    weighed = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return str(-weighed % 10)


def _checked(digits: str) -> str:
    if not re.fullmatch(r"[0-9]{18}", digits, re.ASCII):
        raise SsccError(f"{digits[:40]!r} is no SSCC: it has {_DIGITS} digits")
    if check_digit(digits[:-1]) != digits[-1]:
        raise SsccError(f"{digits}: a digit of this SSCC is wrong")
    return digits


Sscc = Annotated[str, AfterValidator(_checked)]
"""18 digits: extension digit, company prefix, serial reference, check digit."""


def read_sscc(scanned: str) -> Sscc | None:
    """Return the number in what a scanner read; None where it is nothing of the kind. Raises SsccError for a wrong one."""
    found = _SCANNED.fullmatch(scanned.strip())
    return None if found is None else _checked(found[1])


class SsccRange(BaseModel):
    """Which numbers are this station's to give."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    company_prefix: Annotated[str, Field(pattern=r"^[0-9]{4,12}$")] = Field(
        description="the site's GS1 Company Prefix"
    )
    extension_digit: Annotated[int, Field(ge=0, le=9)] = Field(
        0, description="the first digit; another one opens a new range under the same prefix"
    )
    serials_from: Annotated[int, Field(ge=0)] = Field(
        0, description="added to each serial reference: what is below belongs to others who use the prefix"
    )

    def sscc(self, code: PackageCode) -> Sscc:
        """Return the SSCC of a carton or pallet. Raises SsccError where the range is used up."""
        width = _DIGITS - 2 - len(self.company_prefix)
        serial = str(self.serials_from + len(_KINDS) * code.number + _KINDS.index(code.package))
        if len(serial) > width:
            raise SsccError(
                f"no SSCC is left for {code.package} {code}: behind the prefix {self.company_prefix} are {width} digits; "
                "configure another extension_digit or prefix"
            )
        digits = f"{self.extension_digit}{self.company_prefix}{serial:0>{width}}"
        return digits + check_digit(digits)

    def package_of(self, sscc: Sscc) -> PackageCode | None:
        """Return what bears the SSCC; None where it is none of this range."""
        start = f"{self.extension_digit}{self.company_prefix}"
        serial = int(sscc[len(start) : -1]) - self.serials_from
        if not sscc.startswith(start) or serial < 0:
            return None
        number, kind = divmod(serial, len(_KINDS))
        return PackageCode(_KINDS[kind], number)


def printed(sscc: Sscc) -> str:
    """Return the line below the bars: the application identifier in brackets, as section 4.14 has it."""
    return f"(00) {sscc}"
