"""From a party's list to a work order that a station takes."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sqlalchemy import func, select

from benches.inventory_desk import Desk, asked, held, text_of
from benches.told_results import SOURCE, TOPICS, Said, SayingStation, chf_of, gpf_of
from inventory.database.engine import Database
from inventory.database.tables import request_hubs, ssmi_files
from inventory.errors import WrongInput
from inventory.intake.intake import Intake
from inventory.moments import system_clock
from inventory.requests.request_file import COLUMNS, TEMPLATE, read_request
from inventory.requests.sheet import Sheet, read_sheet
from station.domain.outcome import Outcome
from station.orders.csv_import import parse_order


def test_each_hub_is_judged_and_the_order_of_those_accepted_is_one_that_a_station_takes(
    desk: Desk, database: Database
) -> None:
    lines = [
        asked(1),
        asked(2, "2027-03-31"),
        (TEMPLATE, "", gpf_of(3), ""),
        asked(1),
        asked(4),
        (TEMPLATE, chf_of(5), gpf_of(6), ""),
        *(asked(hub) for hub in (7, 8, 9, 10)),
        (TEMPLATE, "8.87384E+15", "", ""),
        (TEMPLATE, "=A1", "", ""),
        (TEMPLATE, "", "", ""),
        (TEMPLATE, chf_of(11), "", "soon"),
    ]
    extract = [
        *(held(hub) for hub in (1, 2, 3, 5, 6)),
        held(7, owner="ANOTHER"),
        held(8, status="Commissioned"),
        held(9, version="0002012F"),
        held(10, model="00000099"),
        ("nonsense", *held(99)[1:]),
        held(11),
    ]
    said = desk.take(lines, extract)
    assert said == (
        "RQ-000001: in part: 3 hubs accepted, 1 already_current, 1 another_partys, 1 ids_disagree, 1 no_release, "
        "1 not_pending, 1 twice, 1 unknown, 4 unreadable\n"
        f"warning: PARTY has sent no forecast for {system_clock():%B %Y}\n"
    )
    assert "RQ-000001 already" in desk.take(lines, extract, code=1)
    assert "2 in_another_request" in desk.take([asked(1), asked(2), asked(5)], extract)
    shown = desk("show", "rq-000001")
    assert "another_partys: it is not registered to this party" in shown
    assert "ANOTHER" not in shown  # whose it is instead is nobody's business
    assert "line 13  =A1  unreadable: chf_id is a formula" in shown
    authorise = (
        "authorise",
        "RQ-000001",
        "--work-order",
        "WO-1",
        "--purchase-order",
        "PO-7",
        "--by",
        "A. Person",
    )
    desk(*authorise)
    path = desk.folder / "orders" / "WO-1.csv"
    order = parse_order(path.read_bytes(), path.name)
    assert order.ignored_columns == ()
    assert [str(line.chf) for line in order.lines] == [chf_of(2), chf_of(1), chf_of(3)]
    assert {line.owner for line in order.lines} == {"PARTY"}
    assert {line.chts_version for line in order.lines} == {"CHTS V1.4"}
    assert "is authorised by A. Person, and has to be judged" in desk(*authorise, code=1)
    path.unlink()
    desk("order", "RQ-000001")
    assert parse_order(path.read_bytes(), path.name) == order
    assert "has said nothing of it yet" in desk("show", "RQ-000001")
    imported = SayingStation().order_fact("WO-1", "imported", hubs=3, file_sha256=order.sha256)
    Intake(database, {SOURCE: TOPICS}, system_clock).take_heard([imported])
    assert "work order WO-1, purchase order PO-7: imported\n" in desk("show", "RQ-000001")
    desk("close", "RQ-000001", "--by", "Another", "--reason", "all came back")
    assert "PARTY: closed by Another\nauthorised by A. Person\n" in desk("show", "RQ-000001")
    desk("refuse", "RQ-000002", "--by", "A. Person", "--reason", "no purchase order")
    assert "accepted: 3 hubs" in desk.take([asked(1), asked(2), asked(5)], extract)
    states = {each["request"]: each["state"] for each in json.loads(desk("list", "--json"))}
    assert states == {"RQ-000001": "closed", "RQ-000002": "refused", "RQ-000003": "judged"}


def test_the_id_of_a_bridge_is_no_hub_s_whatever_an_extract_says(desk: Desk, database: Database) -> None:
    station = SayingStation()
    intake = Intake(database, {station.topics.source: station.topics}, system_clock)
    intake.take_heard([station.result(1, gpf=None, family="bridge", bridge_type="B2"), station.result(2)])
    said = desk.take([asked(1), asked(3)], [held(1), held(3)])
    assert "in part: 1 hub accepted, 1 bridge" in said
    assert "bridge: it is known as a bridge, which is in no extract" in desk("show", "RQ-000001")


def test_a_limit_refuses_or_warns_and_counts_what_was_authorised_this_month(desk: Desk) -> None:
    desk.config.write_text(desk.config.read_text().replace("hubs_a_month = 40", "hubs_a_month = 5"))
    extract = [*(held(hub) for hub in range(1, 7)), *(held(hub, region="North") for hub in (7, 8))]
    desk.take([asked(hub) for hub in range(1, 5)], extract)
    desk.take([asked(5), asked(6)], extract)
    desk.take([asked(7), asked(8)], extract)

    def authorise(number: int, **more: Any) -> str:
        by = ("--purchase-order", "PO", "--by", "A. Person")
        return desk("authorise", f"RQ-{number}", "--work-order", f"WO-{number}", *by, **more)

    authorise(1)
    assert "6 hubs of Central, South would be authorised" in authorise(2, code=1)
    assert not (desk.folder / "orders" / "WO-2.csv").exists()
    assert "warning: 2 hubs of North would be authorised" in authorise(3)
    assert "cannot be a file's name" in desk(
        *("authorise", "RQ-2", "--work-order", "../x", "--purchase-order", "P", "--by", "A"), code=2
    )


def workbook(rows: Iterable[Sequence[Any]]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(list(row))  # type: ignore[union-attr]
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def test_a_workbook_is_read_as_text_and_what_a_spreadsheet_made_of_it_is_told() -> None:
    data = workbook(
        [
            COLUMNS,
            asked(1, "2027-03-31"),
            (TEMPLATE, 8873840000000001, None, None),
            (TEMPLATE, '=HYPERLINK("http://x.example")', None, None),
        ]
    )
    read = read_request(Sheet("hubs.xlsx", "", data))
    assert str(read[0].chf) == chf_of(1)
    assert str(read[0].installation_end) == "2027-03-31"
    assert [(each.line, each.fault) for each in read[1:]] == [
        (3, "chf_id is a number: format the column as text, and fill it again"),
        (4, "chf_id is a formula, which nobody here works out"),
    ]


def with_member(data: bytes, name: str, content: bytes) -> bytes:
    changed = io.BytesIO(data)
    with zipfile.ZipFile(changed, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return changed.getvalue()


def test_a_file_that_would_do_harm_or_is_no_list_is_refused_in_one_line(tmp_path: Path) -> None:
    good = workbook([COLUMNS, asked(1)])
    entities = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "aaaa">]><a>&a;</a>'
    harmful = {
        "unpacks to too much": with_member(good, "xl/more.xml", b" " * (200 << 20)),
        "macros": with_member(good, "xl/vbaProject.bin", b"x"),
        "declares entities": with_member(good, "xl/strange.xml", entities),
        "no workbook": good[: len(good) // 2],
        "template": text_of([COLUMNS, ("reflash-request-0", chf_of(1), "", "")]),
        "no column gpf_id": text_of([("template", "chf_id", "installation_end_date")]),
        "is there twice": text_of([(*COLUMNS, "CHF ID")]),
        "lists no hub": text_of([COLUMNS]),
        "is empty": b"",
        "no CSV in UTF-8": b"\xff\xfe",
        "NUL": b"a\0b",
        "no CSV from here": b'template,"chf\n',
    }
    for words, data in harmful.items():
        path = tmp_path / "list"
        path.write_bytes(data)
        with pytest.raises(WrongInput, match=words) as raised:
            read_request(read_sheet(path))
        assert "\n" not in str(raised.value)


def test_the_template_is_a_list_itself_and_overwrites_nothing(
    tmp_path: Path, inventory: Callable[..., tuple[int, str]]
) -> None:
    for name in ("hubs.xlsx", "hubs.csv"):
        path = tmp_path / name
        assert inventory("requests", "template", path)[0] == 0
        code, said = inventory("requests", "template", path)
        assert code == 2
        assert "is there already" in said
        (example,) = read_request(read_sheet(path))
        assert example.fault is None


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_long_list_takes_little_of_everything(desk: Desk, database: Database) -> None:
    hubs = range(1, 5001)
    assert "5000 hubs accepted" in desk.take(map(asked, hubs), map(held, hubs))
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(request_hubs)) == 5000


def test_upstream_is_told_what_hubs_said_last_once_the_bench_has_closed_their_order_and_nothing_is_missing(
    desk: Desk, database: Database
) -> None:
    hubs = range(1, 6)
    desk.take([asked(hub) for hub in hubs], [held(hub) for hub in hubs])
    desk("authorise", "RQ-1", "--work-order", "WO-1", "--purchase-order", "PO", "--by", "A. Person")
    station = SayingStation()
    intake = Intake(database, {station.topics.source: station.topics}, system_clock)

    def tell(*said: Said) -> None:
        intake.take_heard(said)

    def write(*more: str, code: int = 0) -> str:
        return desk("write", "WO-1", "--by", "A. Person", *more, code=code, group="ssmi")

    passed = [station.result(1), station.result(2)]
    failed = station.result(3, outcome=Outcome.FAILED, read_back="0001012F")
    other_ids = station.result(4, gpf=gpf_of(9))
    tell(*passed, failed, other_ids)
    assert "is reconciled and closed" in write(code=1)
    never_came = station.result(2, outcome=Outcome.REJECTED, read_back="0001022F")
    tell(station.order_fact("WO-1", "closed"), station.result(6, order="WO-2"))
    assert "reflash journal republish 5 5" in write(code=1)
    assert list((desk.folder / "orders").glob("*ssmi*")) == []
    tell(never_came)
    said = write()
    assert [line.split()[1:] for line in said.splitlines() if line.startswith("held")] == [
        [chf_of(3), "no_success"],
        [chf_of(4), "ids_disagree"],
        [chf_of(5), "no_success"],
    ]
    assert write() == said
    (path,) = (desk.folder / "orders").glob("*ssmi*.csv")
    # Hub 2 has passed, and says by now that it runs something else: what it says is told, whatever was intended.
    assert path.read_text().splitlines() == [
        "chf_id,gpf_id,Version",
        f"{chf_of(1)},{gpf_of(1)},0002012F",
        f"{chf_of(2)},{gpf_of(2)},0001022F",
    ]
    notice = json.loads(path.with_suffix(".json").read_text())
    assert (notice["rows"], notice["file"]) == (2, path.name)
    assert notice["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    with database.read() as connection:
        acts = connection.execute(select(ssmi_files.c.rows, ssmi_files.c.written_by, ssmi_files.c.despite))
        assert [tuple(act) for act in acts] == [(2, "A. Person", None)]
    station.result(1)
    tell(station.result(1, outcome=Outcome.REJECTED))
    assert "never came" in write(code=1)
    named = ("--by", "A. Supervisor", "--reason", "its journal is lost")
    desk("release", "WO-1", "--hub", gpf_of(1), "--hub", chf_of(3), *named, group="upstream")
    # A part that a supervisor released goes up whatever became of its hubs; what the inventory holds already does not.
    assert "1 hub\n" in write()
    with database.read() as connection:
        assert connection.scalars(select(ssmi_files.c.despite)).all() == [None, "its journal is lost"]
    assert "no work order WO-9" in desk("write", "WO-9", "--by", "A", code=1, group="ssmi")
