"""Where the `reflash` program begins: nothing is imported yet, so that Ctrl+C ends it quietly from its first moment."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """Run the program; see `station.cli.main` for its exit codes. Ctrl+C: 130, as shells have it."""
    try:
        from station.cli import main as run  # noqa: PLC0415 - this takes its time

        run()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
