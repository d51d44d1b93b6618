"""Who was wrong too often waits: counted by where the guesses come from. Pure: the time is given.

Whoever knows the PINs locks one itself (docs/operating.md#people); this keeps one place from having everybody's locked, and from guessing badges.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from typing import Final

FREE_GUESSES: Final = 5
SECONDS_A_GUESS: Final = 60.0
"""After five wrong guesses there is one a minute. Nothing makes that more: whoever has a badge of their own guesses no faster."""
NETWORKS_SHARE: Final = 10
"""Whoever has one address of an IPv6 network of 64 bits can take any other of it, and those who work beside them have theirs there, too, link-local
or not. So each address counts for itself, and the network as a whole as so many: one who guesses has themselves wait first."""
_MOST_PLACES: Final = 1024


class Throttle:
    """Counts wrong guesses by place; the place that guessed longest ago gives way."""

    def __init__(self) -> None:
        self._paid_off: OrderedDict[str, float] = OrderedDict()
        """When the wrong guesses of each address and network will be forgotten, one after the other."""

    def wait(self, peer: str, now: float) -> float:
        """Return for how many seconds nothing is tried from there; 0 where it may be tried."""
        return max(self._wait(place, share, now) for place, share in _places(peer))

    def _wait(self, place: str, share: int, now: float) -> float:
        owed = self._paid_off.get(place, now) - now
        return max(owed - (FREE_GUESSES * share - 1) * SECONDS_A_GUESS / share, 0.0)

    def wrong(self, peer: str, now: float) -> None:
        """Count a wrong guess."""
        for place, share in _places(peer):
            self._paid_off[place] = max(self._paid_off.get(place, now), now) + SECONDS_A_GUESS / share
            self._paid_off.move_to_end(place)
        while len(self._paid_off) > _MOST_PLACES:
            self._paid_off.popitem(last=False)


def _places(peer: str) -> tuple[tuple[str, int], ...]:
    """Return where a guess counts, and for how many each of these stands."""
    network = network_of(peer)
    return ((peer, 1),) if network == peer else ((peer, 1), (network, NETWORKS_SHARE))


def network_of(peer: str) -> str:
    """Return what one place is told from others by. Whoever has one IPv6 address has its whole /64."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return peer
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else str(address)


def is_this_computer(peer: str) -> bool:
    """Whether it comes by the loopback."""
    try:
        return ipaddress.ip_address(peer).is_loopback
    except ValueError:
        return False
