"""Play scenarios drawn from a seed: hands, desk, board and death at the awaits of attempts; the books agree after each.

Scenario n of seed s is always the same one, and `--only n` plays it again. With `--part 1/2` and `--part 2/2` two
processes share the work; `--log` keeps what was done, and a run that is begun again goes on behind it. The last line
is one JSON object; the exit code is 0 only if every count is none.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from chaos_books import KINDS
from interleavings import JIGS, stage
from scenario import draw_scenario

_SOCKETS = shutil.ignore_patterns("*.sock")
BATCH = 96
"""Scenarios on one rig: each uses up a set of hubs."""


def numbers_of(seed: int, scenarios: int, part: tuple[int, int]) -> list[int]:
    """Return the numbers of the scenarios that this process plays."""
    return [seed * 1_000_000 + n for n in range(scenarios) if n % part[1] == part[0] - 1]


def done_before(log: Path | None) -> dict[int, dict[str, Any]]:
    """Return what a run that was broken off has written down, by scenario."""
    if log is None or not log.exists():
        return {}
    entries = [json.loads(line) for line in log.read_text().splitlines() if line.endswith("}")]
    return {entry["scenario"]: entry for entry in entries}


def play(numbers: list[int], log: Path | None, keep: Path | None) -> dict[str, Any]:
    """Play them in batches and return the summary; what does not agree is printed."""
    begun = time.monotonic()
    entries = done_before(log)
    left = [number for number in numbers if number not in entries]
    for first in range(0, len(left), BATCH):
        batch = left[first : first + BATCH]
        with (
            tempfile.TemporaryDirectory(prefix="hands-") as folder,
            stage(Path(folder), len(batch)) as bench,
        ):
            for outcome in bench.play(map(draw_scenario, batch)):
                entry = {
                    "scenario": outcome.scenario.number,
                    "points": outcome.reached,
                    "acts": [act.name for act in outcome.scenario.acts[: outcome.reached]],
                    **outcome.findings.numbers,
                }
                entries[outcome.scenario.number] = entry
                if not outcome.is_good:
                    print(outcome.scenario, flush=True)
                    for line in outcome.findings.lines:
                        print(f"    {line}", flush=True)
                if log is not None:
                    with log.open("a") as file:
                        file.write(json.dumps(entry) + "\n")
            if keep is not None:
                for files in Path(folder).glob("scenario*"):
                    shutil.copytree(files, keep / f"{batch[0]}-{files.name}", ignore=_SOCKETS)
    acts = Counter(act for number in numbers for act in entries[number]["acts"])
    return {
        "scenarios": len(numbers),
        "points": sum(entries[number]["points"] for number in numbers),
        "acts": dict(sorted(acts.items())),
        "seconds": round(time.monotonic() - begun, 1),
        **{kind: sum(entries[number][kind] for number in numbers) for kind in KINDS},
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--scenarios", type=int, default=4 * JIGS)
    parser.add_argument("--only", type=int, nargs="+", help="scenarios by their own numbers")
    parser.add_argument("--part", default="1/1", help="which part of how many this process plays")
    parser.add_argument("--log", type=Path, help="what was done, a line a scenario; read first")
    parser.add_argument("--keep", type=Path, help="leave the files of what did not agree in this folder")
    options = parser.parse_args()
    part, parts = map(int, options.part.split("/"))
    numbers = options.only or numbers_of(options.seed, options.scenarios, (part, parts))
    summary = {"seed": options.seed, **play(numbers, options.log, options.keep)}
    print(json.dumps(summary))
    return int(any(summary[kind] for kind in KINDS))


if __name__ == "__main__":
    sys.exit(main())
