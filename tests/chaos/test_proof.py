"""The long form: what is finished is kept, parts are added up, and the page tells of all of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import reliability_page
from chaos_books import KINDS
from run_interleavings import done_before
from run_proof import PROOFS, State, prove, together

NONE = dict.fromkeys(KINDS, 0)


def test_a_program_that_came_to_its_end_is_not_run_again(tmp_path: Path) -> None:
    program = ("no_such_program.py", "--part", "1/2")
    state = State(tmp_path / "state")
    assert state.read(program) is None
    state.write(program, {"points": 3, "seconds": 1.0, "exit": 0})
    assert prove(program, 7, State(tmp_path / "state")) == {"points": 3, "seconds": 1.0, "exit": 0}


def test_a_program_that_breaks_off_is_not_taken_for_finished(tmp_path: Path) -> None:
    program = ("no_such_program.py",)
    state = State(tmp_path)
    assert prove(program, 7, state)["exit"] != 0
    assert state.read(program) is None


def test_a_broken_off_run_of_scenarios_goes_on_behind_its_last_whole_line(tmp_path: Path) -> None:
    log = tmp_path / "scenarios.log"
    assert done_before(log) == {}
    log.write_text(json.dumps({"scenario": 4, "points": 2}) + "\n" + '{"scenario": 5, "poi')
    assert set(done_before(log)) == {4}


def test_what_parts_have_found_is_added_up() -> None:
    first = {**NONE, "points": 3, "acts": {"pull": 2}, "seconds": 5.0, "exit": 0}
    second = {**NONE, "points": 4, "acts": {"pull": 1, "kill": 1}, "seconds": 3.0, "exit": 1, "mistaken": 1}
    assert together([first, second]) == {
        **NONE,
        "points": 7,
        "acts": {"kill": 1, "pull": 3},
        "seconds": 5.0,
        "exit": 1,
        "mistaken": 1,
    }


def test_the_page_states_points_and_all_nine_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "reliability.md"
    page.write_text("a\n<!-- results: begin -->\n<!-- results: end -->\nz\n")
    monkeypatch.setattr(reliability_page, "PAGE", page)
    rows = [
        ("hands", "run", {**NONE, "points": 6_000, "acts": {"pull": 9}}),
        ("death", "run", {"points": 4_000}),
    ]
    reliability_page.write_results(rows, 7, "abc", "2031-01-01", "2 cores")
    text = page.read_text()
    assert "10,000 points; lost 0, contradictory 0, unbootable 0, doubled 0" in text
    assert "unauthorised 0, falsely passed 0, mistaken 0, escaped 0, misplaced 0" in text
    assert "hands: 9 pull." in text
    assert text.startswith("a\n")
    assert text.endswith("z\n")


def test_every_program_of_the_long_form_exists() -> None:
    here = Path(__file__).parent
    assert all((here / program[0]).exists() for proof in PROOFS for program in proof.programs)
