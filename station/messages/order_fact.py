"""What consumers are told of a work order: that it was taken in, which jig works on it, that it is closed."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from station.messages.form import MessageForm, Sha256Hex


class OrderFact(BaseModel):
    """One thing that happened to a work order. Fields and happenings may join: bear those that you don't know."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    station_sequence: int = Field(
        ge=1, description="1 for the station's first fact of an order, then one more for each."
    )
    work_order: str
    what: str = Field(
        description="`imported`, `revised` (its lines were amended by a new file), `assigned` (a jig works on it from now on), `unassigned` (it does no more) or `closed`."
    )
    hubs: int | None = Field(description="How many the order lists; null but for `imported` and `revised`.")
    file_sha256: Sha256Hex | None = Field(
        description="Of the order's file; null but for `imported` and `revised`."
    )
    jig: str | None = Field(description="Null but for `assigned` and `unassigned`.")
    reason: str | None = Field(description="Null but for `revised` and `closed`.")
    actor: str | None = Field(description="A pseudonym.")
    chain_head: Sha256Hex = Field(
        description="Hash of the journal row that holds this fact: a journal cut shorter than that shows."
    )


ORDER_FACT: Final = MessageForm("order", 1, OrderFact)
ORDER_TOPIC: Final = "orders"
