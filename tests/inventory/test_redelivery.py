"""The way back: only what the bench packed, the hubs themselves confirm and the party sent leaves, and only to that party."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import select

from benches.inventory_desk import Desk
from benches.told_results import (
    SOURCE,
    TOPICS,
    Said,
    SayingStation,
    carton_of,
    chf_of,
    gpf_of,
    pallet_of,
    stands,
)
from firmware_catalog.identity import Eui64
from inventory.database.engine import Database
from inventory.database.notice_tables import notices
from inventory.intake.intake import Intake
from inventory.moments import system_clock
from inventory.overview import overview
from inventory.redelivery import book
from inventory.redelivery.book import StaysHere, Wanted
from station.domain.outcome import Outcome

BY = ("--by", "A. Person")


class Bench(SayingStation):
    """A bench whose words reach the inventory at once."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._intake = Intake(database, {SOURCE: TOPICS}, system_clock)

    def tells(self, *said: Said | Sequence[Said]) -> None:
        flat = [one for each in said for one in ([each] if isinstance(each, Said) else each)]
        taken = self._intake.take_heard(flat)
        assert (taken.known, taken.found) == (0, [])


@pytest.fixture
def bench(database: Database) -> Bench:
    return Bench(database)


def back(desk: Desk, *arguments: object, code: int = 0) -> str:
    return desk(*arguments, code=code, group="redelivery")


def dispatch(desk: Desk, *goods: object, code: int = 0, told: bool = True) -> str:
    """Have goods leave; `told`: whether it matters not what the inventory upstream holds."""
    more = ("--despite-upstream", "told by file") if told else ()
    words = ("--carrier-note", "carrier 4711", *BY, *more)
    return back(desk, "dispatch", "RQ-1", *goods, *words, code=code)


def receive(desk: Desk, *hubs: int, request: str = "RQ-1") -> None:
    words = [word for hub in hubs for word in ("--hub", chf_of(hub))]
    desk("receive", request, "--delivery-note", "DN", *words, *BY, group="deliveries")


def address(desk: Desk, where: str, code: int = 0) -> str:
    return back(desk, "address", "RQ-1", where, "--reason", "their mail", *BY, code=code)


def told(database: Database) -> list[tuple[str, Any]]:
    with database.read() as connection:
        rows = connection.execute(
            select(notices.c.kind, notices.c.facts, notices.c.listing).order_by(notices.c.id)
        )
        return [(row.kind, (row.facts, row.listing or "")) for row in rows]


def test_hubs_go_back_in_parts_to_where_their_party_says_and_what_became_of_them_is_recorded(
    desk: Desk, database: Database, bench: Bench
) -> None:
    desk.authorised(range(1, 10))
    receive(desk, *range(1, 10))
    bench.tells(*(bench.result(hub) for hub in range(1, 7)))
    bench.tells(bench.result(7, outcome=Outcome.FAILED, read_back="0001012F"))
    bench.tells(bench.result(8, outcome=Outcome.REJECTED, read_back="0001012F", code="not_pending"))
    bench.tells(
        bench.packed((1, 2), "CTN1", "PLT1"), bench.packed((3, 4), "CTN2"), bench.packed((5, 6), "CTN3")
    )
    bench.tells(bench.packing("hub_placed", hub=stands(7, "scrap")))
    bench.tells(bench.packing("hub_placed", hub=stands(8, "party")))
    assert "no address to go back to" in dispatch(desk, "--pallet", "PLT1", code=1)
    address(desk, "Dock 4, Town")
    assert dispatch(desk, "--pallet", "plt1") == "DP-000001: 2 hubs to Dock 4, Town\n"
    assert "chf" not in dispatch(desk, "--pallet", "PLT1", code=1)
    address(desk, "Dock 5, Town")
    gone = dispatch(desk, "--carton", "CTN2", "--hub", gpf_of(8), "--hub", chf_of(9), "--transport", "120.50")
    assert gone == "DP-000002: 4 hubs to Dock 5, Town\n"

    def fate(*words: object, code: int = 0) -> str:
        return back(desk, "fate", *words, "--reason", "the carrier says so", *BY, code=code)

    assert fate("DP-1", "refused") == "DP-000001: 2 hubs refused\n"
    assert dispatch(desk, "--pallet", "PLT1") == "DP-000003: 2 hubs to Dock 5, Town\n"
    fate("DP-2", "short", "--hub", chf_of(9))
    fate("DP-2", "lost", "--carton", "CTN2")
    assert fate("DP-2", "delivered") == "DP-000002: 1 hub delivered\n"
    assert "nothing of DP-000002 would change" in fate("DP-2", "delivered", code=1)
    assert "CTN9 did not leave with DP-000002" in fate("DP-2", "lost", "--carton", "CTN9", code=2)
    assert "is none of" in fate("DP-2", "eaten", code=2)
    assert "has left already (lost)" in dispatch(desk, "--carton", "CTN2", code=1)
    assert "there is no request RQ-000009" in back(desk, "show", "RQ-9", code=2)
    shown = json.loads(back(desk, "show", "RQ-1", "--json"))
    assert [(each["address"], each["fates"]) for each in shown["dispatches"]] == [
        ("Dock 4, Town", {"refused": 2}),
        ("Dock 5, Town", {"delivered": 1, "lost": 2, "short": 1}),
        ("Dock 5, Town", {"on_the_way": 2}),
    ]
    assert "has not told that WO-1 is reconciled" in back(desk, "done", "RQ-1", *BY, code=1)
    bench.tells(bench.order_fact("WO-1", "closed"))
    bench.result(9)
    bench.tells(bench.result(99, order="ANOTHER"))
    assert "journal republish 9 9" in back(desk, "done", "RQ-1", *BY, code=1)
    despite = ("--despite-missing", "its disk is lost")
    assert back(desk, "done", "RQ-1", *despite, *BY) == "1 failed, 1 not_worked_on, 6 passed, 1 rejected\n"
    assert "was told so on" in back(desk, "done", "RQ-1", *BY, code=1)
    with database.read() as connection:
        stands_there = overview(connection, 1)
    assert (stands_there.done_by, stands_there.done_despite) == ("A. Person", "its disk is lost")
    last = dict(told(database))
    assert (last["done"][0]["re_flashed"], last["done"][0]["not_re_flashed"]) == (6, 3)
    assert f"{chf_of(8)},{gpf_of(8)},rejected,not_pending,0001012F,party" in last["done"][1]
    assert last["scrapped"][0]["hubs"] == 1
    assert chf_of(7) in last["scrapped"][1]
    assert [facts["dispatch"] for kind, (facts, _) in told(database) if kind == "dispatched"] == [
        "DP-000001",
        "DP-000002",
        "DP-000003",
    ]


def test_what_is_not_known_for_sure_stays_and_every_reason_is_said(
    desk: Desk, database: Database, bench: Bench
) -> None:
    desk.authorised(range(1, 14))
    receive(desk, *range(1, 12), 13)
    address(desk, "Dock 4")
    bench.tells(*(bench.result(hub) for hub in range(1, 13) if hub not in (3, 11)))
    bench.tells(bench.result(13, outcome=Outcome.FAILED, read_back=None))
    bench.tells(bench.packing("hub_placed", hub=stands(13, "party")))
    bench.tells(bench.result(4, outcome=Outcome.REJECTED, read_back="0001012F", code="already_passed"))
    bench.tells(*(bench.packed((hub,), f"CTN{hub}") for hub in range(1, 13) if hub != 11))
    others = {
        "owner": "ANOTHER",
        "manufacturer": "1",
        "model": "2",
        "han_variant": "DBCH",
        "firmware": "0002012F",
    }
    bench.tells(
        bench.packing("carton_held", cartons=(carton_of("CTN1", 1, state="held"),)),
        bench.packing("cartons_recalled", recalled=("CTN2",)),
        bench.packing("carton_closed", cartons=(carton_of("CTN5", 2),)),
        bench.packing("carton_closed", cartons=(carton_of("CTN6", 1, holds=others),)),
        bench.packing("pallet_opened", pallets=(pallet_of("PLT1", 1, state="open"),)),
        bench.packing("pallet_closed", pallets=(pallet_of("PLT2", 2),)),
        bench.packing("carton_put_on_pallet", cartons=(carton_of("CTN7", 1, pallet="PLT1"),)),
        bench.packing("carton_put_on_pallet", cartons=(carton_of("CTN8", 1, pallet="PLT2"),)),
    )
    for goods, reason in (
        (Wanted(cartons=["CTN1"]), "carton CTN1 is held at the bench"),
        (Wanted(cartons=["CTN2"]), "carton CTN2 is recalled"),
        (Wanted(cartons=["CTN3"]), f"{chf_of(3)} has no result that it is done"),
        (Wanted(cartons=["CTN4"]), "said last that it runs 0001012F, the carton is one of 0002012F"),
        (Wanted(cartons=["CTN5"]), "CTN5 has 2 hubs, and 1 are known by id"),
        (Wanted(cartons=["CTN6"]), "is not this party's"),
        (Wanted(cartons=["CTN7"]), "stands on pallet PLT1: send that"),
        (Wanted(["PLT1"]), "pallet PLT1 is open at the bench"),
        (Wanted(["PLT2"]), "has 2 cartons, and 1 are known by code"),
        (Wanted(cartons=["CTN12"]), f"{chf_of(12)} was never received for this order"),
        (Wanted(cartons=["CTN99"]), "no bench has told of carton CTN99 of this order"),
        (Wanted(hubs=[Eui64.parse(chf_of(9))]), "is in carton at the bench"),
        (Wanted(hubs=[Eui64.parse(chf_of(99))]), "is not on this order"),
        # Whatever was told upstream by other ways, nobody knows what it runs.
        (Wanted(hubs=[Eui64.parse(chf_of(13))]), f"{chf_of(13)} is held: not_read_back"),
        (Wanted(cartons=["CTN9", "CTN9"]), "would leave twice"),
    ):
        # What may go does not go either, where something else may not.
        both = Wanted(goods.pallets, ["CTN10", *goods.cartons], goods.hubs)
        with database.write_alone() as connection, pytest.raises(StaysHere, match=re.escape(reason)):
            book.dispatch(
                connection,
                1,
                both,
                carrier_note="c",
                transport_pence=None,
                despite_upstream="by file",
                by="A",
                now=system_clock(),
            )
    assert f"{chf_of(10)} is held: not_told" in dispatch(desk, "--carton", "CTN10", code=1, told=False)
    assert "nothing is to leave" in dispatch(desk, code=2)
    assert "no sum in pounds" in dispatch(desk, "--carton", "CTN10", "--transport", "1.005", code=2)
    never_came = bench.packing("hub_placed", hub=stands(10, "quarantine"))
    bench.tells(bench.packing("carton_opened", cartons=(carton_of("CTN20", 0, state="open"),)))
    for goods_named in (("--carton", "CTN10"), ("--hub", chf_of(11))):
        assert "reflash journal republish" in dispatch(desk, *goods_named, code=1)
    bench.tells(never_came)
    assert "CTN10 has 1 hubs, and 0 are known by id" in dispatch(desk, "--carton", "CTN10", code=1)
    assert dispatch(desk, "--carton", "CTN9", "--hub", chf_of(11)) == "DP-000001: 2 hubs to Dock 4\n"
    assert [kind for kind, _ in told(database) if kind == "dispatched"] == ["dispatched"]


def test_what_left_and_is_recalled_is_called_back_and_no_address_is_amended_once_all_has_left(
    desk: Desk, database: Database, bench: Bench
) -> None:
    desk.authorised((1, 2))
    receive(desk, 1, 2)
    address(desk, "Dock 4")
    bench.tells(
        *(bench.result(hub) for hub in (1, 2)), bench.packed((1,), "CTN1"), bench.packed((2,), "CTN2")
    )
    dispatch(desk, "--carton", "CTN1")
    bench.tells(bench.packing("cartons_recalled", recalled=("CTN1", "CTN2")))
    rows = json.loads(back(desk, "recalled", "--json"))
    assert [(row["carton"], row["party"], row["dispatch"], row["fate"]) for row in rows] == [
        ("CTN1", "PARTY", "DP-000001", "on_the_way"),
        ("CTN2", "PARTY", None, None),
    ]
    assert back(desk, "recall", "RQ-1", "--reason", "withdrawn", *BY) == "1 hub of RQ-000001 is called back\n"
    assert chf_of(1) in dict(told(database))["recalled"][1]
    bench.tells(bench.packing("recall_ended", recalled=("CTN1", "CTN2")))
    assert "is recalled" in back(desk, "recall", "RQ-1", "--reason", "withdrawn", *BY, code=1)
    dispatch(desk, "--carton", "CTN2")
    assert "all hubs of RQ-000001 have left" in address(desk, "Dock 5", code=1)
