"""Have ten stations at three sites tell one inventory of their hubs, kill some of it, and hold the books against each other.

A real station works on 24 simulated hubs first; what its journal then holds is played again by all ten, each with hubs, orders, a
journal, an outbox and a publisher of its own. Repeatable in what is drawn (`--seed`): who plays which life, what dies and when.
The last line is one JSON object; the exit code is 0 only if nothing was lost, doubled or wrong.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from fleet_books import COUNTS
from fleet_world import STATIONS, Request, World


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=Request.seed)
    parser.add_argument("--rate", type=float, default=Request.rate, help="results a second, of all together")
    parser.add_argument("--seconds", type=float, default=Request.seconds, help="without a death")
    parser.add_argument("--kills", type=int, default=Request.kills, help="of broker, inventory and stations")
    parser.add_argument("--seconds-a-kill", type=float, default=Request.seconds_a_kill)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default=Request.database)
    parser.add_argument("--keep", type=Path, help="work in this folder and leave it there")
    options = vars(parser.parse_args())
    keep = options.pop("keep")
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fleet-") as folder:
        if keep:
            keep.mkdir(parents=True)
        world = World(keep or Path(folder), Request(**options))
        found = world.play()
    for line in world.finding[:200]:
        print(line)
    summary = {
        **options,
        "stations": len(STATIONS),
        **found,
        "took_seconds": round(time.monotonic() - begun, 1),
    }
    print(json.dumps(summary))
    return int(any(found[kind] for kind in COUNTS))


if __name__ == "__main__":
    sys.exit(main())
