"""Mutants that still fit the code, and a runner that tells who was killed, who survived and who says nothing.

Whether the tests kill them is `make mutants`'s to find out: it takes its time.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest
from mutant import Mutant, MutantUnfit, mutated
from promise_mutants import PROMISE_MUTANTS
from run_mutants import MUTANTS, ROOT, run

GOES_HOME = "def goes_home(locked: bool, confirmed: bool) -> bool:\n    return locked and confirmed\n"
TEST = """
from hub import goes_home

def test_an_open_hub_stays():
    assert not goes_home(locked=False, confirmed=True)

def test_a_good_hub_goes_home():
    assert goes_home(locked=True, confirmed=True)
"""


@cache
def functions_of(file: Path) -> set[str]:
    return {
        node.name
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_each_mutant_fits_the_code_and_names_tests_that_there_are() -> None:
    assert len({str(mutant) for mutant in MUTANTS}) == len(MUTANTS) > 60
    for mutant in MUTANTS:
        spoilt = mutated(mutant, (ROOT / mutant.file).read_text())
        if mutant.file.endswith(".py"):
            ast.parse(spoilt)
        assert mutant.tests, mutant
        for test in mutant.tests:
            file, _, name = test.partition("::")
            assert not name or name in functions_of(ROOT / file), f"{mutant}: {file} has no {name}"


def test_each_promise_is_broken_by_a_mutant_that_its_own_tests_mind() -> None:
    _, _, rest = (ROOT / "docs" / "security.md").read_text().partition("## Promises")
    rows = [line for line in rest.partition("\n## ")[0].splitlines() if "::test_" in line]
    assert len(rows) > 30
    minded = {test for mutant in PROMISE_MUTANTS for test in mutant.tests}
    assert [row for row in rows if not any(f"`{test}`" in row for test in minded)] == []


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # Its tests need nothing but pytest itself, and none of our code is run by them.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
    root = tmp_path / "project"
    root.mkdir()
    (root / "hub.py").write_text(GOES_HOME)
    (root / "test_hub.py").write_text(TEST)
    (root / "pytest.ini").write_text("[pytest]\naddopts = -ra\n")
    return root


def mutant(replacement: str, text: str = "locked and confirmed", *tests: str) -> Mutant:
    return Mutant("it goes home", "hub.py", text, replacement, tests or ("test_hub.py",))


LOCK_IGNORED, CONFIRMATION_IGNORED = mutant("confirmed"), mutant("locked")


def test_who_is_killed_and_who_survives(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([LOCK_IGNORED], root=project) == 0
    assert "test_hub.py::test_an_open_hub_stays" in capsys.readouterr().out
    assert run([LOCK_IGNORED, CONFIRMATION_IGNORED], root=project) == 1
    said = capsys.readouterr().out
    assert "2 mutants: 1 killed, 1 survived, 0 unfit" in said
    assert "survived: hub.py: it goes home; write the test that minds" in said
    assert (project / "hub.py").read_text() == GOES_HOME


@pytest.mark.parametrize(
    ("unfit", "why"),
    [
        (mutant("True", "locked or confirmed"), "its text stands 0 times in hub.py, not once"),
        (mutant("open", "locked"), "its text stands 2 times in hub.py, not once"),
        (mutant("locked and confirmed"), "it changes nothing"),
        (mutant("confirmed", "locked and confirmed", "test_nothing.py"), "its tests could not be run"),
        (mutant("locked and"), "its tests could not be run"),
    ],
    ids=["gone", "twice", "the same", "no test", "no Python"],
)
def test_a_mutant_that_says_nothing_is_no_success(
    project: Path, unfit: Mutant, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([unfit], root=project) == 2
    assert why in capsys.readouterr().out


def test_a_test_that_fails_anyway_has_killed_nobody(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "test_hub.py").write_text(TEST + "\ndef test_never():\n    raise AssertionError\n")
    assert run([CONFIRMATION_IGNORED], root=project) == 2
    assert "without a mutant: test_hub.py::test_never fails, too" in capsys.readouterr().out


def test_a_text_that_is_not_there_is_told_by_name() -> None:
    with pytest.raises(MutantUnfit, match=r"^it goes home: its text stands 0 times"):
        mutated(LOCK_IGNORED, "")
