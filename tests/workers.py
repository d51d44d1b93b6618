"""Which worker runs which tests, and in which order."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path

import pytest

WORKERS_A_CORE = 3


def pytest_xdist_auto_num_workers() -> int:
    """Return how many workers `-n auto` starts: the tests wait more than they work."""
    return WORKERS_A_CORE * len(os.sched_getaffinity(0))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run the slow tests last; where workers share the tests out, first: then what is left over at the end is short."""
    workers = getattr(config, "workerinput", {}).get("workercount", 0)
    if workers:
        items[:] = dealt(items, workers)
    else:
        items.sort(key=_is_slow)


def dealt(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """Deal the files with slow tests out by turns, the longest first, and give each worker others to fill its share.

    pytest-xdist's `worksteal` gives each worker as many tests that follow one another; who has none left takes half of
    what another has still to do, from the end. A file's tests stay together as far as can be: they share fixtures.
    """
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    for tests in files.values():
        tests.sort(key=lambda item: -_seconds_if_slow(item))
    slow = sorted(
        (tests for tests in files.values() if _is_slow(tests[0])),
        key=lambda tests: -_seconds_if_slow(tests[0]),
    )
    others = iter([item for tests in files.values() if not _is_slow(tests[0]) for item in tests])
    order: list[pytest.Item] = []
    for worker in range(workers):
        first = [item for tests in slow[worker::workers] for item in tests]
        share = (len(items) - len(order)) // (workers - worker)
        order += [*first, *islice(others, max(share - len(first), 0))]
    return [*order, *others]


def _is_slow(item: pytest.Item) -> bool:
    return item.get_closest_marker("slow") is not None


def _seconds_if_slow(item: pytest.Item) -> float:
    """Return how long a slow test may take, as a measure of how long it does; 0 for one that is not slow."""
    if not _is_slow(item):
        return 0.0
    allowed = item.get_closest_marker("timeout")
    return float(allowed.args[0] if allowed else item.config.getini("timeout"))
