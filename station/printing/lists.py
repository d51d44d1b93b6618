"""What is in a carton or on a pallet, hub by hub, as a list to send along. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from station.domain.counted import counted
from station.records.facts.packed import Carton, Pallet, Placing

HEADINGS: Final = (
    "carton",
    "chf_id",
    "gpf_id",
    "manufacturer",
    "model",
    "variant",
    "firmware_version",
    "packed",
)
"""Of a list's columns."""


@dataclass(frozen=True, slots=True)
class PackingList:
    """A list's title, what holds for all of it, and a row for each hub."""

    title: str
    facts: tuple[str, ...]
    rows: tuple[Sequence[str], ...]


def packing_list(of: Carton | Pallet, inside: Iterable[tuple[Carton, Sequence[Placing]]]) -> PackingList:
    """Return the list of a carton, or of a pallet with the cartons on it."""
    boxes = tuple(inside)
    rows = tuple(_row(box, hub) for box, hubs in boxes for hub in hubs)
    owners = sorted({box.contents.owner for box, _ in boxes if box.contents is not None})
    what = "Carton" if isinstance(of, Carton) else "Pallet"
    cartons = "" if isinstance(of, Carton) else f" in {counted(len(boxes), 'carton')}"
    facts = [
        f"Order {of.order}",
        f"Party {', '.join(owners) or '-'}",
        f"{counted(len(rows), 'hub')}{cartons}",
    ]
    facts += [
        f"{kind} {each.code} is {each.state} as this is written: what is in it may change"
        for kind, each in ((what, of), *(("Carton", box) for box, _ in boxes if box != of))
        if each.state != "closed"
    ]
    return PackingList(f"{what} {of.code}", tuple(facts), rows)


def _row(box: Carton, hub: Placing) -> tuple[str, ...]:
    kind = None if box.contents is None else box.contents.of(hub.hub)
    return (
        box.code,
        str(hub.hub),
        str(hub.gpf or ""),
        *(
            ("",) * 4
            if kind is None
            else (kind.model.manufacturer, kind.model.model, kind.variant, str(kind.firmware))
        ),
        f"{hub.placed:%Y-%m-%dT%H:%M:%SZ}",
    )
