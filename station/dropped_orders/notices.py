"""What the kernel tells of a folder on this host: who writes to a file in it, and who has closed one (inotify(7)).

Of what another host does on a share it tells nothing, and of a folder that it cannot watch neither: then looks must do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from drivers.inotify import INotify, flags

_TOLD: Final = (
    flags.MODIFY | flags.CLOSE_WRITE | flags.MOVED_TO | flags.MOVE_SELF | flags.DELETE_SELF | flags.ONLYDIR
)
_LOST: Final = flags.MOVE_SELF | flags.DELETE_SELF | flags.UNMOUNT | flags.IGNORED | flags.Q_OVERFLOW
"""After these nothing more is told of the folder, or something was not."""

_log = structlog.stdlib.get_logger()


class Notices:
    """Watches one folder as long as it is there. The callbacks are called on the event loop."""

    def __init__(
        self,
        path: Path,
        written: Callable[[str], None],
        closed: Callable[[str], None],
        lost: Callable[[], None],
    ) -> None:
        """`lost` is called when what was told before may hold no more; `watch` again then."""
        self._path = path
        self._written = written
        self._closed = closed
        self._lost = lost
        self._inotify: INotify | None = None
        self._cannot: str | None = None

    def watch(self) -> INotify | None:
        """Have the folder watched, unless it is already. May block: not for the event loop, which calls `hear` with it."""
        inotify = self._inotify
        try:
            if inotify is None:
                inotify = INotify()
            inotify.add_watch(self._path, _TOLD)
        except (FileNotFoundError, NotADirectoryError):
            pass  # a look will say so
        except ValueError:
            return None  # closed meanwhile: what was told before was lost
        except OSError as error:
            if self._cannot != error.strerror:
                self._cannot = error.strerror
                _log.warning(
                    "order folder is not watched, looks must do",
                    folder=str(self._path),
                    reason=error.strerror,
                )
        return inotify

    def hear(self, inotify: INotify | None) -> None:
        """Hear what is told from now on."""
        if inotify is not None and inotify is not self._inotify:
            self._inotify = inotify
            asyncio.get_running_loop().add_reader(inotify.fileno(), self._read)

    def end(self) -> None:
        """Hear no more."""
        if self._inotify is not None:
            asyncio.get_running_loop().remove_reader(self._inotify.fileno())
            self._inotify.close()
            self._inotify = None

    def _read(self) -> None:
        assert self._inotify is not None  # noqa: S101 - it is what is readable
        for event in self._inotify.read(timeout=0):
            if event.mask & _LOST:
                self.end()
                self._lost()
                return
            if event.name:
                (self._written if event.mask & flags.MODIFY else self._closed)(event.name)
