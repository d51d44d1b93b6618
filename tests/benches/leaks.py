"""What a test leaves behind fails it: descriptors, threads, tasks. How it had the process log is put back.

Of a test that has failed already nothing more is said: it did not come to where it tidies up.
"""

from __future__ import annotations

import asyncio.runners
import gc
import logging
import threading
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import structlog

_PASSED = pytest.StashKey[bool]()

_TOLD_TO_END = ("asyncio-waitpid-", "AnyIO worker thread")
"""What such threads are called."""

FREEZE, UNFREEZE = gc.freeze, gc.unfreeze
"""What the collector's own are; a test finds them without effect."""


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Spare each collection after a test the million objects of imports and tests, which last: nothing of them is garbage."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        FREEZE()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    yield
    item.stash[_PASSED] = True  # not if that raised


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """Undo what a command that logs has configured for this process: its stream is gone after the test.

    What nothing has configured tells of an exception as Python does: with rich installed it would be drawn with every
    local variable, which takes a second for each.
    """
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    structlog.configure(
        processors=[
            *structlog.get_config()["processors"][:-1],
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
        ]
    )
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def _open_files() -> dict[str, str]:
    found = {}
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found[entry.name] = str(entry.readlink())
        except OSError:
            continue  # the listing's own descriptor
    return found


@pytest.fixture(autouse=True)
def nothing_leaks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test that leaves descriptors, threads or tasks behind; those of wider fixtures are not its own.

    `asyncio.run` cancels what a test forgot without a word, so its clean-up is watched.
    """
    orphans: list[str] = []
    cancel_all = asyncio.runners._cancel_all_tasks  # type: ignore[attr-defined]

    def watch(loop: asyncio.AbstractEventLoop) -> None:
        orphans.extend(repr(task) for task in asyncio.all_tasks(loop))
        cancel_all(loop)

    monkeypatch.setattr(asyncio.runners, "_cancel_all_tasks", watch)
    # Importing an order (station.orders.desk) would have each collection look at everything again.
    monkeypatch.setattr(gc, "freeze", lambda: None)
    monkeypatch.setattr(gc, "unfreeze", lambda: None)
    threads_before = set(threading.enumerate())
    files_before = _open_files()
    yield
    for thread in set(threading.enumerate()) - threads_before:
        # Whoever waited for its work, or for the process that it waits for, may hear of that before it has ended;
        # the loop that an idle one served has told it to end, and ends itself.
        if thread.daemon or thread.name.startswith(_TOLD_TO_END):
            thread.join(5)
    leaked_threads = [t for t in threading.enumerate() if t not in threads_before and t.is_alive()]
    gc.collect()
    FREEZE()  # what is left lasts, as what was imported late: no later test's collection looks through it again
    # Only now: a thread whose caller has gone may be at work with a file of its own, a folder of ports say.
    leaked_files = {
        number: target for number, target in _open_files().items() if files_before.get(number) != target
    }
    if not request.node.stash.get(_PASSED, False):
        return
    assert not orphans, f"tasks outlived their test: {orphans}"
    assert not leaked_threads, f"threads outlived their test: {leaked_threads}"
    assert not leaked_files, f"descriptors outlived their test: {leaked_files}"
