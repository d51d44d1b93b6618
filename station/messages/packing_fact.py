"""What consumers are told of hubs that leave the bench: where each hub is, what is in which carton, on which pallet.

A message has what its fact has touched as it is from then on, so that whoever takes over what it says, in order, has the
station's own books without knowing its rules.
"""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from firmware_catalog.devices import BridgeType
from firmware_catalog.identity import Eui64
from station.messages.form import MessageForm, Sha256Hex


class HubStands(BaseModel):
    """Where a hub is."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    hub: Eui64 = Field(description="CHF id; what its label says where nobody knows that.")
    gpf: Eui64 | None
    place: str | None = Field(
        description="`carton`, `rework`, `scrap`, `quarantine`, `party` (back as it came) or `maker`; null: in none of them."
    )
    carton: str | None = Field(description="Its code.")
    work_order: str | None = Field(description="For which it was put there; null for a hub of no open order.")


class Holds(BaseModel):
    """What the hubs of a carton have in common."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    owner: str = Field(description="The party that they go back to.")
    manufacturer: str
    model: str
    han_variant: str
    firmware: str = Field(description="What each of them said last that it runs.")


class HeldBridge(BaseModel):
    """One bridge of a set."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    device: Eui64
    bridge_type: BridgeType
    manufacturer: str
    model: str
    firmware: str = Field(description="What it said last that it runs.")


class HoldsSet(BaseModel):
    """One premises' bridges."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    owner: str = Field(description="The party that they go back to.")
    premises: str
    bridges: tuple[HeldBridge, ...] = Field(
        description="Those that go home together: the whole set, unless a supervisor parted it."
    )


class CartonStands(BaseModel):
    """A carton."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    carton: str = Field(description="Its code.")
    work_order: str
    state: str = Field(description="`open`, `closed` or `held` (in dispute: not to be moved on).")
    hubs: int
    capacity: int
    holds: Holds | None = Field(description="Null while it is empty, and of a carton of bridges.")
    holds_set: HoldsSet | None = Field(
        default=None,
        exclude_if=lambda held: held is None,
        description="Of a carton of bridges. Absent while it is empty, and of hubs.",
    )
    pallet: str | None = Field(description="On which it stands, by code.")
    sscc: str | None = Field(
        description="18 digits; null where its label has none, or none was asked for yet."
    )


class PalletStands(BaseModel):
    """A pallet."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    pallet: str = Field(description="Its code.")
    work_order: str
    state: str = Field(description="`open` or `closed`.")
    cartons: int
    capacity: int
    sscc: str | None


class PackingFact(BaseModel):
    """One thing that happened to packed hubs. Fields and happenings may join: bear those that you don't know."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    station_sequence: int = Field(
        ge=1, description="1 for the station's first fact of packing, then one more for each."
    )
    what: str = Field(
        description="`hub_placed`, `hub_seen_in_slot` (so it is in its place no more), `carton_opened`, `carton_closed`, "
        "`carton_held`, `carton_released`, `pallet_opened`, `carton_put_on_pallet`, `carton_taken_off_pallet`, "
        "`pallet_closed`, `package_label_asked` (an SSCC was given), `cartons_recalled` or `recall_ended`."
    )
    hub: HubStands | None = Field(description="The hub that it is about, where it is from now on.")
    cartons: tuple[CartonStands, ...] = Field(description="Each that it has touched, as it is from now on.")
    pallets: tuple[PalletStands, ...] = Field(description="The same of pallets.")
    recalled: tuple[str, ...] = Field(
        description="Codes of cartons; empty but for `cartons_recalled` and `recall_ended`."
    )
    reason: str | None
    actor: str | None = Field(description="A pseudonym.")
    chain_head: Sha256Hex = Field(
        description="Hash of the journal row that holds this fact: a journal cut shorter than that shows."
    )


PACKING_FACT: Final = MessageForm("packing", 1, PackingFact)
PACKING_TOPIC: Final = "packing"
