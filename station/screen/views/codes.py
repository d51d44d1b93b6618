"""The codes that stand for buttons, places and slots, as a sheet to be printed and put up where they are scanned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request, Response

from station.bench.labels import ActCode
from station.domain.destination import Destination
from station.packing.codes import Package
from station.papers.code128 import bars_of, modules_of
from station.screen.parts import Parts

_HEIGHT: Final = 36
"""In modules."""
_MODULE_MM: Final = 0.4


@dataclass(frozen=True, slots=True)
class SheetCode:
    """What is scanned, how it is drawn, and the line of the texts that says what it does."""

    text: str
    says: str | None = None

    @property
    def modules(self) -> int:
        """How wide it is, with its quiet zones."""
        return modules_of(self.text)

    @property
    def width(self) -> str:
        """The same, on paper."""
        return f"{self.modules * _MODULE_MM:.1f}mm"

    @property
    def path(self) -> str:
        """Its bars, as SVG has them."""
        return "".join(f"M{begin} 0h{width}v{_HEIGHT}h-{width}z" for begin, width in bars_of(self.text))


def button_codes() -> Iterator[SheetCode]:
    """Yield the codes that stand for buttons, as `read_scan` reads them."""
    for act in ActCode:
        yield SheetCode(act.value, f"code_{act.value}")
    yield SheetCode("undo", "code_undo")
    yield SheetCode("sign off", "sign_off")
    for package in Package:
        yield SheetCode(f"new {package.value}", f"begin_{package.value}")


def place_codes() -> Iterator[SheetCode]:
    """Yield the codes of places where hubs are put; a carton has a code of its own."""
    for place in Destination:
        if place is not Destination.CARTON:
            yield SheetCode(place.value, f"place_{place.value}")


def slot_codes(jigs: Mapping[str, Iterable[int]]) -> Iterator[SheetCode]:
    """Yield the code of each slot, as stuck on the jig."""
    for jig, slots in jigs.items():
        for slot in slots:
            yield SheetCode(f"{jig}/{slot}")


def codes_view(parts: Parts) -> APIRouter:
    """Return the route of this view."""
    router = APIRouter()

    @router.get("/codes")
    async def codes(request: Request) -> Response:
        return parts.page(
            request,
            "codes.html",
            "codes",
            height=_HEIGHT,
            groups={
                "codes_buttons": tuple(button_codes()),
                "codes_places": tuple(place_codes()),
                "codes_slots": tuple(slot_codes(parts.mirror.jigs)),
            },
        )

    return router
