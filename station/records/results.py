"""What consumers are told of an attempt: a CloudEvents 1.0 event in structured JSON mode.

The attributes are those of the CloudEvents 1.0 specification; `data` is `Result`. Both follow from one journal row and
the station's name, so that a result sent again is the same bytes under the same `source` and `id`, by which consumers
tell a duplicate.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC

from station.messages.forms import RESULT
from station.messages.result import Result
from station.messages.topics import Topics
from station.records.chain import RecordedEvent, canonical_json
from station.records.facts.attempts import AttemptClosed


@dataclass(frozen=True, slots=True)
class OutgoingResult:
    """A result as it is sent."""

    station_sequence: int
    hub: str | None
    """Results that name the same hub leave in order."""
    topic: str
    payload: bytes


def result_of(recorded: RecordedEvent, closed: AttemptClosed, station_sequence: int) -> Result:
    """Return what the journal row of a closed attempt tells consumers."""
    return Result(
        station_sequence=station_sequence,
        work_order=closed.order,
        chf=closed.chf,
        gpf=closed.gpf,
        scanned_id=closed.scanned_id,
        scanned_role=closed.scanned_role,
        jig=closed.place.jig,
        slot=closed.place.slot,
        attempt=closed.number,
        manufacturer=closed.manufacturer,
        model=closed.model,
        hardware_version=closed.hardware_version,
        firmware_recorded=closed.firmware_recorded,
        firmware_before=closed.firmware_before,
        firmware_target=closed.firmware_target,
        firmware_read_back=closed.firmware_read_back,
        image_sha256=closed.image_sha256,
        outcome=closed.outcome,
        stage=closed.stage,
        code=closed.code,
        disposition=closed.disposition,
        message=closed.message,
        started=closed.started.astimezone(UTC),
        finished=closed.finished.astimezone(UTC),
        utc_synchronised=closed.utc_synchronised,
        seconds=closed.seconds,
        operator=closed.operator,
        station_version=closed.station_version,
        chain_head=recorded.hash.hex(),
    )


def outgoing_result(
    recorded: RecordedEvent, closed: AttemptClosed, station_sequence: int, topics: Topics
) -> OutgoingResult:
    """Wrap the result in its CloudEvents envelope and address it."""
    envelope = RESULT.wrap(
        result_of(recorded, closed, station_sequence),
        event_id=recorded.id,
        source=topics.source,
        time=recorded.utc,
        subject=str(closed.chf) if closed.chf is not None else None,
    )
    hub = closed.chf or closed.scanned_id
    return OutgoingResult(
        station_sequence,
        str(hub) if hub else None,
        topics.result(closed.place),
        canonical_json(envelope).encode(),
    )
