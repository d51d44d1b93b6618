"""What holds for every test: nothing leaks, skips are seen, slow tests come last."""

from __future__ import annotations

import asyncio.runners
import gc
import os
import threading
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["time_limits"]

SKIP_IS_FAILURE = os.environ.get("REFLASH_SKIP_IS_FAILURE") == "1"

WORKERS_A_CORE = 3

collect_ignore = ["drivers/outside_driver"]
"""A package of somebody else, which runs its own tests: see test_outside_driver."""

settings.register_profile(
    "station",
    deadline=None,
    # Where a change is judged the same inputs are tried each time; by hand each run explores further.
    derandomize=SKIP_IS_FAILURE,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("station")


def pytest_xdist_auto_num_workers() -> int:
    """Return how many workers `-n auto` starts: the tests wait more than they work."""
    return WORKERS_A_CORE * len(os.sched_getaffinity(0))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)


def pytest_collection_finish() -> None:
    """Spare the garbage collection after each test what the imports have left: thousands of lasting objects."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if SKIP_IS_FAILURE and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped where everything must run: {report.longrepr}"
    return report


def _open_files() -> dict[str, str]:
    found = {}
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found[entry.name] = str(entry.readlink())
        except OSError:
            continue  # the listing's own descriptor
    return found


@pytest.fixture(autouse=True)
def nothing_leaks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test that leaves descriptors, threads or tasks behind.

    `asyncio.run` cancels what a test forgot without a word, so its clean-up is watched.
    """
    orphans: list[str] = []
    cancel_all = asyncio.runners._cancel_all_tasks

    def watch(loop: asyncio.AbstractEventLoop) -> None:
        orphans.extend(repr(task) for task in asyncio.all_tasks(loop))
        cancel_all(loop)

    monkeypatch.setattr(asyncio.runners, "_cancel_all_tasks", watch)
    threads_before = set(threading.enumerate())
    files_before = _open_files()
    yield
    gc.collect()
    leaked_files = {
        number: target for number, target in _open_files().items() if files_before.get(number) != target
    }
    for thread in threading.enumerate():
        # The process that it waited for has ended, and it is about to end too.
        if thread.name.startswith("asyncio-waitpid-"):
            thread.join(60)
        elif thread not in threads_before and thread.daemon:
            thread.join(1)  # whoever waited for its work may hear of it before the thread has ended
    leaked_threads = [t for t in threading.enumerate() if t not in threads_before and t.is_alive()]
    assert not orphans, f"tasks outlived their test: {orphans}"
    assert not leaked_threads, f"threads outlived their test: {leaked_threads}"
    assert not leaked_files, f"descriptors outlived their test: {leaked_files}"
