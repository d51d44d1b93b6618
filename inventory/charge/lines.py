"""The lines of a statement, and its table. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from inventory.redelivery.book import dispatch_name

_HEADINGS: Final = (
    *("kind", "work_order", "chf_id", "gpf_id", "firmware_version", "finished", "dispatch", "pounds"),
)


class Charge(NamedTuple):
    """A hub that is charged, or given back, by the result in which it said so."""

    work_order: str
    device: str
    message: int
    gpf: str | None
    firmware: str | None
    finished: datetime
    pence: int


class Credit(NamedTuple):
    """A hub that is given back."""

    of: Charge
    charged_in: int
    why: str


class Transport(NamedTuple):
    """The transport of a dispatch."""

    dispatch: int
    work_order: str
    dispatched: datetime
    pence: int


@dataclass(frozen=True, slots=True)
class Lines:
    """All that a statement has."""

    charges: Sequence[Charge]
    credits: Sequence[Credit]
    transport: Sequence[Transport]

    @property
    def pence(self) -> int:
        """What is charged for hubs."""
        return sum(each.pence for each in self.charges)

    @property
    def credit_pence(self) -> int:
        """What is given back."""
        return sum(each.of.pence for each in self.credits)

    @property
    def transport_pence(self) -> int:
        """What is charged for transport."""
        return sum(each.pence for each in self.transport)

    def table(self) -> bytes:
        """Return them as CSV, and their sum. Sorted here: databases sort each in its own way."""
        return Lines(sorted(self.charges), sorted(self.credits), sorted(self.transport)).table_as_it_stands()

    def table_as_it_stands(self) -> bytes:
        """Return the same in the order that they have."""
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow(_HEADINGS)
        for each in self.charges:
            writer.writerow(["re-flash", *_of_hub(each), pounds(each.pence)])
        for back in self.credits:
            writer.writerow(["credit", *_of_hub(back.of), pounds(-back.of.pence)])
        for left in self.transport:
            when, name = _utc(left.dispatched), dispatch_name(left.dispatch)
            writer.writerow(["transport", left.work_order, "", "", "", when, name, pounds(left.pence)])
        total = self.pence + self.transport_pence - self.credit_pence
        writer.writerow(["total", *[""] * 6, pounds(total)])
        return text.getvalue().encode()


def _of_hub(hub: Charge) -> tuple[str | None, ...]:
    return hub.work_order, hub.device, hub.gpf, hub.firmware, _utc(hub.finished), ""


def _utc(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def pounds(pence: int) -> str:
    """Say a sum."""
    return f"{'-' if pence < 0 else ''}{abs(pence) // 100}.{abs(pence) % 100:02}"
