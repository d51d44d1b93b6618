"""Under whom a hub is worked on: asked whenever something is recorded, for the person may have gone meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from station.records.expectations import WorksAt


class NobodyWorksHere(Exception):
    """Nobody is signed on at a jig where somebody has to be: the hub was not begun with. One line, without the slot."""


@dataclass(frozen=True, slots=True)
class Worker:
    """Who works at a jig now."""

    pseudonym: str | None
    expectation: WorksAt
    """That it is still they, in the very append that names them."""


@dataclass(frozen=True, slots=True)
class Workers:
    """Who works at each jig."""

    operator: Callable[[], str | None]
    """Who works where nobody is signed on."""
    signed_on: Callable[[str], str | None] = lambda _: None
    """Who is signed on at a jig, as the journal's facts have it."""

    nobody_at: Callable[[str], bool] = lambda _: False
    """Whether no hub may be begun with at a jig because nobody is signed on there."""

    def require(self, jig: str) -> None:
        """Raise NobodyWorksHere where somebody has to sign on first."""
        if self.nobody_at(jig):
            raise NobodyWorksHere(f"nobody is signed on at {jig}")

    def at(self, jig: str) -> Worker:
        """Return who works there now."""
        signed_on = self.signed_on(jig)
        return Worker(signed_on or self.operator(), WorksAt(jig, signed_on))
