"""That somebody still is what they showed to be, held in the very append of what they do."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field

from station.people.operators import Operators, OperatorsUnreadable, Person
from station.records.errors import NotAsExpected
from station.records.expectations import Expectation


@dataclass(frozen=True, slots=True)
class StandsAsThen(Expectation):
    """Somebody stands in the list of operators as when they proved who they are: with that role, badge and PIN."""

    operators: Operators
    pseudonym: str
    person: Person = field(repr=False)

    def hold(self, _: sqlite3.Connection) -> None:
        """Raise NotAsExpected where they were erased or changed since, or where that cannot be asked."""
        try:
            now = self.operators.people().get(self.pseudonym)
        except (OperatorsUnreadable, OSError) as error:
            raise NotAsExpected(f"whether {self.pseudonym} still may cannot be asked ({error})") from error
        if now != self.person:
            raise NotAsExpected(
                f"{self.pseudonym} was erased, or given another role, badge or PIN, in the meantime"
            )
