"""What the journal knows of the hub in front of us: which attempt is its own, and what became of earlier ones."""

from __future__ import annotations

from dataclasses import dataclass

from drivers.hub import DeviceIdentity, ExpectedDevice
from firmware_catalog.devices import bridge_type_of, gpf_of
from firmware_catalog.identity import DeviceModel, FirmwareVersion
from station.attempt import failure
from station.domain.label import ScannedLabel
from station.domain.outcome import Outcome
from station.domain.slot_name import SlotName
from station.records.facts.attempts import AttemptClosed, AttemptPlanned
from station.records.facts.history import HubHistory, OpenAttempt
from station.records.journal import Journal


async def own_open_attempt(journal: Journal, hub: DeviceIdentity) -> OpenAttempt | None:
    """Return the attempt that is open on this very hub.

    What is open on a hub with but one of its ids, or of another model, waits for that hub.
    """
    attempt = await journal.open_attempt_of(*hub.ids.every)
    facts = None if attempt is None else attempt.hub
    if facts is None:
        return None
    begun = ExpectedDevice(facts.ids, DeviceModel(facts.manufacturer, facts.model))
    return attempt if hub.device == begun else None


async def result_of(journal: Journal, hub: DeviceIdentity, attempt: int) -> AttemptClosed | None:
    """Return the result of one of a hub's attempts, if it was this very hub's: with both ids, model and hardware."""
    life = await journal.life_of(hub.device_id)
    results = (recorded.event for recorded in life.events if isinstance(recorded.event, AttemptClosed))
    result = next((result for result in results if result.attempt == attempt), None)
    if result is None or result.manufacturer is None or result.model is None:
        return None
    model = DeviceModel(result.manufacturer, result.model)
    said = (result.chf, result.gpf, result.bridge_type, model, result.hardware_version)
    own = (hub.device_id, gpf_of(hub.ids), bridge_type_of(hub.ids), hub.model, hub.hardware_version)
    return result if said == own else None


@dataclass(frozen=True, slots=True)
class Left:
    """What a hub ran when it was left with its result."""

    firmware: FirmwareVersion | None
    image_hash: str | None
    """In hexadecimal digits; None where it was not given the image."""


async def left_with(journal: Journal, hub: DeviceIdentity, attempt: int) -> Left | None:
    """Return what this very hub ran at the end of one of its attempts; None if that was no attempt of its own."""
    result = await result_of(journal, hub, attempt)
    if result is None:
        return None
    if result.outcome is not Outcome.PASSED:
        return Left(result.firmware_read_back, None)
    life = await journal.life_of(hub.device_id)
    plans = (recorded.event for recorded in life.events if isinstance(recorded.event, AttemptPlanned))
    given = [plan.steps[-1].image_hash for plan in plans if plan.attempt == attempt]
    return Left(result.firmware_read_back, given[-1] if given else None)


async def passed_as(
    journal: Journal, hub: DeviceIdentity, history: HubHistory, order: str | None
) -> FirmwareVersion | None:
    """Return the firmware with which this very hub last passed for an order; None where it did not."""
    passes = [
        past.attempt for past in history.attempts if past.order == order and past.outcome is Outcome.PASSED
    ]
    result = await result_of(journal, hub, passes[-1]) if passes else None
    return None if result is None else result.firmware_read_back


def label_of(attempt: OpenAttempt) -> ScannedLabel | None:
    """Return the label that was scanned for the hub of an open attempt."""
    return None if attempt.scanned_id is None else ScannedLabel(attempt.scanned_id, attempt.scanned_role)


def failed_by_itself(history: HubHistory) -> set[SlotName]:
    """Return the slots in which a hub failed by its own fault."""
    return {
        attempt.place
        for attempt in history.attempts
        if attempt.code is not None
        and attempt.outcome is Outcome.FAILED
        and failure.blame(attempt.code) is failure.Blame.HUB
    }
