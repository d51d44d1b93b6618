"""What a benchmark says of a slot: nothing of a good one, and of any other what to look at."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from station.cli.benchmark import as_json_of
from station.domain.slot_name import SlotName
from station.throughput.benchmark import Benchmark, Phase, PhaseLoad, Run, Verdict
from station.throughput.benchmark_page import benchmark_page

IDLE = PhaseLoad(seconds=2, process_cpu=0.01, host_cpu=0.05, lag_p99_ms=0.5)
PLACES = [SlotName(jig=f"jig{jig}", slot=slot) for jig in (1, 2) for slot in (1, 2, 3)]
SIXTH = SlotName(jig="jig2", slot=3)


def run(place: SlotName, phase: Phase, **changes: Any) -> Run:
    sound = Run(
        place=place,
        phase=phase,
        passed=True,
        as_it_was=True,
        detail=None,
        bytes=200_000,
        write_seconds=20.0,
        bytes_a_second=9_800.0,
        ceiling=10_000.0,
        erase_seconds=4.0,
        boot_seconds=8.0,
        frames=1000,
    )
    return replace(sound, **changes)


def measured(*phases: Phase, **of_sixth: Any) -> Benchmark:
    """Measure six sound slots, and one thing otherwise in the sixth in these phases; in all if none is named."""
    runs = [
        run(place, phase, **(of_sixth if place == SIXTH and phase in (phases or Phase) else {}))
        for phase in Phase
        for place in PLACES
    ]
    return Benchmark(runs=tuple(runs), loads=dict.fromkeys(Phase, IDLE), idle=IDLE)


def verdict_of_sixth(found: Benchmark) -> Verdict:
    *others, sixth = found.verdicts()
    assert [verdict.good for verdict in others] == [True] * 5
    return sixth


def test_sound_slots_are_good_and_say_how_they_fared() -> None:
    found = measured()
    assert {verdict.lines for verdict in found.verdicts()} == {("good: 9.6 KiB/s, 98% of the line",)}
    assert (found.together, found.share(Phase.ALL)) == (1, pytest.approx(0.98))


@pytest.mark.parametrize(
    ("phases", "otherwise", "lines"),
    [
        ((), {"sent_again": 40}, ["sends 4.0% of its frames again: contacts or cable"]),
        ((), {"sent_again": 9}, []),
        (
            (Phase.ALL,),
            {"bytes_a_second": 7_000.0},
            [
                "writes 71% of what it does alone when all jigs work together: this computer, or what the jigs share"
            ],
        ),
        (
            (Phase.JIG, Phase.ALL),
            {"bytes_a_second": 7_000.0},
            [
                "writes 71% of what it does alone when its jig's slots work together: what they share, a USB hub or a supply"
            ],
        ),
        (
            (),
            {"bytes_a_second": 6_200.0},
            [
                "fills 62% of its line: the adapter's latency (reflash doctor), or the hub's buffers",
                "writes 63% of what the others do alone: its adapter, cable or hub",
            ],
        ),
        (
            (),
            {"erase_seconds": 6.5},
            ["erases in 6.5 s where others take 4.0: its golden hub, or the slot's supply"],
        ),
        ((Phase.JIG,), {"retries": 2}, ["was written 2 times more than it had to be: contacts or cable"]),
        (
            (Phase.ALONE,),
            {"passed": False, "as_it_was": False, "detail": "the hub is silent", "bytes_a_second": None},
            [
                "failed (alone): the hub is silent",
                "its golden hub is not known to be as it was: have the slot checked with it again",
            ],
        ),
    ],
)
def test_a_slot_that_is_not_gets_a_line_of_what_to_look_at(
    phases: tuple[Phase, ...], otherwise: dict[str, Any], lines: list[str]
) -> None:
    verdict = verdict_of_sixth(measured(*phases, **otherwise))
    assert verdict.good == (not lines)
    if lines:
        assert list(verdict.lines) == lines


def test_a_slot_that_was_left_out_says_why_and_the_page_has_all_of_them() -> None:
    left_out = SlotName(jig="jig2", slot=4)
    found = replace(measured(sent_again=40), left_out={left_out: "no hub answers: <seat> a golden one"})
    assert found.verdicts()[-1].lines == ("not measured: no hub answers: <seat> a golden one",)
    page = benchmark_page(found, when="now")
    assert "jig2 slot 3: sends 4.0% of its frames again: contacts or cable" in page
    assert "jig2 slot 4: not measured: no hub answers: &lt;seat&gt; a golden one" in page
    assert (page.count("<svg "), "5 of 7" in page) == (3, True)


def test_a_script_finds_each_slot_by_its_jig_and_its_measurements_by_their_phase() -> None:
    found = as_json_of(measured(Phase.JIG, bytes_a_second=5_000.0))
    assert [(each["jig"], each["slot"]) for each in found["slots"]] == [
        (place.jig, place.slot) for place in PLACES
    ]
    assert {phase: run["bytes_a_second"] for phase, run in found["slots"][-1]["phases"].items()} == {
        "alone": 9_800,
        "jig": 5_000,
        "all": 9_800,
    }


@pytest.mark.parametrize(("bytes_a_second", "share"), [(10_040, 1.0), (9_800, 0.98), (14_000, 1.4)])
def test_a_line_carries_no_more_than_it_can_unless_it_is_another(bytes_a_second: float, share: float) -> None:
    assert run(SIXTH, Phase.ALONE, bytes_a_second=bytes_a_second).share == pytest.approx(share)
