"""A recall of bridges: from a party's list of sets to its notices, and nothing of it ever goes upstream."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from benches.inventory_desk import EXTRACT, Desk, asked, held
from benches.told_results import BEGIN, SOURCE, TOPICS, SayingStation, carton_of, chf_of, gpf_of, stands
from firmware_catalog.devices import BridgeType
from inventory.charge import statement
from inventory.charge.settings import ChargeSettings, PriceSettings
from inventory.database.engine import Database
from inventory.database.notice_tables import notices
from inventory.database.upstream_tables import pre_notifications, ssmi_rows
from inventory.intake.intake import Intake
from inventory.moments import system_clock
from inventory.notices.composing import Composer
from inventory.requests import bridge_list
from inventory.upstream import letters, planning
from inventory.upstream.overview import waiting_orders
from inventory.upstream.settings import RouteSettings, UpstreamSettings
from inventory.upstream.update import OfBridges, update_of
from station.domain.order_line import BridgeLine
from station.domain.outcome import Outcome
from station.orders.csv_import import parse_order

BY = ("--by", "A. Person")
NOW, OLD = "0002012F", "0001012F"
RELEASES = "releases = [" + "".join(
    f'{{manufacturer = "10A8", model = "000000{kind}", firmware_version = "{NOW}", for = "{kind}"}}, '
    for kind in BridgeType
)


@pytest.fixture
def recall(desk: Desk) -> Desk:
    desk.config.write_text(desk.config.read_text().replace("releases = [", RELEASES))
    return desk


def bridge(number: int, premises: str, members: int = 2, **others: str) -> tuple[str, ...]:
    """Return a line of a party's list: bridge 1 is a B2, 2 a B3, 3 a B4, 4 a B1 and so on."""
    kind = [*BridgeType][number % 4].value
    fields = {"device": chf_of(number), "kind": kind, "premises": premises, "members": str(members)}
    fields |= {"make": "10A8", "model": f"000000{kind}", "version": OLD} | others
    return (bridge_list.TEMPLATE, *fields.values())


def listed(desk: Desk, *lines: tuple[str, ...]) -> Path:
    return desk.file("bridges.csv", [bridge_list.COLUMNS, *lines])


def take(desk: Desk, *lines: tuple[str, ...], code: int = 0) -> str:
    return desk("import", listed(desk, *lines), "--party", "PARTY", *BY, code=code)


def authorise(desk: Desk, request: str, order: str) -> None:
    desk("authorise", request, "--work-order", order, "--purchase-order", "PO-7", *BY)


def told(database: Database) -> dict[str, Any]:
    with database.read() as connection:
        return {row.kind: row for row in connection.execute(select(notices).order_by(notices.c.id))}


def said_of(number: int, premises: str) -> Mapping[str, Any]:
    kind = [*BridgeType][number % 4].value
    return {
        "order": "WO-B",
        "gpf": None,
        "scanned_id": chf_of(number),
        "scanned_role": None,
        "family": "bridge",
        "bridge_type": kind,
        "premises": premises,
        "model": f"000000{kind}",
        "region": None,
        "han_variant": None,
        "device_type": None,
        "chts_version": None,
    }


def test_each_set_is_judged_whole_and_its_order_is_one_that_a_station_takes(recall: Desk) -> None:
    recall.authorised([40])
    lines = [
        bridge(1, "P-1"),
        bridge(4, "P-2", 3),
        bridge(2, "P-1"),
        *(bridge(each, "P-2", 3) for each in (5, 6)),
        *(bridge(each, "lacks one", 3) for each in (7, 8)),
        *(bridge(each, "disagrees", members) for each, members in ((9, 2), (10, 3))),
        *(bridge(11, premises) for premises in ("doubled", "doubled")),
        *(bridge(each, "current", version=NOW) for each in (12, 13)),
        bridge(40, "hubs"),
        (bridge_list.TEMPLATE, gpf_of(40), *bridge(41, "hubs")[2:]),
        bridge(14, "no type", kind="B5"),
        bridge(15, "no type"),
        bridge(16, "no release", model="00000099"),
        bridge(17, "no release"),
        bridge(18, "one current", version=NOW),
        bridge(19, "one current"),
    ]
    said = take(recall, *lines)
    assert said == (
        "RQ-000002: in part: 7 bridges accepted, 2 already_current, 2 hub, 1 no_release, 6 set_not_whole, 2 twice, 1 unreadable\n"
    )
    shown = recall("show", "RQ-2")
    assert "premises 'lacks one' has a set of 3 bridges, and 2 can be read of it" in shown
    assert "the lines of premises 'disagrees' say 2 and 3 bridges" in shown
    assert "twice: it is on lines 11 and 12" in shown
    assert "'B5' is no type of a bridge (B1, B2, B3, B4)" in shown
    authorise(recall, "RQ-2", "WO-B")
    path = recall.folder / "orders" / "WO-B.csv"
    order = parse_order(path.read_bytes(), path.name)
    assert order.ignored_columns == ()
    of_bridges = [each for each in order.lines if isinstance(each, BridgeLine)]
    ids = [str(each.device_id) for each in of_bridges]
    assert ids == [chf_of(each) for each in (1, 2, 4, 5, 6, 18, 19)], "each set stands together"
    assert {(each.premises, each.set_members) for each in of_bridges} == {
        *(("P-1", 2), ("P-2", 3), ("one current", 2)),
    }
    assert "bridge 2 in_another_request" not in take(recall, bridge(1, "P-1"), bridge(2, "P-1"))
    assert "in_another_request" in recall("show", "RQ-3")


def test_hubs_and_bridges_stand_in_no_list_together_and_a_set_joins_and_leaves_whole(recall: Desk) -> None:
    take(recall, *(bridge(each, "P-1", 3) for each in (1, 2, 3)), bridge(4, "P-2"), bridge(5, "P-2"))
    extract = recall.file("smi.csv", [held(1)])
    said = recall(
        "import", recall.folder / "bridges.csv", "--party", "PARTY", "--extract", extract, *BY, code=2
    )
    assert "bridges.csv lists bridges, which are in no extract: leave out --extract" in said
    hubs = recall.file("hubs.csv", [("template", "chf_id", "gpf_id", "installation_end_date"), asked(9)])
    said = recall("import", hubs, "--party", "PARTY", *BY, code=2)
    assert "hubs.csv lists hubs, which are judged by an extract: name it" in said
    # What a request for bridges lists is no hub's, whatever an extract says, and by whichever of the hub's ids.
    said = recall.take([asked(1), asked(2)], [held(1)])
    assert "2 bridge" in said
    authorise(recall, "RQ-1", "WO-B")
    why = ("--reason", "as they ask", *BY)
    before = recall("show", "RQ-1")
    said = recall("revise", "RQ-1", "--cancel", chf_of(2), *why, code=1)
    assert "premises 'P-1' has a set of 3 bridges, and 2 would stand on the order" in said
    said = recall("revise", "RQ-1", "--add", listed(recall, bridge(6, "P-2"), bridge(7, "P-2")), *why, code=1)
    assert "premises 'P-2' has a set of 2 bridges, and 4 would stand on the order" in said
    recall.authorised([20], "WO-H")
    both = ("--extract", recall.file("smi.csv", [EXTRACT, held(21)]))
    more = recall.file("hubs.csv", [("template", "chf_id", "gpf_id", "installation_end_date"), asked(21)])
    said = recall("revise", "RQ-1", "--add", more, *both, *why, code=1)
    assert "RQ-000001 is of bridges, and hubs.csv lists hubs: an order has one or the other" in said
    said = recall("revise", "RQ-3", "--add", listed(recall, bridge(6, "P-3"), bridge(7, "P-3")), *why, code=1)
    assert "RQ-000003 is of hubs, and bridges.csv lists bridges" in said
    assert recall("show", "RQ-1") == before, "nothing of it was half done"
    # One of a set that was damaged takes its set with it.
    note = ("--delivery-note", "DN", "--bridge", f"{chf_of(4)}=damaged_packaging", "--bridge", chf_of(5))
    assert "1 bridge accepted, 1 damaged_packaging" in recall(
        "receive", "RQ-1", *note, *BY, group="deliveries"
    )
    joins = listed(recall, bridge(6, "P-3"), bridge(7, "P-3"))
    said = recall("revise", "RQ-1", "--cancel-rejected", "--add", joins, *why)
    assert "WO-B-revision-2.csv is revision 2: 2 bridges accepted, 2 cancelled" in said
    path = recall.folder / "orders" / "WO-B-revision-2.csv"
    assert {
        each.premises
        for each in parse_order(path.read_bytes(), path.name).lines
        if isinstance(each, BridgeLine)
    } == {
        "P-1",
        "P-3",
    }


def test_a_party_is_told_of_its_bridges_and_nobody_upstream_ever_is(
    recall: Desk, database: Database, tmp_path: Path
) -> None:
    lines = [bridge(1, "P-1"), bridge(2, "P-1"), bridge(3, "P-2"), bridge(4, "P-2")]
    take(recall, *lines, bridge(5, "lacks one"))
    authorise(recall, "RQ-1", "WO-B")
    packing = [("template", "pallet", "carton", "device_id")]
    packing += [("reflash-packing-list-bridges-1", "P-1", "C-1", chf_of(each)) for each in (1, 2, 3, 4)]
    said = recall("announce", "RQ-1", recall.file("packing.csv", packing), *BY, group="deliveries")
    assert said == "4 bridges announced\n"
    receive = ("receive", "RQ-1", "--delivery-note", "DN-1", "--pallet", "P-1", *BY)
    extract = ("--extract", recall.file("smi.csv", [EXTRACT]))
    said = recall(*receive, *extract, group="deliveries", code=1)
    assert "RQ-000001 is of bridges, which are in no extract" in said
    assert recall(*receive, group="deliveries") == "DL-000001: 4 bridges accepted\n"

    bench = SayingStation()
    intake = Intake(database, {SOURCE: TOPICS}, system_clock)
    results = [bench.result(each, **said_of(each, "P-1")) for each in (1, 2)]
    failed = {"outcome": Outcome.FAILED, "read_back": None, "disposition": "SCRAP", "stage": "flash"}
    results += [bench.result(3, **said_of(3, "P-2"), **failed), bench.result(4, **said_of(4, "P-2"))]
    held_bridges = [
        {
            "device": chf_of(each),
            "bridge_type": [*BridgeType][each % 4],
            "manufacturer": "10A8",
            "model": "M",
            "firmware": NOW,
        }
        for each in (1, 2)
    ]
    holds_set = {"owner": "PARTY", "premises": "P-1", "bridges": held_bridges}
    carton = carton_of("CTN1", 2, order="WO-B", holds=None, holds_set=holds_set)
    places = [stands(each, "carton", "CTN1", order="WO-B") for each in (1, 2)]
    places += [stands(3, "scrap", order="WO-B"), stands(4, "rework", order="WO-B")]
    packed = [bench.packing("hub_placed", hub={**each, "gpf": None}) for each in places]
    packed.append(bench.packing("carton_closed", cartons=(carton,)))
    assert not intake.take_heard([*results, *packed, bench.order_fact("WO-B", "closed")]).found

    back = ("redelivery", "RQ-1")
    recall("address", "RQ-1", "Dock 4, Town", "--reason", "their mail", *BY, group=back[0])
    leave = ("dispatch", "RQ-1", "--carton", "CTN1", "--carrier-note", "carrier 4711", *BY)
    # A bridge that said another version since it was packed stays, as a hub does.
    intake.take_heard([bench.result(2, **said_of(2, "P-1"), read_back=OLD)])
    said = recall(*leave, group=back[0], code=1)
    assert f"{chf_of(2)} said last that it runs {OLD}, the carton is one of {NOW}" in said
    intake.take_heard([bench.result(2, **said_of(2, "P-1"))])
    assert recall(*leave, group=back[0]) == "DP-000001: 2 bridges to Dock 4, Town\n"
    recall("done", "RQ-1", *BY, group=back[0])

    # Upstream: nothing is planned, written, released or sent again, even where a hub says that it has a bridge's id.
    intake.take_heard([bench.result(1, order="WO-B")])
    line = "work order WO-B is of bridges, of which nothing goes upstream"
    assert line in recall("write", "WO-B", *BY, group="ssmi", code=1)
    assert line in recall("release", "WO-B", "--reason", "a test", *BY, group="upstream", code=2)
    ways = UpstreamSettings(routes=(RouteSettings(csp="one", regions=frozenset({"Central"})),))
    with database.write_alone() as connection:
        assert planning.plan(connection, ways, {}, system_clock()) == 0
        assert waiting_orders(connection) == [], "it waits for nothing"
        with pytest.raises(OfBridges):
            update_of(connection, "WO-B")
        with pytest.raises(letters.NoDeadLetter):
            letters.record_of(connection, chf_of(1))
        for table in (pre_notifications, ssmi_rows):
            assert connection.scalar(select(func.count()).select_from(table)) == 0
        # What a re-flashed bridge costs nobody has agreed.
        prices = ChargeSettings(prices=(PriceSettings(first_day=date(2026, 1, 1), pounds=Decimal("7.60")),))
        assert statement.preview(connection, "PARTY", BEGIN.date().replace(day=1), prices).hubs == 0

    notes, compose = told(database), Composer("us@csp.example", None)
    assert list(notes) == [
        *("request_in_part", "authorised", "goods_received", "dispatched", "done", "scrapped"),
    ]
    for row in notes.values():
        mail = compose.compose(
            row.id, row.kind, row.facts, ["a@b.example"], row.made, row.listing
        ).as_string()
        assert "bridges" in mail
        assert "hub" not in mail.replace("hub_", "")
    assert f"{chf_of(3)},B4,P-2,failed,,,scrap" in notes["scrapped"].listing
    assert f"{chf_of(1)},B2,P-1" in notes["authorised"].listing


def test_a_notice_of_before_there_were_bridges_is_one_of_hubs() -> None:
    compose = Composer("us@csp.example", None).compose
    facts = {"request": "RQ-1", "party": "P", "work_order": "W", "hubs": 2}
    mail = compose(1, "scrapped", facts, ["a@b.example"], system_clock(), None)
    assert mail["Subject"] == "Work order W: 2 hubs are scrapped"
    assert "(MP155, risk R-001)" in mail.get_content()
