"""What consumers are told of an attempt: a CloudEvents 1.0 event in structured JSON mode.

The attributes are those of the CloudEvents 1.0 specification; `data` is `Result`, whose JSON Schema the package
ships as `schema/result-1.json`. Both follow from one journal row and the station's name, so that a result sent
again is the same bytes under the same `source` and `id`, by which consumers tell a duplicate.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC
from importlib import resources
from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from firmware_catalog.identity import Eui64, FirmwareVersion
from station.domain.outcome import Code, Disposition, Outcome, Stage
from station.records.chain import RecordedEvent, canonical_json
from station.records.events import AttemptClosed
from station.records.topics import Topics

RESULT_SCHEMA: Final = "urn:x-reflash:result:1"
"""Names the schema of `Result`. A change that an old consumer would stumble over gets a new number."""

Sha256Hex = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Result(BaseModel):
    """One attempt on one hub, finished. A later attempt on the hub supersedes this one by its number."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    station_sequence: int = Field(
        ge=1, description="1 for the station's first result, then one more for each."
    )
    work_order: str | None
    chf: Eui64 | None = Field(description="Null if the hub could not identify itself.")
    gpf: Eui64 | None
    scanned_id: Eui64 | None = Field(description="What the operator scanned from the label.")
    scanned_role: Literal["CHF", "GPF"] | None = Field(description="Which of the two ids the label carries.")
    jig: str
    slot: int
    attempt: int = Field(description="1 for the first attempt on this hub in this work order.")
    manufacturer: str | None
    model: str | None
    hardware_version: str | None
    firmware_recorded: FirmwareVersion | None = Field(description="What the work order says the hub runs.")
    firmware_before: FirmwareVersion | None = Field(description="What the hub ran when the attempt began.")
    firmware_target: FirmwareVersion | None = Field(description="What the hub was meant to run.")
    firmware_read_back: FirmwareVersion | None = Field(
        description="What the hub itself said last. The only version to be told upstream."
    )
    image_sha256: str | None = Field(description="Of the image file, as hex.")
    outcome: Outcome
    stage: Stage = Field(description="Where the attempt ended.")
    code: Code | None = Field(description="Why it was rejected or failed.")
    disposition: Disposition | None = Field(description="What a failure asks of the operator.")
    message: str
    started: AwareDatetime
    finished: AwareDatetime
    utc_synchronised: bool | None = Field(
        description="Whether a time service kept the station's clock then; null if that is not known."
    )
    seconds: dict[Stage, float] = Field(description="Duration of each stage, over all its tries.")
    operator: str | None = Field(description="A pseudonym.")
    station_version: str
    chain_head: Sha256Hex = Field(
        description="Hash of the journal row that holds this result: a journal cut shorter than that shows."
    )


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
    envelope: dict[str, Any] = {
        "specversion": "1.0",
        "id": recorded.id,
        "source": topics.source,
        "type": "reflash.result.v1",
        "time": recorded.utc.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "dataschema": RESULT_SCHEMA,
        "data": result_of(recorded, closed, station_sequence).model_dump(mode="json"),
    }
    if closed.chf is not None:
        envelope["subject"] = str(closed.chf)
    hub = closed.chf or closed.scanned_id
    return OutgoingResult(
        station_sequence,
        str(hub) if hub else None,
        topics.result(closed.place),
        canonical_json(envelope).encode(),
    )


def result_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of `Result`, made from the model."""
    schema = Result.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": RESULT_SCHEMA, **schema}


def shipped_result_schema() -> dict[str, Any]:
    """Return the JSON Schema of `Result` as the package ships it."""
    text = resources.files("station.records").joinpath("schema/result-1.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema
