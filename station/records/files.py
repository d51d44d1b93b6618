"""Making files and folders durable."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def open_folder(folder: Path) -> Iterator[int]:
    """Open a folder for `sync_opened`, before something is done that is not to be left undurable for want of a descriptor."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def sync_opened(descriptor: int) -> None:
    """Make durable what was written to a file, or renamed and newly named in a folder."""
    os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Make renames and new names in this folder durable."""
    with open_folder(folder) as opened:
        sync_opened(opened)


def sync_file(path: Path) -> None:
    """Make what was written to this file durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def settle_tree(folder: Path, *, folder_mode: int, file_mode: int) -> None:
    """Give all that is in this folder, and itself, its mode, and make it durable."""
    for path in (*folder.rglob("*"), folder):
        path.chmod(folder_mode if path.is_dir() else file_mode)
        (sync_folder if path.is_dir() else sync_file)(path)
