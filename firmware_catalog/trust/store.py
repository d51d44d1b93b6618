"""What a station keeps of a signed catalogue between starts: the last metadata that it accepted, and images.

`current` points to the folder of the accepted metadata, as python-tuf keeps it. Whatever checks metadata works on a
copy elsewhere; what has been found good is written beside, and takes its place in one step: a check that fails, or a
program that dies, leaves the last good one as it was.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from firmware_catalog.errors import CatalogError, CatalogSuperseded
from firmware_catalog.files import read_regular_file, replace_file
from firmware_catalog.image import MAX_IMAGE_SIZE
from firmware_catalog.locking import locked
from firmware_catalog.trust.errors import ClockBehind

_CURRENT: Final = "current"
_GENERATION: Final = "metadata-"
_RENEWED: Final = ".metadata.new"
_ACCEPTED: Final = "accepted"
_CLOCK_TOLERANCE: Final = timedelta(minutes=5)
_PATIENCE_SECONDS: Final = 10.0
"""How long another process is waited for. It holds the store for a few files' writing, never for its source."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What was accepted last, as it was then."""

    generation: int
    """Rises with each acceptance; 0 where nothing has been accepted yet."""
    files: Mapping[str, bytes]
    """By their path in the folder that python-tuf keeps. What it makes anew itself, a link, is left out."""
    at: datetime | None

    def check_clock(self, now: datetime, store: Path) -> None:
        """Raise ClockBehind if `now` lies before the last acceptance: expiry would mean nothing then."""
        if self.at is not None and now < self.at - _CLOCK_TOLERANCE:
            raise ClockBehind(
                f"this computer's clock shows {now:%Y-%m-%d %H:%M} UTC, but the catalogue was accepted at "
                f"{self.at:%Y-%m-%d %H:%M}",
                f"set the clock (if it was ahead then, remove {store})",
            )


class TrustStore:
    """A folder of its own, however it is named. Daemon and commands may share it: each change is under its lock."""

    def __init__(self, folder: Path) -> None:
        """Make the folder if there is none. Raises CatalogError."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # Once for all: a link on the way here may lead elsewhere tomorrow.
            self.folder: Final = folder.resolve(strict=True)
        except OSError as error:
            raise CatalogError(
                f"{folder} cannot be made: {error.strerror}", "put that right first"
            ) from error
        self._images = self.folder / "images"

    def accepted(self) -> Accepted:
        """Read what was accepted last. Raises CatalogError where there was something that cannot be read any more."""
        with locked(self.folder, _PATIENCE_SECONDS):
            generation = self._generation()
            if generation == 0:
                return Accepted(0, {}, None)
            current = self._of(generation)
            try:
                files = {
                    str(path.relative_to(current)): path.read_bytes()
                    for path in current.rglob("*")
                    if stat.S_ISREG(path.lstat().st_mode)
                }
                at = datetime.fromisoformat(files.pop(_ACCEPTED).decode("ascii"))
            except OSError as error:
                raise CatalogError(
                    f"{error.filename} cannot be read: {error.strerror}", "put that right first"
                ) from error
            except (KeyError, ValueError) as error:
                raise self._damaged(current / _ACCEPTED) from error
        return Accepted(generation, files, at)

    def accept(self, files: Mapping[str, bytes], since: Accepted, now: datetime) -> int:
        """Put these files in the place of `since` as one step; return their generation.

        Raises CatalogSuperseded when something else has been accepted meanwhile, and CatalogError when the disk does
        not let it. What was accepted stays then.
        """
        with locked(self.folder, _PATIENCE_SECONDS):
            if self._generation() != since.generation:
                raise CatalogSuperseded(f"another program has accepted a newer catalogue in {self.folder}")
            generation = since.generation + 1
            self._forget_all_but(since.generation)
            renewed = self.folder / _RENEWED
            if renewed.exists():
                shutil.rmtree(renewed)
            renewed.mkdir()
            for name, content in {**files, _ACCEPTED: now.astimezone(UTC).isoformat().encode()}.items():
                path = renewed / name
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(content)
            for path in (*renewed.rglob("*"), renewed):
                _sync(path)
            # By this name it is known to be whole, also where the link to it is lost.
            renewed = renewed.rename(self._of(generation))
            link = self.folder / f".{_CURRENT}.new"
            link.unlink(missing_ok=True)
            link.symlink_to(renewed.name)
            link.replace(self.folder / _CURRENT)
            _sync(self.folder)
            self._forget_all_but(generation)
        return generation

    def image(self, sha256: str) -> bytes | None:
        """Return the kept file of that SHA-256, unchecked; None when there is none."""
        try:
            return read_regular_file(self._images / sha256, MAX_IMAGE_SIZE)
        except OSError:
            return None

    def keep_image(self, sha256: str, data: bytes) -> None:
        """Keep a checked file. Raises CatalogError."""
        with locked(self.folder, _PATIENCE_SECONDS):
            self._images.mkdir(exist_ok=True)
            replace_file(self._images / sha256, data)

    def _generation(self) -> int:
        """Return which generation is current, the newest where the link is not there: some copies keep no links.

        A link that leads nowhere, or something else in its place, is no fresh start: something was lost.
        """
        current = self.folder / _CURRENT
        try:
            name = str(current.readlink())
        except FileNotFoundError:
            return max(self._generations(), default=0)
        except OSError as error:
            raise self._damaged(current) from error
        number = name.removeprefix(_GENERATION)
        if name == number or not number.isdecimal() or not (self.folder / name).is_dir():
            raise self._damaged(current)
        return int(number)

    def _generations(self) -> Iterator[int]:
        for folder in self.folder.glob(f"{_GENERATION}*"):
            number = folder.name.removeprefix(_GENERATION)
            if number.isdecimal():
                yield int(number)

    def _of(self, generation: int) -> Path:
        return self.folder / f"{_GENERATION}{generation}"

    def _forget_all_but(self, generation: int) -> None:
        for left in self.folder.glob(f"{_GENERATION}*"):
            if left != self._of(generation):
                shutil.rmtree(left)

    def _damaged(self, what: Path) -> CatalogError:
        return CatalogError(
            f"{what} is damaged, so what was accepted is not known",
            f"restore {self.folder} from a backup, or, if the source is known to be the newest, remove it",
        )


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
