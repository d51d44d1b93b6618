"""Where the `reflash` program begins: nothing is imported yet, so that Ctrl+C ends it quietly from its first moment."""

from __future__ import annotations

import os
import sys

_INTERRUPTED = 130
"""Exit code of what Ctrl+C (SIGINT, 2) ended, as shells have it."""


def main() -> None:
    """Run the program; see `station.cli.main` for its exit codes. Ctrl+C: 130."""
    try:
        import signal  # noqa: PLC0415 - this takes a moment

        # While they are imported, libraries make errors of their own of a KeyboardInterrupt; nothing has to be tidied up.
        ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if ours:
            signal.signal(signal.SIGINT, lambda *_: os._exit(_INTERRUPTED))
        from station.cli import main as run  # noqa: PLC0415 - this takes its time

        def imported() -> None:
            if ours:
                signal.signal(signal.SIGINT, signal.default_int_handler)

        run(imported)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
