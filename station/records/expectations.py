"""What whoever decided something took for given: held against the tables in the very append of what was decided.

`conditions` are what a fact needs, whoever writes it; an expectation is one person's, who saw a state and acted on it.
"""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

from station.records.errors import NotAsExpected
from station.records.facts.order_revisions import withdrawn_to_put_aside
from station.records.facts.people import BENCH, at


class Expectation(ABC):
    """Stands among the events of an append, and is no event."""

    __slots__ = ()

    @abstractmethod
    def hold(self, tables: sqlite3.Connection) -> None:
        """Raise NotAsExpected where the tables say something else."""


@dataclass(frozen=True, slots=True)
class JigWorksOn(Expectation):
    """A jig works on this order, or on none."""

    jig: str
    order: str | None

    def hold(self, tables: sqlite3.Connection) -> None:
        """Raise NotAsExpected where it works on another."""
        found = tables.execute("SELECT work_order FROM jig_orders WHERE jig = ?", (self.jig,)).fetchone()
        order = None if found is None else str(found[0])
        if order != self.order:
            raise NotAsExpected(
                f"{self.jig} works on {_order(order)} now, not on {_order(self.order)} as was expected",
                jig=self.jig,
                order=order,
            )


@dataclass(frozen=True, slots=True)
class WorkedOnBy(Expectation):
    """An order is worked on by these jigs, and no other."""

    order: str
    jigs: frozenset[str]

    def hold(self, tables: sqlite3.Connection) -> None:
        """Raise NotAsExpected where they are others."""
        rows = tables.execute("SELECT jig FROM jig_orders WHERE work_order = ?", (self.order,))
        jigs = {str(jig) for (jig,) in rows}
        if jigs != self.jigs:
            raise NotAsExpected(
                f"order {self.order} is worked on by {_jigs(jigs)} now, not by {_jigs(self.jigs)} as was expected",
                order=self.order,
            )


@dataclass(frozen=True, slots=True)
class HubsWithoutResult(Expectation):
    """So many hubs of an order have no result."""

    order: str
    hubs: int

    def hold(self, tables: sqlite3.Connection) -> None:
        """Raise NotAsExpected where it is another number, or there is no such order."""
        found = tables.execute(
            "SELECT hubs - (SELECT total(hubs) FROM order_counts WHERE work_order = ?1) FROM orders"
            " WHERE work_order = ?1",
            (self.order,),
        ).fetchone()
        hubs = None if found is None else int(found[0])
        if hubs != self.hubs:
            raise NotAsExpected(
                f"order {self.order} has {hubs} hubs without a result now, not {self.hubs} as was expected",
                order=self.order,
                waiting=hubs,
            )


@dataclass(frozen=True, slots=True)
class EveryHubInItsPlace(Expectation):
    """Every hub of an order stands in a place, and its cartons are finished."""

    order: str

    def hold(self, tables: sqlite3.Connection) -> None:
        """Raise NotAsExpected where one does not, or a carton is held or open with hubs in it."""
        missing, unfinished = tables.execute(
            "SELECT (SELECT count(*) FROM order_lines WHERE work_order = ?1 AND NOT EXISTS (SELECT 1 FROM hub_places"
            " WHERE hub = chf AND hub_places.work_order = ?1 AND left_at IS NULL)),"
            " (SELECT count(*) FROM cartons WHERE work_order = ?1 AND (held IS NOT NULL OR (closed IS NULL AND hubs)))",
            (self.order,),
        ).fetchone()
        withdrawn = withdrawn_to_put_aside(tables, self.order)
        if missing or unfinished or withdrawn:
            raise NotAsExpected(
                f"order {self.order} has {missing} hubs in no place, {unfinished} unfinished cartons and {withdrawn}"
                " withdrawn hubs to put aside now",
                order=self.order,
                missing=missing,
                unfinished=unfinished,
                withdrawn=withdrawn,
            )


@dataclass(frozen=True, slots=True)
class WorksAt(Expectation):
    """This person, or nobody, is signed on at a jig; or for the bench, where nobody is at the jig."""

    jig: str | None
    pseudonym: str | None

    def hold(self, tables: sqlite3.Connection) -> None:
        """Raise NotAsExpected where it is another."""
        found = tables.execute(
            "SELECT pseudonym FROM signed_on WHERE jig IN (?, ?) ORDER BY jig DESC LIMIT 1",
            (self.jig or BENCH, BENCH),
        ).fetchone()
        pseudonym = None if found is None else str(found[0])
        if pseudonym != self.pseudonym:
            raise NotAsExpected(
                f"{pseudonym or 'nobody'} is signed on {at(self.jig)} now, not {self.pseudonym or 'nobody'}"
                " as was expected",
                jig=self.jig,
                pseudonym=pseudonym,
            )


def _jigs(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "no jig"


def _order(number: str | None) -> str:
    return "no order" if number is None else f"order {number}"
