"""What a test leaves behind is named and fails it, and nothing else does: tried on a run of pytest."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from benches.processes import run

LEAVES = """
import asyncio, os, sys, threading
import pytest

@pytest.fixture(scope="module")
def process_of_all():
    async def start():
        return await asyncio.create_subprocess_exec(sys.executable, "-c", "import time; time.sleep(3600)")
    with asyncio.Runner() as runner:
        process = runner.run(start())
        yield
        process.kill()
        runner.run(process.wait())

def test_beside_a_process_of_all(process_of_all): ...
def test_beside_it_too(process_of_all):
    async def work():
        await (await asyncio.create_subprocess_exec("true")).wait()
    asyncio.run(work())
def test_descriptor(process_of_all):
    os.open(os.devnull, os.O_RDONLY)
def test_thread(process_of_all):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
def test_task(process_of_all):
    async def work():
        asyncio.create_task(asyncio.Event().wait(), name="left over")
    asyncio.run(work())
def test_fails():
    async def work():
        asyncio.create_task(asyncio.Event().wait())
        assert 0
    asyncio.run(work())
"""


@pytest.mark.slow
def test_what_a_test_leaves_fails_it_and_what_wider_fixtures_hold_keeps_it_no_longer(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["benches.time_limits", "benches.leaks"]\n')
    (tmp_path / "test_leaves.py").write_text(LEAVES)
    plugins = [
        "-p",
        "no:cacheprovider",
        "-p",
        "no:hypothesispytest",
    ]  # the last imports much once a test has failed
    options = [*plugins, "-W", "error", "-o", "timeout=20"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    said = run(
        [sys.executable, "-m", "pytest", *options, tmp_path],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=environment,
        seconds=110,
    ).stdout
    assert "1 failed, 5 passed, 3 errors" in said, said
    assert "descriptors outlived their test: {" in said
    assert "threads outlived their test: [<Thread(" in said
    assert "tasks outlived their test: [" in said
    assert "left over" in said
