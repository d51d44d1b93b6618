"""Writes what every command of `reflash` says to --help, for the manual pages: help_texts.py FOLDER, in one process."""

from __future__ import annotations

import contextlib
import io
import re
import sys
from pathlib import Path

from typer.main import get_command

from station.cli import program

_PARTS = re.compile(r"^  ([a-z][a-z0-9-]*)", re.MULTILINE)


def help_of(*path: str) -> str:
    """Return what `reflash PATH... --help` prints."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        get_command(program()).main([*path, "--help"], prog_name="reflash", standalone_mode=False)
    return said.getvalue()


def write(folder: Path, *path: str) -> None:
    """Write the text of a command, and those of its parts."""
    text = help_of(*path)
    (folder / f"{'-'.join(('reflash', *path))}.txt").write_text(text)
    _, _, parts = text.partition("\nCommands:\n")
    for part in _PARTS.findall(parts):
        write(folder, *path, part)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
