"""What consumers are told of an attempt: the `data` of a CloudEvent.

The package ships its JSON Schema as `schema/result-1.json`.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from firmware_catalog.identity import Eui64, FirmwareVersion
from station.domain.outcome import Code, Disposition, Outcome, Stage

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


def result_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of `Result`, made from the model."""
    schema = Result.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": RESULT_SCHEMA, **schema}


def shipped_result_schema() -> dict[str, Any]:
    """Return the JSON Schema of `Result` as the package ships it."""
    text = resources.files("station.messages").joinpath("schema/result-1.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema
