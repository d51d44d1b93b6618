"""Tests are dealt out so that workers begin with the slow ones, and each file's stay together."""

from __future__ import annotations

from itertools import groupby, pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from workers import dealt


class Test:
    """As much of a test as is asked for; `slow` is how long it may take."""

    __test__ = False

    def __init__(self, file: int, slow: int | None) -> None:
        self.path, self.slow = Path(f"test_{file}.py"), slow
        self.config = SimpleNamespace(getini={"timeout": 120}.get)

    def get_closest_marker(self, name: str) -> Any:
        if self.slow is None:
            return None
        return {"slow": pytest.mark.slow, "timeout": pytest.mark.timeout(self.slow)}[name].mark


@given(
    files=st.lists(
        st.lists(st.none() | st.sampled_from([180, 300]), min_size=1, max_size=9), min_size=1, max_size=20
    ),
    workers=st.integers(1, 8),
)
def test_each_is_dealt_once_and_no_worker_has_a_slow_one_behind_a_fast_file(
    files: list[list[int | None]], workers: int
) -> None:
    tests: list[Any] = [Test(number, slow) for number, file in enumerate(files) for slow in file]
    order = dealt(tests, workers)
    assert sorted(map(id, order)) == sorted(map(id, tests))
    slow_files = {test.path for test in tests if test.slow is not None}
    runs = [path for path, _ in groupby(order, key=lambda test: test.path)]
    # A file is parted only where one worker's share ends and the slow ones of the next begin.
    assert len(runs) - len(files) <= workers - 1
    changes = sum(
        before.path not in slow_files and after.path in slow_files
        for before, after in pairwise(order)
    )
    assert changes <= workers - 1


def test_the_longest_are_begun_with_by_a_worker_each() -> None:
    tests: list[Any] = [Test(number, slow) for number, slow in enumerate([None] * 8 + [180, 300, None, 240])]
    assert [test.slow for test in dealt(tests, 3)][::4] == [300, 240, 180]
