"""Golden hubs: known good ones that stay at the bench, and the checks of slots that are made with them. None has results."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, assert_never

from firmware_catalog.identity import Eui64
from station.domain.actor import Actor
from station.domain.destination import Destination
from station.domain.order_line import ListedDevice
from station.domain.slot_name import SlotName
from station.packing.belonging import Stand
from station.records.errors import EventRefused, PartysHub
from station.records.facts.base import Fact, Written, require
from station.records.facts.unlocks import count_answer, forget_answers, take_back_answer
from station.records.moments import utc_from_microseconds
from station.records.tables import UNFINISHED_IMPORT

KEPT_CHECKS: Final = 30
"""So many of a slot's checks stay in the tables: what it is held against. All stand in the journal."""


class GoldenHubEnrolled(Fact):
    """A hub stays at the bench to check slots with. What its spare slot holds may be erased; no order may name it."""

    kind: Literal["golden_hub_enrolled"] = "golden_hub_enrolled"
    chf: Eui64
    gpf: Eui64
    reason: str | None = None
    """Why a hub stays here that an order had listed: it is a party's."""
    actor: Actor


class GoldenHubRetired(Fact):
    """It is a hub like any other from now on."""

    kind: Literal["golden_hub_retired"] = "golden_hub_retired"
    chf: Eui64
    reason: str
    as_it_is: bool
    """Somebody takes it as it is: without, one that is not known to be as it was is not retired."""
    actor: Actor


class GoldenCheckStarted(Fact):
    """A slot is about to be checked: until its end is told, the hub's spare slot may hold anything, and its lock be open."""

    kind: Literal["golden_check_started"] = "golden_check_started"
    place: SlotName
    chf: Eui64
    image_sha256: str
    """Of the file that is written and erased again."""
    bytes: int
    operator: str | None


class GoldenAnswerDue(Fact):
    """An answer to the golden hub's challenge is about to be sent. Counts as one to any other hub does."""

    kind: Literal["golden_answer_due"] = "golden_answer_due"
    check: int
    chf: Eui64


class GoldenAnswerVoid(Fact):
    """The golden hub got no answer, or judged it neither right nor wrong: it counts no more."""

    kind: Literal["golden_answer_void"] = "golden_answer_void"
    check: int
    chf: Eui64


class GoldenHubUnlocked(Fact):
    """It took the answer: none counts against it any more."""

    kind: Literal["golden_hub_unlocked"] = "golden_hub_unlocked"
    check: int
    chf: Eui64


class GoldenCheckEnded(Fact):
    """A check's end. Where the hub is not known to be as it was, its next check puts that right before anything else."""

    kind: Literal["golden_check_ended"] = "golden_check_ended"
    check: int
    """The sequence of its start."""
    place: SlotName
    chf: Eui64
    passed: bool
    as_it_was: bool
    """Whether the hub was read back locked, on what it ran before, with an empty spare slot."""
    made: tuple[str, ...]
    """The parts that were made, in their order."""
    detail: str | None
    """Why it did not pass, in English."""
    bytes: int
    write_seconds: float | None
    retries: int
    milliamperes: int | None
    """What the slot drew while it was written, where the board measures it."""
    boots: int | None
    """The hub's boot counter at the end."""


GoldenFact = (
    GoldenHubEnrolled
    | GoldenHubRetired
    | GoldenCheckStarted
    | GoldenAnswerDue
    | GoldenAnswerVoid
    | GoldenHubUnlocked
    | GoldenCheckEnded
)


def apply(tables: sqlite3.Connection, written: Written, event: GoldenFact) -> None:
    """Bring the tables up to this fact. Raises EventRefused."""
    match event:
        case GoldenHubEnrolled():
            require(
                tables.execute(
                    "INSERT OR IGNORE INTO golden_hubs VALUES (?, ?, ?)",
                    (str(event.chf), str(event.gpf), written.utc),
                ),
                f"{event.chf} is a golden hub already",
            )
        case GoldenHubRetired():
            require(
                tables.execute("DELETE FROM golden_hubs WHERE chf = ?", (str(event.chf),)),
                f"{event.chf} is no golden hub",
            )
        case GoldenCheckStarted():
            require(
                tables.execute(
                    "INSERT OR REPLACE INTO golden_doubts SELECT chf, ? FROM golden_hubs WHERE chf = ?",
                    (written.sequence, str(event.chf)),
                ),
                f"{event.chf} is no golden hub",
            )
        case GoldenAnswerDue():
            count_answer(tables, event.chf)
        case GoldenAnswerVoid():
            take_back_answer(tables, event.chf)
        case GoldenHubUnlocked():
            forget_answers(tables, event.chf)
        case GoldenCheckEnded():
            if event.as_it_was:
                tables.execute(
                    "DELETE FROM golden_doubts WHERE chf = ? AND unended = ?",
                    (str(event.chf), event.check),
                )
            tables.execute(
                "INSERT INTO golden_checks VALUES (?, ?, ?, ?, ?, ?)",
                (
                    written.sequence,
                    event.place.jig,
                    event.place.slot,
                    written.utc,
                    event.passed,
                    event.model_dump_json(),
                ),
            )
            tables.execute(
                "DELETE FROM golden_checks WHERE jig = ?1 AND slot = ?2 AND sequence NOT IN (SELECT sequence"
                " FROM golden_checks WHERE jig = ?1 AND slot = ?2 ORDER BY sequence DESC LIMIT ?3)",
                (event.place.jig, event.place.slot, KEPT_CHECKS),
            )
        case _:
            assert_never(event)


GoldenIds = tuple[Eui64, Eui64]
"""CHF and GPF of a golden hub."""


@dataclass(frozen=True, slots=True)
class GoldenHub:
    """A hub that stays at the bench."""

    chf: Eui64
    gpf: Eui64
    enrolled: datetime
    unended: int | None
    """The start of a check after which it is not known to be as it was; None where it is."""


@dataclass(frozen=True, slots=True)
class PastCheck:
    """An ended check of a slot."""

    utc: datetime
    ended: GoldenCheckEnded


def golden_hubs(tables: sqlite3.Connection) -> tuple[GoldenHub, ...]:
    """Return every golden hub."""
    rows = tables.execute(
        "SELECT chf, gpf, enrolled, unended FROM golden_hubs LEFT JOIN golden_doubts USING (chf) ORDER BY chf"
    )
    return tuple(
        GoldenHub(Eui64.parse(chf), Eui64.parse(gpf), utc_from_microseconds(enrolled), unended)
        for chf, gpf, enrolled, unended in rows
    )


def golden_hub(tables: sqlite3.Connection, chf: Eui64) -> GoldenHub | None:
    """Return the golden hub of this CHF id; None for a hub like any other."""
    return next((each for each in golden_hubs(tables) if each.chf == chf), None)


def golden_checks(tables: sqlite3.Connection) -> tuple[PastCheck, ...]:
    """Return the newest checks of every slot, oldest first."""
    rows = tables.execute("SELECT utc, body FROM golden_checks ORDER BY sequence")
    return tuple(
        PastCheck(utc_from_microseconds(utc), GoldenCheckEnded.model_validate_json(body))
        for utc, body in rows
    )


def is_golden(tables: sqlite3.Connection, *devices: Eui64) -> bool:
    """Whether any of these ids is a golden hub's, as CHF or GPF."""
    return not _golden_ids(tables).isdisjoint(map(str, devices))


def golden_among(tables: sqlite3.Connection, lines: Iterable[ListedDevice]) -> list[Eui64]:
    """Return which lines of an order, by CHF id, name a golden hub by either id."""
    golden = _golden_ids(tables)
    return [line.device_id for line in lines if not golden.isdisjoint(map(str, line.ids.every))]


def _golden_ids(tables: sqlite3.Connection) -> set[str]:
    return {device for ids in tables.execute("SELECT chf, gpf FROM golden_hubs") for device in ids}


def lines_of_golden_hubs(tables: sqlite3.Connection, order: str) -> list[Eui64]:
    """Return which lines that an order has already, by CHF id, name a golden hub by either id."""
    rows = tables.execute(
        "SELECT DISTINCT order_lines.chf FROM golden_hubs JOIN order_lines ON work_order = ?"
        " AND (order_lines.chf IN (golden_hubs.chf, golden_hubs.gpf) OR order_lines.gpf IN (golden_hubs.chf, golden_hubs.gpf))"
        " ORDER BY 1",
        (order,),
    )
    return [Eui64.parse(chf) for (chf,) in rows]


def require_as_it_was(tables: sqlite3.Connection, event: GoldenHubRetired) -> None:
    """Refuse to let a hub go whose spare slot may hold a part of an image, or which is being checked with."""
    golden = golden_hub(tables, event.chf)
    if golden is not None and golden.unended is not None and not event.as_it_is:
        raise EventRefused(
            f"a check with {event.chf} has not ended: seat it once more, so that its spare slot is erased"
        )


def require_not_ordered(tables: sqlite3.Connection, event: GoldenHubEnrolled) -> None:
    """Refuse to make a hub golden that belongs to somebody, or of whose ids one is another golden hub's."""
    if is_golden(tables, event.chf, event.gpf):
        raise EventRefused(f"{event.chf} or its GPF is a golden hub already: see 'reflash golden list'")
    ids = (str(event.chf), str(event.gpf))
    ordered = tables.execute(
        "SELECT work_order FROM order_lines JOIN orders USING (work_order)"
        " WHERE (chf IN (?1, ?2) OR gpf IN (?1, ?2)) AND closed IS NULL",
        ids,
    ).fetchone()
    if ordered:
        raise EventRefused(f"{event.chf} is a hub of open order {ordered[0]}: it belongs to a party")
    if tables.execute(
        "SELECT 1 FROM attempts WHERE (chf IN (?1, ?2) OR gpf IN (?1, ?2)) AND closed IS NULL", ids
    ).fetchone():
        raise EventRefused(f"{event.chf} has an attempt without a result: seat it until it has one")
    stands = tables.execute(
        "SELECT place, carton FROM hub_places WHERE (hub IN (?1, ?2) OR gpf IN (?1, ?2)) AND left_at IS NULL",
        ids,
    ).fetchone()
    if stands:
        where = Stand(Destination(stands[0]), stands[1])
        raise EventRefused(
            f"{event.chf} is {where} by the books: if you hold it, seat it once, so that it is read"
        )
    if event.reason is None and (over := _orders_over(tables, *ids)):
        raise PartysHub(event.chf, over)


def _orders_over(tables: sqlite3.Connection, *ids: str) -> list[str]:
    """Return the closed orders of these tables that list a hub of these ids, or did."""
    rows = tables.execute(
        "SELECT DISTINCT work_order FROM (SELECT work_order, chf, gpf FROM order_lines"
        " UNION SELECT work_order, chf, gpf FROM withdrawn_lines) JOIN orders USING (work_order)"
        " WHERE (chf IN (?1, ?2) OR gpf IN (?1, ?2)) AND closed IS NOT ?3 ORDER BY work_order",
        (*ids, UNFINISHED_IMPORT),
    )
    return [order for (order,) in rows]
