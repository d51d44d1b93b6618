"""Making files and folders durable."""

from __future__ import annotations

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Make renames and new names in this folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
