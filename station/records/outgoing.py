"""From a row of the journal to the message that tells it, as bytes.

It follows from facts that never change, so that a message sent again is the same bytes under the same `source` and `id`
(CloudEvents 1.0), by which consumers tell a duplicate.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Final, get_args

from firmware_catalog.devices import Family
from station.domain.order_line import BridgeLine, OrderLine
from station.messages.form import MessageForm
from station.messages.order_fact import ORDER_FACT, ORDER_TOPIC
from station.messages.packing_fact import PACKING_FACT, PACKING_TOPIC
from station.messages.result import RESULT, RESULT_OF_DEVICE
from station.messages.topics import Topics
from station.records.chain import RecordedEvent, canonical_json
from station.records.facts.attempts import AttemptClosed, AttemptOpened, AttemptResumed
from station.records.facts.order_revisions import OrderRevised
from station.records.facts.orders import OrderAssigned, OrderClosed, OrderLinesAdded, OrderUnassigned
from station.records.facts.outbox import Number, OutboxRow
from station.records.facts.package_labels import PackageLabelAsked
from station.records.facts.packing import PackingFact


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message as it is sent."""

    number: Number
    ordering_key: str | None
    """Messages of one key leave in order."""
    topic: str
    payload: bytes


TOLD: Final = (
    *(AttemptClosed, OrderLinesAdded, OrderRevised, OrderAssigned, OrderUnassigned, OrderClosed),
    *(*get_args(PackingFact), PackageLabelAsked),
    *(AttemptOpened, AttemptResumed),  # of a hub that stood in a place
)
"""The facts that may leave."""


class NotToBeTold(ValueError):
    """This program knows no message for a row, or not in the version in which it is to be told."""


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """What is known of the file that an order came from."""

    hubs: int
    sha256: str


def outgoing_message(
    row: OutboxRow, recorded: RecordedEvent, topics: Topics, file: ImportedFile | None
) -> OutgoingMessage:
    """Compose the message. `file` is the one of the order that the row is about. Raises NotToBeTold."""
    event = recorded.event
    match event:
        case AttemptClosed():
            form, data = _result(row.version), _result_data(recorded, event, row)
            topic, subject = topics.result(event.place), str(event.chf) if event.chf is not None else None
        case OrderLinesAdded() | OrderRevised() | OrderAssigned() | OrderUnassigned() | OrderClosed():
            form, data = ORDER_FACT, _order_data(recorded, event, row, file)
            topic, subject = topics.of_station(ORDER_TOPIC), event.order
        case _ if row.about is not None:
            form, data = PACKING_FACT, _packing_data(recorded, row.about, row)
            topic, subject = topics.of_station(PACKING_TOPIC), _subject(data)
        case _:
            raise NotToBeTold(f"row {recorded.sequence} is nothing that leaves")
    envelope = form.wrap(
        form.model.model_validate(data),
        event_id=recorded.id,
        source=topics.source,
        time=recorded.utc,
        subject=subject,
    )
    return OutgoingMessage(row.number, row.ordering_key, topic, canonical_json(envelope).encode())


def _result(version: int) -> MessageForm[Any]:
    for form in (RESULT, RESULT_OF_DEVICE):
        if form.version == version:
            return form
    raise NotToBeTold(f"there is no version {version} of a result")


def _result_data(recorded: RecordedEvent, closed: AttemptClosed, row: OutboxRow) -> dict[str, Any]:
    """Return what any version of a result may tell; each takes what it knows."""
    line = closed.line
    told = {
        "station_sequence": row.number.number,
        "work_order": closed.order,
        "scanned_id": closed.scanned_id,
        "scanned_role": closed.scanned_role,
        "jig": closed.place.jig,
        "slot": closed.place.slot,
        "attempt": closed.number,
        "manufacturer": closed.manufacturer,
        "model": closed.model,
        "hardware_version": closed.hardware_version,
        "firmware_recorded": closed.firmware_recorded,
        "firmware_before": closed.firmware_before,
        "firmware_target": closed.firmware_target,
        "firmware_read_back": closed.firmware_read_back,
        "image_sha256": closed.image_sha256,
        "outcome": closed.outcome,
        "stage": closed.stage,
        "code": closed.code,
        "disposition": closed.disposition,
        "message": closed.message,
        "started": closed.started.astimezone(UTC),
        "finished": closed.finished.astimezone(UTC),
        "utc_synchronised": closed.utc_synchronised,
        "seconds": closed.seconds,
        "operator": closed.operator,
        "station_version": closed.station_version,
        "chain_head": recorded.hash.hex(),
        "gpf": closed.gpf,
    }
    if row.version == RESULT.version:
        return {**told, "chf": closed.chf}
    return {
        **told,
        "device": closed.chf,
        "family": None if closed.bridge_type is None else Family.BRIDGE,
        "bridge_type": closed.bridge_type,
        "owner": line and line.owner,
        "premises": line.premises if isinstance(line, BridgeLine) else None,
        **_as_listed(line if isinstance(line, OrderLine) else None),
    }


def _as_listed(line: OrderLine | None) -> dict[str, Any]:
    """Return what an order says of a hub alone."""
    return {
        "region": line and line.region,
        "han_variant": line and line.variant,
        "status_recorded": line and line.inventory_status,
        "device_type": line and line.device_type,
        "chts_version": line and line.chts_version,
    }


def _packing_data(recorded: RecordedEvent, about: str, row: OutboxRow) -> dict[str, Any]:
    composed: dict[str, Any] = json.loads(about)
    return {
        **composed,
        "station_sequence": row.number.number,
        "chain_head": recorded.hash.hex(),
    }


def _subject(told: Mapping[str, Any]) -> str | None:
    """Return what a fact of packing is about: the hub, or else the carton or the pallet."""
    if told["hub"] is not None:
        return str(told["hub"]["hub"])
    codes = [*(each["carton"] for each in told["cartons"]), *(each["pallet"] for each in told["pallets"])]
    return codes[0] if codes else None


def _order_data(
    recorded: RecordedEvent,
    event: OrderLinesAdded | OrderRevised | OrderAssigned | OrderUnassigned | OrderClosed,
    row: OutboxRow,
    file: ImportedFile | None,
) -> dict[str, Any]:
    actor = None if isinstance(event, OrderLinesAdded) else event.actor
    told: dict[str, Any] = {
        "station_sequence": row.number.number,
        "work_order": event.order,
        "hubs": None,
        "file_sha256": None,
        "jig": None,
        "reason": None,
        "actor": actor and actor.pseudonym,
        "chain_head": recorded.hash.hex(),
    }
    match event:
        case OrderLinesAdded():
            told |= {"what": "imported"}
            told |= {"hubs": file.hubs, "file_sha256": file.sha256} if file is not None else {}
        case OrderRevised():
            told |= {"what": "revised", "hubs": event.hubs, "file_sha256": event.sha256}
            told |= {"reason": event.reason}
        case OrderAssigned():
            told |= {"what": "assigned", "jig": event.jig}
        case OrderUnassigned():
            told |= {"what": "unassigned", "jig": event.jig}
        case OrderClosed():
            told |= {"what": "closed", "reason": event.reason}
    return told
