"""How an attempt begins: its first event, and what is known of it from then on."""

from __future__ import annotations

from typing import Final

from station.attempt.closing import OpenedAttempt
from station.attempt.workers import Workers
from station.domain.hub_facts import DeviceFacts
from station.domain.label import ScannedLabel
from station.domain.slot_name import SlotName
from station.records.errors import NotAsExpected, OrderIsClosed, OrderNotHere
from station.records.expectations import Expectation
from station.records.facts.attempts import AttemptOpened
from station.records.facts.history import HubHistory
from station.records.facts.orders import listed_device
from station.records.journal import Journal

_ORDERS_TRIED: Final = 3


async def open_attempt(
    journal: Journal,
    place: SlotName,
    hub: DeviceFacts | None,
    *,
    number: int,
    operator: str | None,
    order: str | None = None,
    label: ScannedLabel | None = None,
    boot_seconds: float | None = None,
    expected: tuple[Expectation, ...] = (),
) -> OpenedAttempt:
    """Record that an attempt begins, and return it once that is durable, with its hub's line of the order.

    Raises NotAsExpected where what is `expected` is no more.
    """
    event = AttemptOpened(
        place=place,
        order=order,
        hub=hub,
        scanned_id=label.device_id if label else None,
        scanned_role=label.role if label else None,
        number=number,
        operator=operator,
        boot_seconds=None if boot_seconds is None else round(boot_seconds, 6),
    )
    (recorded,) = await journal.append(*expected, event)
    line = await journal.ask(listed_device, order, hub, label)
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


async def open_at_jig(
    journal: Journal,
    place: SlotName,
    hub: DeviceFacts | None,
    label: ScannedLabel | None,
    history: HubHistory,
    workers: Workers,
    boot_seconds: float | None = None,
) -> OpenedAttempt:
    """Begin an attempt for the order that the jig works on, and under whoever works there.

    Both are asked again where they change in that very moment. Raises NobodyWorksHere where somebody has to.
    """
    tries = 0
    while True:
        order = await journal.jig_order(place.jig)
        workers.require(place.jig)
        worker = workers.at(place.jig)
        try:
            return await open_attempt(
                journal,
                place,
                hub,
                number=history.attempts_in(order) + 1,
                operator=worker.pseudonym,
                order=order,
                label=label,
                boot_seconds=boot_seconds,
                expected=(worker.expectation,),
            )
        except NotAsExpected:
            continue  # and the workers know who it is now
        except (OrderIsClosed, OrderNotHere):
            tries += 1
            if tries == _ORDERS_TRIED:
                raise
