"""Put each mutant into a copy of the project and run the tests of its room: one that they let pass fails the run.

Exit codes: 0 all were killed, 1 some survived, 2 some say nothing (see `mutant.MutantUnfit`).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from attempt_mutants import ATTEMPT_MUTANTS
from bench_mutants import BENCH_MUTANTS
from mutant import Killed, Mutant, MutantUnfit, Survived, copy_project, require_passing, try_out
from packing_mutants import PACKING_MUTANTS
from paper_mutants import PAPER_MUTANTS
from promise_mutants import PROMISE_MUTANTS
from record_mutants import RECORD_MUTANTS
from upkeep_mutants import UPKEEP_MUTANTS
from upstream_mutants import UPSTREAM_MUTANTS

ROOT = Path(__file__).parents[2]
MUTANTS = (
    *ATTEMPT_MUTANTS,
    *BENCH_MUTANTS,
    *PACKING_MUTANTS,
    *PAPER_MUTANTS,
    *PROMISE_MUTANTS,
    *RECORD_MUTANTS,
    *UPKEEP_MUTANTS,
    *UPSTREAM_MUTANTS,
)


def run(mutants: Sequence[Mutant], *, root: Path = ROOT) -> int:
    """Try the mutants one after the other and return the exit code."""
    survivors: list[str] = []
    unfit = 0
    killers: set[str] = set()
    with tempfile.TemporaryDirectory(prefix="reflash-mutants-") as folder:
        copy = Path(folder) / "project"
        copy_project(root, copy)
        for mutant in mutants:
            began = time.monotonic()
            try:
                found = try_out(copy, mutant)
            except MutantUnfit as error:
                unfit += 1
                print(f"unfit     {error}", flush=True)
                continue
            seconds = time.monotonic() - began
            match found:
                case Killed(by=test):
                    killers |= set() if test is None else {test}
                    print(
                        f"killed    {mutant} in {seconds:.0f} s: {test or 'its tests did not end'}",
                        flush=True,
                    )
                case Survived():
                    survivors.append(str(mutant))
                    print(f"SURVIVED  {mutant} in {seconds:.0f} s", flush=True)
        try:
            require_passing(copy, sorted(killers))
        except MutantUnfit as error:
            unfit += 1
            print(f"unfit     {error}")
    killed = len(mutants) - len(survivors) - unfit
    print(f"{len(mutants)} mutants: {killed} killed, {len(survivors)} survived, {unfit} unfit")
    for survivor in survivors:
        print(f"survived: {survivor}; write the test that minds")
    return 2 if unfit else 1 if survivors else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", metavar="TEXT", default="", help="mutants with this in their name or file")
    parser.add_argument("--list", action="store_true", help="say which there are")
    options = parser.parse_args()
    chosen = tuple(m for m in MUTANTS if options.only in m.name or options.only in m.file)
    if not chosen:
        parser.error(f"no mutant has {options.only!r} in its name or file")
    if options.list:
        for mutant in chosen:
            print(mutant)
        return 0
    return run(chosen)


if __name__ == "__main__":
    sys.exit(main())
