"""Hears when a serial port may have come to its place, so that nobody has to look again and again.

The folders on the way there are listened to by inotify(7), which tells of device files, of udev's links and of those
that a simulated rig makes, in a container, too. Events are only a reason to look: nothing in them is believed.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from drivers.topology import USB_PREFIX

_COMES: Final = 0x0100 | 0x0080 | 0x0004
"""IN_CREATE, IN_MOVED_TO, and IN_ATTRIB: udev makes a link elsewhere and moves it, and permits a device after it is there."""
_GOES: Final = 0x0800
"""IN_MOVE_SELF. That a folder was removed is always told (IN_IGNORED)."""
_ONLY_FOLDERS: Final = 0x0100_0000
_MOST_LINKS: Final = 40
"""So many links in a row lead nowhere (path_resolution(7))."""
_BUFFER: Final = 65536
_TOGETHER_SECONDS: Final = 0.05
"""One plug makes several events, and they are worth one look."""


class PortWatch:
    """Wakes one waiter. Belongs to the event loop it is used on."""

    def __init__(self, place: str, dev: Path = Path("/dev")) -> None:
        """`place` is as `drivers.topology` has it; of any other kind of place nothing is ever heard."""
        self._place = place
        self._dev = dev
        self._heard = asyncio.Event()
        self._inotify: int | None = None
        self._watched: set[int] = set()

    async def changed(self, at_most: float) -> None:
        """Return when it is worth looking again, after `at_most` seconds in any case.

        That is at once where a folder was not listened to before: what came there meanwhile was not heard.
        """
        if self._listen():
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(at_most):
                await self._heard.wait()
                await asyncio.sleep(_TOGETHER_SECONDS)
        self._heard.clear()

    def close(self) -> None:
        """Stop listening. May be called twice."""
        if self._inotify is not None:
            asyncio.get_running_loop().remove_reader(self._inotify)
            os.close(self._inotify)
            self._inotify = None

    def _listen(self) -> bool:
        """Listen to each folder on the way to the place as it is now; return whether one is new."""
        if self._inotify is None:
            inotify = _LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
            if inotify < 0:
                return False  # there are no more of them for this user, or no descriptor
            self._inotify = inotify
            asyncio.get_running_loop().add_reader(inotify, self._read)
        now = set(self._folders(self._inotify))
        new = now - self._watched
        self._watched = now
        return bool(new)

    def _folders(self, inotify: int) -> Iterator[int]:
        """Listen to the folder of the device, and of each link that leads to it; of one that is not there, to the next above."""
        if self._place.startswith(USB_PREFIX):
            path = self._dev / "any"
        elif self._place.startswith("/"):
            path = Path(self._place)
        else:
            return
        for _ in range(_MOST_LINKS):
            for folder in path.parents:
                watch: int = _LIBC.inotify_add_watch(
                    inotify, os.fsencode(folder), _COMES | _GOES | _ONLY_FOLDERS
                )
                if watch >= 0:
                    yield watch
                    break
            try:
                path = path.parent / path.readlink()
            except OSError:
                return

    def _read(self) -> None:
        if self._inotify is not None:
            with suppress(BlockingIOError):
                os.read(self._inotify, _BUFFER)
            self._heard.set()


_LIBC: Final = ctypes.CDLL(None)
