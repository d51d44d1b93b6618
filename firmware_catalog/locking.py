"""One editor at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from firmware_catalog.errors import CatalogBusy, CatalogError


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other editors out. The lock is the kernel's, on the folder itself: nothing is left behind by a crash.

    Raises CatalogBusy at once when another holds it, and CatalogError for an OSError in the block.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise CatalogError(
            f"{folder} cannot be opened: {error.strerror}; make the folder, or name the right one"
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CatalogBusy(f"another program is changing {folder}; wait for it and try again") from error
        yield
    except OSError as error:
        raise CatalogError(
            f"{folder} cannot be changed: {error.strerror}; the catalogue is as it was"
        ) from error
    finally:
        os.close(descriptor)
