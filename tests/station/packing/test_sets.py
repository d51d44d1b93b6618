"""Bridges at the packing table: a set is packed together, and parted by a supervisor alone."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from benches.bridge_samples import BRIDGE_ORDER, bridge_closed, bridge_facts, bridge_line, device
from benches.desk_client import THE_ACCOUNT, desk_of_orders, desk_of_packing, order_file
from benches.journal_samples import opened
from firmware_catalog.devices import BridgeType
from station.desk.act import Entrance
from station.desk.order_requests import CompareOrder, ReviseOrder
from station.desk.packing_requests import CloseCarton, DecideHub, HubPut, OpenCarton, PackHub, PutHub
from station.desk.refusals import Conflict, Invalid
from station.desk.request import Request
from station.desk.rights import Role
from station.domain.contents import SetContents
from station.domain.destination import Destination
from station.domain.outcome import Code, Disposition, Outcome
from station.orders.csv_columns import BRIDGE_HEADINGS
from station.packing.codes import PackageCode
from station.packing.settings import PackingSettings
from station.records.facts.known_hubs import contents_of
from station.records.facts.orders import OrderAssigned, OrderImported, OrderLinesAdded
from station.records.facts.packed import carton
from station.records.journal import Journal
from station.records.rebuild import rebuild

SIZES = PackingSettings(hubs_per_carton=8, cartons_per_pallet=2)
TECHNICIAN = Entrance(Role.TECHNICIAN, "desk", operator=lambda: "op-7")
FIRST, SECOND = "CTN00000013", "CTN00000021"
FAILED = {"outcome": Outcome.FAILED, "code": Code.NO_ANSWER, "disposition": Disposition.REWORK}


class Table:
    """Bridges of two premises, P0 with devices 0 and 1, P1 with 2, 3 and 4, and a technician with cartons."""

    def __init__(self, journal: Journal, sizes: PackingSettings) -> None:
        self.journal = journal
        self.recalled: set[BridgeType] = set()
        """Bridges of these types run what was withdrawn."""
        self._desk = desk_of_packing(journal, sizes, lambda packed: packed.variant in self.recalled)

    async def flash(self, *bridges: int, **result: Any) -> None:
        for bridge in bridges:
            seen = opened(order=BRIDGE_ORDER).model_copy(update={"hub": bridge_facts(bridge)})
            (attempt,) = await self.journal.append(seen)
            await self.journal.append(bridge_closed(attempt.sequence, bridge).model_copy(update=result))

    async def ask(self, request: Request[Any], entrance: Entrance = TECHNICIAN) -> Any:
        return await self._desk.answer(request, entrance)

    async def pack(self, bridge: int, into: str = FIRST) -> HubPut:
        put: HubPut = await self.ask(PackHub(id=device(bridge), carton=into))
        return put

    async def refused(self, request: Request[Any], line: str) -> Conflict:
        with pytest.raises(Conflict, match=line) as refusal:
            await self.ask(request)
        return refusal.value


def _last_told(tables: sqlite3.Connection) -> Any:
    (about,) = tables.execute(
        "SELECT about FROM outbox WHERE kind = 'packing' AND about LIKE '%holds_set%' ORDER BY number DESC LIMIT 1"
    ).fetchone()
    return json.loads(about)


@asynccontextmanager
async def table(folder: Path, sizes: PackingSettings = SIZES) -> AsyncIterator[Table]:
    async with Journal.open(folder, site="leeds", station="bench-1") as journal:
        lines = (
            *(bridge_line(each, "P0", 2) for each in (0, 1)),
            *(bridge_line(each, "P1", 3) for each in (2, 3, 4)),
        )
        await journal.append(
            OrderImported(order=BRIDGE_ORDER, source="b.csv", sha256="0" * 64, hubs=len(lines)),
            OrderLinesAdded(order=BRIDGE_ORDER, lines=lines),
            OrderAssigned(order=BRIDGE_ORDER, jig="jig-1"),
        )
        at = Table(journal, sizes)
        await at.ask(OpenCarton(order=BRIDGE_ORDER))
        yield at


async def test_a_set_is_packed_together_once_each_of_it_has_passed(tmp_path: Path) -> None:
    async with table(tmp_path) as at:
        await at.flash(0)
        refusal = await at.refused(
            PackHub(id=device(0), carton=FIRST),
            f"bridge {device(0)} is packed with its set, and bridge {device(1)} of it is not ready",
        )
        assert refusal.facts["belongs"] == "carton"
        await at.flash(1, 2, 3, 4)
        assert (await at.pack(0)).line == f"bridge {device(0)} packed into carton {FIRST}, 1 of 2"
        await at.refused(PackHub(id=device(2), carton=FIRST), "holds .*premises P0; .*premises P1")
        await at.ask(OpenCarton(order=BRIDGE_ORDER))
        await at.refused(
            PackHub(id=device(1), carton=SECOND), f"is of a set that carton {FIRST} holds: it goes in there"
        )
        put = await at.pack(1)
        assert put.closed
        assert put.line.endswith("2 of 2: it is full and closed")
        full = await at.journal.ask(carton, PackageCode.parse(FIRST).number)
        assert full is not None
        assert isinstance(full.contents, SetContents)
        assert [bridge.device_id for bridge in full.contents.bridges] == [device(0), device(1)]
        (told,) = (await at.journal.ask(_last_told))["cartons"]
        assert told["holds"] is None
        assert (told["holds_set"]["premises"], len(told["holds_set"]["bridges"])) == ("P0", 2)
        for bridge in (4, 2, 3):
            put = await at.pack(bridge, SECOND)
        assert put.closed
    rebuild(tmp_path)


def _how_a_set_is_found(tables: sqlite3.Connection) -> list[str]:
    asked: list[str] = []
    tables.set_trace_callback(asked.append)
    contents_of(tables, BRIDGE_ORDER, device(0), bridge_facts(0).firmware, None)
    tables.set_trace_callback(None)
    plans = [
        tables.execute(f"EXPLAIN QUERY PLAN {each}").fetchall() for each in asked if "$.premises" in each
    ]
    return [detail for plan in plans for *_, detail in plan if "order_lines" in detail]


async def test_a_set_is_found_without_reading_through_its_order(tmp_path: Path) -> None:
    by_premises = ["SEARCH order_lines USING INDEX order_lines_by_premises (<expr>=? AND work_order=?)"]
    async with table(tmp_path) as at:
        assert await at.journal.ask(_how_a_set_is_found) == by_premises
    # A journal of a program that did not know of it is given it, wherever it lies.
    with closing(sqlite3.connect(next(tmp_path.rglob("*.sqlite")))) as segment:
        segment.execute("DROP INDEX order_lines_by_premises")
    async with Journal.open(tmp_path, site="leeds", station="bench-1") as journal:
        assert await journal.ask(_how_a_set_is_found) == by_premises


async def test_a_set_is_parted_by_a_supervisor_alone(tmp_path: Path) -> None:
    async with table(tmp_path) as at:
        await at.flash(2, 3)
        await at.flash(4, **FAILED)
        await at.refused(PackHub(id=device(2), carton=FIRST), f"bridge {device(4)} of it is not ready")
        await at.ask(PutHub(id=device(4), place=Destination.REWORK))
        await at.refused(PackHub(id=device(2), carton=FIRST), "a supervisor alone parts them")
        parted = DecideHub(id=device(2), place=Destination.CARTON, carton=FIRST, reason="beyond repair")
        await at.ask(parted, THE_ACCOUNT)
        short = CloseCarton(carton=FIRST, reason="enough")
        await at.refused(short, "has 1 of the 2 bridges of premises P1: a supervisor alone parts a set")
        put = await at.ask(
            DecideHub(id=device(3), place=Destination.CARTON, carton=FIRST, reason="beyond repair"),
            THE_ACCOUNT,
        )
        assert put.closed


async def test_what_was_put_aside_of_a_set_is_in_no_carton(tmp_path: Path) -> None:
    async with table(tmp_path) as at:
        await at.flash(2, 3, 4)
        at.recalled = {bridge_line(4, "P1", 3).bridge_type}
        await at.refused(PackHub(id=device(4), carton=FIRST), "was withdrawn since it passed")
        await at.ask(PutHub(id=device(4), place=Destination.QUARANTINE))
        at.recalled.clear()
        for bridge in (2, 3):
            put = await at.ask(
                DecideHub(id=device(bridge), place=Destination.CARTON, carton=FIRST, reason="one is aside"),
                THE_ACCOUNT,
            )
        assert put.closed
        (told,) = (await at.journal.ask(_last_told))["cartons"]
        assert [each["device"] for each in told["holds_set"]["bridges"]] == [str(device(2)), str(device(3))]


async def test_a_set_that_is_parted_over_two_cartons_is_told_of_each_as_it_is(tmp_path: Path) -> None:
    async with table(tmp_path) as at:
        await at.flash(2, 3, 4)
        await at.pack(2)
        await at.ask(OpenCarton(order=BRIDGE_ORDER))
        parted = DecideHub(id=device(3), place=Destination.CARTON, carton=SECOND, reason="two floors")
        await at.ask(parted, THE_ACCOUNT)
        (told,) = (await at.journal.ask(_last_told))["cartons"]
        assert told["carton"] == SECOND
        assert [each["device"] for each in told["holds_set"]["bridges"]] == [str(device(3)), str(device(4))]


async def test_only_of_what_passed_is_it_said_that_its_release_was_withdrawn_since(tmp_path: Path) -> None:
    async with table(tmp_path) as at:
        at.recalled = set(BridgeType)
        await at.flash(0, **FAILED)
        refusal = await at.refused(PackHub(id=device(0), carton=FIRST), "it goes to rework")
        assert refusal.facts["belongs"] == "rework"
        # Nor may a technician put aside for it what the rule has elsewhere.
        await at.refused(PutHub(id=device(0), place=Destination.QUARANTINE), "does not go to quarantine")
        await at.ask(PutHub(id=device(0), place=Destination.REWORK))


async def test_a_bridge_whose_label_names_the_role_of_a_hub_goes_into_no_carton(tmp_path: Path) -> None:
    async with table(tmp_path) as at:
        await at.flash(0, 1, scanned_role="GPF")
        await at.flash(1)
        await at.refused(PackHub(id=device(0), carton=FIRST), "the label scanned for it is another hub's")


async def test_a_carton_that_is_too_small_for_a_set_takes_none_of_it(tmp_path: Path) -> None:
    async with table(tmp_path, PackingSettings(hubs_per_carton=2, cartons_per_pallet=2)) as at:
        await at.flash(2, 3, 4)
        await at.refused(PackHub(id=device(2), carton=FIRST), "has room for 2, and .* has 3 bridges")


def _file_of(*premises: str) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["order_number", *BRIDGE_HEADINGS])
    for number, where in enumerate(premises):
        line = bridge_line(number, where, premises.count(where))
        made = line.manufacturer, line.model, line.recorded_firmware, line.owner
        writer.writerow([BRIDGE_ORDER, line.device_id, line.bridge_type, where, premises.count(where), *made])
    return text.getvalue().encode()


async def test_a_packed_set_whose_premises_a_revision_changes_is_held(tmp_path: Path) -> None:
    async with table(tmp_path) as at:
        orders = desk_of_orders(at.journal, "jig-1")

        async def revise(content: bytes) -> Any:
            with order_file(content) as (taking, file):
                compare = CompareOrder(**taking.model_dump())
                amends = (await orders.answer(compare, THE_ACCOUNT, file=file)).amends
            with order_file(content) as (taking, file):
                asked = ReviseOrder(**taking.model_dump(), amends=amends, reason="the party's mistake")
                return await orders.answer(asked, THE_ACCOUNT, file=file)

        await at.flash(0, 1)
        await at.pack(0)
        await at.pack(1)
        amended = await revise(_file_of("P9", "P9", "P1", "P1", "P1"))
        assert amended.held == (FIRST,)
        hubs = (
            b"chf_id,gpf_id,manufacturer,model,region,variant,recorded_firmware_version,inventory_status,owner_party,"
            b"order_number\n"
            b"88-73-84-00-00-0B-00-00,88-73-84-00-00-0C-00-00,10A8,000000B1,Central,DBCH,00010000,Pending,PARTY,WO-B\n"
        )
        with pytest.raises(
            Invalid, match="is of hubs, order WO-B of bridges: nothing is on an order of the other"
        ):
            await revise(hubs)
