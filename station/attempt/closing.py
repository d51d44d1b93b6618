"""From an ending to the one result of an attempt: every field a consumer is told, composed in one place. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from drivers.hub import BridgeIdentity, DeviceIdentity, HubIdentity
from firmware_catalog.devices import bridge_type_of, gpf_of
from firmware_catalog.identity import FirmwareVersion
from station.attempt import failure
from station.attempt.authorise import AlreadyCurrent, Rejected
from station.attempt.parts import Failed, Passed
from station.domain.hub_facts import BridgeFacts, DeviceFacts, HubFacts
from station.domain.label import ScannedLabel
from station.domain.order_line import ListedDevice
from station.domain.outcome import Code, Disposition, Outcome, Stage
from station.domain.slot_name import SlotName
from station.kernel_clock import KernelClock
from station.records.facts.attempts import AttemptClosed, StepTarget
from station.texts.by_hand import line_by_hand
from station.texts.results import fitting, line, ways_to_say
from station.texts.texts import ENGLISH

_PLACE: Final = re.compile(r" at (?:/[^\s,]+|(?:usb:)?\d+-[\d.:]+)")
"""Where a driver says that the hub is: a path, or bus and ports. People know a slot by its name, which leads the line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedAttempt:
    """What an attempt has known since it was opened."""

    attempt: int
    place: SlotName
    order: str | None
    number: int
    hub: DeviceFacts | None
    label: ScannedLabel | None
    line: ListedDevice | None
    opened: datetime
    operator: str | None


@dataclass(frozen=True, slots=True)
class _Verdict:
    outcome: Outcome
    stage: Stage
    code: Code | None
    detail: str | None
    disposition: Disposition | None
    read_back: FirmwareVersion | None
    unsettled: str | None = None


def close(
    opened: OpenedAttempt,
    ending: Passed | Failed | AlreadyCurrent | Rejected,
    *,
    target: StepTarget | None,
    boots: int | None,
    failed_before: Collection[SlotName],
    seconds: Mapping[Stage, float],
    finished: KernelClock,
    station_version: str,
    by_hand_at: str | None = None,
) -> AttemptClosed:
    """Compose the closing event.

    `by_hand_at` is where a device is that a person flashed outside every slot. `target` is the plan's last step, where there was a plan; `boots` the hub's counter when it was seen last.
    """
    verdict = _judge(opened, ending, failed_before)
    hub, label, listed = opened.hub, opened.label, opened.line
    return AttemptClosed(
        attempt=opened.attempt,
        place=opened.place,
        order=opened.order,
        number=opened.number,
        chf=hub.device_id if hub else None,
        gpf=gpf_of(hub.ids) if hub else None,
        scanned_id=label.device_id if label else None,
        scanned_role=label.role if label else None,
        manufacturer=hub.manufacturer if hub else None,
        model=hub.model if hub else None,
        hardware_version=hub.hardware_version if hub else None,
        firmware_recorded=listed.recorded_firmware if listed else None,
        firmware_before=hub.firmware if hub else None,
        firmware_target=target.version if target else None,
        firmware_read_back=verdict.read_back,
        image_sha256=target.image_sha256 if target else None,
        boots=boots,
        outcome=verdict.outcome,
        stage=verdict.stage,
        code=verdict.code,
        disposition=verdict.disposition,
        message=_message(opened, verdict, by_hand_at),
        started=opened.opened,
        finished=max(finished.now, opened.opened),
        utc_synchronised=finished.synchronised,
        seconds={stage: round(spent, 3) for stage, spent in seconds.items()},
        operator=opened.operator,
        station_version=station_version,
        unsettled=verdict.unsettled,
        line=listed,
        detail=verdict.detail,
        bridge_type=bridge_type_of(hub.ids) if hub else None,
    )


def particulars(detail: str | None) -> str | None:
    """Return what a driver says that happened, where the line says already at which slot."""
    return None if detail is None else _PLACE.sub(" here", detail)


def _message(opened: OpenedAttempt, verdict: _Verdict, by_hand_at: str | None) -> str:
    """Say it in English: this is for records and programs, whatever the bench speaks."""
    said, hub, label = (verdict.outcome, verdict.code, verdict.disposition), opened.hub, opened.label
    whose = hub or opened.line
    texts = ENGLISH if whose is None else ENGLISH.of(whose.ids.kind.family)
    if by_hand_at is not None:
        return line_by_hand(texts, by_hand_at, *said, detail=verdict.detail, unsettled=verdict.unsettled)
    ways = ways_to_say(
        texts,
        *said,
        detail=verdict.detail,
        unsettled=verdict.unsettled,
        mislabelled=label is not None and hub is not None and not label.names(hub),
    )
    return line(texts, opened.place, fitting(texts, opened.place, ways))


def _judge(
    opened: OpenedAttempt,
    ending: Passed | Failed | AlreadyCurrent | Rejected,
    failed_before: Collection[SlotName],
) -> _Verdict:
    before = opened.hub.firmware if opened.hub else None
    match ending:
        case Passed(read_back=version):
            return _Verdict(Outcome.PASSED, Stage.CHECK, None, None, None, version)
        case AlreadyCurrent():
            return _Verdict(Outcome.ALREADY_CURRENT, Stage.AUTHORISE, None, None, None, before)
        case Rejected(code=code, detail=detail, unsettled=unsettled):
            told = particulars(detail)
            return _Verdict(Outcome.REJECTED, Stage.AUTHORISE, code, told, None, before, unsettled)
        case Failed(stage=stage, code=code, detail=detail, read_back=version, unsettled=unsettled):
            disposition = failure.disposition(
                code, opened.place, failed_before, unsettled=unsettled is not None
            )
            told = particulars(detail)
            return _Verdict(Outcome.FAILED, stage, code, told, disposition, version, unsettled)


def facts_of(hub: DeviceIdentity) -> DeviceFacts:
    """Return what the journal keeps of an identity."""
    match hub:
        case HubIdentity():
            return HubFacts(
                chf=hub.chf,
                gpf=hub.gpf,
                manufacturer=hub.model.manufacturer,
                model=hub.model.model,
                hardware_version=hub.hardware_version,
                variant=hub.variant,
                firmware=hub.firmware,
                locked=hub.locked,
                boots=hub.boots,
            )
        case BridgeIdentity():
            return BridgeFacts(
                device_id=hub.device_id,
                bridge_type=hub.bridge_type,
                manufacturer=hub.model.manufacturer,
                model=hub.model.model,
                hardware_version=hub.hardware_version,
                firmware=hub.firmware,
                locked=hub.locked,
                boots=hub.boots,
            )
