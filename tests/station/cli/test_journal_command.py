"""`reflash journal`, `orders` and `operators` where no daemon runs."""

from __future__ import annotations

import asyncio
import io
import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from benches.conducting import conducting
from benches.mounts import where_it_may_mount
from benches.station_bench import Bench, StockHub, import_order, order_csv, slot
from benches.station_config import write_config
from station.records.segments import segment_paths


@pytest.fixture
def hubs(bench: Bench, tmp_path: Path) -> list[StockHub]:
    """A journal in which one hub of an order was found current and another is not on it."""
    hubs = [bench.hub("new"), bench.hub(), bench.hub()]

    async def work() -> None:
        async with conducting(bench, tmp_path / "state" / "journal") as at:
            await import_order(at.journal, order_csv(*hubs[:2]), "jig1")
            for number in (1, 3):
                await bench.seat(hubs[number - 1], slot(number))
                await at.result(slot(number))

    asyncio.run(work())
    return hubs


@pytest.fixture
def at(bench: Bench, tmp_path: Path, hubs: list[StockHub]) -> tuple[str, Path]:
    settings = bench.settings(tmp_path / "state", {"jig1": [1], "jig2": [1]})
    return "--config", write_config(tmp_path / "station.toml", settings)


def test_a_hubs_life_by_either_id(hubs: list[StockHub], at: tuple[str, Path], reflash: Any) -> None:
    by_gpf = reflash("journal", "show", hubs[0].gpf, *at)
    lines = by_gpf.out.splitlines()
    assert lines[0] == "on order WO-1 for PARTY as Pending: already_current"
    assert lines[-1].endswith(
        "attempt closed: jig1 slot 1: already runs the latest firmware; take it out, nothing had to be done"
    )
    as_json = reflash("journal", "show", hubs[2].chf, *at, "--json").out.splitlines()
    kinds = [json.loads(line)["event"]["kind"] for line in as_json]
    assert kinds == ["attempt_opened", "attempt_closed"]
    waiting = reflash("journal", "show", hubs[1].chf, *at)
    assert waiting.out == "on order WO-1 for PARTY as Pending: no result yet\n"
    unknown = reflash("journal", "show", "88-73-84-FF-FF-FF-FF-FF", *at)
    assert (unknown.code, unknown.complaint) == (2, "the journal knows no hub 88-73-84-FF-FF-FF-FF-FF")
    assert reflash("journal", "show", "88-73", *at).refused.startswith("'88-73' is no EUI-64")


def test_results_can_be_sent_again(at: tuple[str, Path], hubs: list[StockHub], reflash: Any) -> None:
    assert reflash("journal", "outbox", *at).out == "4 messages wait for the broker\n"
    assert reflash("journal", "republish", 1, 2, *at).out == "results 1 to 2 go out again\n"
    assert (
        reflash("journal", "republish", 1, 1, "--message", "order", *at).out == "orders 1 to 1 go out again\n"
    )
    absent = reflash("journal", "republish", 3, 9, *at)
    assert (absent.code, absent.complaint) == (2, "there are no result messages 3 to 9")
    assert reflash("journal", "outbox", *at, "--json").json == {"waiting": 4}


def test_a_row_that_was_changed_is_found(at: tuple[str, Path], tmp_path: Path, reflash: Any) -> None:
    whole = reflash("journal", "verify", *at, "--json").json
    assert whole["events"] > 4
    with closing(sqlite3.connect(segment_paths(tmp_path / "state" / "journal")[-1])) as meddler, meddler:
        meddler.execute("UPDATE events SET body = replace(body, 'Central', 'Northern') WHERE sequence = 3")
    broken = reflash("journal", "verify", *at)
    assert "row 3" in broken.failed
    assert "reflash journal set-aside" in broken.complaint


def test_tables_that_the_events_do_not_say_are_found_and_repaired(
    at: tuple[str, Path], tmp_path: Path, reflash: Any
) -> None:
    with closing(sqlite3.connect(segment_paths(tmp_path / "state" / "journal")[-1])) as meddler, meddler:
        meddler.execute("UPDATE order_lines SET outcome = 'passed'")
    assert reflash("journal", "rebuild", *at).failed == (
        "tables that the events do not say: order_lines; "
        "stop the daemon and run: reflash journal rebuild --repair"
    )
    assert reflash("journal", "rebuild", "--repair", *at).out.startswith("the tables are what ")
    assert reflash("journal", "rebuild", *at, "--json").json["differing"] == []


ONE_COMMAND = """
import sys
from station.cli import main

sys.stderr = sys.stdout
sys.argv = ["reflash", *sys.argv[1:]]
try:
    main()
except SystemExit as ended:
    print(ended.code)
"""


def test_a_restore_that_finds_no_room_says_what_is_so_of_a_command(
    at: tuple[str, Path], tmp_path: Path, hubs: list[StockHub], reflash: Any
) -> None:
    """A station at work goes on by itself; whoever restores has to do it again."""
    copy, state = tmp_path / "copy", tmp_path / "state"
    reflash("journal", "backup", copy, *at)
    reflash("journal", "set-aside", *at)
    arguments = f"journal restore {copy} {at[0]} {at[1]}"
    script = f'mount -t tmpfs -o size=300k tmpfs {state} && exec {sys.executable} -c "$0" {arguments}'
    said, code = where_it_may_mount(script, ONE_COMMAND)
    assert said == (
        f"reflash: no room for the journal {state / 'journal'}: free some disk space, then do this again"
    )
    assert code == "1"


def test_a_backup_replaces_a_journal_that_was_set_aside(
    at: tuple[str, Path], tmp_path: Path, hubs: list[StockHub], reflash: Any
) -> None:
    copy = tmp_path / "copy"
    assert reflash("journal", "backup", copy, *at).out.startswith(f"{copy} holds ")
    again = reflash("journal", "backup", copy, *at)
    assert (again.code, again.complaint) == (
        1,
        f"{copy} is there already: name a new folder for the backup",
    )
    too_early = reflash("journal", "restore", copy, *at)
    assert too_early.failed.endswith("is not empty: set it aside first (reflash journal set-aside)")
    aside = reflash("journal", "set-aside", *at)
    assert aside.out.startswith(f"the journal is now {tmp_path / 'state' / 'journal'}.")
    assert reflash("orders", "list", *at).code == 1
    assert reflash("journal", "restore", copy, *at).out.startswith("the journal has ")
    (restored,) = (
        line for line in reflash("journal", "export", *at).out.splitlines() if "journal_restored" in line
    )
    assert '"where":"terminal"' in restored
    assert reflash("journal", "outbox", *at, "--json").json == {"waiting": 4}


def test_badge_and_pin_are_read_unseen(
    at: tuple[str, Path], reflash: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = reflash("operators", "add", "B. Person", "--role", "supervisor", *at).out.strip()

    def given(what: str, *arguments: str) -> Any:
        monkeypatch.setattr("sys.stdin", io.StringIO(what))
        return reflash("operators", *arguments, *at)

    unset = given("BADGE-4711ab42\n", "badge", who)
    assert unset.refused.startswith("no badge is known by its form: set [people] badge_prefix in ")
    monkeypatch.setenv("REFLASH_PEOPLE__BADGE_PREFIX", "BADGE-")
    assert given("]C1BADGE-4711ab42\n", "badge", who).out == f"{who} has this badge\n"
    for scanned, says in (
        ("BADGE-4711\n", "a badge, and not the whole of it: 8 to 64 letters and digits; scan it again"),
        (
            "88-73-84-00-00-00-00-01\n",
            "this is the code of a hub or a slot, and no badge: a badge begins with BADGE-",
        ),
        ("4711ab42\n", "this is no badge: a badge begins with BADGE-; scan it again"),
        ("", "nothing was given: scan the badge is read from the terminal, or from standard input"),
    ):
        refused = given(scanned, "badge", who)
        assert (refused.code, refused.complaint.startswith(says)) == (2, True), refused
    assert given("2468024\n2468024\n", "pin", who).out == f"{who} has a new PIN\n"
    twice = given("2468024\n2468025\n", "pin", who)
    assert (twice.code, twice.complaint) == (2, "these were two different PINs, and nothing was changed")
    assert given("1111\n1111\n", "pin", who).complaint.startswith("this PIN is the first that anybody tries")
    (row,) = given("", "list", "--json").json
    assert row == {"pseudonym": who, "person": "B. Person", "role": "supervisor", "badge": True, "pin": True}
    given("", "badge", who, "--remove")
    given("", "pin", who, "--remove")
    assert given("", "role", who, "technician").out == f"{who} is a technician\n"
    (row,) = given("", "list", "--json").json
    assert row == {
        "pseudonym": who,
        "person": "B. Person",
        "role": "technician",
        "badge": False,
        "pin": False,
    }
    nobody = given("", "role", "op-1", "supervisor")
    assert (nobody.code, nobody.complaint.startswith("op-1 stands for nobody here")) == (2, True)
    given("", "erase", who)


def test_how_far_an_order_is_and_what_a_revision_of_it_changes(
    at: tuple[str, Path], hubs: list[StockHub], reflash: Any, tmp_path: Path
) -> None:
    headings, row = reflash("orders", "list", *at).out.splitlines()
    assert headings.split() == [
        *("order", "hubs", "waiting", "passed", "already_current", "rejected", "failed", "jigs", "closed")
    ]
    assert row.split() == ["WO-1", "2", "1", "0", "1", "0", "0", "jig1"]
    shown = reflash("orders", "show", "WO-1", *at)
    assert f"never seen: {hubs[1].chf}" in shown.out.splitlines()
    absent = reflash("orders", "show", "WO-9", *at)
    assert (absent.code, absent.complaint) == (2, "there is no order WO-9: see 'reflash orders list'")
    file = tmp_path / "amended.csv"
    file.write_bytes(order_csv(hubs[0]))
    withdrawn, told = reflash("orders", "revise", file, *at).out.splitlines()
    assert withdrawn == f"withdrawn: {hubs[1].chf}"
    code = told.partition("--sign ")[2].split()[0]
    signed = ("orders", "revise", file, *at, "--by", "op-1", "--reason", "r", "--sign")
    assert "look again" in reflash(*signed, "00000000").complaint
    assert reflash(*signed, code).out == "order WO-1 is revision 2 now: 1 hub\n"
    assert "says the same as" in reflash("orders", "revise", file, *at).out
    shown = reflash("orders", "show", "WO-1", *at)
    assert shown.out.startswith("order WO-1, on jig1: 1 of 1 done; ")
    assert f"withdrawn by revision 2: {hubs[1].chf}" in shown.out.splitlines()
    assigned = reflash("orders", "assign", "WO-1", "--jig", "jig2", *at)
    assert assigned.out == "jig2 works on order WO-1\n"
    assert "not complete" in reflash("orders", "close", "WO-1", "--reason", "done", *at).failed
    closed = reflash("orders", "close", "WO-1", "--reason", "done", "--incomplete", *at)
    assert closed.out.startswith("closed order WO-1: ")


def test_pseudonyms_are_kept_apart_and_can_be_erased(at: tuple[str, Path], reflash: Any) -> None:
    first = reflash("operators", "add", "A. Person", *at).out.strip()
    assert reflash("operators", "add", "A. Person", *at).out.strip() == first
    row = {"pseudonym": first, "person": "A. Person", "role": "technician", "badge": False, "pin": False}
    assert reflash("operators", "list", *at, "--json").json == [row]
    assert first in reflash("operators", "list", *at).out
    assert reflash("operators", "erase", first, *at).out == f"{first} stands for nobody any more\n"
    again = reflash("operators", "erase", first, *at)
    assert again.refused == f"nobody stands behind {first}; see: reflash operators list"
    nobody = reflash("operators", "add", " ", *at)
    assert nobody.refused.startswith("nobody is named; give the person's name")
    (Path(at[1]).parent / "state" / "operators.json").unlink()
    (Path(at[1]).parent / "state" / "operators.json").mkdir(0o700)
    unreadable = reflash("operators", "list", *at)
    assert unreadable.failed.endswith("operators.json: Is a directory; see what is wrong: reflash doctor")
