"""File descriptors: how many this bench needs, how many there are, and whether a hub may be begun with."""

from __future__ import annotations

import os
import resource
from typing import Final

from drivers.descriptors import ENOUGH, how_to_raise, shortage_in
from station.settings import StationSettings

SPARE: Final = 16
"""With fewer left no hub is begun with. Hubs at work open one or two for a moment (an image, the published head); the
rest is for the catalogue and the broker."""

CLIENTS: Final = 64
"""So many commands and screens may be connected to one of the daemon's sockets."""

_OF_A_CLIENT: Final = 2
"""The connection, and a file that comes along."""
_OF_A_PORT: Final = 5
"""What pyserial holds for a port: the device, and two pipes for interrupting calls. A hub on USB takes fewer."""
_OF_THE_STATION: Final = 24
"""What is held besides: 20 counted of the event loop, log, journal, reports, control socket and broker, and an HSM's library."""


def needed(settings: StationSettings) -> int:
    """Return how many file descriptors a station with this configuration needs."""
    ports = sum(len(jig.slots) + (jig.board is not None) + (jig.scanner is not None) for jig in settings.jigs)
    return _OF_THE_STATION + _OF_A_PORT * ports + of_clients(settings) + SPARE


def of_clients(settings: StationSettings) -> int:
    """Return how many of them are there for commands and screens."""
    sockets = 1 if settings.desk_socket is None else 2
    return sockets * CLIENTS * _OF_A_CLIENT


def allowed() -> int:
    """Return how many this process may have (the soft limit)."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def raise_limit() -> None:
    """Allow this process enough of them, or as many as it may allow itself."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < ENOUGH:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, ENOUGH), hard))


def shortfall(settings: StationSettings) -> str | None:
    """Say in one line that this process may not have as many as it needs; None if it may."""
    if allowed() >= needed(settings):
        return None
    return f"{allowed()} file descriptors are allowed, this bench needs {needed(settings)}: {how_to_raise()}"


def hindrance() -> str | None:
    """Say in one line that there are too few left to begin with a hub; None if there are enough."""
    most = allowed()
    try:
        taken = os.listdir("/proc/self/fd")  # noqa: PTH208 - names alone are wanted; among them the listing's own
    except OSError as error:
        if (none_left := shortage_in(error)) is None:
            raise
        return none_left
    free = most + 1 - len(taken)
    if free < SPARE:  # a limit that was lowered leaves what is open beyond it as it is
        free = most + 1 - sum(int(number) < most for number in taken)
    if free >= SPARE:
        return None
    return f"only {free} left of {most} file descriptors: {how_to_raise()}"
