"""Where the `reflash` program begins: nothing is imported yet, so that Ctrl+C ends it quietly from its first moment."""

from __future__ import annotations

import sys

_INTERRUPTED = 130
"""Exit code of what Ctrl+C (SIGINT, 2) ended, as shells have it. The module `signal` would take a moment of its own."""


def main() -> None:
    """Run the program; see `station.cli.main` for its exit codes. Ctrl+C: 130."""
    try:
        from station.cli import main as run  # noqa: PLC0415 - this takes its time

        run()
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
