"""`make fuzz`: long runs over every target, two at a time; prints one JSON object with the counts.

With atheris, own parsers are fuzzed guided by coverage; without it, and for the boundaries, by changed seeds alone.
A finding ends its target's run, is shown with its input, and makes the exit code 1.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import logging
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

from mutation import hostile
from target import LONGEST_INPUT
from targets import BOUNDARIES, TARGETS

SECONDS_AN_INPUT = 5.0
MEMORY_GROWTH = 256
"""MiB that a process may grow by, once it has warmed up."""
_WARM = 1000


class TooSlow(BaseException):
    """An input was not read in time. Not an Exception, lest a reader swallow it."""


@contextmanager
def give_up_after(seconds: float) -> Iterator[None]:
    """Raise TooSlow in the block once its time is over. For the main thread.

    The time is the processor's, so that a busy machine makes nothing slow. A block that only waits has twenty times as
    much by the clock.
    """
    with (
        _alarm(signal.ITIMER_PROF, signal.SIGPROF, seconds),
        _alarm(signal.ITIMER_REAL, signal.SIGALRM, 20 * seconds),
    ):
        yield


@contextmanager
def _alarm(timer: int, rings: signal.Signals, seconds: float) -> Iterator[None]:
    """Let a timer raise TooSlow in the block. Whose it was before has it back, with what was left of it."""

    def too_slow(*_: object) -> None:
        raise TooSlow(f"not read within {seconds:g} s")

    begun = time.monotonic()
    left, again = signal.setitimer(timer, 0)
    before = signal.signal(rings, too_slow)
    signal.setitimer(timer, seconds)
    try:
        yield
    finally:
        signal.setitimer(timer, 0)
        signal.signal(rings, before)
        if left:
            signal.setitimer(timer, max(left - (time.monotonic() - begun), 0.001), again)


def run_one(name: str, inputs: int, seed: int) -> dict[str, Any]:
    """Read changed seeds until the number is reached or something is found."""
    random = Random(f"{name} {seed}")
    finding: dict[str, str] | None = None
    memory = count = 0
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(dir=_fast_folder()) as folder, TARGETS[name](Path(folder)) as target:
        for count in range(1, inputs + 1):
            data = hostile(random, target)
            try:
                with give_up_after(SECONDS_AN_INPUT):
                    target.read(data)
            except (Exception, TooSlow) as error:
                finding = {"error": repr(error), "input": data.hex()}
                break
            if count == _WARM:
                memory = _mebibytes()
    grown = _mebibytes() - memory if count > _WARM else 0
    if finding is None and grown > MEMORY_GROWTH:
        finding = {"error": f"the process grew by {grown} MiB", "input": ""}
    return {
        "target": name,
        "engine": "changed seeds",
        "inputs": count,
        "seconds": round(time.monotonic() - begun, 1),
        "grown_mebibytes": grown,
        "finding": finding,
    }


def run_guided(name: str, inputs: int, seed: int) -> dict[str, Any]:
    """Have atheris do the same in a process of its own, which it ends itself."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(dir=_fast_folder()) as folder:
        command = [sys.executable, str(Path(__file__).with_name("guided.py")), name, folder]
        limits = [f"-runs={inputs}", f"-seed={seed}", f"-max_len={LONGEST_INPUT}", "-rss_limit_mb=1024"]
        limits += [f"-timeout={SECONDS_AN_INPUT:g}", f"-artifact_prefix={folder}/", "-print_final_stats=1"]
        run = subprocess.run(
            [*command, *limits], capture_output=True, text=True, errors="replace", check=False
        )
        counted = re.search(r"number_of_executed_units:\s*(\d+)", run.stderr)
        count = int(counted[1]) if counted else 0
        finding = None
        if run.returncode or count < inputs:
            inputs_found = sorted(Path(folder).glob("*-*"))
            finding = {
                "error": "\n".join(run.stderr.splitlines()[-30:]),
                "input": inputs_found[0].read_bytes().hex() if inputs_found else "",
            }
    covered = re.findall(r"cov: (\d+)", run.stderr)
    return {
        "target": name,
        "engine": "atheris",
        "inputs": count,
        "seconds": round(time.monotonic() - begun, 1),
        "coverage": int(covered[-1]) if covered else 0,
        "finding": finding,
    }


def _fast_folder() -> str | None:
    """Files are written for nearly every input of some targets: not to a disk."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def _mebibytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _in_own_process(name: str, inputs: int, seed: int) -> dict[str, Any]:
    command = [sys.executable, __file__, "--only", name, "--inputs", str(inputs), "--seed", str(seed)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        return json.loads(run.stdout)
    except ValueError:
        return {"target": name, "inputs": 0, "finding": {"error": run.stderr[-2000:], "input": ""}}


def main() -> int:
    """Run the campaign, or with --only one target of it in this process."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--inputs", type=int, default=1_000_000, help="for each own parser")
    arguments.add_argument("--boundary-inputs", type=int, default=20_000, help="for each library's parser")
    arguments.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    arguments.add_argument("--targets", nargs="*", choices=TARGETS, default=list(TARGETS))
    arguments.add_argument("--only", choices=TARGETS, help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    logging.disable()
    if chosen.only:
        print(json.dumps(run_one(chosen.only, chosen.inputs, chosen.seed)))
        return 0
    guided = importlib.util.find_spec("atheris") is not None

    def run(name: str) -> dict[str, Any]:
        if name in BOUNDARIES:
            result = _in_own_process(name, chosen.boundary_inputs, chosen.seed)
        else:
            result = (run_guided if guided else _in_own_process)(name, chosen.inputs, chosen.seed)
        print(
            f"{name}: {result['inputs']} inputs, {'a finding' if result['finding'] else 'nothing'}",
            file=sys.stderr,
        )
        return result

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(run, chosen.targets))
    findings = sum(result["finding"] is not None for result in results)
    print(json.dumps({"seed": chosen.seed, "findings": findings, "targets": results}, indent=1))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
