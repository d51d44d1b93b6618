"""What consumers are told of an attempt, in its two versions: the `data` of a CloudEvent.

The station's configuration says which version is written; a result that was written keeps its own for good.
"""

from __future__ import annotations

from typing import Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from firmware_catalog.devices import BridgeType, Family
from firmware_catalog.identity import Eui64, FirmwareVersion
from station.domain.outcome import Code, Disposition, Outcome, Stage
from station.messages.form import MessageForm, Sha256Hex

ResultVersion = Literal[1, 2]


class _AttemptFinished(BaseModel):
    """What both versions tell, in the same words."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    station_sequence: int = Field(
        ge=1, description="1 for the station's first result, then one more for each."
    )
    work_order: str | None
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


class Result(_AttemptFinished):
    """One attempt on one hub, finished. A later attempt on the hub supersedes this one by its number."""

    chf: Eui64 | None = Field(description="Null if the hub could not identify itself.")
    gpf: Eui64 | None
    code: Code | None = Field(description="Why it was rejected or failed.")
    disposition: Disposition | None = Field(description="What a failure asks of the operator.")


class ResultOfDevice(_AttemptFinished):
    """One attempt on one device, finished, with what its work order says of it. Version 2.

    Fields and codes may join: bear those that you don't know.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    device: Eui64 | None = Field(
        description="The CHF id of a hub, the one id of another device; null if it could not identify itself."
    )
    gpf: Eui64 | None = Field(
        default=None,
        exclude_if=lambda gpf: gpf is None,
        description="The hub's other id. Absent where the device is no hub, or could not identify itself.",
    )
    family: Literal[Family.BRIDGE] | None = Field(
        default=None,
        exclude_if=lambda family: family is None,
        description="Of a bridge. Absent where the device is a hub, or could not identify itself.",
    )
    bridge_type: BridgeType | None = Field(
        default=None,
        exclude_if=lambda bridge_type: bridge_type is None,
        description="What the bridge said of its type. Absent wherever `family` is.",
    )
    premises: str | None = Field(
        default=None,
        exclude_if=lambda premises: premises is None,
        description="Whose set a bridge is one of, as its work order says. Absent of a hub.",
    )
    code: str | None = Field(description="Why it was rejected or failed. Codes may join.")
    disposition: str | None = Field(description="What a failure asks of the operator. Dispositions may join.")
    region: str | None = Field(description="Of the work order's line, as all that follows.")
    han_variant: str | None
    owner: str | None = Field(description="The party that owns the device.")
    status_recorded: str | None = Field(description="Its status in the inventory when the order was written.")
    device_type: str | None = Field(description="Null also where the order has no such column.")
    chts_version: str | None = Field(description="Null also where the order has no such column.")


RESULT: Final = MessageForm("result", 1, Result)
RESULT_OF_DEVICE: Final = MessageForm("result", 2, ResultOfDevice)
