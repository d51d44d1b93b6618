"""Pack with mix-ups while the station is killed, and hold what lies in the crates against the books.

The last line is one JSON object; the exit code is 0 only if no hub escaped and none was lost.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from pathlib import Path

from packing_hands import Hall


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--scans", type=int, default=10_000)
    parser.add_argument("--hubs", type=int, default=2_500, help="of each of the two orders")
    parser.add_argument("--kills", type=int, default=25)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="packing-") as folder:
        hall = Hall(Path(folder), options.seed, options.scans, options.hubs, options.kills)
        found = asyncio.run(hall.play())
    # In the words of the other proofs; what was lost to its place is in no other count.
    counts = {"escaped": found.pop("escapes"), "misplaced": found.pop("lost")}
    points = found["scans"] + found["kills"]
    summary = {"seed": options.seed, **found, "points": points, "hubs": 2 * options.hubs, **counts}
    for line in hall.finding:
        print(line)
    print(json.dumps(summary))
    return int(any(counts.values()))


if __name__ == "__main__":
    sys.exit(main())
