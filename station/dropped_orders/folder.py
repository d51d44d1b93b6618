"""The folder on disk: what lies in it, and how a file is taken out of it. Blocking; a thread of its own calls it.

A file is moved aside before it is read, so that nothing can take its name's place between reading and putting it away. What
a killed station leaves there is read again by the next. Every step goes by the folders' descriptors: a share that
is unmounted in between does not lead elsewhere. They are closed between two steps, so that it can be.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Final

from firmware_catalog.files import read_open_file
from station.domain.printable import printable
from station.dropped_orders.stillness import Sight
from station.dropped_orders.verdicts import DroppedFile, Refused

TAKEN: Final = "taken"
REFUSED: Final = "refused"
_ASIDE: Final = ".taking"
REASONS: Final = ".reasons.txt"
"""What a refused file's name is followed by in the name of the file with the reasons."""

_UNDER_WAY: Final = (".part", ".partial", ".filepart", ".tmp", ".temp", ".crdownload", "~")
"""How programs end the name of a file that they still write; they give it its own name when it is whole."""

_LONGEST_NAME: Final = 200
"""Bytes of a name that is kept whole, of the 255 that a name may have: a number and `REASONS` join it."""

_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""Without O_NONBLOCK, opening a named pipe would wait for its other end."""
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class _Folders:
    """Descriptors."""

    dropped: int
    taken: int
    refused: int
    aside: int


class DropFolder:
    """One folder. Every method raises OSError."""

    def __init__(self, path: Path, largest: int) -> None:
        """Prepare. Files of more than `largest` bytes are not read."""
        self._path = path
        self._largest = largest

    def look(self) -> dict[str, Sight]:
        """Return what has been dropped, but for what is named as still under way."""
        with self._opened() as folders:
            return {
                name: sight
                for name in os.listdir(folders.dropped)  # noqa: PTH208 - a descriptor, not a path
                if not _under_way(name)
                and name not in (TAKEN, REFUSED)
                and (sight := _sight(name, folders.dropped))
            }

    def claim(self, name: str, seen: Sight) -> None:
        """Move a file aside, if it still is what was seen. One that is not stays, and so does one whose name waits there."""
        with self._opened() as folders:
            if _there(name, folders.aside):
                return
            os.rename(name, name, src_dir_fd=folders.dropped, dst_dir_fd=folders.aside)
            if _sight(name, folders.aside) != seen:
                back = _free_name(name, folders.dropped)
                os.rename(name, back, src_dir_fd=folders.aside, dst_dir_fd=folders.dropped)

    def claimed(self) -> tuple[str, ...]:
        """Return what was moved aside and not yet put away, in the order in which it was written."""
        with self._opened() as folders:
            names = os.listdir(folders.aside)  # noqa: PTH208 - a descriptor, not a path
            sights = {name: _sight(name, folders.aside) for name in names}
        found = [(sight.modified_ns, name) for name, sight in sights.items() if sight]
        return tuple(name for _, name in sorted(found))

    def open_claimed(self, name: str) -> DroppedFile | Refused:
        """Open what was moved aside, and read it once. Raises OSError (EBUSY) while it is written to."""
        with self._opened() as folders:
            kind = stat.S_IFMT(os.stat(name, dir_fd=folders.aside, follow_symlinks=False).st_mode)
            if kind != stat.S_IFREG:
                return Refused((f"it is {_KINDS.get(kind, 'no file')}; drop the order's CSV file itself",))
            try:
                file = FileIO(name, opener=lambda path, _: os.open(path, _READ, dir_fd=folders.aside))
            except PermissionError as error:
                return Refused((f"it cannot be read: {error.strerror}; let the station's user read it",))
        try:
            content = read_open_file(file.fileno(), self._largest)
        except OSError as error:
            file.close()
            if error.errno == errno.EFBIG:
                return Refused((f"it has {error.strerror}; no order is that large",))
            raise
        if content and not content.endswith((b"\n", b"\r")) and _is_text(content):
            file.close()
            return Refused(
                (
                    "its last line has no end, so that it may be cut off; end it with a line break and drop it again",
                )
            )
        return DroppedFile(shown(name), file, len(content), hashlib.sha256(content).hexdigest())

    def put_away(self, name: str, reasons: Sequence[str] = ()) -> str:
        """Put what was moved aside to what was taken or, with reasons, refused; return its name there.

        Nothing that lies there is overwritten. The reasons are there before the file is.
        """
        with self._opened() as folders:
            if not reasons:
                kept = _free_name(name, folders.taken)
                os.rename(name, kept, src_dir_fd=folders.aside, dst_dir_fd=folders.taken)
                return kept
            kept = _free_name(name, folders.refused, REASONS)
            _write(kept + REASONS, folders.refused, "".join(f"{reason}\n" for reason in reasons))
            os.rename(name, kept, src_dir_fd=folders.aside, dst_dir_fd=folders.refused)
            return kept

    @contextmanager
    def _opened(self) -> Iterator[_Folders]:
        """Open the folder and those in it. Without `taken` and `refused` it is not there: a share is not mounted."""
        with ExitStack() as stack:

            def opened(name: str | Path, within: int | None = None) -> int:
                descriptor = os.open(
                    name, _FOLDER if within is not None else _FOLDER & ~os.O_NOFOLLOW, dir_fd=within
                )
                stack.callback(os.close, descriptor)
                return descriptor

            dropped = opened(self._path)
            taken, refused = opened(TAKEN, dropped), opened(REFUSED, dropped)
            with suppress(FileExistsError):
                os.mkdir(_ASIDE, 0o770, dir_fd=dropped)
            yield _Folders(dropped, taken, refused, opened(_ASIDE, dropped))


def shown(name: str) -> str:
    """Return a name as people may see it: of one line, and text whatever its bytes are."""
    return printable(os.fsencode(name).decode(errors="replace"))


_KINDS: Final = {
    stat.S_IFDIR: "a folder",
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def _is_text(content: bytes) -> bool:
    """Whether it may be lines at all: of a workbook nobody wants to hear that its last line has no end."""
    return b"\0" not in content


def _under_way(name: str) -> bool:
    return name.startswith((".", "~")) or name.casefold().endswith(_UNDER_WAY)


def _there(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _sight(name: str, folder: int) -> Sight | None:
    """Look at a name; None if it has gone. A file is opened: NFS then asks its host what the file is like by now."""
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        ended = True
        if stat.S_ISREG(status.st_mode):
            with (
                suppress(OSError),  # what keeps it from being read is told once it is its turn
                FileIO(name, opener=lambda path, _: os.open(path, _READ, dir_fd=folder)) as file,
            ):
                status = os.fstat(file.fileno())
                last = os.pread(file.fileno(), 1, max(0, status.st_size - 1))
                ended = last in (b"\n", b"\r")
    except FileNotFoundError:
        return None
    return Sight(status.st_size, status.st_mtime_ns, ended)


def _free_name(name: str, folder: int, *beside: str) -> str:
    """Return the name, or one like it, that nothing in the folder has, nor with what will stand beside it."""
    stem, suffix = os.path.splitext(name)  # noqa: PTH122 - a Path would take a name apart
    if len(os.fsencode(name)) > _LONGEST_NAME:
        stem, suffix = os.fsencode(name)[:_LONGEST_NAME].decode(errors="ignore"), ""
    numbered = (f"{stem}-{number}{suffix}" for number in itertools.count(2))
    return next(
        free
        for free in itertools.chain((stem + suffix,), numbered)
        if not any(_there(free + ending, folder) for ending in ("", *beside))
    )


def _write(name: str, folder: int, text: str) -> None:
    """Write a new file, whole or not at all; a link that somebody put there is not followed."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with open(name, "wb", opener=lambda path, _: os.open(path, flags, 0o644, dir_fd=folder)) as file:
        try:
            file.write(text.encode(errors="replace"))
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            with suppress(OSError):
                os.unlink(name, dir_fd=folder)
            raise
