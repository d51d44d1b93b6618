"""Hears when a serial port may have come to its place, so that nobody has to look again and again.

The folders on the way there are listened to by inotify(7), which tells of device files, of udev's links and of those
that a simulated rig makes, in a container, too. Events are only a reason to look: nothing in them is believed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from drivers.inotify import INotify, flags
from drivers.topology import USB_PREFIX

_TOLD: Final = flags.CREATE | flags.MOVED_TO | flags.ATTRIB | flags.MOVE_SELF | flags.ONLYDIR
"""Moved and permitted, because udev makes a link elsewhere and moves it, and permits a device after it is there. That a
folder was removed is always told (IN_IGNORED)."""
_MOST_LINKS: Final = 40
"""So many links in a row lead nowhere (path_resolution(7))."""
_TOGETHER_SECONDS: Final = 0.05
"""One plug makes several events, and they are worth one look."""


class PortWatch:
    """Wakes one waiter. Belongs to the event loop it is used on."""

    def __init__(self, place: str, dev: Path = Path("/dev")) -> None:
        """`place` is as `drivers.topology` has it; of any other kind of place nothing is ever heard."""
        self._place = place
        self._dev = dev
        self._heard = asyncio.Event()
        self._inotify: INotify | None = None
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
            asyncio.get_running_loop().remove_reader(self._inotify.fileno())
            self._inotify.close()
            self._inotify = None

    def _listen(self) -> bool:
        """Listen to each folder on the way to the place as it is now; return whether one is new."""
        if self._inotify is None:
            try:
                self._inotify = INotify()
            except OSError:
                return False  # there are no more of them for this user, or no descriptor
            asyncio.get_running_loop().add_reader(self._inotify.fileno(), self._read)
        now = set(self._folders(self._inotify))
        new = now - self._watched
        self._watched = now
        return bool(new)

    def _folders(self, inotify: INotify) -> Iterator[int]:
        """Listen to the folder of the device, and of each link that leads to it; of one that is not there, to the next above."""
        if self._place.startswith(USB_PREFIX):
            path = self._dev / "any"
        elif self._place.startswith("/"):
            path = Path(self._place)
        else:
            return
        for _ in range(_MOST_LINKS):
            for folder in path.parents:
                with suppress(OSError):
                    yield inotify.add_watch(folder, _TOLD)
                    break
            try:
                path = path.parent / path.readlink()
            except OSError:
                return

    def _read(self) -> None:
        if self._inotify is not None:
            self._inotify.read(timeout=0)
            self._heard.set()
