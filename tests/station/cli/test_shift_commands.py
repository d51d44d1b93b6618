"""`reflash shift` and `golden`: what is due before the first hub, without a daemon and beside one that only warns."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from benches.station_bench import Bench, give_order, slot
from benches.station_config import write_config
from benches.station_daemon import events_of, outcomes, running_daemon
from station.doctor.shift import check_shift
from station.domain.outcome import Outcome
from station.domain.phase import SlotPhase
from station.domain.reason import Reason
from station.records.facts.golden import GoldenHubEnrolled, GoldenHubRetired
from station.records.facts.shift import CheckListSigned
from station.settings import StationSettings

PLACE = slot(1)


@pytest.fixture
def settings(bench: Bench, tmp_path: Path) -> dict[str, Any]:
    return bench.settings(
        tmp_path / "state",
        {"jig1": [1, 2]},
        operator="op-7",
        shift={
            "check_list": [{"what": "wrist strap"}, {"what": "scanner", "until": str(date.max)}],
            "check_list_signed": "warn",
            "golden_check": "warn",
        },
    )


def test_a_list_is_signed_and_hubs_are_kept_at_the_bench(
    bench: Bench, settings: dict[str, Any], tmp_path: Path, reflash: Any
) -> None:
    at = ("--config", write_config(tmp_path / "station.toml", settings))
    golden = bench.hub()
    ids = str(golden.chf), str(golden.gpf)
    assert "wrist strap was not looked at" in reflash("shift", "sign", "scanner", *at).complaint
    assert "mouse is not on" in reflash("shift", "sign", "scanner", "wrist strap", "mouse", *at).refused
    said = reflash("golden", "enrol", *ids, *at).out
    assert said.startswith(f"{golden.chf} is a golden hub: no order may name it")
    assert [str(found).partition(";")[0] for found in check_shift(StationSettings(**settings))] == [
        "check list: it is not signed for today",
        "golden checks: due today in jig1 slot 1, jig1 slot 2",
    ]
    assert "check list (wrist strap, scanner): not signed today" in reflash("shift", "show", *at).out
    assert (
        reflash("shift", "sign", "scanner", "wrist strap", *at).out
        == "signed by op-7: wrist strap, scanner\n"
    )
    shown = reflash("shift", "show", "--json", *at).json
    assert (shown["signed"], shown["check_list"]) == (True, ["wrist strap", "scanner"])
    assert [(each["slot"], each["today"]) for each in shown["slots"]] == [
        ("jig1 slot 1", False),
        ("jig1 slot 2", False),
    ]
    (listed,) = reflash("golden", "list", "--json", *at).json
    assert (listed["chf"], listed["gpf"], listed["as_it_was"]) == (*ids, True)
    assert "golden hub already" in reflash("golden", "enrol", *ids, *at).complaint
    assert "cannot be both CHF and GPF" in reflash("golden", "enrol", ids[0], ids[0], *at).refused
    assert "is no id of a hub" in reflash("golden", "enrol", "8873", ids[1], *at).refused
    assert "with a reason only" in reflash("golden", "retire", ids[0], "--reason", " ", *at).refused
    assert reflash("golden", "retire", ids[0], "--reason", "worn", *at).out.endswith(
        "no golden hub any more\n"
    )
    assert "is no golden hub" in reflash("golden", "retire", ids[0], "--reason", "worn", *at).complaint
    described = StationSettings(**settings)
    (signed,) = events_of(described, CheckListSigned)
    assert (signed.actor.pseudonym, signed.items) == ("op-7", ("wrist strap", "scanner"))
    assert len(events_of(described, GoldenHubEnrolled)) == len(events_of(described, GoldenHubRetired)) == 1

    settings["shift"]["check_list"][1]["until"] = str(date.today() - timedelta(days=2))  # noqa: DTZ011 - a day either way
    at = ("--config", write_config(tmp_path / "later.toml", settings))
    assert "the last good day of scanner" in reflash("shift", "sign", "scanner", "wrist strap", *at).complaint
    assert "the last good day of scanner was" in str(check_shift(StationSettings(**settings))[0])


async def test_a_bench_that_only_warns_works_and_says_what_is_due(
    bench: Bench, settings: dict[str, Any]
) -> None:
    described, hub = StationSettings(**settings), bench.hub()
    await give_order(described, hub)
    async with running_daemon(described) as station:

        def due() -> set[Reason]:
            return {each.reason for each in station.daemon.view.faults()}

        await station.until_that(lambda: {Reason.CHECK_LIST_DUE, Reason.GOLDEN_CHECKS_DUE} <= due())
        await bench.seat(hub, PLACE)
        await station.until(PLACE, SlotPhase.PASSED)
        await station.ask("sign_check_list", items=["wrist strap", "scanner"])
        await station.until_that(lambda: Reason.CHECK_LIST_DUE not in due())
        assert Reason.GOLDEN_CHECKS_DUE in due()
    assert outcomes(described) == {str(hub.chf): Outcome.PASSED}
