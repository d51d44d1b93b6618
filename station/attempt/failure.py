"""What a failure means for the attempt: its code, whether another try helps, and what is asked of the operator.

Pure. Driver errors carry facts; the judgements are made here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Final

from drivers import errors
from station.domain.outcome import Code, Disposition, Stage
from station.domain.reason import Reason
from station.domain.slot_name import SlotName

MAX_TRIES: Final = 3
"""How often one stage of one step is begun before the attempt fails."""

MAX_WRONG_UNLOCK_ANSWERS: Final = 2
"""A hub backs off after three wrong answers; the station stops one short of it."""


class Blame(StrEnum):
    """Whose fault a failure is. Only a hub's own can ever end in SCRAP."""

    HUB = "hub"
    BENCH = "bench"
    OPERATOR = "operator"


_CODES: Final[tuple[tuple[type[errors.DriverError], Code], ...]] = (
    (errors.HubInSerialRecovery, Code.SERIAL_RECOVERY),
    (errors.HubLockedOut, Code.UNLOCK_LOCKED_OUT),
    (errors.UnlockRefused, Code.UNLOCK_REFUSED),
    (errors.UnlockAuthorityFailed, Code.UNLOCK_UNAVAILABLE),
    (errors.AnotherHub, Code.ANOTHER_HUB),
    (errors.TransferIncomplete, Code.FILE_TRANSFER_FAILURE),
    (errors.StuckProgress, Code.STUCK_PROGRESS),
    (errors.ImageUnsuitable, Code.IMAGE_REFUSED),
    (errors.UploadRejected, Code.FILE_TRANSFER_FAILURE),
    (errors.LinkLost, Code.LINK_LOST),
    (errors.LinkStalled, Code.LINK_LOST),
    (errors.PlaceUnavailable, Code.LINK_LOST),
    (errors.NotAHub, Code.NOT_A_HUB),
    (errors.ApplicationUnknown, Code.HUB_UNIDENTIFIED),
    (errors.NoAnswer, Code.NO_ANSWER),
    (errors.HubDidNotReturn, Code.NO_ANSWER),
    (errors.ImageMismatch, Code.IMAGE_HASH_MISMATCH),
)

_CODES_OF_A_REFUSAL: Final = {
    Stage.FLASH: Code.FILE_TRANSFER_FAILURE,
    Stage.ACTIVATE: Code.ACTIVATION_FAILURE,
    Stage.CONFIRM: Code.NOT_CONFIRMED,
}
"""What it means that a hub says no to what a stage is there for."""

_HUB_FAULTS: Final = frozenset(
    {
        Code.IMAGE_HASH_MISMATCH,
        Code.ACTIVATION_FAILURE,
        Code.IMAGE_DISCARDED,
        Code.HARDWARE_VERSION_MISMATCH,
        Code.FILE_TRANSFER_FAILURE,
        Code.VERSION_MISMATCH,
        Code.NOT_CONFIRMED,
        Code.DID_NOT_REVERT,
        Code.BOOT_LOOP,
        Code.NO_ANSWER,
        Code.PROTOCOL_ERROR,
        Code.STUCK_PROGRESS,
        Code.HUB_UNIDENTIFIED,
    }
)

LOOKS_LIKE_A_BOOT_LOOP: Final = frozenset(
    {Code.NO_ANSWER, Code.PROTOCOL_ERROR, Code.FILE_TRANSFER_FAILURE, Code.ACTIVATION_FAILURE}
)
"""How it shows in a stage that the hub boots all the time: it is silent, or locked again."""

_REWORK: Final = frozenset(
    {
        Code.SERIAL_RECOVERY,
        Code.UNLOCK_REFUSED,
        Code.UNLOCK_LOCKED_OUT,
        Code.NOT_LOCKED,
    }
)

REFUSALS: Final = frozenset(
    {
        Code.NOT_ON_ORDER,
        Code.NO_OPEN_ORDER,
        Code.NOT_PENDING,
        Code.ALREADY_PASSED,
        Code.LABEL_DISAGREES,
        Code.IDS_DISAGREE,
        Code.IN_TWO_SLOTS,
        Code.MODEL_DISAGREES,
        Code.NO_RELEASE,
        Code.NO_PERMITTED_PATH,
        Code.NEWER_THAN_RELEASE,
    }
)
"""What order and catalogue say no with. A hub that was begun with fails by them, and neither it nor the slot did."""

_RETRY_HERE: Final = frozenset(
    {
        Code.UNLOCK_UNAVAILABLE,
        Code.CATALOGUE_UNAVAILABLE,
        Code.IMAGE_REFUSED,
        Code.RELEASE_WITHDRAWN,
        Code.RELEASE_STOPPED,
        Code.EMERGENCY_STOP,
        Code.OPERATOR_REMOVED,
        Code.HUB_GONE,
        Code.NOT_A_HUB,
        Code.SLOT_FAULT,
    }
    | REFUSALS
)

_FINAL: Final = (
    errors.HubLockedOut,
    errors.UnlockRefused,
    errors.UnlockAuthorityFailed,
    errors.AnotherHub,
    errors.ImageUnsuitable,
)
"""Another try of the same stage cannot help, or may harm."""


def code_of(error: errors.DriverError, stage: Stage) -> Code:
    """Name a driver's error in the industry's words, as far as it has them."""
    if stage is Stage.ACTIVATE and isinstance(error, errors.HubDidNotReturn):
        return Code.ACTIVATION_FAILURE
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code
    if isinstance(error, errors.HubRefused):
        return _CODES_OF_A_REFUSAL.get(stage, Code.PROTOCOL_ERROR)
    return Code.PROTOCOL_ERROR


def may_try_again(error: errors.DriverError, tries: int) -> bool:
    """Whether probing and resuming may help after `tries` tries of the stage."""
    return tries < MAX_TRIES and not isinstance(error, _FINAL)


def is_out_of_reach(error: Exception) -> bool:
    """Whether the port, and not the hub, is what failed: nothing is known of the hub then."""
    return isinstance(error, errors.LinkLost | errors.LinkStalled | errors.PlaceUnavailable)


def leaves_open(error: Exception, *, present: bool | None) -> bool:
    """Whether nothing is known of the attempt's hub: the port is gone, another hub answers, or none that is seen."""
    if isinstance(error, errors.NoAnswer | errors.HubDidNotReturn):
        return not present
    return is_out_of_reach(error) or isinstance(error, errors.AnotherHub)


def why_left_open(error: Exception) -> Reason:
    """Say why an attempt waits for its hub. What the driver says of it stands in the journal."""
    if isinstance(error, errors.AnotherHub):
        return Reason.ANOTHER_ANSWERS
    return Reason.PORT_TOOK_IT if is_out_of_reach(error) else Reason.SILENT


def pause_before(try_number: int) -> float:
    """Seconds to wait before a try: 0.5 s before the second, doubling; a hub that just reset needs a moment."""
    return 0.5 * 2.0 ** (try_number - 2)


def blame(code: Code) -> Blame:
    """Whose fault a code is taken to be."""
    if code in _HUB_FAULTS or code in _REWORK:
        return Blame.HUB
    return Blame.OPERATOR if code in {Code.OPERATOR_REMOVED, Code.HUB_GONE} else Blame.BENCH


def may_be_the_slot(code: Code) -> bool:
    """Whether a slot's contacts could be behind a code.

    What the whole station or the operator caused says nothing of them, nor does an unlock key that hubs refuse.
    """
    return code not in _RETRY_HERE and code not in {Code.UNLOCK_REFUSED, Code.UNLOCK_LOCKED_OUT}


def disposition(
    code: Code, place: SlotName, failed_before: Collection[SlotName], *, unsettled: bool = False
) -> Disposition:
    """What a FAILED attempt asks of the operator.

    `failed_before` are the slots in which this hub failed by its own fault earlier. SCRAP is said only when this
    failure makes two different slots. A hub that could not be settled is for no slot, and not yet for scrap.
    """
    if code in _REWORK or unsettled:
        return Disposition.REWORK
    if code in _RETRY_HERE:
        return Disposition.RETRY_HERE
    if code in _HUB_FAULTS and any(other != place for other in failed_before):
        return Disposition.SCRAP
    return Disposition.RETRY_OTHER_SLOT
