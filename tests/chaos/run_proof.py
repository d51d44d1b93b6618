"""Run every proof in its long form and write what came of it, with seed and commit, into docs/reliability.md."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reliability_page import write_results

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

PROOFS: dict[str, list[str]] = {
    "chaos, serial and USB, hubs without faults of their own": ["run_chaos.py", "--kills", "120"],
    "chaos, the same, hubs with realistic faults, those on USB waiting for bus resets": [
        *("run_chaos.py", "--kills", "60", "--faults", "realistic", "--dfu-profile", "bus-reset")
    ],
    "a death at every point, twice, and anywhere": ["run_crashes.py"],
    "fault matrices, serial and USB": ["run_matrix.py"],
    "fault matrix on USB, hubs that wait for bus resets": [
        *("run_matrix.py", "--transport", "usb", "--dfu-profile", "bus-reset")
    ],
    "soak, serial and USB, hubs with realistic faults": ["run_soak.py", "--hubs", "2000"],
}


def commit() -> str:
    """Return the commit that is proved, and whether the tree differs from it."""
    git = ["git", "-C", str(ROOT)]
    name = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
    changed = subprocess.run(
        [*git, "status", "--porcelain", "--untracked-files=no"], capture_output=True, text=True, check=True
    )
    return name.stdout.strip() + (" and changes" if changed.stdout.strip() else "")


def prove(arguments: list[str], seed: int) -> dict[str, Any]:
    """Run one proof, its output passed on, and return its last line."""
    seeded = [] if arguments[0] == "run_matrix.py" else ["--seed", str(seed)]
    program = [sys.executable, str(HERE / arguments[0]), *arguments[1:], *seeded]
    last = "{}"
    with subprocess.Popen(program, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        for line in running.stdout:
            print(line, end="", flush=True)
            last = line
    return {**json.loads(last), "exit": running.returncode}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    where = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    rows = []
    failed = 0
    for name, arguments in PROOFS.items():
        print(f"== {name}", flush=True)
        found = prove(arguments, options.seed)
        failed += found["exit"] != 0
        rows.append((name, " ".join(arguments), found))
    write_results(rows, options.seed, commit(), datetime.now(UTC).date().isoformat(), where)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
