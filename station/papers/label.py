"""What stands on a label, and where: one drawing for printer and screen. Pure.

Lengths are millimetres, from the label's left and upper edge.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from station.packing.codes import PackageCode
from station.papers.sscc import Sscc, printed

_MARGIN: Final = 4.0
_MODULE: Final = 0.495
"""The narrowest bar, at least (GS1 symbol specification table 5: logistic units in general distribution)."""
_BAR_HEIGHT: Final = 32.0
"""The same table asks for 31.75."""
_THIN_HEIGHT: Final = 8.0
_GS1_MODULES: Final = 156
"""Of an SSCC: start, FNC1, ten pairs of digits and the check character of 11 modules each, and a stop of 13."""
QUIET_MODULES: Final = 10
"""Left blank on either side."""

_WIDEST: Final = 0.95
"""A character's width by its height, at most: of the printer's own font and of the one on paper."""
_LARGE: Final = 5.0
_SMALL: Final = 3.0
_CAPTION: Final = 2.5
_GAP: Final = 0.3


class Media(BaseModel):
    """What is printed on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dots_per_inch: Literal[203, 300] = Field(203, description="the printer's")
    width_mm: Annotated[float, Field(ge=95, le=210)] = Field(
        100.0, description="of a label; an SSCC with its quiet zones needs 90"
    )
    height_mm: Annotated[float, Field(ge=150, le=300)] = Field(150.0, description="of a label")

    def dots(self, millimetres: float) -> int:
        """Return a length in dots."""
        return round(millimetres * self.dots_per_inch / 25.4)

    def module_dots(self, *, is_thin: bool = False) -> int:
        """Of the narrowest bar."""
        return -int(-_MODULE * self.dots_per_inch // 25.4) - is_thin

    @property
    def module_mm(self) -> float:
        """Of the narrowest bar, as this printer draws it."""
        return self.module_dots() * 25.4 / self.dots_per_inch


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageLabel:
    """What stands on the label of a carton or pallet."""

    code: PackageCode
    """The plain internal number, as it is scanned at this bench."""
    sscc: Sscc | None
    order: str
    owner: str
    """The party that it goes back to."""
    hubs: int
    cartons: int | None = None
    """On a pallet."""
    model: str
    """With its manufacturer."""
    variant: str
    firmware: str


@dataclass(frozen=True, slots=True)
class Text:
    """One line of text; `y` is its upper edge."""

    x: float
    y: float
    height: float
    text: str


@dataclass(frozen=True, slots=True)
class Bars:
    """A Code 128 symbol, as GS1-128 where it begins with FNC1."""

    x: float
    y: float
    height: float
    data: str
    is_gs1: bool = False
    is_thin: bool = False
    """For a scanner in the hand: a dot less to each module."""


Element = Text | Bars


def drawing(label: PackageLabel, media: Media, copy: int = 0) -> tuple[Element, ...]:
    """Return what a label looks like. `copy` counts the labels of this carton or pallet that may be there already."""
    width = media.width_mm - 2 * _MARGIN
    elements: list[Element] = [Text(_MARGIN, 4, 8, label.code.package.upper())]
    if copy:
        elements.append(Text(_MARGIN + width / 2, 4, 8, f"COPY {copy}"))
    y = 14.0
    count = f"{label.hubs}" if label.cartons is None else f"{label.hubs} in {label.cartons} cartons"
    for caption, text in (
        ("Order", label.order),
        ("Party", label.owner),
        ("Hubs", count),
        ("Model", label.model),
        ("Variant", label.variant),
        ("Firmware version", label.firmware),
    ):
        height, lines = _fitted(text, width)
        elements.append(Text(_MARGIN, y, _CAPTION, caption))
        y += _CAPTION + _GAP
        for line in lines:
            elements.append(Text(_MARGIN, y, height, line))
            y += height + _GAP
        y += 1.0
    below = media.height_mm - _MARGIN - _BAR_HEIGHT - _LARGE - 2
    code = str(label.code)
    if label.sscc is None:
        elements += (
            Text(_MARGIN, below - _CAPTION - 1, _CAPTION, "Internal number of this bench, no SSCC"),
            Bars(_MARGIN + QUIET_MODULES * media.module_mm, below, _BAR_HEIGHT, code),
            Text(_MARGIN, below + _BAR_HEIGHT + 1, _LARGE, code),
        )
    else:
        blank = (media.width_mm - _GS1_MODULES * media.module_mm) / 2
        thin = below - _CAPTION - 3 - _THIN_HEIGHT
        elements += (
            Bars(_MARGIN + QUIET_MODULES * media.module_mm, thin, _THIN_HEIGHT, code, is_thin=True),
            Text(_MARGIN, below - _CAPTION - 1, _CAPTION, f"Above: {code}, for this bench. Below: SSCC"),
            Bars(blank, below, _BAR_HEIGHT, "00" + label.sscc, is_gs1=True),
            Text(_MARGIN, below + _BAR_HEIGHT + 1, _LARGE, printed(label.sscc)),
        )
    return tuple(elements)


def _fitted(text: str, width: float) -> tuple[float, list[str]]:
    """Return a height in which the text has room, and its lines."""
    text = "".join(each if each.isprintable() else " " for each in text)
    if len(text) * _LARGE * _WIDEST <= width:
        return _LARGE, [text]
    return _SMALL, textwrap.wrap(text, int(width / (_SMALL * _WIDEST))) or [""]
