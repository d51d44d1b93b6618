"""Where the `reflash` program begins: nothing is imported yet, so that Ctrl+C ends it quietly from its first moment."""

from __future__ import annotations

import os
import sys

_INTERRUPTED = 130
"""Exit code of what Ctrl+C (SIGINT, 2) ended, as shells have it."""
_WRONG_USE = 2


def main() -> None:
    """Run the program; see `station.cli.main` for its exit codes. Ctrl+C: 130; called in a folder that is gone: 2."""
    try:
        import signal  # noqa: PLC0415 - this takes a moment

        # While they are imported, libraries make errors of their own of a KeyboardInterrupt; nothing has to be tidied up.
        ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if ours:
            signal.signal(signal.SIGINT, lambda *_: os._exit(_INTERRUPTED))
        try:
            os.getcwd()  # noqa: PTH109 - nothing is imported yet; libraries ask for it while they are
        except OSError:
            sys.stderr.write(
                "reflash: the folder it was called in is gone, or closed to this user: cd to another\n"
            )
            sys.exit(_WRONG_USE)
        from station.cli import main as run  # noqa: PLC0415 - this takes its time

        def imported() -> None:
            if ours:
                signal.signal(signal.SIGINT, signal.default_int_handler)

        run(imported)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
