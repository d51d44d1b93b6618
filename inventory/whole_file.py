"""Writes a file that others take: there with its last byte, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from inventory.errors import WrongInput


def write_whole(path: Path, data: bytes) -> None:
    """Write it under a name that is left alone, and rename it once it is on the disk.

    The same again changes nothing. Raises WrongInput where another file has the name, and OSError.
    """
    if path.exists():
        if path.read_bytes() == data:
            return
        raise WrongInput(f"{path} is there already, and is another file; move it away")
    partial = path.with_name(f".{path.name}.part")
    with partial.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
