"""How an attempt begins: its first event, and what is known of it from then on."""

from __future__ import annotations

from station.attempt.authorise import ScannedLabel
from station.attempt.closing import OpenedAttempt
from station.records.events import AttemptOpened, HubFacts, Place
from station.records.journal import Journal


async def open_attempt(
    journal: Journal,
    place: Place,
    hub: HubFacts | None,
    *,
    number: int,
    operator: str | None,
    order: str | None = None,
    label: ScannedLabel | None = None,
) -> OpenedAttempt:
    """Record that an attempt begins, and return it once that is durable, with its hub's line of the order."""
    event = AttemptOpened(
        place=place,
        order=order,
        hub=hub,
        scanned_id=label.device_id if label else None,
        scanned_role=label.role if label else None,
        number=number,
        operator=operator,
    )
    (recorded,) = await journal.append(event)
    line = None
    if order is not None and hub is not None:
        line = await journal.order_line(order, hub.chf) or await journal.order_line(order, hub.gpf)
    return OpenedAttempt(
        attempt=recorded.sequence,
        place=place,
        order=order,
        number=number,
        hub=hub,
        label=label,
        line=line,
        opened=recorded.utc,
        operator=operator,
    )
