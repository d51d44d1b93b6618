"""Reading and replacing files with care: bounded, never half-written, never through a link that leads elsewhere."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def read_regular_file(path: Path, limit: int) -> bytes:
    """Return the bytes of a regular file.

    Raises OSError when it cannot be read, is no regular file (a symbolic link included), has more than
    `limit` bytes (EFBIG), or changes meanwhile (EBUSY): it would be taken for whole while it is still being copied.
    """
    # Without O_NONBLOCK, opening a named pipe would wait for its other end.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with open(path, "rb", opener=lambda name, _: os.open(name, flags)) as file:
        return read_open_file(file.fileno(), limit, str(path))


def read_open_file(file: int, limit: int, name: str | None = None) -> bytes:
    """Return the bytes of a regular file from its beginning, by its descriptor. Raises as `read_regular_file`."""
    status = os.fstat(file)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", name)
    if status.st_size > limit:
        raise OSError(errno.EFBIG, f"more than {limit} bytes", name)
    pieces: list[bytes] = []
    left, offset = status.st_size, 0
    while left and (piece := os.pread(file, left, offset)):
        pieces.append(piece)
        left, offset = left - len(piece), offset + len(piece)
    after = os.fstat(file)
    if (after.st_size, after.st_mtime_ns) != (status.st_size, status.st_mtime_ns):
        raise OSError(errno.EBUSY, "changed while it was read", name)
    return b"".join(pieces)


def read_named_file(path: Path, limit: int) -> bytes:
    """Return the bytes of the regular file that a person named, be it by a link. Raises as `read_regular_file`."""
    # Path.resolve has an error of its own for loops.
    return read_regular_file(Path(os.path.realpath(path)), limit)


def replace_file(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Put `data` in place of `path` so that, whatever dies, the old or the new content stands there, whole.

    One writer at a time: the caller holds a lock. Raises OSError.
    """
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 -- a descriptor, not a path
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
