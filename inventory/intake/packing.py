"""Takes over what benches tell of their books of packed hubs (docs/results.md, "Packing"). No rule of theirs is needed for that.

Whatever comes first, the same rows follow: within one journal the higher number holds, whatever the station's clock said; between
journals (one was restored, or hubs came to another station) the one that was told later.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Table, delete, insert, select

from inventory.database.packing_tables import carton_recalls, cartons, hub_places, pallets
from inventory.intake.event import StationEvent
from station.messages.packing_fact import CartonStands, HubStands, PackingFact, PalletStands

_Values = dict[str, Any]
_Told = Sequence[tuple[int, StationEvent, PackingFact]]
"""Facts of packing, each with its message's row and envelope."""
_RECALLS: Final = {"cartons_recalled": True, "recall_ended": False}


def take_over(connection: Connection, told: _Told) -> None:
    """Bring the books up to date. The caller writes alone."""
    said: defaultdict[str, list[_Values]] = defaultdict(list)
    for message, event, fact in told:
        by: _Values = {
            "source": event.source,
            "journal": event.journal,
            "number": event.number,
            "told": event.told,
            "message": message,
        }
        if fact.hub is not None:
            said["hubs"].append({**by, **_hub(fact.hub)})
        said["cartons"] += [{**by, **_carton(each)} for each in fact.cartons]
        said["pallets"] += [{**by, **_pallet(each)} for each in fact.pallets]
        if (recalled := _RECALLS.get(fact.what)) is not None:
            said["recalls"] += [{**by, "carton": code, "recalled": recalled} for code in fact.recalled]
    _take(connection, hub_places, "hub", said["hubs"], of_station=False)
    _take(connection, cartons, "carton", said["cartons"], of_station=True)
    _take(connection, pallets, "pallet", said["pallets"], of_station=True)
    _take(connection, carton_recalls, "carton", said["recalls"], of_station=True)


def _hub(hub: HubStands) -> _Values:
    return {
        "hub": str(hub.hub),
        "gpf": None if hub.gpf is None else str(hub.gpf),
        "place": hub.place,
        "carton": hub.carton,
        "work_order": hub.work_order,
    }


def _carton(carton: CartonStands) -> _Values:
    holds = carton.holds
    of_holds = {
        name: holds and getattr(holds, name)
        for name in ("owner", "manufacturer", "model", "han_variant", "firmware")
    }
    if carton.holds_set is not None:
        of_holds["owner"] = carton.holds_set.owner  # its bridges have a model and a version each
    return {**carton.model_dump(exclude={"holds", "holds_set"}), **of_holds}


def _pallet(pallet: PalletStands) -> _Values:
    return pallet.model_dump()


def _take(
    connection: Connection, table: Table, name: str, said: Sequence[_Values], *, of_station: bool
) -> None:
    """Keep the highest number of each journal, and say which journal's row holds.

    `of_station`: another station may give the same name to another thing.
    """
    if not said:
        return
    column = table.c[name]
    books: defaultdict[str, dict[tuple[str, str], _Values]] = defaultdict(dict)
    there = connection.execute(select(table).where(column.in_({values[name] for values in said})))
    for known in there.mappings():
        books[known[name]][known["source"], known["journal"]] = dict(known)
    touched = set()
    for values in said:
        rows, journal = books[values[name]], (values["source"], values["journal"])
        if journal not in rows or rows[journal]["number"] < values["number"]:
            rows[journal] = values
            touched.add(values[name])
    if not touched:
        return
    new = []
    for each in touched:
        rows = books[each]
        for row in rows.values():
            rivals = [one for one in rows.values() if not of_station or one["source"] == row["source"]]
            new.append({**row, "current": row is max(rivals, key=_when)})
    connection.execute(delete(table).where(column.in_(touched)))
    connection.execute(insert(table), new)


def _when(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["told"], row["source"], row["journal"]
