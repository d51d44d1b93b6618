"""Processes of tests: each wait for one has an end, says whose it was, and leaves nothing running."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

PATIENCE_SECONDS = 60.0
"""How long a process may take to end once it was told to, on a busy machine. Nothing is measured by it."""


@contextmanager
def running(
    command: Sequence[object], *, seconds: float = PATIENCE_SECONDS, **options: Any
) -> Iterator[subprocess.Popen[Any]]:
    """Run a program for the length of the block, as `subprocess.Popen` does.

    At the block's end its pipes are closed, and it is to end by itself: one that does not is killed, and fails the test
    under its name. When the block fails it is killed at once.
    """
    process = subprocess.Popen(list(map(str, command)), **options)
    try:
        yield process
    except BaseException:
        process.kill()
        raise
    finally:
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        wait_for(process, seconds)


def wait_for(process: subprocess.Popen[Any], seconds: float = PATIENCE_SECONDS) -> int:
    """Wait for a process to end and return its exit code. Kills one that does not, and raises AssertionError."""
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(seconds)
        raise AssertionError(f"{_name(process)} was killed: it had not ended after {seconds:g} s") from None


def last_words(process: subprocess.Popen[Any], seconds: float = PATIENCE_SECONDS) -> tuple[Any, Any]:
    """Read what a process still writes until it ends. Kills one that does not, and raises AssertionError."""
    try:
        return process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        said = process.communicate(timeout=seconds)
        raise AssertionError(
            f"{_name(process)} was killed: it had not ended after {seconds:g} s; it said {said}"
        ) from None


def run(
    command: Sequence[object], *, seconds: float = PATIENCE_SECONDS, check: bool = False, **options: Any
) -> subprocess.CompletedProcess[Any]:
    """Run a program to its end, as `subprocess.run` does. One that takes too long is killed and named."""
    try:
        return subprocess.run(list(map(str, command)), timeout=seconds, check=check, **options)
    except subprocess.TimeoutExpired as late:
        raise AssertionError(
            f"{shlex.join(map(str, command))[:200]} was killed: it had not ended after {seconds:g} s; "
            f"it said {late.output!r} {late.stderr!r}"
        ) from None


def _name(process: subprocess.Popen[Any]) -> str:
    arguments = process.args if isinstance(process.args, list) else [str(process.args)]
    return shlex.join(map(str, arguments))[:200]
