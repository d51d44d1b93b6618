"""What outstays its time is named, and the rest of the run goes on: tried on runs of pytest with tests that hang."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benches.processes import last_words, run, running, wait_for

TESTS = Path(__file__).parent

HANGS = '''
import asyncio, os, signal, subprocess, sys, time
import pytest

def sleep_on():
    """Whoever interrupts it finds it asleep again."""
    while True:
        try:
            time.sleep(3600)
        except BaseException:
            if SURVIVES.pop():
                raise

SURVIVES = [True, False]

@pytest.fixture
def slow_to_come():
    time.sleep(3600)

@pytest.fixture
def slow_to_go():
    yield
    time.sleep(3600)

def test_setup(slow_to_come): ...
def test_teardown(slow_to_go): ...
def test_call(): time.sleep(3600)
def test_clean_up_after_the_alarm():
    sleep_on()
def test_child_that_never_ends():
    reader, writer = os.pipe()  # nobody writes: the child ends with this process
    with subprocess.Popen([sys.executable, "-c", f"import os; os.read({reader}, 1)"], pass_fds=[reader]):
        pass
def test_task():
    async def nobody_comes(): await asyncio.Event().wait()
    async def work():
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(nobody_comes())
    asyncio.run(work())
def test_that_is_quick(): ...
'''
DEAF = """
import signal, time
def test_deaf():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    time.sleep(3600)
def test_that_is_quick(): ...
"""
SHORT = """
pytest_plugins = ["benches.time_limits"]

def pytest_configure():
    from benches import time_limits
    time_limits.AGAIN_SECONDS = 0.5
    time_limits.LAST_RESORT_SECONDS = 3.0
"""


def pytest_run(folder: Path, tests: str, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text(SHORT)
    (folder / "test_hangs.py").write_text(tests)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-W",
        "error",
        "-o",
        "timeout=1",
        *options,
    ]
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    return run([*command, folder], cwd=folder, capture_output=True, text=True, env=environment)


@pytest.mark.slow
def test_each_phase_that_hangs_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    said = pytest_run(tmp_path, HANGS).stdout
    assert "INTERNALERROR" not in said
    for name, phase in (
        ("setup", "setup"),
        ("teardown", "teardown"),
        ("call", "call"),
        ("clean_up_after_the_alarm", "call"),
        ("child_that_never_ends", "call"),
        ("task", "call"),
    ):
        assert f"test_{name}: its {phase} has taken more than 1 s" in said
    assert "await asyncio.Event().wait()" in said, "the task that waits is shown"
    assert "4 failed, 2 passed, 2 errors" in said


@pytest.mark.slow
def test_what_no_alarm_reaches_ends_its_worker_and_is_named(tmp_path: Path) -> None:
    said = pytest_run(tmp_path, DEAF, "-n", "1")
    assert "crashed while running 'test_hangs.py::test_deaf'" in said.stdout
    assert "1 failed, 1 passed" in said.stdout
    assert "in test_deaf" in said.stderr + said.stdout


ENDLESS = [sys.executable, "-c", "import time; time.sleep(3600)"]


def test_a_process_that_does_not_end_is_killed_and_named() -> None:
    with (
        pytest.raises(AssertionError, match=r"time\.sleep.* had not ended after 0\.1 s"),
        running(ENDLESS, seconds=0.1),
    ):
        pass
    with pytest.raises(ZeroDivisionError), running(ENDLESS) as process:
        raise ZeroDivisionError
    assert process.returncode == -9
    for end in (wait_for, last_words):
        with (
            running(ENDLESS, stdout=subprocess.PIPE) as process,
            pytest.raises(AssertionError, match="was killed"),
        ):
            end(process, 0.1)
    with pytest.raises(AssertionError, match="was killed"):
        run(ENDLESS, seconds=0.1)


def test_a_process_that_ends_says_how() -> None:
    with running([sys.executable, "-c", "print(1)"], stdout=subprocess.PIPE, text=True) as process:
        assert last_words(process) == ("1\n", None)
        assert wait_for(process) == 0
    assert run([sys.executable, "-c", "raise SystemExit(3)"]).returncode == 3
