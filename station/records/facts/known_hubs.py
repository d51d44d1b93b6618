"""Which hub a label names, and what is known of it when it is to be put somewhere."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any, Final

from firmware_catalog.devices import DeviceIds, Family, HubIds
from firmware_catalog.identity import DeviceModel, Eui64, FirmwareVersion
from station.domain.contents import Contents, Holding, PackedBridge, SetContents
from station.domain.destination import Destination
from station.domain.label import ScannedLabel
from station.domain.order_line import BridgeLine, ListedDevice, OrderLine, read_line
from station.domain.outcome import Code, Disposition, Outcome
from station.domain.slot_name import SlotName
from station.packing.belonging import KnownHub, Result, SetMate, Stand, belongs
from station.records.facts.attempts import AttemptId
from station.records.facts.golden import is_golden
from station.records.facts.orders import order_line_state
from station.records.facts.packed import OPEN_ORDERS, standing_of
from station.records.tables import UNFINISHED_IMPORT


@dataclass(frozen=True, slots=True)
class NamedHub:
    """A hub that a label names: by both ids where an order or an attempt tells them."""

    hub: Eui64
    gpf: Eui64 | None
    orders: tuple[str, ...]
    """Open orders that it may be put somewhere for: those that list it first, and of them the one it was worked on for last."""
    closed_order: str | None
    """The newest order that lists it and is closed."""


def hubs_named(tables: sqlite3.Connection, label: ScannedLabel) -> tuple[NamedHub, ...]:
    """Return every hub that a label may name: one, but for ids that two orders give to different hubs."""
    device = str(label.device_id)
    pairs: dict[tuple[Eui64, Eui64 | None], None] = {}
    where = {"CHF": "chf = ?1", "GPF": "gpf = ?1", None: "chf = ?1 OR gpf = ?1"}[label.role]
    for source in (
        f"SELECT chf, gpf FROM golden_hubs WHERE ({where}) ORDER BY 1",  # noqa: S608 - our own words
        f"SELECT DISTINCT chf, gpf FROM order_lines WHERE ({where}) AND {OPEN_ORDERS} ORDER BY 1",  # noqa: S608 - our own words
        f"SELECT DISTINCT chf, gpf FROM order_lines WHERE ({where}) ORDER BY 1",  # noqa: S608 - the same
        f"SELECT DISTINCT chf, gpf FROM attempts WHERE ({where}) AND chf IS NOT NULL ORDER BY 1",  # noqa: S608 - the same
        f"SELECT DISTINCT chf, gpf FROM withdrawn_lines WHERE ({where}) ORDER BY 1",  # noqa: S608 - the same
    ):
        rows = tables.execute(source, (device,)).fetchall()
        pairs.update((_pair(chf, gpf), None) for chf, gpf in rows)
        if pairs:
            break
    return tuple(_named(tables, hub, gpf) for hub, gpf in pairs or {(label.device_id, None): None})


def _pair(hub: str, second: str | None) -> tuple[Eui64, Eui64 | None]:
    """Return the ids of a row: a bridge has one, which stands twice where an order lists it."""
    return Eui64.parse(hub), None if second in {None, hub} else Eui64.parse(str(second))


def hubs_ending_in(tables: sqlite3.Connection, digits: str) -> tuple[tuple[Eui64, Eui64 | None], ...]:
    """Return the hubs of orders, and seen in slots, whose CHF or GPF ends in these six digits."""
    end = f"%{digits[:2]}-{digits[2:4]}-{digits[4:]}"
    rows = tables.execute(
        "SELECT chf, gpf FROM order_lines WHERE chf LIKE ?1 OR gpf LIKE ?1"
        " UNION SELECT chf, gpf FROM withdrawn_lines WHERE chf LIKE ?1 OR gpf LIKE ?1"
        " UNION SELECT chf, gpf FROM golden_hubs WHERE chf LIKE ?1 OR gpf LIKE ?1"
        " UNION SELECT chf, gpf FROM attempts WHERE chf IS NOT NULL AND (chf LIKE ?1 OR gpf LIKE ?1) ORDER BY 1",
        (end,),
    )
    return tuple(dict.fromkeys(_pair(chf, gpf) for chf, gpf in rows))


def _named(tables: sqlite3.Connection, hub: Eui64, gpf: Eui64 | None) -> NamedHub:
    listed = tables.execute(
        "SELECT orders.work_order, closed IS NULL FROM order_lines JOIN orders USING (work_order)"
        " WHERE chf = ? AND closed IS NOT ? ORDER BY imported DESC, orders.work_order",
        (str(hub), UNFINISHED_IMPORT),
    ).fetchall()
    worked_for = tables.execute(
        "SELECT DISTINCT work_order FROM attempts JOIN orders USING (work_order)"  # noqa: S608 - our own words
        f" WHERE ({_OF_HUB}) AND orders.closed IS NULL ORDER BY attempt DESC",
        (str(hub), None if gpf is None else str(gpf)),
    ).fetchall()
    listing = [order for order, is_open in listed if is_open]
    withdrawn_from = tables.execute(
        f"SELECT work_order FROM withdrawn_lines WHERE chf = ? AND {OPEN_ORDERS}",  # noqa: S608 - our own words
        (str(hub),),
    ).fetchall()
    # One that lists it comes before one for which it was only met: it is a hub of the former.
    open_orders = sorted(
        [order for (order,) in worked_for] + listing + [order for (order,) in withdrawn_from],
        key=lambda order: order not in listing,
    )
    over = next((order for order, is_open in listed if not is_open), None)
    return NamedHub(hub, gpf, tuple(dict.fromkeys(open_orders)), over)


_OF_HUB: Final = (
    "attempts.chf = ?1 OR attempts.gpf = ?2 OR (attempts.chf IS NULL AND attempts.scanned_id IN (?1, ?2))"
)


def known_hub(
    tables: sqlite3.Connection,
    hub: Eui64,
    gpf: Eui64 | None,
    order: str | None,
    live: Collection[AttemptId] | None,
) -> KnownHub:
    """Return what is known of a hub, or a bridge and its set, seen from one order.

    `live` are the attempts that are being worked on now; None where that is not known: then every open one is.
    """
    known = _known_alone(tables, hub, gpf, order, live)
    state = order_line_state(tables, order, hub) if known.family is Family.BRIDGE and order else None
    if order is None or state is None or not isinstance(state.line, BridgeLine):
        return known
    return replace(known, mates=_set_mates(tables, order, state.line, live))


def _known_alone(
    tables: sqlite3.Connection,
    hub: Eui64,
    gpf: Eui64 | None,
    order: str | None,
    live: Collection[AttemptId] | None,
) -> KnownHub:
    ids = (str(hub), None if gpf is None else str(gpf))
    unfinished = tables.execute(
        f"SELECT attempt, jig, slot, lost FROM attempts WHERE ({_OF_HUB}) AND closed IS NULL ORDER BY attempt DESC",  # noqa: S608 - our own words
        ids,
    ).fetchall()
    at_work = [
        SlotName(jig=jig, slot=slot)
        for attempt, jig, slot, _ in unfinished
        if live is None or attempt in live
    ]
    left = [
        SlotName(jig=jig, slot=slot)
        for attempt, jig, slot, _ in unfinished
        if live is not None and attempt not in live
    ]
    listed = None if order is None else order_line_state(tables, order, hub)
    of_bridge = listed.line.ids if listed is not None and isinstance(listed.line, BridgeLine) else None
    last = tables.execute(
        "SELECT work_order, outcome, code, disposition, unsettled, scanned_id, scanned_role, read_back FROM attempts"  # noqa: S608 - our own words
        f" WHERE ({_OF_HUB}) AND closed IS NOT NULL AND (work_order IS ?3 OR outcome IN (?4, ?5))"
        " ORDER BY attempt DESC LIMIT 1",
        (*ids, order, Outcome.PASSED, Outcome.FAILED),
    ).fetchone()
    touched = tables.execute(
        f"SELECT 1 FROM attempts WHERE ({_OF_HUB}) AND work_order IS ?3 AND outcome IN (?4, ?5) LIMIT 1",  # noqa: S608 - our own words
        (*ids, order, Outcome.PASSED, Outcome.FAILED),
    ).fetchone()
    placing = standing_of(tables, hub, gpf)
    return KnownHub(
        hub=ids[0],
        order=order,
        listed=listed is not None,
        family=Family.HUB if of_bridge is None else Family.BRIDGE,
        at_work=str(at_work[0]) if at_work else None,
        unfinished=str(left[0]) if left else None,
        last=None if last is None else _result(last, of_bridge or HubIds(hub, gpf or hub)),
        touched=touched is not None,
        stands=None if placing is None else placing.stand,
        golden=is_golden(tables, *(device for device in (hub, gpf) if device is not None)),
    )


def contents_of(
    tables: sqlite3.Connection, order: str, hub: Eui64, firmware: FirmwareVersion, into: int | None
) -> Holding | None:
    """Return of which kind an order's hub is, or what of a bridge's set goes into this carton; None where the order does not list it."""
    state = order_line_state(tables, order, hub)
    if state is None:
        return None
    match state.line:
        case OrderLine() as line:
            return contents_by(line, firmware)
        case BridgeLine() as line:
            return _set_contents(tables, order, line, firmware, into)


def contents_by(line: OrderLine, firmware: FirmwareVersion) -> Contents:
    """Return of which kind a hub is, by what its order says of it and what it said itself."""
    return Contents(
        owner=line.owner,
        manufacturer=line.manufacturer,
        model=line.model,
        variant=line.variant,
        firmware=firmware,
    )


def holds_as(line: ListedDevice, contents: Holding) -> bool:
    """Whether a carton of these contents holds the device as its order lists it now."""
    match line, contents:
        case OrderLine(), Contents():
            return contents_by(line, contents.firmware) == contents
        case BridgeLine(), SetContents():
            packed = contents.of(line.device_id)
            listed = DeviceModel(line.manufacturer, line.model), line.variant
            return (
                (line.owner, line.premises) == (contents.owner, contents.premises)
                and packed is not None
                and (packed.model, packed.variant) == listed
            )
        case _:
            return False


def _set_contents(
    tables: sqlite3.Connection, order: str, of: BridgeLine, firmware: FirmwareVersion, into: int | None
) -> SetContents:
    """Return what goes home of a bridge's set: itself, and each other that goes into a carton and stands nowhere else."""
    bridges = []
    for line in _set_of(tables, order, of.premises):
        runs: FirmwareVersion | None = firmware
        if line.device_id != of.device_id:
            known = _known_alone(tables, line.device_id, None, order, None)
            at_hand = known.stands in {None, Stand(Destination.CARTON, into)}
            goes = at_hand and belongs(known).to is Destination.CARTON
            runs = known.last.firmware if goes and known.last is not None else None
        if runs is not None:
            bridges.append(
                PackedBridge(
                    device_id=line.device_id,
                    bridge_type=line.bridge_type,
                    manufacturer=line.manufacturer,
                    model=line.model,
                    firmware=runs,
                )
            )
    return SetContents(owner=of.owner, premises=of.premises, bridges=tuple(bridges))


def _set_of(tables: sqlite3.Connection, order: str, premises: str) -> tuple[BridgeLine, ...]:
    """Return the bridges that an order lists for a premises."""
    rows = tables.execute(
        # As its index has it: `IS NOT NULL` goes without saying, and has to be said.
        "SELECT line FROM order_lines WHERE work_order = ? AND json_extract(line, '$.premises') = ?"
        " AND json_extract(line, '$.premises') IS NOT NULL",
        (order, premises),
    )
    lines = (read_line(line) for (line,) in rows)
    bridges = (line for line in lines if isinstance(line, BridgeLine))
    return tuple(sorted(bridges, key=lambda line: line.device_id))


def _set_mates(
    tables: sqlite3.Connection, order: str, of: BridgeLine, live: Collection[AttemptId] | None
) -> tuple[SetMate, ...]:
    """Return the other bridges of a bridge's set, and where each belongs."""
    mates = (line.device_id for line in _set_of(tables, order, of.premises) if line.device_id != of.device_id)
    known = (_known_alone(tables, mate, None, order, live) for mate in mates)
    return tuple(SetMate(each.hub, belongs(each), each.stands) for each in known)


def _result(row: tuple[Any, ...], ids: DeviceIds) -> Result:
    order, outcome, code, disposition, unsettled, scanned_id, role, read_back = row
    label = None if scanned_id is None else ScannedLabel(Eui64.parse(scanned_id), role)
    return Result(
        order=order,
        outcome=Outcome(outcome),
        code=None if code is None else Code(code),
        disposition=None if disposition is None else Disposition(disposition),
        unsettled=unsettled,
        mislabelled=label is not None and not label.names_ids(ids),
        firmware=None if read_back is None else FirmwareVersion.parse(read_back),
    )
