"""`reflash jigs upkeep` and `serviced`: what is due, who replaced what, and what the doctor says of it."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from benches.journal_samples import STARTED, TOPICS, closed, opened, write
from benches.report_journal import SPRING, writing
from benches.station_bench import Bench
from benches.station_config import write_config
from station.doctor.upkeep import check_upkeep
from station.domain.outcome import Outcome
from station.records.facts.attempts import HubLost
from station.settings import StationSettings

TODAY = date.today()  # noqa: DTZ011 - the bench's day


@pytest.fixture
def settings(bench: Bench, tmp_path: Path) -> dict[str, Any]:
    described: dict[str, Any] = bench.settings(
        tmp_path / "state", {"jig1": [1, 2]}, site=TOPICS.site, station=TOPICS.station
    )
    described["jigs"][0]["name"] = "jig-1"
    described["jigs"][0]["service"] = [
        {"what": "pogo pins", "insertions": 10},
        {"what": "insulation", "days": 90},
        {"what": "calibration", "until": str(TODAY - timedelta(days=1))},
        {"what": "warranty", "until": str(TODAY + timedelta(days=9))},
    ]
    return described


def fill(folder: Path) -> None:
    """Have slot 1 pass ten hubs; slot 2 fails six of nine, and one is pulled out of it."""
    with writing(folder, segment_rows=1_000, utc=SPRING) as ledger:
        write(ledger, STARTED)
        for slot, hubs in ((1, 10), (2, 9)):
            for hub in range(hubs):
                (attempt,) = write(ledger, opened(100 * slot + hub, slot=slot, order=None))
                outcome = Outcome.FAILED if slot == 2 and hub < 6 else Outcome.PASSED
                write(ledger, closed(attempt.sequence, 100 * slot + hub, outcome, slot=slot, order=None))
        (attempt,) = write(ledger, opened(300, slot=2, order=None))
        write(ledger, HubLost(attempt=attempt.sequence, stage="flash"))


def test_what_is_due_is_said_and_counts_from_the_day_of_its_service(
    settings: dict[str, Any], tmp_path: Path, reflash: Any
) -> None:
    at = ("--config", write_config(tmp_path / "station.toml", settings))
    fill(tmp_path / "state" / "journal")
    told = reflash("jigs", "upkeep", *at, "--json").json
    assert {(each["what"], each["slot"]): each["due"] for each in told["service"]} == {
        ("pogo pins", 1): "overdue",
        ("pogo pins", 2): "overdue",
        ("insulation", None): "unknown",
        ("calibration", None): "overdue",
        ("warranty", None): "due",
    }
    assert [(each["insertions"], each["by_board"]) for each in told["slots"]] == [(10, False), (10, False)]
    named = [(rate["slot"], rate["measure"]) for rate in told["rates"] if rate["named"]]
    assert named == [(2, "failures")]
    lines = reflash("jigs", "upkeep", *at).out.splitlines()
    assert lines[2].split() == [
        "jig-1",
        "slot",
        "2",
        "10",
        "visits",
        "6",
        "of",
        "9",
        "!",
        "0",
        "of",
        "9",
        "1",
        "of",
        "10",
        "0",
        "of",
        "3",
    ]
    assert f"OVERDUE jig-1: calibration: ended with {TODAY - timedelta(days=1)}" in lines
    assert "UNKNOWN jig-1: insulation: nobody has recorded yet when it was done" in lines
    assert lines[-1].startswith("LOOK    jig-1 slot 2: failed 6 of 9 hubs (66.7%), 0.0% of the other slots'")

    found = check_upkeep(StationSettings(**settings))
    assert [finding.verdict for finding in found] == ["warning"] * 5
    assert str(found[0]).startswith("upkeep: jig-1: pogo pins of slot 1: 10 of 10 insertions; see: reflash")

    said = reflash("jigs", "serviced", "jig-1", "pogo pins", "--slot", 2, *at).out
    assert said == "jig-1: pogo pins replaced in slot 2; counted from here\n"
    assert reflash("jigs", "serviced", "jig-1", "insulation", *at).code == 0
    told = reflash("jigs", "upkeep", *at, "--json").json
    pins = {each["slot"]: each for each in told["service"] if each["what"] == "pogo pins"}
    assert (pins[1]["insertions"], pins[2]["insertions"], pins[2]["due"]) == (10, 0, "good")
    assert pins[2]["serviced"] is not None
    (insulation,) = (each for each in told["service"] if each["what"] == "insulation")
    assert (insulation["due"], insulation["until"]) == ("good", str(TODAY + timedelta(days=90)))
    (tmp_path / "state" / "reports" / "reports.sqlite").unlink()
    assert reflash("jigs", "upkeep", *at, "--json").json == told, "the journal knows it all"


def test_what_cannot_be_serviced_is_refused_with_what_can(
    settings: dict[str, Any], tmp_path: Path, reflash: Any
) -> None:
    at = ("--config", write_config(tmp_path / "station.toml", settings))
    fill(tmp_path / "state" / "journal")
    for arguments, complaint in (
        (("jig-9", "pogo pins"), "there is no jig jig-9"),
        (("jig-1", "pins"), "it has pogo pins, insulation, calibration, warranty"),
        (("jig-1", "pogo pins", "--slot", 3), "jig-1 has no slot 3"),
        (("jig-1", "insulation", "--slot", 1), "insulation is done for all of jig-1 at once: name no slot"),
        (("jig-1", "calibration"), "the last good day of calibration is its certificate's"),
    ):
        said = reflash("jigs", "serviced", *arguments, *at)
        assert said.code == 2
        assert complaint in said.complaint


def test_nothing_is_said_of_upkeep_before_the_first_hub(bench: Bench, tmp_path: Path) -> None:
    assert check_upkeep(bench.station_settings(tmp_path, {"jig1": [1]})) == []


def test_a_part_that_stands_twice_is_refused(settings: dict[str, Any], tmp_path: Path, reflash: Any) -> None:
    settings["jigs"][0]["service"] += [{"what": "warranty", "days": 3}]
    said = reflash("jigs", "upkeep", "--config", write_config(tmp_path / "station.toml", settings))
    assert "warranty stands twice under [[jigs.service]] of jig jig-1" in said.refused
