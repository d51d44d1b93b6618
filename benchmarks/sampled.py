"""Runs `MODULE:FUNCTION` with what follows as its arguments, and writes into `FILE` what its main thread was at.

    python -m benchmarks.sampled FILE MODULE:FUNCTION [ARGUMENTS]

One look for each millisecond of processor time that the process takes, in user and kernel (setitimer(2), ITIMER_PROF; a kernel
may look less often): whatever else the machine does is in none of them. A line of the file is a stack, outermost first,
and how often it was seen, as flame graphs are drawn from (Brendan Gregg's folded stacks).
"""

from __future__ import annotations

import importlib
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType

_EVERY_SECONDS = 0.001


def main() -> None:
    """Run it, and write what was seen also when it ends in an exception."""
    file, name, *arguments = sys.argv[1:]
    module, _, function = name.partition(":")
    run = getattr(importlib.import_module(module), function)
    sys.argv = [module, *arguments]
    seen: Counter[str] = Counter()

    def look(_: int, frame: FrameType | None) -> None:
        stack = []
        while frame is not None:
            stack.append(f"{frame.f_globals.get('__name__')}.{frame.f_code.co_qualname}")
            frame = frame.f_back
        seen[";".join(reversed(stack))] += 1

    signal.signal(signal.SIGPROF, look)
    signal.setitimer(signal.ITIMER_PROF, _EVERY_SECONDS, _EVERY_SECONDS)
    try:
        run()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        Path(file).write_text(
            "".join(f"{stack} {times}\n" for stack, times in seen.items()), encoding="utf-8"
        )


if __name__ == "__main__":
    main()
