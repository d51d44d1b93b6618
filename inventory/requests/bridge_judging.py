"""Says of each bridge of a recall whether it may be re-flashed, and if not, why. Pure.

A set is taken whole or not at all: one that lacks a bridge, or has one that is refused, would lie at the bench half done.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from firmware_catalog.devices import DeviceKind
from firmware_catalog.identity import DeviceModel, Eui64, FirmwareVersion
from inventory.requests.bridge_list import AskedBridge, ListedBridge
from inventory.requests.judging import Judged, Reason

Releases = Mapping[tuple[DeviceKind, DeviceModel], FirmwareVersion]
"""The release of each model, by what it is made for."""


def judge_bridges(
    asked: Sequence[AskedBridge], releases: Releases, elsewhere: Mapping[Eui64, str], hubs: Collection[Eui64]
) -> list[Judged]:
    """Judge each line, then each set. `elsewhere` has the open request in which a bridge stands already; `hubs` are ids of hubs."""
    lines: defaultdict[Eui64, list[int]] = defaultdict(list)
    sets: defaultdict[str, list[int]] = defaultdict(list)
    for index, each in enumerate(asked):
        if each.bridge is not None:
            lines[each.bridge.device].append(each.line)
            sets[each.bridge.premises].append(index)
    judged = [_judge(each, lines, releases, elsewhere, hubs) for each in asked]
    for premises, members in sets.items():
        whole = _whole(premises, [judged[index] for index in members], releases)
        for index, one in zip(members, whole, strict=True):
            judged[index] = one
    return judged


def _judge(
    asked: AskedBridge,
    lines: Mapping[Eui64, Sequence[int]],
    releases: Releases,
    elsewhere: Mapping[Eui64, str],
    hubs: Collection[Eui64],
) -> Judged:
    bridge = asked.bridge
    if bridge is None:
        return Judged(asked, None, Reason.UNREADABLE, asked.fault)
    if len(lines[bridge.device]) > 1:
        # Which line is right nobody here knows: none of them counts.
        return Judged(asked, bridge, Reason.TWICE, f"it is on lines {_listed(lines[bridge.device])}")
    if bridge.device in hubs:
        return Judged(asked, bridge, Reason.HUB, "it is the id of a hub, which is on no list of bridges")
    if (request := elsewhere.get(bridge.device)) is not None:
        return Judged(asked, bridge, Reason.IN_ANOTHER_REQUEST, f"it is in request {request}")
    kind = DeviceKind(bridge.bridge_type)
    if (kind, bridge.model) not in releases:
        return Judged(asked, bridge, Reason.NO_RELEASE, f"there is no release for {kind} {bridge.model}")
    return Judged(asked, bridge, None)


def _whole(premises: str, members: Sequence[Judged], releases: Releases) -> list[Judged]:
    bridges = [each.hub for each in members if isinstance(each.hub, ListedBridge)]
    sizes = {each.set_members for each in bridges}
    against = _against(premises, members, sizes)
    if against is not None:
        reason, detail = Reason.SET_NOT_WHOLE, against
    elif all(each.firmware >= releases[DeviceKind(each.bridge_type), each.model] for each in bridges):
        reason, detail = Reason.ALREADY_CURRENT, "each bridge of its set has its release, or a later one"
    else:
        return list(members)
    return [
        each if each.reason is not None else Judged(each.asked, each.hub, reason, detail) for each in members
    ]


def _against(premises: str, members: Sequence[Judged], sizes: Collection[int]) -> str | None:
    if refused := [each for each in members if each.reason is not None]:
        first = refused[0]
        return f"line {first.asked.line} of its set is refused ({first.reason})"
    if len(sizes) > 1:
        return f"the lines of premises {premises!r} say {_listed(sorted(sizes))} bridges"
    (size,) = sizes
    if len(members) != size:
        return f"premises {premises!r} has a set of {size} bridges, and {len(members)} can be read of it"
    return None


def broken_sets(sets: Mapping[str, tuple[int, int]]) -> str | None:
    """Say which premises' sets are not whole, by how many bridges each has and would have; None where all are."""
    broken = sorted(premises for premises, (has, stands) in sets.items() if has != stands)
    if not broken:
        return None
    has, stands = sets[broken[0]]
    more = f", and {len(broken) - 1} more sets" if len(broken) > 1 else ""
    return f"premises {broken[0]!r} has a set of {has} bridges, and {stands} would stand on the order{more}"


def _listed(numbers: Sequence[int]) -> str:
    return " and ".join(map(str, numbers))
