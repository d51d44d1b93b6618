"""Run every proof in its long form and write what came of it, with seed and commit, into docs/reliability.md.

Two proofs run at a time. What is finished is kept, by commit and seed, in the folder of `--state`: a run that was broken
off and is begun again goes on from there.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from chaos_books import KINDS
from reliability_page import write_results

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
AT_A_TIME = 2
SCENARIOS = 3_200


@dataclass(frozen=True)
class Proof:
    """One of them, as the page names it, and the programs that do it; several share its work."""

    name: str
    programs: tuple[tuple[str, ...], ...]


PROOFS = (
    Proof(
        "scenarios of hands, desk, board and death at the awaits of attempts",
        tuple(
            ("run_interleavings.py", "--scenarios", str(SCENARIOS), "--part", f"{part}/{AT_A_TIME}")
            for part in range(1, AT_A_TIME + 1)
        ),
    ),
    Proof("a death at every point, twice, with boards and without, and anywhere", (("run_crashes.py",),)),
    Proof(
        "chaos, serial and USB, with boards and without, hubs without faults of their own",
        (("run_chaos.py", "--kills", "120"),),
    ),
    Proof(
        "chaos, the same, hubs with realistic faults, those on USB waiting for bus resets",
        (("run_chaos.py", "--kills", "60", "--faults", "realistic", "--dfu-profile", "bus-reset"),),
    ),
    Proof("fault matrices, serial and USB, and of boards", (("run_matrix.py",),)),
    Proof(
        "fault matrix on USB, hubs that wait for bus resets",
        (("run_matrix.py", "--transport", "usb", "--dfu-profile", "bus-reset"),),
    ),
    Proof(
        "fault matrix, bridges in the hubs' place",
        (("run_matrix.py", "--pairwise", "--transport", "serial", "--bridges", "B3"),),
    ),
    Proof(
        "chaos, a jig of bridges among those of hubs", (("run_chaos.py", "--kills", "40", "--bridges", "48"),)
    ),
    Proof("three people who pack with mix-ups, and death", (("run_packing.py",),)),
    Proof(
        "an inventory whose workers, database, broker and upstream die, with what goes wrong on the way",
        (("run_inventory.py",),),
    ),
    Proof("soak, serial and USB, hubs with realistic faults", (("run_soak.py", "--hubs", "2000"),)),
)


class State:
    """What is finished, in a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._lock = Lock()

    def log_of(self, program: tuple[str, ...]) -> Path:
        """Return where a program that can go on keeps its own log."""
        return self._folder / f"{_file_name(program)}.log"

    def evidence_of(self, program: tuple[str, ...]) -> Path:
        """Return where a program leaves the files of what did not agree."""
        return self._folder / f"{_file_name(program)}.evidence"

    def read(self, program: tuple[str, ...]) -> dict[str, Any] | None:
        """Return the last line of a program that came to its end before."""
        path = self._folder / f"{_file_name(program)}.json"
        found: dict[str, Any] | None = json.loads(path.read_text()) if path.exists() else None
        return found

    def write(self, program: tuple[str, ...], found: dict[str, Any]) -> None:
        """Keep a program's last line."""
        with self._lock:
            (self._folder / f"{_file_name(program)}.json").write_text(json.dumps(found))


def _file_name(program: tuple[str, ...]) -> str:
    return "_".join(program).replace("/", "-of-").replace("--", "").replace(".py", "")


def commit() -> str:
    """Return the commit that is proved, and whether the tree differs from it."""
    git = ["git", "-C", str(ROOT)]
    name = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
    changed = subprocess.run(
        [*git, "status", "--porcelain", "--untracked-files=no"], capture_output=True, text=True, check=True
    )
    return name.stdout.strip() + (" and changes" if changed.stdout.strip() else "")


def prove(program: tuple[str, ...], seed: int, state: State) -> dict[str, Any]:
    """Run one program, its output passed on, and return its last line; or what it said when it was run before."""
    before = state.read(program)
    if before is not None:
        return before
    name = _file_name(program)
    print(f"== {name}", flush=True)
    more = [] if program[0] == "run_matrix.py" else ["--seed", str(seed)]
    if program[0] == "run_interleavings.py":
        more += ["--log", str(state.log_of(program)), "--keep", str(state.evidence_of(program))]
    last = "{}"
    with subprocess.Popen(
        [sys.executable, str(HERE / program[0]), *program[1:], *more],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        for line in running.stdout:
            print(f"{name}: {line}", end="", flush=True)
            last = line
    found = {**_as_object(last), "exit": running.returncode}
    if "seconds" in found:
        state.write(program, found)
    return found


def _as_object(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def together(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Add up what the programs of one proof have found."""
    found = dict(parts[0])
    for part in parts[1:]:
        for key, value in part.items():
            if key in {"seconds", "exit"}:
                found[key] = max(found.get(key, 0), value)
            elif key in {*KINDS, "points", "scenarios", "hubs", "kills", "wrong"}:
                found[key] = found.get(key, 0) + value
            elif key == "acts":
                found[key] = dict(sorted((Counter(found[key]) + Counter(value)).items()))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--state", type=Path, default=ROOT / "build" / "proof", help="what is finished")
    options = parser.parse_args()
    begun = time.monotonic()
    proved = commit()
    state = State(options.state / f"{proved.replace(' ', '-')}-{options.seed}")
    with ThreadPoolExecutor(AT_A_TIME) as running:
        parts = {
            program: running.submit(prove, program, options.seed, state)
            for proof in PROOFS
            for program in proof.programs
        }
    rows = [
        (
            proof.name,
            " ".join(proof.programs[0]).replace(f"--part 1/{AT_A_TIME}", "").strip(),
            together([parts[program].result() for program in proof.programs]),
        )
        for proof in PROOFS
    ]
    where = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    write_results(rows, options.seed, proved, datetime.now(UTC).date().isoformat(), where)
    failed = [name for name, _, found in rows if found.get("exit") != 0]
    summary = {
        "commit": proved,
        "seed": options.seed,
        "points": sum(found.get("points", 0) for _, _, found in rows),
        **{kind: sum(found.get(kind, 0) for _, _, found in rows) for kind in KINDS},
        "failed": failed,
        "seconds": round(time.monotonic() - begun, 1),
    }
    print(json.dumps(summary))
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
