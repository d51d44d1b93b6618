"""Tests are dealt out so that workers begin with the slow ones, and each file's stay together."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benches.workers import dealt


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
def test_each_is_dealt_once_and_a_file_is_parted_only_where_a_share_ends(
    files: list[list[int | None]], workers: int
) -> None:
    tests: list[Any] = [Test(number, slow) for number, file in enumerate(files) for slow in file]
    order = dealt(tests, workers)
    assert sorted(map(id, order)) == sorted(map(id, tests))
    parts = [path for path, _ in groupby(order, key=lambda test: test.path)]
    assert len(parts) - len(files) <= workers - 1


def test_each_worker_has_one_of_the_longest_each_at_another_time_and_ends_with_quick_ones() -> None:
    tests: list[Any] = [Test(number, None) for number in range(37)]
    tests[5:5] = [Test(number, slow) for number, slow in enumerate([180, 300, 240], 100)]
    shares = [
        [test.slow for test in dealt(tests, 3)[begin : begin + size]]
        for begin, size in ((0, 13), (13, 13), (26, 14))
    ]
    assert [[slow for slow in share if slow] for share in shares] == [[300], [240], [180]]
    assert [share.index(max(filter(None, share))) for share in shares] == [0, 3, 6]
