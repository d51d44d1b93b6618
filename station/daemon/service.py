"""The daemon under systemd: says when it is ready, that it lives, and what it is doing.

The protocol is that of sd_notify(3): datagrams of `KEY=value` lines to the socket that NOTIFY_SOCKET names.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from time import monotonic_ns
from typing import Final, Self

_MICROSECONDS: Final = 1_000_000

_LONGER_SECONDS: Final = 60
"""How long the service manager shall wait for the next word of a long start."""


class ServiceManager:
    """The line to systemd; says nothing where no service manager listens. `close` it."""

    def __init__(self, address: str | None, watchdog_seconds: float | None) -> None:
        self._address = address
        self._watchdog_seconds = watchdog_seconds
        # Kept open: a station that has run out of file descriptors must not be killed by its watchdog as well.
        self._channel = (
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) if address else None
        )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read NOTIFY_SOCKET and WATCHDOG_USEC. A watchdog meant for another process is ignored."""
        meant_for_us = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        microseconds = environment.get("WATCHDOG_USEC") if meant_for_us else None
        seconds = int(microseconds) / _MICROSECONDS if microseconds and microseconds.isdigit() else None
        return cls(environment.get("NOTIFY_SOCKET") or None, seconds)

    def ready(self) -> None:
        """The slots work."""
        self._send("READY=1")

    def reloading(self) -> None:
        """A reload begins; `ready` ends it."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """The daemon drains."""
        self._send("STOPPING=1")

    def status(self, line: str) -> None:
        """Show one line in `systemctl status`."""
        self._send(f"STATUS={line}")

    def still_starting(self, line: str) -> None:
        """Ask for more time to start, and say what takes it: to be said again within that time."""
        self._send(f"EXTEND_TIMEOUT_USEC={_LONGER_SECONDS * _MICROSECONDS}\nSTATUS={line}")

    async def keep_watchdog(self) -> None:
        """Tell the watchdog that the event loop turns, twice in each of its periods, until cancelled."""
        if self._watchdog_seconds is None:
            await asyncio.Event().wait()
            return
        while True:
            self._send("WATCHDOG=1")
            await asyncio.sleep(self._watchdog_seconds / 2)

    def close(self) -> None:
        """Say nothing any more."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def _send(self, message: str) -> None:
        if self._address is None or self._channel is None:
            return
        # "@" stands for the zero byte of the abstract namespace, unix(7).
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with suppress(OSError):
            self._channel.sendto(message.encode(), address)
