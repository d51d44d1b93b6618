"""Attempts: one on a hub, from its opening to its one result."""

from __future__ import annotations

import json
import sqlite3
from typing import Literal, assert_never

from pydantic import AwareDatetime, BaseModel, ConfigDict

from firmware_catalog.devices import BridgeType, gpf_of
from firmware_catalog.identity import Eui64, FirmwareVersion
from station.domain.actor import Actor
from station.domain.hub_facts import DeviceFacts
from station.domain.order_line import ListedDevice
from station.domain.outcome import Code, Disposition, Outcome, Stage
from station.domain.slot_name import SlotName
from station.records.errors import AttemptHasResult, EventRefused
from station.records.facts.base import FROM_LATER, Fact, Written

AttemptId = int
"""The journal sequence of the attempt's `AttemptOpened`."""


class StepTarget(BaseModel):
    """One step of an attempt's plan."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: FirmwareVersion
    image_sha256: str
    image_hash: str


class HandFlashRequested(Fact):
    """Someone flashes one device by hand, outside every order. In production mode it names who answers for it."""

    kind: Literal["hand_flash_requested"] = "hand_flash_requested"
    port: str
    image_sha256: str
    supervisor: str | None
    reason: str | None
    actor: Actor | None = FROM_LATER


class AttemptOpened(Fact):
    """A hub was seen in a slot and an attempt on it begins."""

    kind: Literal["attempt_opened"] = "attempt_opened"
    place: SlotName
    order: str | None
    hub: DeviceFacts | None
    """None when the hub could not identify itself."""
    scanned_id: Eui64 | None = None
    scanned_role: Literal["CHF", "GPF"] | None = None
    number: int
    """1 for the first attempt on this hub in this order; a later attempt supersedes an earlier one."""
    operator: str | None = None
    boot_seconds: float | None = FROM_LATER
    """From its power until it said who it is; None where nothing tells when it was seated."""


class AttemptPlanned(Fact):
    """The attempt was authorised: these steps, in this order."""

    kind: Literal["attempt_planned"] = "attempt_planned"
    attempt: AttemptId
    steps: tuple[StepTarget, ...]


class StageStarted(Fact):
    """The station is about to act: from here on, until `StageEnded`, the hub's state may have changed."""

    kind: Literal["stage_started"] = "stage_started"
    attempt: AttemptId
    stage: Stage
    step: int = 0
    try_number: int = 1


class StageEnded(Fact):
    """The stage was done, or failed with a code."""

    kind: Literal["stage_ended"] = "stage_ended"
    attempt: AttemptId
    stage: Stage
    step: int = 0
    seconds: float
    code: Code | None = None
    detail: str | None = None


class HubLost(Fact):
    """The hub left its slot before the attempt had a result: the attempt stays open ("find this hub")."""

    kind: Literal["hub_lost"] = "hub_lost"
    attempt: AttemptId
    stage: Stage


class AttemptInterrupted(Fact):
    """The bench itself ended work on a hub that still sits there, an emergency stop say: the attempt stays open."""

    kind: Literal["attempt_interrupted"] = "attempt_interrupted"
    attempt: AttemptId
    stage: Stage
    code: Code


class AttemptResumed(Fact):
    """A hub with an open attempt was seen, probed, and the attempt goes on from `stage`."""

    kind: Literal["attempt_resumed"] = "attempt_resumed"
    attempt: AttemptId
    place: SlotName
    stage: Stage
    step: int
    why: str
    scanned_id: Eui64 | None = None
    """The label that waited for the hub where it was seen again."""
    scanned_role: Literal["CHF", "GPF"] | None = None


class AttemptClosed(Fact):
    """The attempt has its one result. Everything a consumer is told stands here, but what commit adds."""

    kind: Literal["attempt_closed"] = "attempt_closed"
    attempt: AttemptId
    place: SlotName
    order: str | None
    number: int
    chf: Eui64 | None
    gpf: Eui64 | None
    scanned_id: Eui64 | None = None
    scanned_role: Literal["CHF", "GPF"] | None = None
    manufacturer: str | None
    model: str | None
    hardware_version: str | None
    firmware_recorded: FirmwareVersion | None
    firmware_before: FirmwareVersion | None
    firmware_target: FirmwareVersion | None
    firmware_read_back: FirmwareVersion | None
    """What the hub itself said last. The only version that may be told upstream."""
    boots: int | None = None
    """The hub's boot counter when it was seen last: tells a hub that never left its slot from one seated again."""
    image_sha256: str | None
    outcome: Outcome
    stage: Stage
    code: Code | None
    disposition: Disposition | None
    message: str
    """The operator's line: what happened, where, what to do next."""
    started: AwareDatetime
    finished: AwareDatetime
    utc_synchronised: bool | None = None
    """Whether a time service kept the clock that `finished` was read from; None if the kernel does not say."""
    seconds: dict[Stage, float]
    operator: str | None
    station_version: str
    unsettled: str | None = FROM_LATER
    """What could not be put right about the hub before the attempt ended (unlocked, unconfirmed, pending): the hub is
    quarantined. None for a hub that was left locked and on a confirmed image, or was never touched."""
    line: ListedDevice | None = FROM_LATER
    """What the order says of the hub, where it lists it."""
    detail: str | None = FROM_LATER
    """What belongs to the code, as a hub, a driver or the catalogue says it."""
    bridge_type: BridgeType | None = FROM_LATER
    """Of a bridge, whose one id stands as `chf`; None for a hub."""


def apply(
    tables: sqlite3.Connection,
    written: Written,
    event: AttemptOpened
    | AttemptPlanned
    | StageStarted
    | StageEnded
    | HubLost
    | AttemptInterrupted
    | AttemptResumed
    | AttemptClosed,
) -> None:
    """Bring the tables up to this fact. Raises EventRefused."""
    if isinstance(event, AttemptOpened):
        _open(tables, written, event)
        return
    require_open(tables, event.attempt)
    match event:
        case AttemptPlanned():
            plan = json.dumps([step.model_dump(mode="json") for step in event.steps])
            tables.execute("UPDATE attempts SET plan = ? WHERE attempt = ?", (plan, event.attempt))
        case StageStarted():
            tables.execute(
                "INSERT INTO stages VALUES (?, ?, ?, 1, 0, 0, ?) ON CONFLICT (attempt, step, stage)"
                " DO UPDATE SET running = 1, latest = excluded.latest",
                (event.attempt, event.step, event.stage, written.sequence),
            )
        case StageEnded():
            failed = int(event.code is not None)
            tables.execute(
                "INSERT INTO stages VALUES (?, ?, ?, 0, ?, ?, ?) ON CONFLICT (attempt, step, stage)"
                " DO UPDATE SET running = 0, failures = failures + excluded.failures,"
                " seconds = seconds + excluded.seconds, latest = excluded.latest",
                (event.attempt, event.step, event.stage, failed, event.seconds, written.sequence),
            )
        case AttemptInterrupted():
            tables.execute(
                "UPDATE attempts SET interrupted = ? WHERE attempt = ?", (event.code, event.attempt)
            )
        case HubLost():
            tables.execute("UPDATE attempts SET lost = 1 WHERE attempt = ?", (event.attempt,))
        case AttemptResumed():
            tables.execute(
                "UPDATE attempts SET lost = 0, interrupted = NULL, jig = ?, slot = ? WHERE attempt = ?",
                (event.place.jig, event.place.slot, event.attempt),
            )
            if event.scanned_id is not None:
                tables.execute(
                    "UPDATE attempts SET scanned_id = ?, scanned_role = ? WHERE attempt = ?",
                    (str(event.scanned_id), event.scanned_role, event.attempt),
                )
        case AttemptClosed():
            _close(tables, written, event)
        case _:
            assert_never(event)


def _open(tables: sqlite3.Connection, written: Written, event: AttemptOpened) -> None:
    hub = event.hub
    tables.execute(
        "INSERT INTO attempts (attempt, opened, work_order, jig, slot, chf, gpf, scanned_id, scanned_role,"
        " number, operator, hub, plan) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '[]')",
        (
            written.sequence,
            written.utc,
            event.order,
            event.place.jig,
            event.place.slot,
            str(hub.device_id) if hub else None,
            _text(gpf_of(hub.ids)) if hub else None,
            str(event.scanned_id) if event.scanned_id else None,
            event.scanned_role,
            event.number,
            event.operator,
            hub.model_dump_json() if hub else None,
        ),
    )


def _close(tables: sqlite3.Connection, written: Written, event: AttemptClosed) -> None:
    chf = str(event.chf) if event.chf else None
    gpf = str(event.gpf) if event.gpf else None
    scanned_id = str(event.scanned_id) if event.scanned_id else None
    tables.execute(
        "UPDATE attempts SET closed = ?, outcome = ?, stage = ?, code = ?, disposition = ?, boots = ?, jig = ?, slot = ?,"
        " chf = ?, gpf = ?, scanned_id = ?, scanned_role = ?, unsettled = ?, lost = 0, interrupted = NULL, hub = NULL, plan = NULL"
        " WHERE attempt = ?",
        (
            written.utc,
            event.outcome,
            event.stage,
            event.code,
            event.disposition,
            event.boots,
            event.place.jig,
            event.place.slot,
            chf,
            gpf,
            scanned_id,
            event.scanned_role,
            event.unsettled,
            event.attempt,
        ),
    )
    tables.execute("DELETE FROM stages WHERE attempt = ?", (event.attempt,))


def keep_version(tables: sqlite3.Connection, event: AttemptClosed) -> None:
    """Keep which version the hub said last: hubs are packed by it."""
    if event.firmware_read_back is not None:
        tables.execute(
            "UPDATE attempts SET read_back = ? WHERE attempt = ?",
            (str(event.firmware_read_back), event.attempt),
        )


def require_open(tables: sqlite3.Connection, attempt: AttemptId) -> None:
    """Refuse what happens to an attempt that is not open. Raises EventRefused."""
    found = tables.execute("SELECT closed FROM attempts WHERE attempt = ?", (attempt,)).fetchone()
    if found is None:
        raise EventRefused(f"there is no attempt {attempt}")
    if found[0] is not None:
        raise AttemptHasResult(attempt)


def _text(device: Eui64 | None) -> str | None:
    return None if device is None else str(device)
