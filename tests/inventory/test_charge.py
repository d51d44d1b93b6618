"""What a party is charged: each hub that was re-flashed, once, and nothing for what failed here."""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import text, update

from benches.inventory_desk import Desk
from benches.told_results import SOURCE, TOPICS, SayingStation, chf_of, stands
from inventory.charge.settings import ChargeSettings, PriceSettings
from inventory.charge.statement import NotCharged, Statement, preview, write
from inventory.cli.redelivery import pence_of
from inventory.database.charge_tables import charged, statements
from inventory.database.engine import Database
from inventory.database.redelivery_tables import dispatches
from inventory.errors import WrongInput
from inventory.intake.intake import Intake
from inventory.moments import system_clock
from station.domain.outcome import Outcome

NOVEMBER, DECEMBER = date(2026, 11, 1), date(2026, 12, 1)
JANUARY, FEBRUARY, MARCH, APRIL = (date(2027, month, 1) for month in (1, 2, 3, 4))
PRICES = ChargeSettings(
    prices=(
        PriceSettings.model_validate({"first_day": "2026-12-01", "pounds": "12.00"}),
        PriceSettings.model_validate({"first_day": "2026-01-01", "pounds": "7.60"}),
    )
)


def charge(
    database: Database, month: date, *, party: str = "PARTY", prices: ChargeSettings = PRICES
) -> Statement:
    after = datetime(month.year + month.month // 12, month.month % 12 + 1, 1, tzinfo=UTC)
    with database.write_alone() as connection:
        return write(connection, party, month, prices, by="A. Person", now=after)


def lines(statement: Statement) -> list[tuple[str, str, str]]:
    rows = csv.DictReader(io.StringIO(statement.table.decode()))
    return [(row["kind"], row["chf_id"] or row["dispatch"], row["pounds"]) for row in rows]


def test_each_re_flashed_hub_is_charged_once_at_its_price_and_the_same_month_is_the_same_statement(
    desk: Desk, database: Database
) -> None:
    desk.authorised(range(1, 9))
    words = [word for hub in range(1, 9) for word in ("--hub", chf_of(hub))]
    by = ("--by", "A. Person")
    desk("receive", "RQ-1", "--delivery-note", "DN", *words, *by, group="deliveries")
    desk("address", "RQ-1", "Dock 4", "--reason", "their mail", *by, group="redelivery")
    station = SayingStation()
    intake = Intake(database, {SOURCE: TOPICS}, system_clock)
    late = station.result(2)
    intake.take_heard(
        [
            station.result(1),
            station.result(3, outcome=Outcome.FAILED),
            station.result(3),
            station.result(3, outcome=Outcome.REJECTED, code="already_passed"),
            station.result(4, outcome=Outcome.ALREADY_CURRENT),
            station.result(5, outcome=Outcome.FAILED),
            station.result(6),
            station.packing("hub_placed", hub=stands(6, "scrap")),
            station.result(7, finished=datetime(2026, 12, 1, tzinfo=UTC)),
            station.result(99, order="ANOTHER"),
            *station.packed((1,), "CTN1"),
        ]
    )
    left = (
        "--transport",
        "£120.50",
        "--carrier-note",
        "c",
        "--despite-missing",
        "lost",
        "--despite-upstream",
        "by file",
        *by,
    )
    desk("dispatch", "RQ-1", "--carton", "CTN1", *left, group="redelivery")
    with database.write() as connection:
        connection.execute(update(dispatches).values(dispatched=datetime(2026, 11, 20, tzinfo=UTC)))
    first = charge(database, NOVEMBER)
    assert lines(first) == [
        ("re-flash", chf_of(1), "7.60"),
        ("re-flash", chf_of(3), "7.60"),
        ("transport", "DP-000001", "120.50"),
        ("total", "", "135.70"),
    ]
    assert (first.hubs, first.pence, first.transport_pence) == (2, 1520, 12050)
    # What comes late, and what was found good after all, is charged with the month after.
    intake.take_heard([late, station.packing("hub_placed", hub=stands(6, "carton", "CTN1"))])
    assert charge(database, NOVEMBER) == first
    assert lines(charge(database, DECEMBER)) == [
        ("re-flash", chf_of(2), "7.60"),
        ("re-flash", chf_of(6), "7.60"),
        ("re-flash", chf_of(7), "12.00"),
        ("total", "", "27.20"),
    ]
    # What fails, or is scrapped, after it was charged is given back with the next month, once, and charged anew if it comes back.
    intake.take_heard([station.packing("hub_placed", hub=stands(6, "scrap"))])
    january = charge(database, JANUARY)
    assert lines(january) == [("credit", chf_of(6), "-7.60"), ("total", "", "-7.60")]
    assert (january.hubs, january.credits, january.total_pence) == (0, 1, -760)
    assert charge(database, JANUARY) == january
    assert lines(charge(database, FEBRUARY)) == [("total", "", "0.00")]
    intake.take_heard([station.packing("hub_placed", hub=stands(6, "carton", "CTN1"))])
    assert lines(charge(database, MARCH)) == [("re-flash", chf_of(6), "7.60"), ("total", "", "7.60")]
    intake.take_heard([station.packing("hub_placed", hub=stands(6, "rework"))])
    assert lines(charge(database, APRIL))[0] == ("credit", chf_of(6), "-7.60")
    with database.write() as connection:
        connection.execute(update(charged).where(charged.c.device == chf_of(1)).values(pence=1))
    with pytest.raises(NotCharged, match="is not what was written"):
        charge(database, NOVEMBER)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_month_is_charged_after_the_one_before_so_that_each_has_what_is_its_own(
    desk: Desk, database: Database
) -> None:
    desk.authorised((1, 2, 3))
    station = SayingStation()
    intake = Intake(database, {SOURCE: TOPICS}, system_clock)
    first, second, late = (
        station.result(hub, finished=datetime(2026, month, 5, tzinfo=UTC))
        for hub, month in ((1, 11), (2, 12), (3, 11))
    )
    intake.take_heard([second])
    # October and November have nothing, and need no statement.
    seen = preview_of(database, DECEMBER)
    intake.take_heard([first])
    with pytest.raises(NotCharged, match=r"November 2026 has 1 line .* charge write 2026-11"):
        charge(database, DECEMBER)
    with pytest.raises(NotCharged, match="November 2026 has 1 line"):
        preview_of(database, DECEMBER)
    assert lines(charge(database, NOVEMBER))[0] == ("re-flash", chf_of(1), "7.60")
    # What comes late is charged with the next.
    assert charge(database, DECEMBER) == seen
    intake.take_heard([late])
    assert lines(charge(database, JANUARY))[0] == ("re-flash", chf_of(3), "7.60")


def preview_of(database: Database, month: date) -> Statement:
    with database.read() as connection:
        return preview(connection, "PARTY", month, PRICES)


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_statement_whose_lines_stand_as_its_database_sorts_them_is_the_one_that_was_written(
    desk: Desk, database: Database
) -> None:
    """Before there were credits, the database put them in order: SQLite does as we do."""
    station = SayingStation()
    intake = Intake(database, {SOURCE: TOPICS}, system_clock)
    for hub, order in ((1, "wo-1"), (2, "WO-2")):
        desk.authorised([hub], order)
        intake.take_heard([station.result(hub, order=order)])
    done = charge(database, NOVEMBER)
    heading, *hubs, total, end = done.table.split(b"\r\n")
    assert [line.split(b",")[1] for line in hubs] == [b"WO-2", b"wo-1"]
    before = b"\r\n".join([heading, *reversed(hubs), total, end])
    with database.write() as connection:
        connection.execute(text('ALTER TABLE charged ALTER work_order TYPE text COLLATE "en-x-icu"'))
        connection.execute(update(statements).values(sha256=hashlib.sha256(before).hexdigest()))
    assert charge(database, NOVEMBER) == replace(done, table=before)
    with database.write() as connection:
        connection.execute(update(charged).values(pence=759))
    with pytest.raises(NotCharged, match="rows were changed"):
        charge(database, NOVEMBER)


def test_what_cannot_be_charged_is_not(desk: Desk, database: Database) -> None:
    desk.authorised((1,))
    Intake(database, {SOURCE: TOPICS}, system_clock).take_heard([SayingStation().result(1)])
    with pytest.raises(NotCharged, match="no price for 2026-11-02"):
        charge(database, NOVEMBER, prices=ChargeSettings(prices=PRICES.prices[:1]))
    with pytest.raises(WrongInput, match="ANOTHER has never asked"):
        charge(database, NOVEMBER, party="ANOTHER")
    with database.write_alone() as connection, pytest.raises(NotCharged, match="is not over"):
        write(connection, "PARTY", NOVEMBER, PRICES, by="A", now=datetime(2026, 11, 30, 23, 59, tzinfo=UTC))
    assert lines(charge(database, NOVEMBER))[0] == ("re-flash", chf_of(1), "7.60")
    csv_file = desk.folder / "charge.csv"
    words = ("--party", "PARTY", "--csv", csv_file, "--by", "A")
    assert "has no [charge]" in desk("write", "2026-11", *words, code=2, group="charge")
    desk.config.write_text(
        desk.config.read_text() + '[charge]\nprices = [{first_day = 2026-01-01, pounds = "7.60"}]\n'
    )
    assert "1 hub at £7.60, transport £0.00" in desk("write", "2026-11", *words, group="charge")
    assert csv_file.read_text().splitlines()[-1] == "total,,,,,,,7.60"
    assert "2026-11  PARTY  1" in desk("list", group="charge")
    shown = desk("preview", "2026-12", "--party", "PARTY", group="charge")
    assert shown.endswith("total,,,,,,,0.00\n0 hubs at £0.00, transport £0.00\n")
    assert '"total": "7.60"' in desk("preview", "2026-11", "--party", "PARTY", "--json", group="charge")
    assert "is no month" in desk("write", "November", *words, code=2, group="charge")
    for wrong in ("many", "1.005", "-1", "NaN", "1e30"):
        with pytest.raises(WrongInput):
            pence_of(wrong)
