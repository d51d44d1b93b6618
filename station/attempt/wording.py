"""The operator's lines: what happened, where, what to do next. One line each, nothing to scroll."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from firmware_catalog.identity import Eui64
from station.domain.outcome import Code, Disposition, Outcome

LONGEST_LINE: Final = 120
"""Characters that are read at a glance, and that a slot's part of the screen has room for."""

GOES_HOME: Final = frozenset({Outcome.PASSED, Outcome.ALREADY_CURRENT})
"""Hubs that end so leave the bench as ones that are done."""

_WHAT: Final[dict[Code, str]] = {
    Code.IMAGE_HASH_MISMATCH: "the hub runs another image than it was given",
    Code.ACTIVATION_FAILURE: "the hub did not start the new firmware",
    Code.IMAGE_DISCARDED: "the hub gave the new firmware up",
    Code.HARDWARE_VERSION_MISMATCH: "the firmware is not made for this hardware version",
    Code.FILE_TRANSFER_FAILURE: "the firmware could not be transferred",
    Code.IMAGE_REFUSED: "the hub does not take this firmware",
    Code.NOT_ON_ORDER: "the hub is not on this jig's work order",
    Code.NO_OPEN_ORDER: "the jig has no open work order",
    Code.NOT_PENDING: "the inventory does not hold the hub as Pending",
    Code.ALREADY_PASSED: "the hub passed before in this order",
    Code.LABEL_DISAGREES: "the scanned label is another hub's",
    Code.IDS_DISAGREE: "the hub's two ids are not the pair that the order lists",
    Code.IN_TWO_SLOTS: "the same hub id answers in another slot",
    Code.MODEL_DISAGREES: "the hub is of another model than the order says",
    Code.NO_RELEASE: "the catalogue has no production release for this model",
    Code.NO_PERMITTED_PATH: "no permitted upgrade leads from the hub's version to the release",
    Code.NEWER_THAN_RELEASE: "the hub runs newer firmware than the release",
    Code.RELEASE_STOPPED: "release stopped, too many hubs failed with it",
    Code.RELEASE_WITHDRAWN: "this release was withdrawn",
    Code.CATALOGUE_UNAVAILABLE: "the firmware catalogue cannot be used",
    Code.NOT_A_HUB: "what sits here is no hub",
    Code.HUB_UNIDENTIFIED: "the hub does not say who it is",
    Code.HUB_GONE: "the hub never came back",
    Code.ANOTHER_HUB: "another hub answers in the slot",
    Code.UNLOCK_REFUSED: "the hub refused the unlock answer",
    Code.UNLOCK_LOCKED_OUT: "the hub has locked itself after wrong unlock answers",
    Code.UNLOCK_UNAVAILABLE: "the unlock key cannot be used",
    Code.VERSION_MISMATCH: "the hub reports another version than the image it runs",
    Code.NOT_CONFIRMED: "the hub did not keep the new firmware as permanent",
    Code.NOT_LOCKED: "the hub did not lock itself again",
    Code.DID_NOT_REVERT: "the hub did not go back to its former firmware",
    Code.SERIAL_RECOVERY: "the hub waits in its boot loader",
    Code.BOOT_LOOP: "the hub boots again and again",
    Code.LINK_LOST: "the slot's port was lost",
    Code.NO_ANSWER: "the hub does not answer",
    Code.PROTOCOL_ERROR: "the hub answers what its protocol does not allow",
    Code.STUCK_PROGRESS: "the transfer stood still",
    Code.EMERGENCY_STOP: "the emergency stop was pressed",
    Code.OPERATOR_REMOVED: "the hub was taken out too early",
    Code.SLOT_FAULT: "the station met a fault of its own in this slot",
}

_NEXT: Final[dict[Code, str]] = {
    Code.IMAGE_REFUSED: "put it aside for the supervisor, who asks the firmware's maker",
    Code.NOT_A_HUB: "put it aside for the supervisor",
    Code.NO_OPEN_ORDER: "assign an order to the jig, then seat it again",
    Code.ALREADY_PASSED: "put it with the passed hubs",
    Code.LABEL_DISAGREES: "scan its own label and seat it again",
    Code.IN_TWO_SLOTS: "take only this one out, for the supervisor",
    Code.NOT_PENDING: "put it aside for return to its supplier",
    Code.NOT_ON_ORDER: "put it aside for the supervisor",
    Code.CATALOGUE_UNAVAILABLE: "call the supervisor, then seat it again",
    Code.UNLOCK_UNAVAILABLE: "call the supervisor, then seat it again",
    Code.RELEASE_STOPPED: "call the supervisor (then: reflash catalog resume)",
    Code.RELEASE_WITHDRAWN: "seat it again for the release that replaces it",
    Code.NO_RELEASE: "put it aside for the supervisor",
    Code.NO_PERMITTED_PATH: "put it aside for the supervisor",
    Code.NEWER_THAN_RELEASE: "put it aside for the supervisor",
    Code.IDS_DISAGREE: "put it aside for the supervisor",
    Code.MODEL_DISAGREES: "put it aside for the supervisor",
    Code.SLOT_FAULT: "call the supervisor, then seat it again",
}

_TOLD_BY_PARTICULARS: Final = frozenset(
    {
        Code.NOT_ON_ORDER,
        Code.NO_OPEN_ORDER,
        Code.NOT_PENDING,
        Code.LABEL_DISAGREES,
        Code.IDS_DISAGREE,
        Code.IN_TWO_SLOTS,
        Code.MODEL_DISAGREES,
        Code.NOT_A_HUB,
        Code.HUB_UNIDENTIFIED,
    }
)
"""Codes whose particulars say all that the code does, and more."""

_PLACE: Final = re.compile(r" at (?:/[^\s,]+|(?:usb:)?\d+-[\d.:]+)")
"""Where a driver says that the hub is: a path, or bus and ports. People know a slot by its name, which leads the line."""

_NEXT_BY_DISPOSITION: Final[dict[Disposition, str]] = {
    Disposition.RETRY_HERE: "seat it again in this slot",
    Disposition.RETRY_OTHER_SLOT: "seat it in another slot",
    Disposition.REWORK: "put it in the rework crate",
    Disposition.SCRAP: "it failed in two slots: put it in the scrap crate",
}


_WHAT_BY_HAND: Final[dict[Code, str]] = {
    Code.ANOTHER_HUB: "another device answers",
    Code.LINK_LOST: "the port was lost",
    Code.SERIAL_RECOVERY: "the device waits in its boot loader",
    Code.SLOT_FAULT: "the program met a fault of its own",
}
_NEXT_BY_HAND: Final[dict[Code, str]] = {
    Code.IMAGE_REFUSED: "find an image that is made for this device",
    Code.UNLOCK_UNAVAILABLE: "name a key that can be used with --unlock-key",
    Code.LINK_LOST: "check the adapter and its cable, then flash it again",
    Code.ANOTHER_HUB: "find the first device, then flash it again",
}
_NEXT_BY_HAND_BY_DISPOSITION: Final[dict[Disposition, str]] = {
    Disposition.RETRY_HERE: "flash it again",
    Disposition.RETRY_OTHER_SLOT: "check its supply and its cable, then flash it again",
    Disposition.REWORK: "keep it apart, it needs its maker's tools",
    Disposition.SCRAP: "keep it apart",
}


def line_by_hand(
    place: str,
    outcome: Outcome,
    code: Code | None,
    disposition: Disposition | None,
    detail: str | None,
    unsettled: str | None,
) -> str:
    """Compose the one line of a device that a person flashed at `place`, where there are no slots to seat it in."""
    if outcome is Outcome.PASSED:
        return f"{place}: passed; take it out, it is done"
    what = str(outcome) if code is None else _WHAT_BY_HAND.get(code) or _WHAT[code]
    if detail and (particulars := _particulars(detail)) != what:
        what += f" ({particulars})"
    if unsettled is not None and code is not Code.SERIAL_RECOVERY:
        return f"{place}: {what}; it {unsettled}, so keep it apart"
    if code in _NEXT_BY_HAND:
        return f"{place}: {what}; {_NEXT_BY_HAND[code]}"
    following = _NEXT_BY_HAND_BY_DISPOSITION.get(disposition) if disposition else None
    return f"{place}: {what}; {following or 'nothing more was done'}"


def what_happened(code: Code) -> str:
    """Return the fact behind a code, without place and advice."""
    return _WHAT[code]


def next_action(outcome: Outcome, code: Code | None, disposition: Disposition | None) -> str:
    """Return what the operator does with the hub now."""
    if outcome is Outcome.PASSED:
        return "take it out, it is done"
    if outcome is Outcome.ALREADY_CURRENT:
        return "take it out, nothing had to be done"
    if code is not None and code in _NEXT:
        return _NEXT[code]
    if disposition is not None:
        return _NEXT_BY_DISPOSITION[disposition]
    return "put it aside for the supervisor"


def without_seating_again(action: str) -> str:
    """Return what to do with a hub that was tried often enough where it sits, and would be shown the same once more."""
    return "seat it in another slot, or scan its label first" if "again" in action else action


def told_apart(one: Eui64, other: Eui64) -> tuple[str, str]:
    """Return what of two ids people compare: their last six digits, or as much of their beginnings as tells them apart."""
    first, second = str(one), str(other)
    if first[-8:] != second[-8:]:
        return f"…{first[-8:]}", f"…{second[-8:]}"
    length = next((count for count in (8, 11) if first[:count] != second[:count]), 14)
    return f"{first[:length]}…", f"{second[:length]}…"


def fitting(where: str, said: Iterable[tuple[str, str]]) -> str:
    """Return the first line that people can take in at a glance, of what happened and what to do, best first.

    Of the last one, should none be short enough, what happened is cut.
    """
    for what, action in said:
        line = f"{where}: {what}; {action}"
        if len(line) <= LONGEST_LINE:
            return line
    room = max(LONGEST_LINE - len(f"{where}: …; {action}"), 0)
    return f"{where}: {what[:room].rstrip()}…; {action}"


def operator_line(
    where: str,
    outcome: Outcome,
    code: Code | None,
    disposition: Disposition | None,
    detail: str | None = None,
    *,
    mislabelled: bool = False,
    unsettled: str | None = None,
) -> str:
    """Compose the one line of a result: where, what happened, what to do next.

    Particulars are told as far as there is room. `mislabelled` is a hub whose scanned label is another's: if that came
    up too late to reject it, it may be done, and yet must not go home as it is. `unsettled` is what could not be put
    right about the hub.
    """
    facts = _facts(outcome, code, detail)
    aside = "put it aside for the supervisor"
    if mislabelled and outcome in GOES_HOME:
        return fitting(where, [(f"{what}, but the scanned label is another hub's", aside) for what in facts])
    if unsettled is not None and outcome is Outcome.REJECTED:
        return fitting(where, [(f"{what}, but {unsettled}", aside) for what in (*facts, "passed")])
    if unsettled is not None and code is not Code.SERIAL_RECOVERY:  # that says it all
        rework = _NEXT_BY_DISPOSITION[Disposition.REWORK]
        apart = [(what, f"it {unsettled}: {rework}") for what in facts]
        return fitting(where, [*apart, (f"the hub {unsettled}", rework)])
    action = next_action(outcome, code, disposition)
    return fitting(where, [(what, action) for what in facts])


def _facts(outcome: Outcome, code: Code | None, detail: str | None) -> list[str]:
    """Say what happened, in most words first."""
    if outcome is Outcome.PASSED:
        return ["passed"]
    if outcome is Outcome.ALREADY_CURRENT:
        return ["already runs the latest firmware"]
    if code is None:
        return [str(outcome)]
    what = what_happened(code)
    if not detail or (particulars := _particulars(detail)) == what:
        return [what]
    ways = (particulars, particulars.partition(" (")[0])
    both = [] if code in _TOLD_BY_PARTICULARS else [f"{what} ({told})" for told in ways]
    return [*both, *ways, what]


def _particulars(detail: str) -> str:
    """Return what a driver, or the catalogue, says that happened: here, and without advice of its own."""
    return _PLACE.sub(" here", re.split("[:;] ", detail, maxsplit=1)[0])
