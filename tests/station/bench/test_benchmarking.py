"""A benchmark of real slots: golden hubs are measured and left as they were, and nothing is done to any other."""

from __future__ import annotations

from pathlib import Path

import pytest

from benches.station_bench import Bench, give_order, journal_of, slot
from benches.two_slots import BOARD, Hands
from station.benchmarking.course import measure
from station.benchmarking.slots import CannotMeasure, golden_bench
from station.domain.actor import Actor
from station.records.errors import JournalInUse
from station.records.facts.golden import GoldenHubEnrolled, golden_hubs
from station.settings import StationSettings
from station.throughput.benchmark import Phase

SUPERVISOR = Actor(pseudonym="op-7", role="supervisor", where="terminal")
PLACES = {"jig1": [1, 2, 3, 4], "jig2": [1]}


def settings_of(bench: Bench, folder: Path, **changes: object) -> StationSettings:
    """Have a slot be looked at for a moment only before it is called empty."""
    described = bench.settings(folder, PLACES, **changes)
    for jig in described["jigs"]:
        jig["recognition_seconds"] = 3.0
        if board := bench.ready.get("boards", {}).get(jig["name"]):
            jig["board"] = {"port": board, **BOARD}
    return StationSettings.model_validate(described)


async def test_golden_hubs_are_measured_and_left_as_they_were_and_no_other_is_touched(
    at: Hands, tmp_path: Path
) -> None:
    bench, settings = at.bench, settings_of(at.bench, tmp_path / "state")
    golden, stranger = [bench.hub(), bench.hub(), bench.hub()], bench.hub()
    async with journal_of(settings) as journal:
        await journal.append(
            *(GoldenHubEnrolled(chf=hub.chf, gpf=hub.gpf, actor=SUPERVISOR) for hub in golden)
        )
    for hub, place in zip([*golden, stranger], (slot(1), slot(2), slot(1, 2), slot(3)), strict=True):
        await bench.seat(hub, place)
    said: list[str] = []
    async with golden_bench(settings) as opened:
        with pytest.raises(JournalInUse, match="stop that one first"):
            async with golden_bench(settings):
                pass
        found = await measure(opened, Phase, said.append)
        # Whoever asks to end has what is being measured come to its end, and nothing else begun.
        goes_on = iter((True, True, False, False))
        broken_off = await measure(opened, Phase, [].append, lambda: next(goes_on))
    assert [(run.place, run.passed, run.as_it_was) for run in broken_off.runs] == [(slot(1), True, True)]
    assert set(broken_off.loads) == {Phase.ALONE}
    assert said[1:] == [
        *("alone: jig1 slot 1", "alone: jig1 slot 2", "alone: jig2 slot 1"),
        *("jig: jig1 slot 1, jig1 slot 2", "jig: jig2 slot 1"),
        "all: jig1 slot 1, jig1 slot 2, jig2 slot 1",
    ]
    assert [(run.passed, run.as_it_was) for run in found.runs] == [(True, True)] * 9
    for run in found.runs:
        assert run.bytes_a_second
        assert run.erase_seconds
        assert run.boot_seconds
        assert run.frames > 20
        assert run.share
    verdicts = {verdict.place: verdict.lines for verdict in found.verdicts()}
    assert f"hub {stranger.chf} is no golden hub, and nothing was done to it" in verdicts[slot(3)][0]
    assert verdicts[slot(4)][0].startswith("not measured: no hub ")
    assert len(verdicts) == 5
    await bench.assert_untouched(stranger)
    for hub in golden:
        await bench.assert_runs(hub, hub.firmware)
        assert len((await bench.look(hub))["slots"]) == 1
    async with journal_of(settings) as journal:
        assert [each.unended for each in await journal.ask(golden_hubs)] == [None] * 3


async def test_a_jig_with_an_order_or_nobody_at_it_is_not_measured(bench: Bench, tmp_path: Path) -> None:
    settings, hub = settings_of(bench, tmp_path / "state"), bench.hub()
    await bench.seat(hub, slot(1))
    await give_order(settings, hub)
    with pytest.raises(
        CannotMeasure, match=r"jig1 works on order WO-1, .*: reflash orders unassign WO-1 --jig"
    ):
        async with golden_bench(settings):
            pass
    nobody = settings_of(bench, tmp_path / "other", people={"sign_on": "required"})
    with pytest.raises(CannotMeasure, match="nobody is signed on at jig1: sign on there first"):
        async with golden_bench(nobody):
            pass
    await bench.assert_untouched(hub)


async def test_a_hub_of_the_other_framing_is_no_slot_without_a_hub(bench: Bench, tmp_path: Path) -> None:
    hub = bench.hub()
    await bench.seat(hub, slot(1))
    described = settings_of(bench, tmp_path / "state").model_dump()
    described["jigs"] = described["jigs"][:1]
    described["jigs"][0]["slots"] = {1: bench.port(slot(1))}
    described["jigs"][0]["driver_settings"] |= {"framing": "raw", "input_timeout_seconds": 0.1}
    async with golden_bench(StationSettings.model_validate(described)) as opened:
        assert "built for console framing, and its jig is set to raw framing" in opened.left_out[slot(1)]
    await bench.assert_untouched(hub)
