"""Hands, desk, board and death at the awaits of attempts: the books agree after any interleaving."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

import pytest
from chaos_books import KINDS, Findings
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from interleavings import JIGS, Stage, stage
from run_interleavings import numbers_of
from scenario import Scenario, draw_scenario

pytestmark = pytest.mark.proofs

EXAMPLES = 2
ACTS = {
    *("pull", "swap", "exchange", "cable", "cable and swap", "supply"),
    *("scan", "close", "assign", "enable", "freeze", "block", "kill"),
    *("stop", "board fault", "board away", "board restart"),
}


@pytest.fixture(scope="module")
def jigs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("stage"), EXAMPLES * JIGS) as found:
        yield found


@pytest.mark.timeout(600)
@settings(
    max_examples=EXAMPLES,
    # Every scenario costs lives: one that fails is named by its number, and not made smaller.
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(numbers=st.lists(st.integers(0, 1 << 40), min_size=JIGS, max_size=JIGS, unique=True))
def test_the_books_agree_whatever_is_done_at_any_await(jigs: Stage, numbers: list[int]) -> None:
    outcomes = jigs.play([draw_scenario(number) for number in numbers])
    bad = [f"{outcome.scenario}\n  {outcome.findings.lines}" for outcome in outcomes if not outcome.is_good]
    assert not bad, "\n".join(["play it again: run_interleavings.py --only NUMBER", *bad])


def test_every_act_every_jig_and_every_side_is_drawn() -> None:
    drawn = [draw_scenario(number) for number in range(600)]
    assert {act.name for scenario in drawn for act in scenario.acts} == ACTS
    assert {scenario.kind for scenario in drawn} == {
        (transport, board) for transport in ("serial", "usb") for board in (True, False)
    }
    stories = " ".join(map(str, drawn))
    assert all(f'"hub": "{who}"' in stories for who in ("current", "stranger", "other_model", "bridge"))
    assert {act.point.side for scenario in drawn for act in scenario.acts} == {"before", "after"}
    assert all(
        scenario.board or act.name not in {"stop", "board fault", "board away", "board restart"}
        for scenario in drawn
        for act in scenario.acts
    )


def test_a_scenario_is_the_same_whenever_it_is_drawn() -> None:
    first: Scenario = draw_scenario(7_000_137)
    assert str(first) == str(draw_scenario(7_000_137)) != str(draw_scenario(7_000_138))


def test_parts_share_the_work_and_leave_nothing_out() -> None:
    halves = [numbers_of(7, 9, (part, 2)) for part in (1, 2)]
    assert sorted(halves[0] + halves[1]) == numbers_of(7, 9, (1, 1))


def test_every_count_is_one_of_the_findings() -> None:
    assert set(KINDS) <= {one.name for one in fields(Findings)}
    findings = Findings(mistaken=["a slot"])
    findings.add(Findings(mistaken=["another"], lost=["a result"]))
    assert findings.lines == ("lost: a result", "mistaken: a slot", "mistaken: another")
