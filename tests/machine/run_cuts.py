"""Cut the power of a virtual bench PC at random instants of a shift, and say what came of it, a line of JSON each cut."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from debian_image import debian_image
from power_cuts import Cut, cut_again_and_again


def tell(cut: Cut) -> None:
    """Say how it went, while more follow."""
    sys.stdout.write(json.dumps(asdict(cut)) + "\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("package", type=Path, help="the package to install")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--cuts", type=int, default=20)
    parser.add_argument("--hubs", type=int, default=400)
    parser.add_argument(
        "--seconds", type=float, default=7200.0, help="begin with no further cut after so long"
    )
    asked: Any = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="machine-") as folder:
        found = asyncio.run(
            cut_again_and_again(
                debian_image(),
                asked.package,
                Path(folder),
                hubs=asked.hubs,
                cuts=asked.cuts,
                seed=asked.seed,
                seconds=asked.seconds,
                tell=tell,
            )
        )
    for each in found.lines:
        sys.stdout.write(f"{each}\n")
    sys.stdout.write(json.dumps({"seed": asked.seed, **found.numbers, "outcomes": found.outcomes}) + "\n")
    sys.exit(1 if found.lines else 0)


if __name__ == "__main__":
    main()
