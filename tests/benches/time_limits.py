"""How long each phase of a test may take, and what is said of one that takes longer.

The figures are pytest-timeout's: `timeout` in pyproject.toml, and its marker. Its alarm is not: it may ring while a
report is made, where an exception ends the whole run, and it rings once, so a clean-up that waits for ever after it
does so. Here it rings only within setup, call and teardown, where pytest makes a failure of it, and rings again until
the phase has ended. What no alarm can interrupt ends the process; pytest-xdist names its test, and goes on.
"""

from __future__ import annotations

import asyncio
import faulthandler
import io
import os
import signal
import sys
import threading
import traceback
from collections.abc import Generator
from types import FrameType
from typing import Any

import pytest

AGAIN_SECONDS = 15.0
"""After how long the alarm rings again in the same phase."""
LAST_RESORT_SECONDS = 90.0
"""How long after the first alarm the process ends."""

_SECONDS = pytest.StashKey[float]()
_STDERR = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    # Captured output is lost with the process.
    config.stash[_STDERR] = os.dup(sys.__stderr__.fileno() if sys.__stderr__ else 2)


def pytest_unconfigure(config: pytest.Config) -> None:
    faulthandler.cancel_dump_traceback_later()
    os.close(config.stash[_STDERR])


@pytest.hookimpl(tryfirst=True)
def pytest_timeout_set_timer(item: pytest.Item, settings: Any) -> bool:
    """Take pytest-timeout's figure, and its place."""
    item.stash[_SECONDS] = settings.timeout
    return True


@pytest.hookimpl(tryfirst=True)
def pytest_timeout_cancel_timer() -> bool:
    """Leave nothing to pytest-timeout to cancel."""
    return True


def pytest_enter_pdb() -> None:
    """Let a person take his time."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    faulthandler.cancel_dump_traceback_later()


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    return (yield from _limited(item, "setup"))


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    return (yield from _limited(item, "call"))


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    return (yield from _limited(item, "teardown"))


def _limited(item: pytest.Item, phase: str) -> Generator[None]:
    seconds = item.stash.get(_SECONDS, 0.0)
    if not seconds or threading.current_thread() is not threading.main_thread():
        return (yield)

    def ring(_: int, frame: FrameType | None) -> None:
        pytest.fail(f"{item.nodeid}: its {phase} has taken more than {seconds:g} s\n{_who_waits()}")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_SECONDS)
    faulthandler.dump_traceback_later(
        seconds + LAST_RESORT_SECONDS, exit=True, file=item.config.stash[_STDERR]
    )
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        faulthandler.cancel_dump_traceback_later()


def _who_waits() -> str:
    """Show where each task of the running loop and each other thread stands; the main thread is in the traceback."""
    said = io.StringIO()
    with_loop = asyncio._get_running_loop()
    for task in asyncio.all_tasks(with_loop) if with_loop else ():
        task.print_stack(file=said)
    frames = sys._current_frames()
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and thread.ident in frames:
            said.write(f"Thread {thread.name}:\n")
            said.writelines(traceback.format_stack(frames[thread.ident]))
    return said.getvalue()
