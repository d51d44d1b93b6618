"""Disks of a test's own: a program that may mount what it likes, seen by nobody else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benches.processes import run


def where_it_may_mount(script: str, program: str) -> list[str]:
    """Run a script, whose $0 is a Python program, in a space of its own; return the lines that it prints."""
    done = run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, program],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"unshare (apt-get install util-linux) may not mount here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    lines: list[str] = done.stdout.splitlines()
    return lines
