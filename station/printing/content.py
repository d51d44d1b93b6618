"""What the label of a carton or pallet says, by the books as they are now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from station.packing.codes import Package, PackageCode
from station.papers.label import PackageLabel
from station.papers.sscc import Sscc
from station.records.facts.package_labels import AskedLabel
from station.records.facts.packed import Carton, cartons_on
from station.records.journal import Journal

_NAMED: Final = 3
"""So many kinds of hubs on one pallet are named; of more the label says how many, and the list which."""


async def label_of(journal: Journal, asked: AskedLabel) -> PackageLabel | None:
    """Return what a label says that was asked for; None where nobody knows its carton or pallet any more."""
    of = await journal.package(asked.code)
    if of is None:
        return None
    boxes = (of,) if isinstance(of, Carton) else await journal.of_order(of.order, cartons_on, of.number)
    return package_label(asked.code, asked.sscc, of.order, boxes)


def package_label(code: PackageCode, sscc: Sscc | None, order: str, boxes: Sequence[Carton]) -> PackageLabel:
    """Return a carton's or pallet's label. `boxes` are the carton itself, or those on the pallet."""
    contents = [box.contents for box in boxes if box.contents is not None]
    packed = [each for held in contents for each in held.packed]
    return PackageLabel(
        code=code,
        sscc=sscc,
        order=order,
        owner=_all_of(each.owner for each in contents),
        hubs=sum(box.hubs for box in boxes),
        cartons=None if code.package is Package.CARTON else len(boxes),
        model=_all_of(f"{each.model.manufacturer} / {each.model.model}" for each in packed),
        variant=_all_of(each.variant for each in packed),
        firmware=_all_of(str(each.firmware) for each in packed),
    )


def _all_of(values: Iterable[str]) -> str:
    different = sorted(set(values))
    if len(different) > _NAMED:
        return f"{len(different)} different, see the list"
    return ", ".join(different) or "-"
