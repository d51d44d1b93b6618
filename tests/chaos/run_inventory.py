"""Kill the inventory's workers, its database, its broker and what is upstream, and hold the books against each other.

The last line is one JSON object; the exit code is 0 only if nothing was lost, doubled, wrong or without a record.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from inventory_books import COUNTS
from inventory_world import World


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--hubs", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=1_000)
    parser.add_argument("--order-hubs", type=int, default=500, help="of each work order")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="postgresql")
    options = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="inventory-") as folder:
        world = World(
            Path(folder),
            options.seed,
            hubs=options.hubs,
            kills=options.kills,
            order_hubs=options.order_hubs,
            kind=options.database,
        )
        found = world.play()
    for line in world.finding[:200]:
        print(line)
    counts = {kind: found[kind] for kind in COUNTS}
    summary = {
        "seed": options.seed,
        "points": options.kills,
        "kills": options.kills,
        "hubs": options.hubs,
        **found,
    }
    # In the words of the other proofs, an act without its record is a contradiction of the books.
    summary |= {"contradictory": found["unrecorded"], "killed": dict(sorted(world.killed.items()))}
    print(json.dumps({**summary, "seconds": round(time.monotonic() - begun, 1)}))
    return int(any(counts.values()))


if __name__ == "__main__":
    sys.exit(main())
