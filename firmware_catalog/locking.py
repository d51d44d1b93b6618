"""One editor at a time."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from firmware_catalog.errors import CatalogBusy, CatalogError

_LOOK_SECONDS: Final = 0.02
"""Between two tries: flock(2) waits for ever or not at all."""


@contextmanager
def locked(folder: Path, patience: float = 0.0) -> Iterator[None]:
    """Keep other editors out. The lock is the kernel's, on the folder itself: nothing is left behind by a crash.

    Raises CatalogBusy when another still holds it after `patience` seconds, and CatalogError for an OSError in the
    block.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise CatalogError(
            f"{folder} cannot be opened: {error.strerror}", "make the folder, or name the right one"
        ) from error
    try:
        _take(descriptor, folder, time.monotonic() + patience)
        yield
    except OSError as error:
        raise CatalogError(
            f"{folder} cannot be changed: {error.strerror}", "the catalogue is as it was"
        ) from error
    finally:
        os.close(descriptor)


def _take(descriptor: int, folder: Path, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                raise CatalogBusy(
                    f"another program is changing {folder}", "wait for it and try again"
                ) from error
            time.sleep(_LOOK_SECONDS)
        else:
            return
