"""What the journal answers about attempts, hubs and orders: plain facts, read from the derived tables."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from firmware_catalog.identity import DeviceModel, Eui64, FirmwareVersion
from station.domain.hub_facts import HubFacts
from station.domain.order_line import OrderLine
from station.domain.outcome import Code, Disposition, Outcome, Stage
from station.domain.position import Position
from station.domain.slot_name import Place
from station.records.chain import Identities, utc_from_microseconds
from station.records.events import AttemptId, StepTarget
from station.records.tables import EVERY_OTHER_HUB, UNFINISHED_IMPORT


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAttempt:
    """An attempt without a result: all that recovery needs to know of it."""

    attempt: AttemptId
    opened: datetime
    order: str | None
    place: Place
    """Where the hub was last seen."""
    hub: HubFacts | None
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
    place: Place
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
class WaitingLabel:
    """A label that was scanned for a slot before its hub was seen."""

    place: Place
    scanned_id: Eui64
    scanned_role: Literal["CHF", "GPF"] | None


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
    def failed_places(self) -> frozenset[Place]:
        """The slots that it failed in."""
        return frozenset(attempt.place for attempt in self.attempts if attempt.outcome is Outcome.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSummary:
    """A work order and how far it is."""

    order: str
    imported: datetime
    source: str
    sha256: str
    hubs: int
    closed: str | None
    """The reason, once closed."""
    jigs: tuple[str, ...]
    outcomes: Mapping[Outcome, int]
    """Hubs of the order by the outcome that counts: a later one supersedes, but takes no success back."""

    @property
    def waiting(self) -> int:
        """Hubs of the order without any result."""
        return self.hubs - sum(self.outcomes.values())


@dataclass(frozen=True, slots=True)
class OrderLineState:
    """One hub of a work order, and the outcome that counts for the order."""

    order: str
    line: OrderLine
    outcome: Outcome | None


def identities_of(tables: sqlite3.Connection) -> Identities:
    """Return by which ids the journal's rows are known."""
    rows = tables.execute("SELECT first_sequence, journal FROM identities")
    return Identities((first, UUID(journal)) for first, journal in rows)


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
        place=Place(jig=jig, slot=slot),
        hub=None if hub is None else HubFacts.model_validate_json(hub),
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


def wrong_unlock_answers(tables: sqlite3.Connection, chf: Eui64) -> int:
    """Return how many answers were, or may have been, sent to the hub, and not known to be void, since the last that it took."""
    found = tables.execute(
        "SELECT wrong_answers FROM hubs WHERE chf IN (?1, ?2) ORDER BY chf = ?2", (str(chf), EVERY_OTHER_HUB)
    ).fetchone()
    return 0 if found is None else int(found[0])


def label_history(tables: sqlite3.Connection, label: Eui64) -> HubHistory:
    """Return what has become so far of the hub that a label names, by either of its ids: it tells nothing itself."""
    rows = tables.execute(
        f"{_HISTORY} chf = ?1 OR gpf = ?1 OR (chf IS NULL AND scanned_id = ?1) ORDER BY attempt",
        (str(label),),
    )
    return HubHistory(None, 0, _past_attempts(rows))


def _past_attempts(rows: Iterable[tuple[Any, ...]]) -> tuple[PastAttempt, ...]:
    return tuple(
        PastAttempt(
            attempt=attempt,
            order=order,
            number=number,
            place=Place(jig=jig, slot=slot),
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


def waiting_labels(tables: sqlite3.Connection) -> tuple[WaitingLabel, ...]:
    """Return every label that waits for its hub."""
    rows = tables.execute("SELECT jig, slot, scanned_id, scanned_role FROM waiting_labels ORDER BY jig, slot")
    return tuple(
        WaitingLabel(Place(jig=jig, slot=slot), Eui64.parse(scanned_id), role)
        for jig, slot, scanned_id, role in rows
    )


def order_line(tables: sqlite3.Connection, order: str, device: Eui64) -> OrderLine | None:
    """Return the order's line for the hub with this CHF or, failing that, this GPF id."""
    state = order_line_state(tables, order, device)
    return None if state is None else state.line


def order_line_state(tables: sqlite3.Connection, order: str, *devices: Eui64) -> OrderLineState | None:
    """Return the order's line for the first of these devices that it lists, as a CHF or, failing that, as a GPF."""
    for device in devices:
        for column in ("chf", "gpf"):
            found = tables.execute(
                f"SELECT work_order, line, outcome FROM order_lines WHERE work_order = ? AND {column} = ?",  # noqa: S608 - one of two names
                (order, str(device)),
            ).fetchone()
            if found is not None:
                return _line_state(found)
    return None


def order_lines(tables: sqlite3.Connection, order: str) -> tuple[OrderLineState, ...]:
    """Return every hub of an order, by CHF id: what an order is reconciled against."""
    rows = tables.execute(
        "SELECT work_order, line, outcome FROM order_lines WHERE work_order = ? ORDER BY chf", (order,)
    )
    return tuple(_line_state(row) for row in rows)


def lines_of(tables: sqlite3.Connection, device: Eui64) -> tuple[OrderLineState, ...]:
    """Return where any order lists this CHF or GPF id."""
    rows = tables.execute(
        "SELECT work_order, line, outcome FROM order_lines WHERE (chf = ?1 OR gpf = ?1)"
        " AND work_order IN (SELECT work_order FROM orders WHERE closed IS NOT ?2) ORDER BY work_order",
        (str(device), UNFINISHED_IMPORT),
    )
    return tuple(_line_state(row) for row in rows)


def _line_state(row: tuple[str, str, str | None]) -> OrderLineState:
    order, line, outcome = row
    return OrderLineState(
        order, OrderLine.model_validate_json(line), None if outcome is None else Outcome(outcome)
    )


def orders(tables: sqlite3.Connection) -> tuple[OrderSummary, ...]:
    """Return every work order, in the order of import."""
    rows = tables.execute(
        "SELECT work_order, imported, source, sha256, hubs, closed FROM orders WHERE closed IS NOT ?"
        " ORDER BY imported, work_order",
        (UNFINISHED_IMPORT,),
    ).fetchall()
    return tuple(
        OrderSummary(
            order=order,
            imported=utc_from_microseconds(imported),
            source=source,
            sha256=sha256,
            hubs=hubs,
            closed=closed,
            jigs=tuple(
                jig
                for (jig,) in tables.execute(
                    "SELECT jig FROM jig_orders WHERE work_order = ? ORDER BY jig", (order,)
                )
            ),
            outcomes={
                Outcome(outcome): count
                for outcome, count in tables.execute(
                    "SELECT outcome, hubs FROM order_counts WHERE work_order = ?", (order,)
                )
            },
        )
        for order, imported, source, sha256, hubs, closed in rows
    )


def jig_order(tables: sqlite3.Connection, jig: str) -> str | None:
    """Return the open order that the jig works on."""
    found = tables.execute("SELECT work_order FROM jig_orders WHERE jig = ?", (jig,)).fetchone()
    return None if found is None else str(found[0])


def order_is_open(tables: sqlite3.Connection, order: str) -> bool:
    """Whether the order was imported and not closed since."""
    found = tables.execute("SELECT closed FROM orders WHERE work_order = ?", (order,)).fetchone()
    return found is not None and found[0] is None


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What a command with a key was answered."""

    command: str
    sha256: str
    answer: str
    """As JSON."""


def command_answer(tables: sqlite3.Connection, key: UUID) -> KeptAnswer | None:
    """Return what the command with this key was answered; of the newest `projection.KEPT_ANSWERS` only."""
    found = tables.execute(
        "SELECT command, sha256, answer FROM command_answers WHERE key = ?", (str(key),)
    ).fetchone()
    return None if found is None else KeptAnswer(*found)


def waiting_results(tables: sqlite3.Connection) -> int:
    """Return how many results the broker has not acknowledged."""
    found: tuple[int] = tables.execute(
        "SELECT (SELECT count(*) FROM results WHERE acknowledged = 0) + (SELECT count(*) FROM sent_again)"
    ).fetchone()
    return found[0]


@dataclass(frozen=True, slots=True)
class StoppedRelease:
    """A release that no hub is given until a person resumes it."""

    model: DeviceModel
    version: FirmwareVersion
    why: str


def stopped_releases(tables: sqlite3.Connection) -> tuple[StoppedRelease, ...]:
    """Return every stopped release."""
    rows = tables.execute("SELECT manufacturer, model, version, why FROM stopped_releases ORDER BY 1, 2, 3")
    return tuple(
        StoppedRelease(DeviceModel(manufacturer, model), FirmwareVersion.parse(version), why)
        for manufacturer, model, version, why in rows
    )


@dataclass(frozen=True, slots=True)
class ReleaseResult:
    """How one hub fared with a release."""

    model: DeviceModel
    version: FirmwareVersion
    hub: Eui64
    """CHF id."""
    outcome: Outcome
    """PASSED or FAILED."""
    code: Code | None


def release_results(tables: sqlite3.Connection) -> tuple[ReleaseResult, ...]:
    """Return how hubs fared with each release that is not stopped, since it was last resumed: oldest first.

    Of each release the newest results only, so many as `projection.KEPT_OF_A_RELEASE`; and none that was written before
    the journal's vocabulary was 2.
    """
    rows = tables.execute(
        "SELECT manufacturer, model, version, hub, outcome, code FROM release_results WHERE NOT EXISTS ("
        "SELECT 1 FROM stopped_releases AS stopped WHERE (stopped.manufacturer, stopped.model, stopped.version)"
        " = (release_results.manufacturer, release_results.model, release_results.version)) ORDER BY sequence"
    )
    return tuple(
        ReleaseResult(
            DeviceModel(manufacturer, model),
            FirmwareVersion.parse(version),
            Eui64.parse(hub),
            Outcome(outcome),
            None if code is None else Code(code),
        )
        for manufacturer, model, version, hub, outcome, code in rows
    )


@dataclass(frozen=True, slots=True)
class StoppedJig:
    """A jig whose emergency stop was seen pressed and that no person has reset since."""

    jig: str
    stopped: datetime


def stopped_jigs(tables: sqlite3.Connection) -> tuple[StoppedJig, ...]:
    """Return every jig that waits for a person's reset."""
    rows = tables.execute("SELECT jig, stopped FROM stopped_jigs ORDER BY jig")
    return tuple(StoppedJig(jig, utc_from_microseconds(stopped)) for jig, stopped in rows)


@dataclass(frozen=True, slots=True)
class SlotOutOfUse:
    """A slot in which no hub is begun with until a person enables it."""

    place: Place
    why: str


def slots_out_of_use(tables: sqlite3.Connection) -> tuple[SlotOutOfUse, ...]:
    """Return every slot that was taken out of use and not enabled since."""
    rows = tables.execute("SELECT jig, slot, why FROM slots_out_of_use ORDER BY jig, slot")
    return tuple(SlotOutOfUse(Place(jig=jig, slot=slot), why) for jig, slot, why in rows)


@dataclass(frozen=True, slots=True)
class SlotFailure:
    """The newest failure of one hub in a slot, or one of a hub that nobody could name."""

    hub: Eui64 | None
    """CHF id, or else what its label says."""
    code: Code | None


def slot_failures(tables: sqlite3.Connection, place: Place) -> tuple[SlotFailure, ...]:
    """Return the failures in this slot since its last pass or enabling, oldest first, each named hub once.

    Whether a failure speaks against the slot is not decided here (`failure.may_be_the_slot`).
    """
    rows = tables.execute(
        "SELECT hub, code FROM slot_failures WHERE jig = ? AND slot = ? ORDER BY sequence",
        (place.jig, place.slot),
    )
    return tuple(
        SlotFailure(None if hub is None else Eui64.parse(hub), None if code is None else Code(code))
        for hub, code in rows
    )
