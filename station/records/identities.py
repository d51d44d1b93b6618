"""By which id of its journal each row is known."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID


class Identities:
    """By which journal id each row is known: the first, until the journal was restored and got another."""

    def __init__(self, known: Iterable[tuple[int, UUID]]) -> None:
        """Know the ids, each with the sequence of the first row that has it."""
        self._known = sorted(known)

    def of(self, sequence: int) -> UUID:
        """Return the id of the row. Raises LookupError for a row before the first."""
        for first, journal in reversed(self._known):
            if first <= sequence:
                return journal
        raise LookupError(f"row {sequence} is of no journal")

    def has(self, journal: UUID) -> bool:
        """Whether any row is known by this id."""
        return any(journal == known for _, known in self._known)

    def begin(self, sequence: int, journal: UUID) -> None:
        """Note that rows from this one on are known by another id."""
        if (sequence, journal) not in self._known:
            self._known.append((sequence, journal))
            self._known.sort()
