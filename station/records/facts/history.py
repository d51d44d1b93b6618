"""What is asked of attempts: those without a result, and what became of a hub before."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import TypeAdapter

from firmware_catalog.identity import Eui64
from station.domain.hub_facts import DeviceFacts
from station.domain.outcome import Code, Disposition, Outcome, Stage
from station.domain.position import Position
from station.domain.slot_name import SlotName
from station.records.facts.attempts import AttemptClosed, AttemptId, StepTarget
from station.records.facts.unlocks import wrong_unlock_answers
from station.records.moments import utc_from_microseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAttempt:
    """An attempt without a result: all that recovery needs to know of it."""

    attempt: AttemptId
    opened: datetime
    order: str | None
    place: SlotName
    """Where the hub was last seen."""
    hub: DeviceFacts | None
    scanned_id: Eui64 | None
    scanned_role: Literal["CHF", "GPF"] | None
    number: int
    operator: str | None
    steps: tuple[StepTarget, ...]
    """The plan; empty until the attempt was authorised."""
    stage: Stage | None
    """The stage that the last event was about; None before the first."""
    step: int
    running: bool
    """That stage was started and has not ended: the hub's state may have changed."""
    failures: Mapping[Position, int]
    """Tries that ended with a code. A try that a crash cut short is none: the crash is not the hub's doing."""
    seconds: Mapping[Stage, float]
    """Duration of each stage, over all its ended tries."""
    lost: bool
    """The hub left its slot and has not been seen since."""
    interrupted: Code | None
    """Why the bench itself ended work on the hub, an emergency stop say; None once it has been taken up again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastAttempt:
    """An attempt in a hub's history, open or closed."""

    attempt: AttemptId
    order: str | None
    number: int
    place: SlotName
    gpf: Eui64 | None
    opened: datetime
    closed: datetime | None
    outcome: Outcome | None
    stage: Stage | None
    """Where it ended."""
    code: Code | None
    disposition: Disposition | None
    boots: int | None
    """The hub's boot counter when it was seen last."""
    scanned_id: Eui64 | None
    scanned_role: Literal["CHF", "GPF"] | None
    """The last label that was scanned for the hub, also after the attempt was closed."""
    unsettled: str | None
    """What could not be put right about the hub before the attempt ended: it is quarantined."""


@dataclass(frozen=True, slots=True)
class HubHistory:
    """What has become of one hub so far, on all orders."""

    chf: Eui64 | None
    """None where only a label tells of the hub."""
    wrong_unlock_answers: int
    """Answers sent to the hub, and not known to be void, since the last that it took."""
    attempts: tuple[PastAttempt, ...]
    """Oldest first, open ones included."""

    def attempts_in(self, order: str | None) -> int:
        """Return how many attempts were opened for this order."""
        return sum(attempt.order == order for attempt in self.attempts)

    def passed_in(self, order: str | None) -> PastAttempt | None:
        """Return the hub's newest pass for this order, whatever came after."""
        passes = [
            attempt
            for attempt in self.attempts
            if attempt.order == order and attempt.outcome is Outcome.PASSED
        ]
        return passes[-1] if passes else None

    def last_outcome_in(self, order: str | None) -> Outcome | None:
        """Return how the newest closed attempt for this order ended."""
        outcomes = [
            attempt.outcome for attempt in self.attempts if attempt.order == order and attempt.outcome
        ]
        return outcomes[-1] if outcomes else None

    @property
    def failed_places(self) -> frozenset[SlotName]:
        """The slots that it failed in."""
        return frozenset(attempt.place for attempt in self.attempts if attempt.outcome is Outcome.FAILED)


_FACTS: Final[TypeAdapter[DeviceFacts]] = TypeAdapter(DeviceFacts)

_OPEN_ATTEMPTS: Final = (
    "SELECT attempt, opened, work_order, jig, slot, hub, scanned_id, scanned_role, number, operator, plan, lost,"
    " interrupted"
    " FROM attempts WHERE closed IS NULL"
)


def open_attempts(tables: sqlite3.Connection) -> tuple[OpenAttempt, ...]:
    """Return every attempt without a result, oldest first."""
    return tuple(
        _open_attempt(tables, row) for row in tables.execute(f"{_OPEN_ATTEMPTS} ORDER BY attempt").fetchall()
    )


def open_attempt_of(
    tables: sqlite3.Connection, chf: Eui64 | None, gpf: Eui64 | None = None
) -> OpenAttempt | None:
    """Return the oldest attempt without a result on a hub that said this CHF or this GPF id; if it can, one of both.

    Where only one of two ids agrees it is not the same hub, and whoever asks has to say so.
    """
    row = tables.execute(
        f"{_OPEN_ATTEMPTS} AND (chf = ?1 OR gpf = ?2) ORDER BY (chf = ?1 AND gpf = ?2) DESC, attempt LIMIT 1",
        (None if chf is None else str(chf), None if gpf is None else str(gpf)),
    ).fetchone()
    return None if row is None else _open_attempt(tables, row)


def _open_attempt(tables: sqlite3.Connection, row: tuple[Any, ...]) -> OpenAttempt:
    (
        attempt,
        opened,
        order,
        jig,
        slot,
        hub,
        scanned_id,
        scanned_role,
        number,
        operator,
        plan,
        lost,
        interrupted,
    ) = row
    stages = tables.execute(
        "SELECT step, stage, running, failures, seconds FROM stages WHERE attempt = ? ORDER BY latest",
        (attempt,),
    ).fetchall()
    failures: dict[Position, int] = {}
    spent: dict[Stage, float] = {}
    step, stage, running = 0, None, False
    for step, name, running, failed, seconds in stages:  # noqa: B007 - the last row's values are wanted
        stage = Stage(name)
        if failed:
            failures[Position(step, stage)] = failed
        spent[stage] = spent.get(stage, 0.0) + seconds
    return OpenAttempt(
        attempt=attempt,
        opened=utc_from_microseconds(opened),
        order=order,
        place=SlotName(jig=jig, slot=slot),
        hub=None if hub is None else _FACTS.validate_json(hub),
        scanned_id=None if scanned_id is None else Eui64.parse(scanned_id),
        scanned_role=scanned_role,
        number=number,
        operator=operator,
        steps=tuple(StepTarget.model_validate(target) for target in json.loads(plan)),
        stage=stage,
        step=step,
        running=bool(running),
        failures=failures,
        seconds=spent,
        lost=bool(lost),
        interrupted=None if interrupted is None else Code(interrupted),
    )


def last_passes(tables: sqlite3.Connection, limit: int) -> tuple[AttemptClosed, ...]:
    """Return the last results of hubs that passed in one step, oldest first, as far as this segment has them."""
    rows = tables.execute(
        "SELECT body FROM events, (SELECT attempt FROM attempts WHERE outcome = 'passed' ORDER BY attempt DESC LIMIT ?)"
        " WHERE json_extract(body, '$.attempt') = attempt AND json_extract(body, '$.kind') = 'attempt_closed'"
        " AND NOT EXISTS (SELECT 1 FROM events AS of_it WHERE json_extract(of_it.body, '$.attempt') = attempt"
        " AND json_extract(of_it.body, '$.step') > 0) ORDER BY sequence",
        (limit,),
    )
    return tuple(AttemptClosed.model_validate_json(body) for (body,) in rows)


_HISTORY: Final = (
    "SELECT attempt, work_order, number, jig, slot, gpf, opened, closed, outcome, stage, code, disposition, boots,"
    " scanned_id, scanned_role, unsettled FROM attempts WHERE "
)


def hub_history(tables: sqlite3.Connection, chf: Eui64, gpf: Eui64 | None = None) -> HubHistory:
    """Return what has become of the hub with these ids so far, attempts at which it was silent and labelled included."""
    rows = tables.execute(
        f"{_HISTORY} chf = ?1 OR (chf IS NULL AND scanned_id IN (?1, ?2)) ORDER BY attempt",
        (str(chf), None if gpf is None else str(gpf)),
    )
    return HubHistory(chf, wrong_unlock_answers(tables, chf), _past_attempts(rows))


def label_history(tables: sqlite3.Connection, label: Eui64) -> HubHistory:
    """Return what has become so far of the hub that a label names, by either of its ids: it tells nothing itself."""
    rows = tables.execute(
        f"{_HISTORY} chf = ?1 OR gpf = ?1 OR (chf IS NULL AND scanned_id = ?1) ORDER BY attempt",
        (str(label),),
    )
    return HubHistory(None, 0, _past_attempts(rows))


@dataclass(frozen=True, slots=True)
class ResultOfOrder:
    """The newest result of a hub in an order."""

    hub: Eui64 | None
    """CHF id; None of a hub that did not say who it is and had no label."""
    listed: bool
    """Whether the order lists it."""
    outcome: Outcome
    code: Code | None


def results_of_order(tables: sqlite3.Connection, order: str) -> tuple[ResultOfOrder, ...]:
    """Return the newest result of each hub that was seen for an order, those that it does not list included."""
    rows = tables.execute(
        "SELECT coalesce(lines.chf, attempts.chf, scanned_id) AS device, lines.chf IS NOT NULL, attempts.outcome, code,"
        " max(attempt)"
        " FROM attempts LEFT JOIN order_lines AS lines ON lines.work_order = attempts.work_order AND ("
        "lines.chf = coalesce(attempts.chf, scanned_id) OR (attempts.chf IS NULL AND lines.gpf = scanned_id))"
        " WHERE attempts.work_order = ? AND closed IS NOT NULL GROUP BY device ORDER BY device",
        (order,),
    )
    return tuple(
        ResultOfOrder(
            None if hub is None else Eui64.parse(hub),
            bool(listed),
            Outcome(outcome),
            None if code is None else Code(code),
        )
        for hub, listed, outcome, code, _ in rows
    )


def _past_attempts(rows: Iterable[tuple[Any, ...]]) -> tuple[PastAttempt, ...]:
    return tuple(
        PastAttempt(
            attempt=attempt,
            order=order,
            number=number,
            place=SlotName(jig=jig, slot=slot),
            gpf=None if gpf is None else Eui64.parse(gpf),
            opened=utc_from_microseconds(opened),
            closed=None if closed is None else utc_from_microseconds(closed),
            outcome=None if outcome is None else Outcome(outcome),
            stage=None if stage is None else Stage(stage),
            code=None if code is None else Code(code),
            disposition=None if disposition is None else Disposition(disposition),
            boots=boots,
            scanned_id=None if scanned_id is None else Eui64.parse(scanned_id),
            scanned_role=scanned_role,
            unsettled=unsettled,
        )
        for (
            attempt,
            order,
            number,
            jig,
            slot,
            gpf,
            opened,
            closed,
            outcome,
            stage,
            code,
            disposition,
            boots,
            scanned_id,
            scanned_role,
            unsettled,
        ) in rows
    )
