"""Learns when USB devices come and go: by the kernel's and udev's events, or else by waking up from time to time.

Events come over netlink (`NETLINK_KOBJECT_UEVENT`), from the kernel in group 1 and, once permissions are set, from
udev in group 2. They are only a reason to look: nothing in them is believed.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path
from typing import Final

_NETLINK_KOBJECT_UEVENT: Final = 15
_KERNEL_AND_UDEV: Final = 1 | 2
_USB: Final = b"SUBSYSTEM=usb\0"
_BUFFER: Final = 8192
_UDEV: Final = Path("/run/udev/control")
"""Is there while udev runs, as libudev's monitor sees it. In a container, a socket binds and hears nothing."""
_UNTOLD_SECONDS: Final = 2.0
"""With events, places are still looked at this often: an event can be lost."""


class HotPlug:
    """Wakes one waiter. Belongs to the event loop it was made on."""

    def __init__(self, poll_seconds: float, *, listen: bool) -> None:
        self._poll_seconds = poll_seconds
        self._changed = asyncio.Event()
        self._socket = _listening_socket() if listen else None
        if self._socket is not None:
            asyncio.get_running_loop().add_reader(self._socket.fileno(), self._read)

    @property
    def hears_events(self) -> bool:
        """Whether events arrive here; without, changes are found by looking."""
        return self._socket is not None

    async def wait(self, at_most: float | None = None) -> None:
        """Return at the next event, or when it is time to look all the same."""
        seconds = self._poll_seconds if self._socket is None else _UNTOLD_SECONDS
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds if at_most is None else min(at_most, seconds)):
                await self._changed.wait()
        self._changed.clear()

    def close(self) -> None:
        """Stop listening. May be called twice."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def _read(self) -> None:
        if self._socket is None:
            return
        try:
            event = self._socket.recv(_BUFFER)
        except OSError:
            # Events were lost (ENOBUFS), so there is reason to look.
            self._changed.set()
            return
        if _USB in event:
            self._changed.set()


def _listening_socket() -> socket.socket | None:
    if not _UDEV.exists():
        return None
    try:
        events = socket.socket(
            socket.AF_NETLINK,
            socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC,
            _NETLINK_KOBJECT_UEVENT,
        )
    except OSError:
        return None
    try:
        events.bind((0, _KERNEL_AND_UDEV))
    except OSError:
        events.close()
        return None
    return events
