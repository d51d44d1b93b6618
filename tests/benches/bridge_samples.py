"""Bridges of an order, what they say, and their results."""

from __future__ import annotations

from typing import Final

from benches.journal_samples import closed
from firmware_catalog.devices import BridgeType
from firmware_catalog.identity import Eui64, FirmwareVersion
from station.domain.hub_facts import BridgeFacts
from station.domain.order_line import BridgeLine
from station.records.facts.attempts import AttemptClosed

BRIDGE_ORDER: Final = "WO-B"
_TYPES: Final = tuple(BridgeType)


def device(number: int) -> Eui64:
    return Eui64(0x88738400000B0000 | number)


def bridge_line(number: int, premises: str, members: int) -> BridgeLine:
    facts = bridge_facts(number)
    return BridgeLine(
        device_id=facts.device_id,
        bridge_type=facts.bridge_type,
        premises=premises,
        set_members=members,
        manufacturer=facts.manufacturer,
        model=facts.model,
        recorded_firmware=facts.firmware,
        owner="PARTY",
    )


def bridge_facts(number: int) -> BridgeFacts:
    kind = _TYPES[number % len(_TYPES)]
    return BridgeFacts(
        device_id=device(number),
        bridge_type=kind,
        manufacturer="10A8",
        model=f"000000{kind}",
        hardware_version="1.0",
        firmware=FirmwareVersion.parse("00010000"),
        locked=True,
        boots=1,
    )


def bridge_closed(attempt: int, number: int) -> AttemptClosed:
    """Return a bridge's pass."""
    facts = bridge_facts(number)
    own = {
        "chf": facts.device_id,
        "gpf": None,
        "bridge_type": facts.bridge_type,
        "scanned_id": facts.device_id,
        "scanned_role": None,
        "manufacturer": facts.manufacturer,
        "model": facts.model,
    }
    return closed(attempt, order=BRIDGE_ORDER).model_copy(update=own)
