"""The bench: labels that wait for their hubs, slots in and out of use, jigs that were stopped."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, assert_never

from pydantic import field_validator

from firmware_catalog.identity import Eui64
from station.domain.actor import Actor
from station.domain.outcome import Code, Outcome
from station.domain.reason import Reason
from station.domain.slot_name import SlotName
from station.domain.statement import Statement
from station.records.facts.attempts import AttemptClosed
from station.records.facts.base import FROM_LATER, Fact, Written, require
from station.records.moments import utc_from_microseconds


class LabelScanned(Fact):
    """A label was scanned for a slot: it waits for the next hub there, or is held against the hub that sits there."""

    kind: Literal["label_scanned"] = "label_scanned"
    place: SlotName
    scanned_id: Eui64
    scanned_role: Literal["CHF", "GPF"] | None
    hub: Eui64 | None
    """CHF id of the hub that sat in the slot; None where the label waits for one."""
    actor: Actor | None = FROM_LATER


class LabelTakenBack(Fact):
    """A label that waited for its hub was scanned by mistake: it waits no more."""

    kind: Literal["label_taken_back"] = "label_taken_back"
    place: SlotName
    scanned_id: Eui64
    scanned_role: Literal["CHF", "GPF"] | None
    actor: Actor | None = None


class SlotTakenOutOfUse(Fact):
    """No hub is begun with in this slot until a person enables it."""

    kind: Literal["slot_taken_out_of_use"] = "slot_taken_out_of_use"
    place: SlotName
    why: Statement

    @field_validator("why", mode="before")
    @classmethod
    def _in_words(cls, why: object) -> object:
        """Take the words in which it stood in rows of a program that knew no codes for it."""
        return Statement.of(Reason.TAKEN_OUT_OF_USE, detail=why) if isinstance(why, str) else why


class SlotEnabled(Fact):
    """A person put a slot back into use."""

    kind: Literal["slot_enabled"] = "slot_enabled"
    place: SlotName
    actor: Actor | None = FROM_LATER


class JigStopped(Fact):
    """The jig's emergency stop was seen pressed: its slots stay without power until a person resets the jig."""

    kind: Literal["jig_stopped"] = "jig_stopped"
    jig: str


class JigReset(Fact):
    """A person says, after the stop was released, that the jig may work again."""

    kind: Literal["jig_reset"] = "jig_reset"
    jig: str
    actor: Actor | None = FROM_LATER


KEPT_OF_A_SLOT: Final = 100
"""So many of the newest failures in a slot are kept to be counted."""


def apply(
    tables: sqlite3.Connection,
    written: Written,
    event: LabelScanned | LabelTakenBack | SlotTakenOutOfUse | SlotEnabled | JigStopped | JigReset,
) -> None:
    """Bring the tables up to this fact. Raises EventRefused."""
    match event:
        case LabelScanned():
            _take_label(tables, event)
        case LabelTakenBack():
            jig, slot, label = event.place.jig, event.place.slot, str(event.scanned_id)
            require(
                tables.execute(
                    "DELETE FROM waiting_labels WHERE jig = ? AND slot = ? AND scanned_id = ?",
                    (jig, slot, label),
                ),
                f"label {label} does not wait at {event.place} any more",
            )
        case SlotTakenOutOfUse(place=place):
            tables.execute(
                "INSERT OR REPLACE INTO slots_out_of_use VALUES (?, ?, ?, ?)",
                (place.jig, place.slot, event.why.model_dump_json(), written.utc),
            )
        case SlotEnabled(place=place):
            # A slot that a fault latched is enabled too, and stands in no table.
            tables.execute("DELETE FROM slots_out_of_use WHERE jig = ? AND slot = ?", (place.jig, place.slot))
            _forget_slot_failures(tables, place)
        case JigStopped():
            tables.execute(
                "INSERT OR IGNORE INTO stopped_jigs VALUES (?, ?)",
                (event.jig, written.utc),
            )
        case JigReset():
            tables.execute("DELETE FROM stopped_jigs WHERE jig = ?", (event.jig,))
        case _:
            assert_never(event)


def _take_label(tables: sqlite3.Connection, event: LabelScanned) -> None:
    """Keep a label until its hub is seen, or with the newest attempt on the hub that it was held against."""
    jig, slot, label = event.place.jig, event.place.slot, str(event.scanned_id)
    if event.hub is not None:
        tables.execute(
            "UPDATE attempts SET scanned_id = ?, scanned_role = ?"
            " WHERE attempt = (SELECT max(attempt) FROM attempts WHERE chf = ?)",
            (label, event.scanned_role, str(event.hub)),
        )
        return
    # A label waits at one slot.
    tables.execute(
        "DELETE FROM waiting_labels WHERE scanned_id = ? AND scanned_role IS ?", (label, event.scanned_role)
    )
    tables.execute(
        "INSERT OR REPLACE INTO waiting_labels VALUES (?, ?, ?, ?)", (jig, slot, label, event.scanned_role)
    )


def use_up_label(tables: sqlite3.Connection, place: SlotName, label: Eui64 | None) -> None:
    """Let no label wait for the hub that was just seen: neither this slot's, nor its own at any other."""
    tables.execute(
        "DELETE FROM waiting_labels WHERE (jig = ? AND slot = ?) OR scanned_id = ?",
        (place.jig, place.slot, None if label is None else str(label)),
    )


def count(tables: sqlite3.Connection, sequence: int, event: AttemptClosed) -> None:
    """Keep which different hubs failed in the slot since its last pass."""
    jig, slot = event.place.jig, event.place.slot
    if event.outcome is Outcome.PASSED:
        _forget_slot_failures(tables, event.place)
    elif event.outcome is Outcome.FAILED:
        device = event.chf or event.scanned_id
        hub = str(device) if device else None
        tables.execute("DELETE FROM slot_failures WHERE jig = ? AND slot = ? AND hub = ?", (jig, slot, hub))
        tables.execute(
            "INSERT INTO slot_failures VALUES (?, ?, ?, ?, ?)", (jig, slot, sequence, hub, event.code)
        )
        tables.execute(
            "DELETE FROM slot_failures WHERE jig = ?1 AND slot = ?2 AND sequence <= (SELECT sequence FROM slot_failures"
            " WHERE jig = ?1 AND slot = ?2 ORDER BY sequence DESC LIMIT 1 OFFSET ?3)",
            (jig, slot, KEPT_OF_A_SLOT),
        )


def _forget_slot_failures(tables: sqlite3.Connection, place: SlotName) -> None:
    tables.execute("DELETE FROM slot_failures WHERE jig = ? AND slot = ?", (place.jig, place.slot))


@dataclass(frozen=True, slots=True)
class WaitingLabel:
    """A label that was scanned for a slot before its hub was seen."""

    place: SlotName
    scanned_id: Eui64
    scanned_role: Literal["CHF", "GPF"] | None


def waiting_labels(tables: sqlite3.Connection) -> tuple[WaitingLabel, ...]:
    """Return every label that waits for its hub."""
    rows = tables.execute("SELECT jig, slot, scanned_id, scanned_role FROM waiting_labels ORDER BY jig, slot")
    return tuple(
        WaitingLabel(SlotName(jig=jig, slot=slot), Eui64.parse(scanned_id), role)
        for jig, slot, scanned_id, role in rows
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

    place: SlotName
    why: Statement
    since: datetime


def slots_out_of_use(tables: sqlite3.Connection) -> tuple[SlotOutOfUse, ...]:
    """Return every slot that was taken out of use and not enabled since."""
    rows = tables.execute("SELECT jig, slot, why, since FROM slots_out_of_use ORDER BY jig, slot")
    return tuple(
        SlotOutOfUse(
            SlotName(jig=jig, slot=slot), Statement.model_validate_json(why), utc_from_microseconds(since)
        )
        for jig, slot, why, since in rows
    )


@dataclass(frozen=True, slots=True)
class SlotFailure:
    """The newest failure of one hub in a slot, or one of a hub that nobody could name."""

    hub: Eui64 | None
    """CHF id, or else what its label says."""
    code: Code | None


def slot_failures(tables: sqlite3.Connection, place: SlotName) -> tuple[SlotFailure, ...]:
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
