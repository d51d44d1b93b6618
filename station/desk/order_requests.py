"""Work orders: imported, given to jigs, closed."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from firmware_catalog.devices import Family
from station.desk.request import ANSWER_SECONDS, Answer, Command, Name, Question, Words
from station.domain.if_any import HUB_UNLESS_SAID, IF_ANY
from station.domain.slot_name import SlotName
from station.orders.csv_import import MAX_FILE_SIZE

_BYTES_A_SECOND: Final = 24_000
FileName = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Sha256 = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]


class OrderTaken(Answer):
    """The order is there, with every line."""

    order: str
    family: Family = HUB_UNLESS_SAID
    hubs: int
    new: bool
    """Whether this import made it so; the same file again changes nothing."""


class ComesWithFile(BaseModel):
    """Says which file of a work order comes along as a descriptor."""

    source: FileName
    """The file's name."""
    size: int = Field(ge=0, le=MAX_FILE_SIZE)
    """Of the file, in bytes."""
    sha256: Sha256
    """Of the file: what arrives must be what was meant."""
    number: Name | None = None
    """The order's number, where the file has none."""


class ImportOrder(ComesWithFile, Command[OrderTaken]):
    """Take a work order from its file, whole or not at all."""

    @property
    def answer_seconds(self) -> float:
        """Some 120 bytes of the file are a hub, and a busy station on a slow disk records some 200 of them a second."""
        return ANSWER_SECONDS + self.size / _BYTES_A_SECOND


class OrderCompared(Answer):
    """What a file would change in the order of its number."""

    order: str
    revision: int
    """The order's, now."""
    amends: str
    """SHA-256 of the file that the order is now."""
    hubs: int
    """How many the file lists."""
    added: tuple[str, ...]
    """CHF ids."""
    withdrawn: tuple[str, ...]
    """CHF ids, and where each hub was put."""
    changed: tuple[str, ...]
    """CHF ids, where each hub was put, and what is changed."""


class CompareOrder(ComesWithFile, Question[OrderCompared]):
    """Hold a file against the order of its number, which it may be to amend."""


class OrderAmended(Answer):
    """The order is what the file says."""

    order: str
    revision: int
    hubs: int
    held: tuple[str, ...]
    """Cartons that hold hubs which do not belong into them any more."""


class ReviseOrder(ComesWithFile, Command[OrderAmended]):
    """Amend an order by a new revision of its file, as it was shown."""

    amends: Sha256
    """Of the file that the order was when the difference was shown."""
    reason: Words


class WorksOn(Answer):
    """Which order a jig works on."""

    order: str | None
    jig: str
    before: str | None = IF_ANY
    """The order that it works on no more."""


class ExpectedOrder(BaseModel):
    """What a jig works on, as whoever decided saw it: an order, or none."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    order: Name | None


class AssignOrder(Command[WorksOn]):
    """Let a jig work on an order from now on."""

    order: Name
    jig: Name
    expected: ExpectedOrder | None = None
    trays_empty: bool = False
    """Whether whoever asks has seen to it that nothing lies in the jig's trays."""
    seen_empty: tuple[SlotName, ...] = ()
    """Slots of which neither board nor link can tell, and into which whoever asks has looked."""


class UnassignOrder(Command[WorksOn]):
    """Let a jig work on an order no more, and on none until it is given one."""

    order: Name
    jig: Name
    trays_empty: bool = False
    seen_empty: tuple[SlotName, ...] = ()


class OrderEnded(Answer):
    """How many hubs of a closed order stood where."""

    order: str
    standing: str


class CloseOrder(Command[OrderEnded]):
    """Close an order for good."""

    order: Name
    reason: Words
    incomplete_accepted: bool = False
    expected_waiting: int | None = Field(None, ge=0)
    """How many of its hubs have no result, as whoever decided saw it."""
    trays_empty: bool = False
    """As of `AssignOrder`, of each jig that works on it."""
    seen_empty: tuple[SlotName, ...] = ()
