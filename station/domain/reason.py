"""Why a slot, a jig or the station is as it is, as codes. What became of an attempt has codes of its own (`outcome`)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Literal


class Reason(StrEnum):
    """One for each thing that an operator may be told beside an attempt's code."""

    # Nothing sits in the slot.
    STARTING = "starting"
    EMPTY = "empty"
    EXPECTED = "expected"
    """A label waits here for its hub."""
    UNATTENDED = "unattended"
    """Nobody is signed on at the jig."""
    PORT_UNAVAILABLE = "port_unavailable"
    PORT_WENT = "port_went"
    """It was lost at work."""
    PORT_COMES_AND_GOES = "port_comes_and_goes"
    """The same, more often in a row than chance has it."""
    # Why an attempt is open whose hub is looked for.
    NO_RESULT_YET = "no_result_yet"
    TAKEN_OUT = "taken_out"
    STOP_ENDED_IT = "stop_ended_it"
    ANOTHER_ANSWERS = "another_answers"
    PORT_TOOK_IT = "port_took_it"
    SILENT = "silent"
    # A hub sits there and has no result.
    LID_AWAITED = "lid_awaited"
    START_AWAITED = "start_awaited"
    BOOTING = "booting"
    RECOGNISED = "recognised"
    WORKING = "working"
    MISLABELLED = "mislabelled"
    """It is worked on, and the label scanned for it is another hub's."""
    LOOKING = "looking"
    HELD_ELSEWHERE = "held_elsewhere"
    NO_CURRENT = "no_current"
    SWITCH_DOUBTED = "switch_doubted"
    ANSWERS_NO_MORE = "answers_no_more"
    # It has its result.
    PASSED = "passed"
    ALREADY_CURRENT = "already_current"
    LABEL_OF_ANOTHER = "label_of_another"
    UNSETTLED = "unsettled"
    UNLOCKED_SINCE = "unlocked_since"
    WOULD_CHANGE = "would_change"
    STATE_UNTOLD = "state_untold"
    OTHER_VERSION = "other_version"
    OTHER_IMAGE = "other_image"
    ORDER_WENT = "order_went"
    """Its order was closed, or its jig given another, while it was begun with."""
    RELEASE_GONE = "release_gone"
    """What it runs was withdrawn since it passed."""
    GOLDEN_CHECK = "golden_check"
    """A golden hub is used to check the slot."""
    GOLDEN_PASSED = "golden_passed"
    GOLDEN_FAILED = "golden_failed"
    # The emergency stop.
    STOP_WITH_HUB = "stop_with_hub"
    STOP_WITHOUT_HUB = "stop_without_hub"
    STOP_EMPTY = "stop_empty"
    STOP_PRESSED = "stop_pressed"
    STOP_STILL_ON = "stop_still_on"
    """Not every slot is known to be without power yet."""
    STOP_RELEASED = "stop_released"
    # Nothing is begun with.
    HUBS_FAILED = "hubs_failed"
    STATION_FAULT = "station_fault"
    TAKEN_OUT_OF_USE = "taken_out_of_use"
    """For a reason of which only words are known."""
    HELD_UP = "held_up"
    CATALOGUE_UNUSABLE = "catalogue_unusable"
    DESCRIPTORS_SHORT = "descriptors_short"
    DISK_LOW = "disk_low"
    STOPPED = "stopped"
    STOPPED_OVER_PASSED = "stopped_over_passed"
    STOPPED_OVER_ALREADY_CURRENT = "stopped_over_already_current"
    STOPPED_OVER_PASSED_BEFORE = "stopped_over_passed_before"
    STOPPED_OVER_REJECTED = "stopped_over_rejected"
    STOPPED_OVER_FAILED = "stopped_over_failed"
    STOPPED_OVER_PUT_ASIDE = "stopped_over_put_aside"
    CHECK_LIST_DUE = "check_list_due"
    """Nobody has signed it today."""
    GOLDEN_CHECK_DUE = "golden_check_due"
    """The slot has no golden check of today that it passed."""
    # The jig.
    BOARD_LOST = "board_lost"
    BOARD_LOOKS_RARE = "board_looks_rare"
    LID_OPEN = "lid_open"
    POWER_STAYS_ON = "power_stays_on"
    POWER_NOT_SWITCHED = "power_not_switched"
    # The station.
    PART_FAILED = "part_failed"
    CATALOGUE_ENDS = "catalogue_ends"
    PACKED_AMISS = "packed_amiss"
    """Cartons are held, or hold what must not leave."""
    ORDERS_NOT_TAKEN = "orders_not_taken"
    """The folder that takes orders cannot be used, or something in it not taken."""
    LABELS_NOT_PRINTED = "labels_not_printed"
    GOLDEN_CHECKS_DUE = "golden_checks_due"
    """The same of some slots, where it only is to be known."""
    SLOT_DRIFTS = "slot_drifts"
    """Golden checks of a slot are no longer as they were: it will fail hubs."""
    UPKEEP_OVERDUE = "upkeep_overdue"
    """A part of a jig has borne more than it may, or a check's last good day is over."""
    LOOP_LATE = "loop_late"
    """What is due in the station's process runs late, all the time: something keeps its machine busy."""
    JOURNAL_UNTIDY = "journal_untidy"
    """What the journal does behind its appends, a new segment say, fails: in the end its disk is full."""


NEEDS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        reason: frozenset(details.split())
        for reason, details in {
            Reason.EXPECTED: "label",
            Reason.PORT_UNAVAILABLE: "detail",
            Reason.PORT_WENT: "detail",
            Reason.PORT_COMES_AND_GOES: "times detail",
            Reason.RECOGNISED: "hub",
            Reason.ANSWERS_NO_MORE: "hub",
            Reason.LABEL_OF_ANOTHER: "label hub own",
            Reason.UNSETTLED: "unsettled",
            Reason.STATE_UNTOLD: "detail",
            Reason.OTHER_VERSION: "left runs",
            Reason.OTHER_IMAGE: "detail",
            Reason.ORDER_WENT: "detail",
            Reason.RELEASE_GONE: "runs",
            Reason.STOP_WITHOUT_HUB: "hub",
            Reason.HUBS_FAILED: "times",
            Reason.STATION_FAULT: "detail",
            Reason.TAKEN_OUT_OF_USE: "detail",
            Reason.HELD_UP: "detail",
            Reason.CATALOGUE_UNUSABLE: "detail",
            Reason.DESCRIPTORS_SHORT: "detail",
            Reason.DISK_LOW: "free least folder",
            Reason.BOARD_LOST: "detail",
            Reason.BOARD_LOOKS_RARE: "detail",
            Reason.POWER_STAYS_ON: "slots",
            Reason.PART_FAILED: "part detail seconds",
            Reason.CATALOGUE_ENDS: "detail",
            Reason.PACKED_AMISS: "detail",
            Reason.ORDERS_NOT_TAKEN: "detail",
            Reason.LABELS_NOT_PRINTED: "detail",
            Reason.UPKEEP_OVERDUE: "jig detail",
            Reason.LOOP_LATE: "detail",
            Reason.JOURNAL_UNTIDY: "detail",
            Reason.GOLDEN_FAILED: "detail",
            Reason.GOLDEN_CHECKS_DUE: "detail",
            Reason.SLOT_DRIFTS: "detail",
        }.items()
    }
)
"""Which details belong to a reason: without them nothing can be said of it. Of all others, none."""

Lifter = Literal["technician", "supervisor"]

LIFTED_BY: Final[Mapping[Reason, Lifter]] = MappingProxyType(
    {
        Reason.UNATTENDED: "technician",
        Reason.CHECK_LIST_DUE: "technician",
        Reason.GOLDEN_CHECK_DUE: "technician",
        Reason.STOP_PRESSED: "technician",
        Reason.STOP_STILL_ON: "technician",
        Reason.STOP_RELEASED: "technician",
        Reason.LID_OPEN: "technician",
        Reason.BOARD_LOST: "technician",
        Reason.BOARD_LOOKS_RARE: "supervisor",
        Reason.SWITCH_DOUBTED: "supervisor",
        Reason.POWER_STAYS_ON: "supervisor",
        Reason.POWER_NOT_SWITCHED: "supervisor",
        Reason.HUBS_FAILED: "supervisor",
        Reason.STATION_FAULT: "supervisor",
        Reason.TAKEN_OUT_OF_USE: "supervisor",
        Reason.CATALOGUE_UNUSABLE: "supervisor",
        Reason.DESCRIPTORS_SHORT: "supervisor",
        Reason.DISK_LOW: "supervisor",
    }
)
"""Who may end what keeps hubs from being begun with, by putting right what is wrong or by saying that it is right."""
