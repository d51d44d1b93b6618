"""Says of each hub of a request whether it may be re-flashed, and if not, why. Pure.

The conditions are those of MP155: the party's own (A-001), `Pending` and never installed (A-005, A-006, A-008), asked for
once, and with a newer release than what it runs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from firmware_catalog.identity import DeviceModel, Eui64, FirmwareVersion
from inventory.requests.bridge_list import AskedBridge, ListedBridge
from inventory.requests.extract import Registered
from inventory.requests.request_file import Asked
from station.domain.device_status import DeviceStatus


class Reason(StrEnum):
    """Why a hub is not accepted."""

    UNREADABLE = "unreadable"
    TWICE = "twice"
    UNKNOWN = "unknown"
    IDS_DISAGREE = "ids_disagree"
    ANOTHER_PARTYS = "another_partys"
    NOT_PENDING = "not_pending"
    IN_ANOTHER_REQUEST = "in_another_request"
    NO_RELEASE = "no_release"
    ALREADY_CURRENT = "already_current"
    BRIDGE = "bridge"
    HUB = "hub"
    SET_NOT_WHOLE = "set_not_whole"


@dataclass(frozen=True, slots=True)
class Judged:
    """One line of a request, judged: accepted if it has no reason against it."""

    asked: Asked | AskedBridge
    hub: Registered | ListedBridge | None
    """What the inventory holds of it, where that is known; of a bridge, what its party says."""
    reason: Reason | None
    detail: str | None = None


def judge(
    asked: Sequence[Asked],
    party: str,
    registered: Mapping[Eui64, Registered],
    releases: Mapping[DeviceModel, FirmwareVersion],
    elsewhere: Mapping[Eui64, str],
    bridges: Collection[Eui64],
) -> list[Judged]:
    """Judge each line. `elsewhere` has the open request in which a CHF stands already; `bridges` are ids of bridges."""
    lines: dict[Eui64, int] = {}
    judged = []
    for each in asked:
        one = _judge(each, party, registered, releases, elsewhere, bridges)
        if one.reason is None and isinstance(one.hub, Registered):
            first = lines.setdefault(one.hub.chf, each.line)
            if first != each.line:
                one = Judged(each, one.hub, Reason.TWICE, f"it is on line {first} already")
        judged.append(one)
    return judged


def _judge(
    asked: Asked,
    party: str,
    registered: Mapping[Eui64, Registered],
    releases: Mapping[DeviceModel, FirmwareVersion],
    elsewhere: Mapping[Eui64, str],
    bridges: Collection[Eui64],
) -> Judged:
    if asked.fault is not None:
        return Judged(asked, None, Reason.UNREADABLE, asked.fault)
    ids = [each for each in (asked.chf, asked.gpf) if each is not None]
    hub = registered.get(ids[0])
    if any(each in bridges for each in (*ids, *(() if hub is None else (hub.chf, hub.gpf)))):
        return Judged(asked, hub, Reason.BRIDGE, "it is known as a bridge, which is in no extract")
    if hub is None:
        return Judged(asked, None, Reason.UNKNOWN, "the extract has no hub of that id")
    if hub.owner != party:
        return Judged(asked, hub, Reason.ANOTHER_PARTYS, "it is not registered to this party")
    if asked.chf not in (None, hub.chf) or asked.gpf not in (None, hub.gpf):
        return Judged(asked, hub, Reason.IDS_DISAGREE, f"the extract has CHF {hub.chf} with GPF {hub.gpf}")
    if hub.status != DeviceStatus.PENDING:
        return Judged(asked, hub, Reason.NOT_PENDING, f"its status is {hub.status}")
    if (request := elsewhere.get(hub.chf)) is not None:
        return Judged(asked, hub, Reason.IN_ANOTHER_REQUEST, f"it is in request {request}")
    release = releases.get(hub.model)
    if release is None:
        return Judged(asked, hub, Reason.NO_RELEASE, f"there is no release for {hub.model}")
    if hub.firmware >= release:
        return Judged(asked, hub, Reason.ALREADY_CURRENT, f"it has {hub.firmware}, the release is {release}")
    return Judged(asked, hub, None)
