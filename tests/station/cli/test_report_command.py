"""`reflash report`: with and without a daemon, by the bench's own clock, and when there is nothing to tell."""

from __future__ import annotations

import csv
import io
import os
import shutil
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from benches.bridge_samples import BRIDGE_ORDER, bridge_closed, bridge_facts, bridge_line
from benches.journal_samples import STARTED, closed, opened, order_events, write
from benches.report_journal import SPRING, work, writing
from benches.station_bench import Bench
from benches.station_config import write_config
from station.domain.actor import Actor
from station.domain.outcome import Stage
from station.records.copies import backup, restore, set_aside
from station.records.facts.attempts import StageEnded
from station.records.facts.orders import OrderAssigned, OrderImported, OrderLinesAdded

AUTUMN = 1_792_886_400_000_000
"""2026-10-25T00:00Z: an hour later British clocks go back."""
DAY = 86_400_000_000


@pytest.fixture
def british(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("TZ", "GMT0BST,M3.5.0/1,M10.5.0")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def at(bench: Bench, tmp_path: Path, british: None) -> tuple[str, Path]:
    settings = bench.settings(tmp_path / "state", {"jig1": [1]})
    return "--config", write_config(tmp_path / "station.toml", settings)


def fill(tmp_path: Path, *moments: int) -> None:
    """Have five hubs come at each of these moments: four pass, one fails."""
    journal = tmp_path / "state" / "journal"
    for number, utc in enumerate(moments):
        with writing(journal, utc=utc) as ledger:
            write(ledger, STARTED)
            if not number:
                write(ledger, *order_events(hubs=5 * len(moments)))
            work(ledger, *range(5 * number, 5 * number + 5))


def test_figures_for_people_programs_and_spreadsheets(
    at: tuple[str, Path], tmp_path: Path, reflash: Any
) -> None:
    fill(tmp_path, SPRING)
    said = reflash("report", "hubs", *at)
    head, rate, _, *tables = said.out.splitlines()
    assert head.startswith(
        "2026-03-29 00:00 GMT to 2026-03-29 00:00 GMT: 5 results in 0.0 h, 4 passed, 0 already"
    )
    assert "80.0% pass at the first attempt" in rate
    assert tables[1].split()[:4] == ["jig-1", "5", "4", "1"]
    assert tables[2].split()[:6] == ["jig-1", "slot", "1", "3", "2", "1"]
    assert not said.err
    figures = reflash("report", "hubs", *at, "--json").json
    assert (figures["results"], figures["first_pass_yield"], figures["behind"]) == (5, 0.8, 0)
    assert [slot["slot"] for slot in figures["slots"]] == [1, 2]
    flash = next(stage for stage in figures["stages"] if stage["stage"] == "flash")
    assert (flash["done"], flash["p50"], flash["p95"]) == (5, 2.5, 4.5)
    for table in ("slots", "stages", "uses"):
        rows = list(csv.DictReader(io.StringIO(reflash("report", "hubs", *at, "--csv", table).out)))
        assert rows == [
            {key: "" if value is None else str(value) for key, value in row.items()} for row in figures[table]
        ]
    of_order = reflash("report", "hubs", *at, "--order", "WO-1", "--jig", "jig-1", "--json").json
    assert of_order["results"] == 5
    of_model = reflash("report", "hubs", *at, "--model", "11A2/0A0B0C0D", "--json").json
    assert (of_model["passed"], of_model["uses"], of_model["utilisation"]) == (4, [], None)
    for option, value, see in (
        ("--jig", "jig-9", "jigs"),
        ("--order", "WO-9", "orders"),
        ("--model", "11A2/1", "catalog"),
    ):
        absent = reflash("report", "hubs", *at, option, value)
        assert (absent.code, absent.complaint) == (
            2,
            f"no hub of {option[2:]} {value} has come to the bench yet; see: reflash {see} list",
        )


def test_hubs_and_bridges_of_each_type_are_told_apart(
    at: tuple[str, Path], tmp_path: Path, reflash: Any
) -> None:
    lines = tuple(bridge_line(each, "P0", 2) for each in (0, 1))
    fill(tmp_path, SPRING)
    assert "kind" not in reflash("report", "hubs", *at).out
    with writing(tmp_path / "state" / "journal", utc=SPRING + DAY) as ledger:
        imported = OrderImported(order=BRIDGE_ORDER, source="b.csv", sha256="0" * 64, hubs=2)
        write(ledger, STARTED, imported, OrderLinesAdded(order=BRIDGE_ORDER, lines=lines))
        write(ledger, OrderAssigned(order=BRIDGE_ORDER, jig="jig-1"))
        for bridge in (0, 1):
            seen = opened(order=BRIDGE_ORDER).model_copy(update={"hub": bridge_facts(bridge)})
            (attempt,) = write(ledger, seen)
            write(ledger, bridge_closed(attempt.sequence, bridge))
    for report in ("hubs", "throughput"):
        said = reflash("report", report, *at)
        assert "hubs and bridges an hour" in said.out
        rows = [line.split()[:4] for line in said.out.splitlines()]
        assert [row for row in rows if row and row[0] in ("hub", "B1", "B2")] == [
            ["hub", "5", "4", "1"],
            *([kind, "1", "1", "0"] for kind in ("B1", "B2")),
        ]
    told = reflash("report", "throughput", *at, "--order", BRIDGE_ORDER, "--json").json
    assert [(each["kind"], each["passed"]) for each in told["kinds"]] == [("B1", 1), ("B2", 1)]
    page = tmp_path / "throughput.html"
    reflash("report", "throughput", *at, "--order", BRIDGE_ORDER, "--html", page)
    assert "bridges an hour" in page.read_text()


def test_throughput_for_people_programs_spreadsheets_and_browsers(
    at: tuple[str, Path], tmp_path: Path, reflash: Any
) -> None:
    with writing(tmp_path / "state" / "journal", segment_rows=1_000) as ledger:
        write(ledger, STARTED, *order_events("<b>&", hubs=40))
        for hub in range(40):
            slow = hub % 2 and hub < 20
            (attempt,) = write(ledger, opened(hub, slot=hub % 2 + 1, order="<b>&"))
            for _ in range(9 if slow else 4):
                write(ledger, StageEnded(attempt=attempt.sequence, stage=Stage.FLASH, seconds=1))
            write(ledger, closed(attempt.sequence, hub, slot=hub % 2 + 1, order="<b>&"))
    said = reflash("report", "throughput", *at)
    assert said.out.splitlines()[-1].startswith(
        "LOOK    jig-1 slot 2: was slow with 10 of 20 hubs (50.0%), 0.0% of"
    )
    told = reflash("report", "throughput", *at, "--json").json
    assert (told["passed"], told["notes"]) == (40, [])
    assert [(jig["jig"], jig["passed"]) for jig in told["jigs"]] == [("jig-1", 40)]
    assert sum(part["done"] for part in told["course"]) == 40
    assert [(rate["slot"], rate["measure"]) for rate in told["rates"] if rate["named"]] == [(2, "slow")]
    assert sum(wait["seconds"] for wait in told["waits"]) == pytest.approx(
        sum(use["seconds"] for use in told["uses"])
    )
    for table in ("jigs", "slots", "stages", "uses", "waits", "course", "rates"):
        rows = list(csv.DictReader(io.StringIO(reflash("report", "throughput", *at, "--csv", table).out)))
        assert rows == [
            {key: "" if value is None else str(value) for key, value in row.items()} for row in told[table]
        ]
    page = tmp_path / "throughput.html"
    drawn = reflash("report", "throughput", *at, "--html", page, "--order", "<b>&")
    assert (drawn.code, drawn.out, drawn.err) == (0, "", "")
    html = page.read_text()
    assert "<b>" not in html
    assert "Throughput of &lt;b&gt;&amp;" in html
    assert html.count("<svg ") == 5
    for foreign in ("<script", "style=", "href", "src=", "url("):
        assert foreign not in html
    assert reflash("report", "throughput", *at, "--html", tmp_path / "no" / "x").complaint.endswith(
        "name a file that can be written"
    )


def test_a_span_over_two_journals_says_what_it_cannot_know(
    at: tuple[str, Path], tmp_path: Path, reflash: Any
) -> None:
    fill(tmp_path, SPRING)
    journal, copy = tmp_path / "state" / "journal", tmp_path / "copy"
    backup(journal, copy)
    with writing(journal, utc=SPRING + 3 * DAY) as ledger:
        write(ledger, STARTED)
        work(ledger, 0)
    set_aside(journal)
    restore(copy, journal, lambda: (SPRING + 4 * DAY, 1), actor=Actor(pseudonym=None, where="terminal"))
    with writing(journal, utc=SPRING + 5 * DAY) as ledger:
        write(ledger, STARTED)
        work(ledger, 1, 2)
    told = reflash("report", "throughput", *at, "--from", "2026-03-01", "--json").json
    assert (told["results"], len(told["course"])) == (7, 34)
    begins, lost = told["notes"]
    assert begins == "the journal begins 2026-03-29 00:00 GMT: what was before is in no figure here"
    assert lost.startswith(
        "the journal was restored 2026-04-02 01:00 BST from a backup that ends 2026-03-29 00:00 GMT: "
    )
    assert reflash("report", "throughput", *at, "--from", "2026-04-03", "--json").json["notes"] == []
    nothing = reflash(
        "report", "throughput", *at, "--from", "2026-03-01", "--to", "2026-03-02"
    ).out.splitlines()
    assert nothing == [begins, "nothing had a result from 2026-03-01 00:00 GMT to 2026-03-03 00:00 GMT"]


@pytest.mark.parametrize(("change", "hours"), [(SPRING, 23), (AUTUMN, 25)])
def test_a_day_is_the_benchs_own_also_when_the_clocks_change(
    at: tuple[str, Path], tmp_path: Path, reflash: Any, change: int, hours: int
) -> None:
    fill(tmp_path, change - DAY, change + DAY // 2, change + hours * DAY // 24)
    day = time.strftime("%Y-%m-%d", time.localtime(change / 1e6 + 43_200))
    figures = reflash("report", "hubs", *at, "--from", day, "--to", day, "--json").json
    first, until = (datetime.fromisoformat(figures[end]) for end in ("from", "to"))
    assert until - first == timedelta(hours=hours)
    assert figures["results"] == 5
    told = reflash("report", "throughput", *at, "--from", day, "--to", day, "--json").json
    assert {name: told[name] for name in figures} == figures
    assert (len(told["course"]), sum(part["done"] for part in told["course"])) == (hours, 4)


def test_times_that_say_nothing_are_wrong_use(at: tuple[str, Path], tmp_path: Path, reflash: Any) -> None:
    fill(tmp_path, SPRING)
    for words, complaint in (
        (("--from", "yesterday"), "yesterday is no day and no time; write 2026-11-30, or 2026-11-30T06:00"),
        (("--to", "9999-12-31"), "9999-12-31 is no day and no time; write 2026-11-30, or 2026-11-30T06:00"),
        (
            ("--from", "2026-10-25T01:30"),
            "the clocks change at 2026-10-25T01:30; write 2026-10-25T00:30Z or 2026-10-25T01:30Z",
        ),
        (
            ("--to", "2026-03-29T01:30"),
            "the clocks change at 2026-03-29T01:30; write 2026-03-29T00:30Z or 2026-03-29T01:30Z",
        ),
        (
            ("--json", "--csv", "slots"),
            "either --json or --csv: the one has all tables, the other one of them",
        ),
        (
            ("--from", "2026-03-30", "--to", "2026-03-29"),
            "--from 2026-03-30 is not before --to 2026-03-29",
        ),
    ):
        said = reflash("report", "hubs", *at, *words)
        assert (said.code, said.complaint) == (2, complaint)
    nothing = reflash("report", "hubs", *at, "--from", "2026-03-30T06:00+01:00")
    assert (nothing.code, nothing.err) == (0, "")
    assert nothing.out == "nothing had a result from 2026-03-30 06:00 BST to 2026-03-30 06:00 BST\n"


def test_whoever_may_only_look_is_told_how_old_it_is(
    at: tuple[str, Path], tmp_path: Path, reflash: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    unmade = reflash("report", "hubs", *at)
    assert unmade.failed.endswith("start the station, or correct state_directory if one should be there")
    fill(tmp_path, SPRING)
    with pytest.MonkeyPatch.context() as elsewhere:
        elsewhere.setattr(os, "geteuid", lambda: 12345)
        absent = reflash("report", "hubs", *at)
        assert (absent.code, "belongs to another user; run this as that user" in absent.complaint) == (
            1,
            True,
        )
    assert reflash("report", "hubs", *at).code == 0
    with writing(tmp_path / "state" / "journal") as ledger:
        work(ledger, 0)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    looked = reflash("report", "hubs", *at, "--json")
    assert looked.json["results"] == 5
    assert looked.err.startswith("reflash: 4 rows behind the journal: ")
    shutil.rmtree(tmp_path / "state" / "journal")
    gone = reflash("report", "hubs", *at, "--json")
    assert (gone.json["results"], gone.json["behind"]) == (5, None)
    assert gone.err.startswith("reflash: some rows behind the journal: ")


def test_capacity_takes_what_the_journal_measured_and_marks_what_it_did_not(
    at: tuple[str, Path], tmp_path: Path, reflash: Any
) -> None:
    example = reflash("capacity", "--example").out
    plan = tmp_path / "bench.toml"
    plan.write_text(example.replace("people = 1 ", "people = 2 "))
    unmade = reflash("capacity", plan, *at)
    assert unmade.failed.endswith("to reckon without the journal: --as-planned")
    planned = reflash("capacity", plan, "--as-planned", "--json").json
    assert {figure["origin"] for figure in planned["figures"]} == {"assumed"}
    assert {figure["of"] for figure in planned["figures"]} == {"bench.toml"}
    assert [volume["hubs"] for volume in planned["volumes"]] == [160_000, 300_000]
    fill(tmp_path, SPRING)
    with writing(tmp_path / "state" / "journal") as ledger:
        work(ledger, *(each % 5 for each in range(20)))
    told = reflash("capacity", plan, *at, "--hubs", "5000", "--json").json
    origins = {figure["figure"]: figure["origin"] for figure in told["figures"]}
    assert (origins["write"], origins["failed"], origins["boot"], origins["pack"]) == (
        *("measured", "measured"),
        *("assumed", "assumed"),
    )
    assert told["volumes"][0]["fits"]
    text = reflash("capacity", plan, *at).out
    assert "continuous: " in text
    assert "batch: " in text
    assert "300,000 a year are 1,190 a day" in text
    assert reflash("capacity", "--as-planned", "--from", "2026-03-29").complaint.startswith(
        "--as-planned takes nothing"
    )
    assert "no hub of order WO-9" in reflash("capacity", *at, "--order", "WO-9").complaint
    plan.write_text(example.replace("unpack = 6.0", "unpack = -6.0"))
    assert reflash("capacity", plan).complaint == f"{plan}: handling.unpack: Input should be greater than 0"
    missing = reflash("capacity", tmp_path / "no.toml")
    assert missing.complaint.endswith(
        "No such file or directory; see how one is written: reflash capacity --example"
    )
