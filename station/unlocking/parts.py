"""What whoever unlocks hubs relies on: an authority that signs, and a count of the answers that may have been wrong."""

from __future__ import annotations

from typing import Protocol

from drivers.hub import UnlockAuthority
from firmware_catalog.identity import Eui64


class NamedAuthority(UnlockAuthority, Protocol):
    """An unlock authority with a name for the journal."""

    @property
    def name(self) -> str:
        """Which key signs, without saying anything secret."""
        ...


class WrongAnswers(Protocol):
    """How many unlock answers count against a hub, on the whole station."""

    async def of(self, chf: Eui64) -> int:
        """Return how many answers the hub called wrong, or may have. Raises UnlockAuthorityFailed when unknown."""
        ...
