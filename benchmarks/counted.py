"""Runs `MODULE:FUNCTION` with what follows as its arguments, and writes into `FILE` how many calls its main thread made.

    python -m benchmarks.counted FILE MODULE:FUNCTION [ARGUMENTS]

Functions of Python and of C count alike. What it counts is the work and not the time that the work took.
"""

from __future__ import annotations

import cProfile
import importlib
import sys
from pathlib import Path


def main() -> None:
    """Run it, and count also when it ends in an exception."""
    file, name, *arguments = sys.argv[1:]
    module, _, function = name.partition(":")
    run = getattr(importlib.import_module(module), function)
    sys.argv = [module, *arguments]
    profile = cProfile.Profile()
    try:
        profile.runcall(run)
    finally:
        profile.create_stats()
        Path(file).write_text(str(sum(entry.callcount for entry in profile.getstats())), encoding="ascii")


if __name__ == "__main__":
    main()
