"""Which lines a file of texts must have, and what is filled into each. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from firmware_catalog.devices import Family
from station.domain.outcome import Code, Disposition, Stage
from station.domain.phase import SlotPhase
from station.domain.reason import NEEDS, Reason
from station.domain.scan_said import SCAN_NEEDS, ScanCode
from station.domain.to_do import ToDo
from station.texts.needed_screen import SCREEN

_LINE: Final = {
    "slot": "place what do",
    "one_part": "place what",
    "percent": "what percent",
    "silent": "what seconds",
    "left": "do left",
    "detail": "what detail",
    "times": "what times",
    "only_times": "times",
    "the_hub": "",
    "hub": "hub",
    "label_came_late": "what",
    "not_left_well": "what unsettled",
    "failed_not_left_well": "what unsettled",
    "interlock": "what do",
    "notice": "what do",
    "label_apart": "label own",
    "of_slot": "slot what",
    "scan": "at scanner what",
    "of_slots": "slots do",
    "order": "jig order done hubs",
    "order_not_all": "jig order done hubs not_done",
}
_PICTURE: Final = ("slot", "hub", "state", "written", "word", "do", "alarm", "station", "signed_on")
_WHAT: Final[Mapping[str, str]] = {
    Reason.WORKING: "stage",
    Reason.MISLABELLED: "stage",
    Reason.UNATTENDED: "jig",
    # What is left out here is told in what to do.
    Reason.EXPECTED: "",
    Reason.DISK_LOW: "free folder",
    Reason.PART_FAILED: "part detail",
    Reason.LABEL_OF_ANOTHER: "label hub",
}
_DO: Final[Mapping[str, str]] = {
    ToDo.FIND: "hub",
    "tried_enough": "",
    "keep_apart": "",
    **dict.fromkeys([*Disposition, *(word for word in ToDo if word is not ToDo.FIND)], ""),
    **dict.fromkeys(
        (
            *(Reason.STARTING, Reason.PORT_UNAVAILABLE, Reason.PORT_WENT),
            *(Reason.PORT_COMES_AND_GOES, Reason.LID_AWAITED),
            *(Reason.START_AWAITED, Reason.MISLABELLED, Reason.NO_CURRENT, Reason.SWITCH_DOUBTED),
            *(
                Reason.ANSWERS_NO_MORE,
                Reason.ALREADY_CURRENT,
                Reason.ORDER_WENT,
                Reason.RELEASE_GONE,
                Reason.STOP_WITHOUT_HUB,
            ),
            *(Reason.STOP_EMPTY, Reason.STOP_PRESSED, Reason.STOP_STILL_ON, Reason.STOP_RELEASED),
            *(Reason.HELD_UP, Reason.CATALOGUE_UNUSABLE, Reason.DESCRIPTORS_SHORT, Reason.STOPPED),
            *(Reason.BOARD_LOST, Reason.BOARD_LOOKS_RARE, Reason.LID_OPEN, Reason.POWER_STAYS_ON),
            *(Reason.POWER_NOT_SWITCHED, Reason.CATALOGUE_ENDS, Reason.JOURNAL_UNTIDY),
            *(Reason.GOLDEN_PASSED, Reason.CHECK_LIST_DUE, Reason.GOLDEN_CHECK_DUE),
            *(Code.IMAGE_REFUSED, Code.NOT_A_HUB, Code.NO_OPEN_ORDER, Code.ALREADY_PASSED),
            *(Code.LABEL_DISAGREES, Code.IN_TWO_SLOTS, Code.NOT_PENDING, Code.NOT_ON_ORDER),
            *(Code.CATALOGUE_UNAVAILABLE, Code.UNLOCK_UNAVAILABLE, Code.RELEASE_STOPPED),
            *(Code.RELEASE_WITHDRAWN, Code.NO_RELEASE, Code.NO_PERMITTED_PATH, Code.NEWER_THAN_RELEASE),
            *(Code.IDS_DISAGREE, Code.MODEL_DISAGREES, Code.SLOT_FAULT),
        ),
        "",
    ),
    Reason.EXPECTED: "label",
    Reason.UNATTENDED: "jig",
    Reason.DISK_LOW: "least",
    Reason.PART_FAILED: "seconds",
    Reason.STOP_WITH_HUB: "who",
    **dict.fromkeys((Reason.HUBS_FAILED, Reason.STATION_FAULT, Reason.TAKEN_OUT_OF_USE), "jig slot"),
    **{reason: "who" for reason in Reason if reason.startswith("stopped_over_")},
}
"""What to do, where that is not said by the word alone."""
_BY_HAND: Final = {
    **dict.fromkeys(
        (
            *("passed", "nothing_more", *Disposition),
            *(Code.ANOTHER_HUB, Code.LINK_LOST, Code.SERIAL_RECOVERY, Code.SLOT_FAULT),
            *("do_image_refused", "do_unlock_unavailable", "do_link_lost", "do_another_hub"),
            *("do_no_answer", Code.HUB_UNIDENTIFIED, "do_hub_unidentified"),
        ),
        "",
    ),
    "unsettled": "what unsettled",
    "out_of_reach": "what unsettled",
}


def _split(lines: Mapping[str, str]) -> dict[str, frozenset[str]]:
    return {str(key): frozenset(names.split()) for key, names in lines.items()}


def _nothing_in(keys: Iterable[str]) -> dict[str, frozenset[str]]:
    return {str(key): frozenset() for key in keys}


NEEDED: Final[Mapping[str, Mapping[str, frozenset[str]]]] = MappingProxyType(
    {
        "line": _split(_LINE),
        "device": _nothing_in(Family),
        "word": _nothing_in(ToDo),
        "phase": _nothing_in(SlotPhase),
        "stage": _nothing_in(Stage),
        "picture": _nothing_in(_PICTURE),
        "screen": _split(SCREEN),
        "scan": {**_nothing_in(ScanCode), **SCAN_NEEDS},
        "what": {
            **_nothing_in(Code),
            **_nothing_in(Reason),
            **NEEDS,
            **_split(_WHAT),
        },
        "do": _split(_DO),
        "by_hand": _split(_BY_HAND),
    }
)
"""Of each table, each line with the names of what is filled in."""
DEVICE: Final = "device"
"""The name of the word for what a line is about, which may be filled into any line."""
