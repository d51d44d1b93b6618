"""Questions about what the journal and the station's own files hold: orders, hubs, boxes, shift, upkeep, people, releases."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from firmware_catalog.identity import Eui64
from station.desk.packing_requests import Code
from station.desk.request import Answer, Name, Question
from station.domain.destination import Destination
from station.domain.outcome import SUCCESSES, Outcome
from station.domain.outcome import Code as ResultCode

HubText = Annotated[str, StringConstraints(min_length=1, max_length=100)]
"""A CHF or GPF id, a label, or the last six digits of one."""


Limit = Annotated[int, Field(ge=1, le=500)]
"""How many are listed at once."""


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


# Orders ------------------------------------------------------------------------------------------------------


class OrderRow(_Row):
    """A work order and how far it is."""

    order: str
    imported: AwareDatetime
    source: str
    """Its file's name."""
    hubs: int
    waiting: int
    """Hubs without any result."""
    outcomes: dict[Outcome, int]
    jigs: tuple[str, ...]
    closed: str | None
    """The reason, once closed."""

    @property
    def done(self) -> int:
        """Hubs that passed, or were current."""
        return sum(self.outcomes.get(outcome, 0) for outcome in SUCCESSES)


class OrdersListed(Answer):
    """Orders, the newest first."""

    orders: tuple[OrderRow, ...]
    next: str | None = None
    """After which to ask for more; None where these were the last."""


class ListOrders(Question[OrdersListed]):
    """Ask which orders there are."""

    after: Name | None = None
    limit: Limit = 100


class HubGroup(StrEnum):
    """Where the hubs of an order stand; each is in one of these."""

    TO_DO = "to_do"
    """Open, or with a result and in no place yet."""
    NEVER_SEEN = "never_seen"
    ELSEWHERE = "elsewhere"
    """In another place than a carton."""
    PACKED = "packed"


class HubOfOrder(_Row):
    """Where one hub stands that an order lists, or that was seen for it."""

    chf: Eui64 | None
    """None of one that never said who it is and had no label."""
    gpf: Eui64 | None = None
    outcome: Outcome | None = None
    """That counts for the order; none while it has no result, or is open again."""
    code: ResultCode | None = None
    open: str | None = None
    """What is open of it, for people."""
    place: Destination | None = None
    carton: str | None = None

    @property
    def state(self) -> Outcome | Literal["open", "never_seen"]:
        """How far it is."""
        return "open" if self.open is not None else self.outcome or "never_seen"

    @property
    def group(self) -> HubGroup:
        """Among which hubs of its order it is told."""
        if self.open is not None or (self.place is None and self.outcome is not None):
            return HubGroup.TO_DO
        if self.place is None:
            return HubGroup.NEVER_SEEN
        return HubGroup.PACKED if self.place is Destination.CARTON else HubGroup.ELSEWHERE


class Withdrawn(_Row):
    """A hub whose line a revision took out of its order."""

    chf: Eui64
    outcome: Outcome | None
    revision: int
    to_put_aside: bool


class CartonRow(_Row):
    """A carton by its books."""

    carton: str
    order: str
    hubs: int
    capacity: int
    state: Literal["open", "closed", "held"]
    reason: str | None
    """Why it is held, or was closed short."""
    contents: str | None
    pallet: str | None


class PalletRow(_Row):
    """A pallet by its books."""

    pallet: str
    order: str
    cartons: int
    capacity: int
    state: Literal["open", "closed"]
    reason: str | None


class HubsCounted(_Row):
    """How many hubs of an order stand alike."""

    state: Outcome | Literal["open", "never_seen"]
    place: Destination | None
    hubs: int


class HubsOfGroup(_Row):
    """Some hubs of one group, in the order's own sequence."""

    group: HubGroup
    hubs: tuple[HubOfOrder, ...]
    in_all: int
    next: str | None = None
    """The CHF id after which to ask for more; None where these were the last."""


class OrderShown(Answer):
    """An order held against its manifest.

    Of strangers, withdrawn hubs, cartons and pallets the first 500 are told; `list_boxes` has all boxes.
    """

    row: OrderRow
    standing: str
    """How many hubs stand where, for people."""
    complete: bool
    """Whether it can be closed without a difference."""
    counts: tuple[HubsCounted, ...]
    """Of all hubs."""
    groups: tuple[HubsOfGroup, ...]
    """The one that was asked for, or the beginning of each."""
    strangers: tuple[HubOfOrder, ...]
    """Seen, or put somewhere, for the order, which does not list them."""
    withdrawn: tuple[Withdrawn, ...]
    cartons: tuple[CartonRow, ...]
    pallets: tuple[PalletRow, ...]
    next: str | None = None
    """Of the group that was asked for."""


class ShowOrder(Question[OrderShown]):
    """Reconcile an order."""

    order: Name
    group: Annotated[HubGroup, Field(strict=False)] | None = None
    after: Name | None = None
    """A CHF id of that group."""
    limit: Limit = 100


# Hubs and boxes ----------------------------------------------------------------------------------------------


class HubOrder(_Row):
    """An order that lists a hub."""

    order: str
    outcome: Outcome | None
    chf: Eui64
    gpf: Eui64 | None = None
    owner: str
    manufacturer: str
    model: str
    variant: str


class Moment(_Row):
    """Something that happened to a hub, for people."""

    at: AwareDatetime
    line: str


class HubStory(_Row):
    """Everything that is known of a hub on this bench."""

    hub: Eui64
    now: str
    """Where it is, for people."""
    orders: tuple[HubOrder, ...]
    moments: tuple[Moment, ...]
    """Oldest first."""


class HubsFound(Answer):
    """The hubs that were meant."""

    hubs: tuple[HubStory, ...]


class FindHub(Question[HubsFound]):
    """Ask for a hub's whole story, on every order."""

    hub: HubText


class BoxesListed(Answer):
    """Cartons and pallets, the newest first, cartons before pallets."""

    cartons: tuple[CartonRow, ...]
    pallets: tuple[PalletRow, ...]
    next: str | None = None
    """After which code to ask for more; None where these were the last."""


class ListBoxes(Question[BoxesListed]):
    """Ask for the cartons and pallets of an order, or of all that are open."""

    order: Name | None = None
    after: Code | None = None
    limit: Limit = 100


class HubInside(_Row):
    """A hub in a carton."""

    hub: Eui64
    gpf: Eui64 | None
    carton: str
    placed: AwareDatetime
    actor: str | None


class BoxShown(Answer):
    """What is in a carton, or on a pallet."""

    cartons: tuple[CartonRow, ...]
    """The carton itself, or those on the pallet."""
    pallet: PalletRow | None
    """Of the code that was asked for."""
    hubs: tuple[HubInside, ...]


class ShowBox(Question[BoxShown]):
    """Ask what is in a carton, or on a pallet."""

    code: Code
