"""One thing done wrong on purpose, and whether the tests of its room see it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PATIENCE_SECONDS: Final = 900.0
"""How long the tests of one mutant may take. Each of them has an end of its own; nothing is measured by it."""

_NOT_COPIED: Final = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "*.egg-info")
_FAILED: Final = re.compile(
    r"^(?:FAILED|ERROR) (?P<test>\S+::[^\[\s]+(?:\[[^\n]*?\])?)(?: - .*)?$", re.MULTILINE
)
"""A line of pytest's summary."""
_PYTEST_PASSED: Final = 0
_PYTEST_FAILED: Final = 1
"""Exit codes of pytest; every other says that it could not do what it was asked."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A text that stands exactly once in a file, what a tired programmer writes for it, and the tests that must mind."""

    name: str
    file: str
    text: str
    replacement: str
    tests: tuple[str, ...]
    """Files, or `file::test` of one, from the project's root."""

    def __str__(self) -> str:
        return f"{self.file}: {self.name}"


class MutantUnfit(Exception):
    """A mutant says nothing: its text is not there once, or its tests do not pass without it. One line."""


@dataclass(frozen=True, slots=True)
class Killed:
    """A test failed with the mutant."""

    by: str | None
    """Its id; None where the tests did not end: what hangs does not land."""


@dataclass(frozen=True, slots=True)
class Survived:
    """All of the mutant's tests passed."""


def mutated(mutant: Mutant, source: str) -> str:
    """Return the file's text with the mutant in it. Raises MutantUnfit."""
    if (times := source.count(mutant.text)) != 1:
        raise MutantUnfit(f"{mutant.name}: its text stands {times} times in {mutant.file}, not once")
    if mutant.text == mutant.replacement:
        raise MutantUnfit(f"{mutant.name}: it changes nothing")
    return source.replace(mutant.text, mutant.replacement)


def copy_project(root: Path, copy: Path) -> None:
    """Make a copy of the project to be spoilt. What is hidden or built stays behind."""
    shutil.copytree(root, copy, ignore=_NOT_COPIED)


def try_out(copy: Path, mutant: Mutant) -> Killed | Survived:
    """Run the mutant's tests with it in the copy, which is as before afterwards. Raises MutantUnfit."""
    with _in_place(copy / mutant.file, mutant):
        try:
            ended = _pytest(copy, mutant.tests)
        except subprocess.TimeoutExpired:
            return Killed(None)
    if ended.returncode == _PYTEST_PASSED:
        return Survived()
    failed = _FAILED.search(ended.stdout)
    if ended.returncode != _PYTEST_FAILED or failed is None:
        raise MutantUnfit(f"{mutant.name}: its tests could not be run: {_last_line(ended)}")
    return Killed(failed["test"])


def require_passing(copy: Path, tests: Sequence[str]) -> None:
    """See that tests pass as the project is: one that fails anyway kills whatever is shown to it. Raises MutantUnfit."""
    if not tests:
        return
    ended = _pytest(copy, tests)
    if ended.returncode != _PYTEST_PASSED:
        failed = _FAILED.search(ended.stdout)
        raise MutantUnfit(f"without a mutant: {failed['test'] if failed else _last_line(ended)} fails, too")


@contextmanager
def _in_place(file: Path, mutant: Mutant) -> Iterator[None]:
    source = file.read_text()
    file.write_text(mutated(mutant, source))
    try:
        yield
    finally:
        file.write_text(source)


def _pytest(copy: Path, tests: Sequence[str]) -> subprocess.CompletedProcess[str]:
    # No byte code is kept: a mutant may have the size and the second of what it stands for.
    environment = os.environ | {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    return subprocess.run(
        command,
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )


def _last_line(ended: subprocess.CompletedProcess[str]) -> str:
    lines = (ended.stdout + ended.stderr).strip().splitlines()
    return lines[-1] if lines else f"pytest ended with {ended.returncode} and said nothing"
