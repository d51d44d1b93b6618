"""What a station keeps of a signed catalogue between starts: the last metadata that it accepted, and images.

`current` points to the folder of the accepted metadata, as python-tuf keeps it. A refresh works on a copy, which
takes its place once it has been checked whole: a refresh that fails, or dies, leaves the last good one in use.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from firmware_catalog.errors import CatalogError
from firmware_catalog.files import read_regular_file, replace_file
from firmware_catalog.image import MAX_IMAGE_SIZE
from firmware_catalog.trust.errors import ClockBehind

_CURRENT: Final = "current"
_ACCEPTED: Final = "accepted"
_CLOCK_TOLERANCE: Final = timedelta(minutes=5)


class TrustStore:
    """A folder of its own, with one process at a time using it."""

    def __init__(self, folder: Path) -> None:
        """Make the folder if there is none. Raises CatalogError."""
        self._folder = folder
        self._images = folder / "images"
        self._keeping = threading.Lock()
        try:
            self._images.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CatalogError(f"{folder} cannot be made: {error.strerror}; put that right first") from error

    @property
    def metadata(self) -> Path | None:
        """The metadata that was accepted last."""
        current = self._folder / _CURRENT
        return current.resolve() if current.exists() else None

    def check_clock(self, now: datetime) -> None:
        """Raise ClockBehind if `now` lies before the last acceptance: expiry would mean nothing then."""
        if self.metadata is None:
            return
        try:
            accepted = datetime.fromisoformat((self.metadata / _ACCEPTED).read_text(encoding="ascii"))
        except OSError as error:
            raise CatalogError(
                f"{self.metadata / _ACCEPTED} cannot be read: {error.strerror}; put that right first"
            ) from error
        except ValueError as error:
            raise CatalogError(
                f"{self.metadata / _ACCEPTED} is damaged; remove {self._folder} and refresh the catalogue"
            ) from error
        if now < accepted - _CLOCK_TOLERANCE:
            raise ClockBehind(
                f"this computer's clock shows {now:%Y-%m-%d %H:%M} UTC, but the catalogue was accepted at "
                f"{accepted:%Y-%m-%d %H:%M}; set the clock (if it was ahead then, remove {self._folder})"
            )

    @contextmanager
    def renewal(self, now: datetime) -> Iterator[Path]:
        """Yield a copy of the metadata to work on, which becomes the current one if the block ends well.

        Raises CatalogError when the disk does not let it.
        """
        try:
            renewed = self._copy()
        except OSError as error:
            raise self._fault(error) from error
        try:
            yield renewed
            self._accept(renewed, now)
        except OSError as error:
            raise self._fault(error) from error
        finally:
            for left in self._folder.glob("metadata-*"):
                if left != self.metadata:
                    shutil.rmtree(left, ignore_errors=True)

    def image(self, sha256: str) -> bytes | None:
        """Return the kept file of that SHA-256, unchecked; None when there is none."""
        try:
            return read_regular_file(self._images / sha256, MAX_IMAGE_SIZE)
        except OSError:
            return None

    def keep_image(self, sha256: str, data: bytes) -> None:
        """Keep a checked file. Raises CatalogError."""
        try:
            with self._keeping:
                replace_file(self._images / sha256, data)
        except OSError as error:
            raise self._fault(error) from error

    def _copy(self) -> Path:
        current = self.metadata
        number = int(current.name.removeprefix("metadata-")) + 1 if current else 1
        renewed = self._folder / f"metadata-{number}"
        shutil.rmtree(renewed, ignore_errors=True)
        if current is None:
            renewed.mkdir()
        else:
            shutil.copytree(current, renewed, symlinks=True)
        return renewed

    def _accept(self, renewed: Path, now: datetime) -> None:
        (renewed / _ACCEPTED).write_text(now.astimezone(UTC).isoformat(), encoding="ascii")
        for path in (*renewed.rglob("*"), renewed):
            if not path.is_symlink():
                _sync(path)
        link = self._folder / f".{_CURRENT}.new"
        link.unlink(missing_ok=True)
        link.symlink_to(renewed.name)
        link.replace(self._folder / _CURRENT)
        _sync(self._folder)

    def _fault(self, error: OSError) -> CatalogError:
        return CatalogError(
            f"{self._folder} cannot be written: {error.strerror or error}; the catalogue in use is as it was"
        )


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
