"""Work orders: imported, given to jigs, closed."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from station.desk.request import Answer, Command, Name, Words


class OrderTaken(Answer):
    """The order is there, with every line."""

    order: str
    hubs: int
    new: bool
    """Whether this import made it so; the same file again changes nothing."""


class ImportOrder(Command[OrderTaken]):
    """Take a work order from its file, whole or not at all."""

    content: str
    """The file, as base64."""
    source: Name
    """The file's name."""
    number: Name | None = None
    """The order's number, where the file has none."""


class WorksOn(Answer):
    """Which order a jig works on."""

    order: str
    jig: str


class ExpectedOrder(BaseModel):
    """What a jig works on, as whoever decided saw it: an order, or none."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    order: Name | None


class AssignOrder(Command[WorksOn]):
    """Let a jig work on an order from now on."""

    order: Name
    jig: Name
    expected: ExpectedOrder | None = None


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
