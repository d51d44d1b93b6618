"""Says of each hub that came whether it is accepted, and if not, why. Pure.

The first three reasons are published (MP155); the others are those that anybody at goods-in would have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from firmware_catalog.identity import Eui64
from inventory.requests.extract import Registered
from station.domain.device_status import DeviceStatus


class Reason(StrEnum):
    """Why goods are not accepted."""

    DAMAGED_PACKAGING = "damaged_packaging"
    NOT_REGISTERED_TO_SUPPLIER = "not_registered_to_supplier"
    ADDRESS_DOES_NOT_MATCH = "address_does_not_match"
    SEAL_BROKEN = "seal_broken"
    FOREIGN_HUB = "foreign_hub"
    COUNT_DIFFERS = "count_differs"
    NOT_ANNOUNCED = "not_announced"
    NOT_ON_ORDER = "not_on_order"
    CANCELLED = "cancelled"
    RECEIVED_BEFORE = "received_before"
    NOT_PENDING = "not_pending"
    IDS_DISAGREE = "ids_disagree"


SEEN: Final = (
    Reason.DAMAGED_PACKAGING,
    Reason.NOT_REGISTERED_TO_SUPPLIER,
    Reason.ADDRESS_DOES_NOT_MATCH,
    Reason.SEAL_BROKEN,
    Reason.FOREIGN_HUB,
    Reason.COUNT_DIFFERS,
)
"""Those that a person sees; the others follow from what is known."""
COUNTED: Final = "counted"
"""What a person says with a number, which is held against the packing list."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a person saw of a pallet, carton or hub."""

    reason: Reason | None
    detail: str | None = None
    """Of a foreign hub, its id."""
    counted: int | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """A hub that came, and what is known of it. `hub` is its CHF id where the order has it, else what its label says."""

    hub: str
    gpf: str | None
    pallet: str | None
    carton: str | None
    on_order: bool
    cancelled: bool
    received_in: str | None
    """The delivery in which it was accepted before."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A hub that came (or a unit of which nobody knows what is in it), accepted if it has no reason against it."""

    hub: str | None
    pallet: str | None
    carton: str | None
    reason: Reason | None
    detail: str | None = None


def judge(
    hub: Expected,
    findings: Sequence[Finding | None],
    party: str,
    registered: Mapping[Eui64, Registered] | None,
) -> Judged:
    """Judge a hub by what was seen of it, its carton and its pallet (the nearest first), the order, and an extract if there is one."""
    reason, detail = _why_not(hub, findings, party, registered)
    return Judged(hub.hub, hub.pallet, hub.carton, reason, detail)


def _why_not(
    hub: Expected,
    findings: Sequence[Finding | None],
    party: str,
    registered: Mapping[Eui64, Registered] | None,
) -> tuple[Reason | None, str | None]:
    # Of what is not the order's nobody need know how its carton looked.
    if not hub.on_order:
        return Reason.NOT_ON_ORDER, None
    if hub.cancelled:
        return Reason.CANCELLED, "its line was cancelled"
    if hub.received_in is not None:
        return Reason.RECEIVED_BEFORE, f"it was accepted with {hub.received_in}"
    for finding in findings:
        if finding is not None and finding.reason is not None:
            return finding.reason, finding.detail
    if registered is None:
        return None, None
    held = registered.get(Eui64.parse(hub.hub))
    if held is None or held.owner != party:
        return Reason.NOT_REGISTERED_TO_SUPPLIER, "the extract has it under no such party"
    if str(held.chf) != hub.hub or (hub.gpf is not None and str(held.gpf) != hub.gpf):
        return Reason.IDS_DISAGREE, f"the extract has CHF {held.chf} with GPF {held.gpf}"
    if held.status != DeviceStatus.PENDING:
        return Reason.NOT_PENDING, f"its status is {held.status}"
    return None, None


def of_count(finding: Finding | None, announced: int) -> Finding | None:
    """Hold what was counted against the packing list."""
    if finding is None or finding.counted is None:
        return finding
    if finding.counted == announced:
        return None
    return Finding(Reason.COUNT_DIFFERS, f"{finding.counted} counted, {announced} on the packing list")
