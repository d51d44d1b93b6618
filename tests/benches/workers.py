"""Which worker runs which tests, and in which order."""

from __future__ import annotations

import os
import warnings
from collections.abc import Generator
from itertools import islice
from pathlib import Path

import coverage
import pytest

WORKERS_A_CORE = 4
FEWEST_A_CORE = 2


def pytest_xdist_auto_num_workers() -> int:
    """Return how many workers `-n auto` starts: the tests wait more than they work, so that there may be several a core.

    Fewer where other programs take the cores, as the last minute's load says: what waits for an answer has to get its turn.
    """
    cores = len(os.sched_getaffinity(0))
    others = round(os.getloadavg()[0])
    return max(FEWEST_A_CORE * cores, WORKERS_A_CORE * cores - 2 * others)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Have no program that a test starts measured for coverage, nor in a worker what all of them import alike.

    The workers have begun by now. What is run at an import is measured once, before them: see `make test`.
    """
    for name in [name for name in os.environ if name.startswith("COVERAGE_PROCESS")]:
        del os.environ[name]
    measuring = coverage.Coverage.current() if hasattr(session.config, "workerinput") else None
    if measuring is None:
        return (yield)
    measuring.stop()
    try:
        return (yield)
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", coverage.exceptions.CoverageWarning)  # of what has been imported
            measuring.start()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run the slow tests last; where workers share the tests out, each has its part of them, and quick ones at the end."""
    workers = getattr(config, "workerinput", {}).get("workercount", 0)
    if workers:
        items[:] = dealt(items, workers)
    else:
        items.sort(key=_is_slow)


def dealt(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """Deal the files with slow tests out by turns, the longest first, and give each worker others to fill its share.

    pytest-xdist's `worksteal` gives each worker as many tests that follow one another; who has none left takes half of
    what another has still to do, from the end. So the last quarter of a share is quick. Before that the slow ones, which
    work hard, stand between quick ones, which wait most of their time, with each worker at other places: the cores have
    something to do throughout, and at no time too much. A file's tests stay together as far as can be: they share
    fixtures.
    """
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    slow = [tests for tests in files.values() if any(map(_is_slow, tests))]
    slow.sort(key=lambda tests: -max(map(_seconds_if_slow, tests)))
    quick = iter([item for tests in files.values() if tests not in slow for item in tests])
    order: list[pytest.Item] = []
    for worker in range(workers):
        mine = slow[worker::workers]
        share = (len(items) - len(order)) // (workers - worker)
        between = list(islice(quick, max(share - sum(map(len, mine)), 0)))
        apart = len(between) * 3 // (4 * max(len(mine), 1))
        begun = 0
        for number, tests in enumerate(mine):
            end = apart * number + apart * worker // workers
            while 0 < end < len(between) and between[end].path == between[end - 1].path:
                end += 1
            order += [*between[begun:end], *tests]
            begun = max(begun, end)
        order += between[begun:]
    return [*order, *quick]


def _is_slow(item: pytest.Item) -> bool:
    return item.get_closest_marker("slow") is not None


def _seconds_if_slow(item: pytest.Item) -> float:
    """Return how long a slow test may take, as a measure of how long it does; 0 for one that is not slow."""
    if not _is_slow(item):
        return 0.0
    allowed = item.get_closest_marker("timeout")
    return float(allowed.args[0] if allowed else item.config.getini("timeout"))
