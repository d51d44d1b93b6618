"""Releases: how hubs fared with each, and which are stopped."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final, Literal, assert_never

from firmware_catalog.identity import DeviceModel, Eui64, FirmwareVersion
from station.domain.actor import Actor
from station.domain.outcome import Code, Outcome
from station.records.facts.attempts import AttemptClosed
from station.records.facts.base import FROM_LATER, Fact, require


class ReleaseStopped(Fact):
    """A release failed too many hubs: none is given it until a person resumes it."""

    kind: Literal["release_stopped"] = "release_stopped"
    manufacturer: str
    model: str
    version: FirmwareVersion
    why: str


class ReleaseResumed(Fact):
    """A person lets a stopped release go on."""

    kind: Literal["release_resumed"] = "release_resumed"
    manufacturer: str
    model: str
    version: FirmwareVersion
    reason: str
    actor: Actor | None = FROM_LATER


KEPT_OF_A_RELEASE: Final = 1000
"""So many of a release's newest results are kept to be counted."""


def apply(tables: sqlite3.Connection, event: ReleaseStopped | ReleaseResumed) -> None:
    """Bring the tables up to this fact. Raises EventRefused."""
    match event:
        case ReleaseStopped():
            tables.execute(
                "INSERT OR REPLACE INTO stopped_releases VALUES (?, ?, ?, ?)",
                (event.manufacturer, event.model, str(event.version), event.why),
            )
        case ReleaseResumed():
            require(
                tables.execute(
                    "DELETE FROM stopped_releases WHERE manufacturer = ? AND model = ? AND version = ?",
                    (event.manufacturer, event.model, str(event.version)),
                ),
                f"release {event.version} of {event.manufacturer}/{event.model} is not stopped",
            )
            tables.execute(
                "DELETE FROM release_results WHERE manufacturer = ? AND model = ? AND version = ?",
                (event.manufacturer, event.model, str(event.version)),
            )
        case _:
            assert_never(event)


def count(tables: sqlite3.Connection, sequence: int, event: AttemptClosed) -> None:
    """Keep how the last hubs fared with the release."""
    if event.outcome not in {Outcome.PASSED, Outcome.FAILED} or event.chf is None:
        return
    if event.firmware_target is None or event.manufacturer is None or event.model is None:
        return
    release = (event.manufacturer, event.model, str(event.firmware_target))
    tables.execute(
        "INSERT INTO release_results VALUES (?, ?, ?, ?, ?, ?, ?)",
        (*release, sequence, str(event.chf), event.outcome, event.code),
    )
    tables.execute(
        "DELETE FROM release_results WHERE manufacturer = ?1 AND model = ?2 AND version = ?3 AND sequence <= ("
        "SELECT sequence FROM release_results WHERE manufacturer = ?1 AND model = ?2 AND version = ?3"
        " ORDER BY sequence DESC LIMIT 1 OFFSET ?4)",
        (*release, KEPT_OF_A_RELEASE),
    )


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

    Of each release the newest results only, so many as `KEPT_OF_A_RELEASE`; and none that was written before
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
