"""What parties send: received in parts against the order, rejected with a reason, sent back; and what that does to the order."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import pytest
from sqlalchemy import select

from benches.inventory_desk import EXTRACT, Desk, asked, held
from benches.told_results import SOURCE, TOPICS, SayingStation, chf_of, gpf_of
from inventory.database.delivery_tables import delivery_rejections
from inventory.database.engine import Database
from inventory.delivery.goods import GOODS_COLUMNS, GOODS_TEMPLATE, PACKING_COLUMNS, PACKING_TEMPLATE
from inventory.intake.intake import Intake
from inventory.moments import system_clock
from inventory.requests.request_file import COLUMNS
from station.orders.csv_import import parse_order

BY = ("--by", "A. Person")
CARTONS = {"C1": (1, 2), "C2": (3, 4), "C3": (5, 6), "C4": (7, 8), "C5": (9, 10), "C6": (11, 12)}


def packing_list(desk: Desk) -> Path:
    """Hubs 1 to 12, two a carton, C1 to C3 on one pallet; hub 13 is not on the order, 14 comes in no carton."""
    rows = [
        (PACKING_TEMPLATE, "P1" if carton in ("C1", "C2", "C3") else "P2", carton, chf_of(hub), "")
        for carton, hubs in CARTONS.items()
        for hub in hubs
    ]
    rows.append((PACKING_TEMPLATE, "P2", "C7", "", gpf_of(13)))
    rows.append((PACKING_TEMPLATE, "", "", chf_of(14), gpf_of(14)))
    return desk.file("packing.csv", [PACKING_COLUMNS, *rows])


def of_deliveries(desk: Desk, *arguments: object, code: int = 0) -> str:
    return desk(*arguments, code=code, group="deliveries")


def receive(desk: Desk, *units: object, code: int = 0, note: str = "DN") -> str:
    return of_deliveries(desk, "receive", "RQ-1", "--delivery-note", note, *units, *BY, code=code)


def to_go_back(desk: Desk) -> list[tuple[str, ...]]:
    path = desk.folder / "back.csv"
    path.unlink(missing_ok=True)
    of_deliveries(desk, "rejected", "--csv", path)
    with path.open() as file:
        return [(row["carton"], row["hub"], row["rejected"]) for row in csv.DictReader(file)]


def test_goods_come_in_parts_and_each_hub_is_accepted_or_goes_back_with_its_reason(desk: Desk) -> None:
    desk.authorised([*range(1, 13), 14, 15])
    assert of_deliveries(desk, "announce", "RQ-1", packing_list(desk), *BY) == (
        f"14 hubs announced\nnot on the order: {gpf_of(13)}\n"
    )
    said = receive(desk, "--pallet", "P1", "--carton", "C2=damaged_packaging=wet", "--carton", "C3=counted=2")
    assert said == "DL-000001: 4 hubs accepted, 2 damaged_packaging\n"
    goods = [
        ("carton", "C1", "", ""),
        ("carton", "C4", "counted", "1"),
        ("carton", "C5", "foreign_hub", chf_of(99)),
        ("carton", "C7", "", ""),
        ("carton", "C9", "", ""),
        ("hub", gpf_of(14).replace("-", ":").lower(), "", ""),
        ("hub", chf_of(14), "", ""),
        ("hub", chf_of(98), "", ""),
        ("hub", chf_of(15), "", ""),
    ]
    path = desk.file("goods.csv", [GOODS_COLUMNS, *((GOODS_TEMPLATE, *row) for row in goods)])
    # Meanwhile one was installed, and another changed hands.
    extract = desk.file(
        "now.csv",
        [EXTRACT, *(held(hub) for hub in range(1, 14)), held(14, status="Commissioned"), held(15, owner="B")],
    )
    said = receive(desk, "--list", path, "--extract", extract)
    assert said == (
        "DL-000002: 0 hubs accepted, 2 count_differs, 3 foreign_hub, 1 not_announced, 2 not_on_order, "
        "1 not_pending, 1 not_registered_to_supplier, 2 received_before\n"
    )
    # What was seen of a hub stands, by whichever id it was scanned.
    seen = ("--pallet", "P2=seal_broken", "--carton", "C6=address_does_not_match")
    assert receive(desk, *seen, "--hub", f"{gpf_of(9)}=damaged_packaging", note="3") == (
        "DL-000003: 0 hubs accepted, 2 address_does_not_match, 1 damaged_packaging, 1 not_on_order, 3 seal_broken\n"
    )
    # Looked at once more, one carton is good after all: its hubs do not go back.
    assert receive(desk, "--carton", "C5") == "DL-000004: 2 hubs accepted\n"
    back = to_go_back(desk)
    assert ("C5", chf_of(99), "foreign_hub") in back
    assert ("C9", "", "not_announced") in back
    assert ("C2", chf_of(3), "damaged_packaging") in back
    assert {hub for _, hub, _ in back}.isdisjoint(chf_of(hub) for hub in (1, 2, 5, 6, 9, 10))
    shown = json.loads(of_deliveries(desk, "show", "RQ-1", "--json"))
    assert (shown["ordered"], shown["accepted"], shown["rejected"]) == (14, 6, len(back))
    assert shown["outstanding"] == [chf_of(hub) for hub in (3, 4, 7, 8, 11, 12, 14, 15)]
    assert "went back" in of_deliveries(desk, "return", "DL-2", "--note", "carrier 4711", *BY)
    of_deliveries(desk, "return", "DL-2", "--note", "again", *BY, code=1)
    assert {reason for _, _, reason in to_go_back(desk)} == {
        *("damaged_packaging", "address_does_not_match", "seal_broken", "not_on_order")
    }


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_goods_that_cannot_be_taken_are_one_line_and_nothing_is_kept(desk: Desk) -> None:
    desk.authorised(range(1, 32))
    assert "nothing came" in receive(desk, code=2)
    assert "is there twice" in receive(desk, "--carton", "C1", "--carton", "C1", code=2)
    assert "'dropped' is no finding" in receive(desk, "--carton", "C1=dropped", code=2)
    assert "takes how many hubs" in receive(desk, "--carton", "C1=counted=many", code=2)
    assert "EUI-64" in receive(desk, "--hub", "8.87E+15", code=2)
    assert "31 hubs of Central, South would be in store" in receive(
        desk, *(word for hub in range(1, 32) for word in ("--hub", chf_of(hub))), code=1
    )
    for wrong, line in (
        ([(PACKING_TEMPLATE, "P", "C", chf_of(1), gpf_of(2))], "are no one hub's"),
        ([(PACKING_TEMPLATE, "P", "C", chf_of(1), "")] * 2, "is on line 2 already"),
        (
            [(PACKING_TEMPLATE, "P", "C", chf_of(1), ""), (PACKING_TEMPLATE, "P", "C", "", gpf_of(1))],
            "already, by its other id",
        ),
        (
            [(PACKING_TEMPLATE, "P", "C", chf_of(1), ""), (PACKING_TEMPLATE, "Q", "C", chf_of(2), "")],
            "is on two pallets",
        ),
        ([(PACKING_TEMPLATE, "P", "C", "=A1", "")], "is a formula"),
        ([("x", "P", "C", chf_of(1), "")], "has to stand"),
        ([], "lists no hub"),
    ):
        path = desk.file("wrong.csv", [PACKING_COLUMNS, *wrong])
        assert line in of_deliveries(desk, "announce", "RQ-1", path, *BY, code=2)
    shown = json.loads(of_deliveries(desk, "show", "RQ-1", "--json"))
    assert (shown["accepted"], shown["receipts"]) == (0, [])


def test_lines_added_and_cancelled_after_arrival_are_a_new_revision_of_the_order(
    desk: Desk, database: Database
) -> None:
    desk.authorised(range(1, 5))
    station, intake = SayingStation(), Intake(database, {SOURCE: TOPICS}, system_clock)
    receive(desk, "--hub", chf_of(1), "--hub", f"{chf_of(2)}=damaged_packaging")
    announced = desk.file("early.csv", [PACKING_COLUMNS, (PACKING_TEMPLATE, "", "C1", "", gpf_of(5))])
    assert "not on the order" in of_deliveries(desk, "announce", "RQ-1", announced, *BY)
    orders = desk.folder / "orders"

    def hubs_of(name: str) -> list[str]:
        path = orders / name
        order = parse_order(path.read_bytes(), path.name)
        assert order.number == "WO-1"
        return [str(line.chf) for line in order.lines]

    revise = ("revise", "RQ-1", "--reason", "the party asks for it", *BY)
    add = desk.file("more.csv", [COLUMNS, asked(5), asked(6), asked(1)])
    extract = desk.file(
        "more-smi.csv", [EXTRACT, *(held(hub) for hub in (1, 5)), held(6, status="Withdrawn")]
    )
    said = desk(*revise, "--add", add, "--extract", extract, "--cancel-rejected", "--cancel", gpf_of(3))
    assert "revision 2: 1 hub accepted, 1 in_another_request, 1 not_pending, 2 cancelled\n" in said
    assert "reflash orders revise WO-1-revision-2.csv" in said
    assert hubs_of("WO-1-revision-2.csv") == [chf_of(hub) for hub in (1, 4, 5)]
    assert hubs_of("WO-1.csv") == [chf_of(hub) for hub in (1, 2, 3, 4)]
    for what, name in (("imported", "WO-1.csv"), ("revised", "WO-1-revision-2.csv")):
        assert ("has not taken in revision 2" in desk("show", "RQ-1")) is (what == "revised")
        digest = hashlib.sha256((orders / name).read_bytes()).hexdigest()
        intake.take_heard([station.order_fact("WO-1", what, hubs=3, file_sha256=digest)])
    shown = desk("show", "RQ-1")
    assert "PO-7: imported, revised\n3 hubs accepted, 2 refused, 2 cancelled\n" in shown
    # It was announced by its other id, before it joined.
    said = receive(desk, "--carton", "C1", "--hub", f"{chf_of(5)}=damaged_packaging")
    assert said == "DL-000002: 0 hubs accepted, 1 damaged_packaging\n"
    assert receive(desk, "--hub", chf_of(3), "--hub", chf_of(5)) == "DL-000003: 1 hub accepted, 1 cancelled\n"
    # A cancelled hub may be asked for elsewhere, or join again.
    assert "RQ-000002: accepted" in desk.take([asked(2)], [held(2)])
    add = desk.file("again.csv", [COLUMNS, asked(3), asked(2)])
    extract = desk.file("again-smi.csv", [EXTRACT, held(2), held(3)])
    said = desk(*revise, "--add", add, "--extract", extract)
    assert "revision 3: 1 hub accepted, 1 in_another_request, 0 cancelled\n" in said
    assert hubs_of("WO-1-revision-3.csv") == [chf_of(hub) for hub in (1, 4, 5, 3)]
    (orders / "WO-1-revision-3.csv").unlink()
    desk("order", "RQ-1")
    assert hubs_of("WO-1-revision-3.csv") == [chf_of(hub) for hub in (1, 4, 5, 3)]
    assert "nothing of work order WO-1 would change" in desk(*revise, code=1)
    assert "no line of RQ-000001 stands for" in desk(*revise, "--cancel", chf_of(2), code=2)
    every = [word for hub in (1, 3, 4, 5) for word in ("--cancel", chf_of(hub))]
    assert "no line of work order WO-1 would be left" in desk(*revise, *every, code=1)
    assert hubs_of("WO-1-revision-3.csv") == [chf_of(hub) for hub in (1, 4, 5, 3)]


def test_a_forecast_is_held_against_what_is_asked_for(desk: Desk) -> None:
    assert "PARTY has sent no forecast" in desk.take([asked(1)], [held(1)])
    months = json.loads(desk("show", "--party", "PARTY", "--json", group="forecasts"))
    assert [each["asked"] for each in months] == [1, 0, 0, 0, 0, 0]
    this = months[0]["month"]
    columns = ("template", "month", "hubs")
    path = desk.file("forecast.csv", [columns, ("reflash-forecast-1", this, "2")])
    desk("import", path, "--party", "PARTY", *BY, group="forecasts")
    assert "warning" not in desk.take([asked(2)], [held(2)])
    assert "has asked for 3 hubs in" in desk.take([asked(3)], [held(3)])
    path = desk.file("forecast.csv", [columns, ("reflash-forecast-1", this, "3")])
    desk("import", path, "--party", "PARTY", *BY, group="forecasts")
    months = json.loads(desk("show", "--party", "PARTY", "--json", group="forecasts"))
    assert (months[0]["forecast"], months[0]["asked"], months[1]["forecast"]) == (3, 3, None)
    for wrong in (("x", this, "2"), ("reflash-forecast-1", "soon", "2"), ("reflash-forecast-1", this, "-1")):
        path = desk.file("forecast.csv", [columns, wrong])
        assert "forecast.csv, line 2" in desk("import", path, "--party", "P", *BY, code=2, group="forecasts")


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_what_was_accepted_is_rejected_after_all_until_the_bench_has_begun_with_it(
    desk: Desk, database: Database
) -> None:
    desk.authorised([*range(1, 13), 14, 15])
    of_deliveries(desk, "announce", "RQ-1", packing_list(desk), *BY)
    receive(desk, "--carton", "C1", "--hub", chf_of(14), "--hub", chf_of(15))
    opened = ("--reason", "seen when opened", *BY)
    assert "needs a finding" in of_deliveries(desk, "reject", "DL-1", "--hub", chf_of(14), *opened, code=2)
    wrong = ("reject", "DL-1", "--carton", "C9=seal_broken", *opened)
    assert "nothing of carton C9 was accepted" in of_deliveries(desk, *wrong, code=2)
    wet = ("reject", "DL-1", "--hub", f"{gpf_of(14)}=damaged_packaging=wet", *opened)
    assert of_deliveries(desk, *wet) == "1 hub of DL-000001 is rejected\n"
    assert "rejected already" in of_deliveries(desk, *wet, code=2)
    assert to_go_back(desk) == [("", chf_of(14), "damaged_packaging")]
    station = SayingStation()
    Intake(database, {SOURCE: TOPICS}, system_clock).take_heard([station.result(15)])
    begun = ("reject", "DL-1", "--carton", "C1=seal_broken", "--hub", f"{chf_of(15)}=seal_broken", *opened)
    assert f"{chf_of(15)} has a result by now" in of_deliveries(desk, *begun, code=1)
    # All of it or nothing.
    assert to_go_back(desk) == [("", chf_of(14), "damaged_packaging")]
    said = of_deliveries(desk, *begun[:4], *opened)
    assert "of DL-000001" in said
    assert {carton for carton, *_ in to_go_back(desk)} == {"", "C1"}
    assert "goods_rejected" in desk("list", group="notices")
    with database.read() as connection:
        kept = delivery_rejections.c
        acts = connection.execute(select(kept.unit, kept.code, kept.finding, kept.rejected_by)).all()
    assert acts == [
        ("hub", gpf_of(14), "damaged_packaging", "A. Person"),
        ("carton", "C1", "seal_broken", "A. Person"),
    ]
