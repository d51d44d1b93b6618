"""What the label of a carton or pallet says, by the books as they are now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from station.packing.codes import Package, PackageCode
from station.papers.label import PackageLabel
from station.papers.sscc import Sscc
from station.records.facts.package_labels import AskedLabel
from station.records.facts.packed import Carton, Pallet, carton, cartons_on, pallet
from station.records.journal import Journal

_NAMED: Final = 3
"""So many kinds of hubs on one pallet are named; of more the label says how many, and the list which."""


async def label_of(journal: Journal, asked: AskedLabel) -> PackageLabel | None:
    """Return what a label says that was asked for; None where nobody knows its carton or pallet any more."""
    if asked.code.package is Package.CARTON:
        box = await journal.package(carton, asked.code.number)
        return None if box is None else carton_label(box, asked.sscc)
    on = await journal.package(pallet, asked.code.number)
    if on is None:
        return None
    return pallet_label(on, await journal.of_order(on.order, cartons_on, on.number), asked.sscc)


def carton_label(box: Carton, sscc: Sscc | None) -> PackageLabel:
    """Return a carton's label."""
    return _label(PackageCode(Package.CARTON, box.number), sscc, box.order, (box,), None)


def pallet_label(on: Pallet, inside: Sequence[Carton], sscc: Sscc | None) -> PackageLabel:
    """Return a pallet's label. `inside` are the cartons on it."""
    return _label(PackageCode(Package.PALLET, on.number), sscc, on.order, inside, len(inside))


def _label(
    code: PackageCode, sscc: Sscc | None, order: str, boxes: Sequence[Carton], cartons: int | None
) -> PackageLabel:
    contents = [box.contents for box in boxes if box.contents is not None]
    return PackageLabel(
        code=code,
        sscc=sscc,
        order=order,
        owner=_all_of(each.owner for each in contents),
        hubs=sum(box.hubs for box in boxes),
        cartons=cartons,
        model=_all_of(f"{each.manufacturer} / {each.model}" for each in contents),
        variant=_all_of(each.variant for each in contents),
        firmware=_all_of(str(each.firmware) for each in contents),
    )


def _all_of(values: Iterable[str]) -> str:
    different = sorted(set(values))
    if len(different) > _NAMED:
        return f"{len(different)} different, see the list"
    return ", ".join(different) or "-"
