"""Labels of cartons and pallets: asked for, sent to a printer, printed. What was sent and not seen printed may be there."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, assert_never

from station.domain.actor import Actor
from station.packing.codes import Package, PackageCode
from station.papers.sscc import Sscc
from station.records.errors import EventRefused
from station.records.facts.base import Fact, Written, require
from station.records.moments import utc_from_microseconds


class PackageLabelAsked(Fact):
    """A label is to be printed: its carton or pallet was closed, or somebody wants another one."""

    kind: Literal["package_label_asked"] = "package_label_asked"
    package: Package
    number: int
    order: str
    sscc: Sscc | None
    """This carton's or pallet's from now on, and no other's."""
    again: bool = False
    """Whether there was one before, as far as anybody knows."""
    actor: Actor | None = None


class PackageLabelBegun(Fact):
    """A label is about to be sent: whatever happens now, it may be there."""

    kind: Literal["package_label_begun"] = "package_label_begun"
    asked: int
    """Sequence of its PackageLabelAsked."""


class PackageLabelPrinted(Fact):
    """The printer said that it has printed all that it was sent, or the label's file is there."""

    kind: Literal["package_label_printed"] = "package_label_printed"
    asked: int


def apply(
    tables: sqlite3.Connection,
    written: Written,
    event: PackageLabelAsked | PackageLabelBegun | PackageLabelPrinted,
) -> None:
    """Bring the tables up to this fact. Raises EventRefused."""
    match event:
        case PackageLabelAsked():
            _refuse_anothers(tables, event)
            tables.execute(
                "INSERT INTO package_labels VALUES (?, ?, ?, ?, ?, ?, 0, NULL)",
                (written.sequence, event.package, event.number, event.order, event.sscc, event.again),
            )
        case PackageLabelBegun(asked=asked):
            _change(tables, "begun = begun + 1", asked)
        case PackageLabelPrinted(asked=asked):
            _change(tables, f"printed = {written.utc}", asked)
        case _:
            assert_never(event)


def _change(tables: sqlite3.Connection, what: str, asked: int) -> None:
    require(
        tables.execute(f"UPDATE package_labels SET {what} WHERE asked = ? AND printed IS NULL", (asked,)),  # noqa: S608
        f"no label asked for in row {asked} waits to be printed",
    )


def _refuse_anothers(tables: sqlite3.Connection, event: PackageLabelAsked) -> None:
    other = tables.execute(
        "SELECT package, number FROM package_labels WHERE sscc = ? AND (package, number) != (?, ?)",
        (event.sscc, event.package, event.number),
    ).fetchone()
    if other is not None:
        raise EventRefused(
            f"SSCC {event.sscc} is {PackageCode(Package(other[0]), other[1])}'s: configure another range (labels.gs1)"
        )


@dataclass(frozen=True, slots=True)
class AskedLabel:
    """A label that was asked for."""

    asked: int
    code: PackageCode
    order: str
    sscc: Sscc | None
    sent_before: int
    """So many labels of its carton or pallet may be there already."""
    printed: datetime | None


_LABELS: Final = (
    "SELECT asked, package, number, work_order, sscc, printed, max(again, (SELECT sum(begun) FROM package_labels AS those"
    " WHERE those.package = package_labels.package AND those.number = package_labels.number))"
    " FROM package_labels WHERE"
)


def waiting_package_labels(tables: sqlite3.Connection) -> tuple[AskedLabel, ...]:
    """Return the labels that are not known to be printed, in the order in which they were asked for."""
    return _asked(tables.execute(f"{_LABELS} printed IS NULL ORDER BY asked"))


def package_labels_of(tables: sqlite3.Connection, code: PackageCode) -> tuple[AskedLabel, ...]:
    """Return every label that was asked for of a carton or pallet, oldest first; of orders that are over, none."""
    return _asked(
        tables.execute(f"{_LABELS} package = ? AND number = ? ORDER BY asked", (code.package, code.number))
    )


def _asked(rows: sqlite3.Cursor) -> tuple[AskedLabel, ...]:
    return tuple(
        AskedLabel(
            asked,
            PackageCode(Package(package), number),
            order,
            sscc,
            sent_before,
            None if printed is None else utc_from_microseconds(printed),
        )
        for asked, package, number, order, sscc, printed, sent_before in rows
    )
