"""From what a slot shows to the one word that says what to do there. Pure."""

from __future__ import annotations

from typing import Final

from station.domain.outcome import Code, Disposition
from station.domain.phase import SlotPhase
from station.domain.reason import Reason
from station.domain.to_do import ToDo

_BY_PHASE: Final = {
    SlotPhase.STARTING: ToDo.WAIT,
    SlotPhase.NO_PORT: ToDo.CALL,
    SlotPhase.EMPTY: ToDo.SEAT,
    SlotPhase.UNATTENDED: ToDo.WAIT,
    SlotPhase.SEATED: ToDo.WAIT,
    SlotPhase.BOOTING: ToDo.WAIT,
    SlotPhase.WORKING: ToDo.WAIT,
    SlotPhase.PASSED: ToDo.PASS,
    SlotPhase.ALREADY_CURRENT: ToDo.PASS,
    SlotPhase.PASSED_BEFORE: ToDo.PASS,
    SlotPhase.PUT_ASIDE: ToDo.HOLD,
    SlotPhase.RESEAT: ToDo.TURN,
    SlotPhase.LOOKING: ToDo.WAIT,
    SlotPhase.FIND_HUB: ToDo.FIND,
    SlotPhase.EMERGENCY_STOP: ToDo.STOP,
    SlotPhase.OUT_OF_USE: ToDo.CALL,
    SlotPhase.STOPPED: ToDo.CALL,
}
"""Of a slot that shows no refusal and no failure."""

_BY_CODE: Final = {
    Code.NO_OPEN_ORDER: ToDo.CALL,
    Code.CATALOGUE_UNAVAILABLE: ToDo.CALL,
    Code.UNLOCK_UNAVAILABLE: ToDo.CALL,
    Code.RELEASE_STOPPED: ToDo.CALL,
    Code.SLOT_FAULT: ToDo.CALL,
    Code.RELEASE_WITHDRAWN: ToDo.TURN,
    Code.LABEL_DISAGREES: ToDo.HOLD,
    Code.IN_TWO_SLOTS: ToDo.HOLD,
    Code.IDS_DISAGREE: ToDo.HOLD,
    Code.MODEL_DISAGREES: ToDo.HOLD,
    Code.NOT_PENDING: ToDo.HOLD,
    Code.NOT_ON_ORDER: ToDo.HOLD,
    Code.NO_RELEASE: ToDo.HOLD,
    Code.NO_PERMITTED_PATH: ToDo.HOLD,
    Code.NEWER_THAN_RELEASE: ToDo.HOLD,
    Code.IMAGE_REFUSED: ToDo.HOLD,
    Code.NOT_A_HUB: ToDo.HOLD,
}
"""Whatever else is known: the fault is neither this hub's nor this slot's alone, or a person has to look at it."""

_BY_DISPOSITION: Final = {
    Disposition.RETRY_HERE: ToDo.TURN,
    Disposition.RETRY_OTHER_SLOT: ToDo.MOVE,
    Disposition.REWORK: ToDo.FAIL,
    Disposition.SCRAP: ToDo.FAIL,
}


_SEATED_AGAIN: Final = frozenset(
    {
        Code.NO_OPEN_ORDER,
        Code.LABEL_DISAGREES,
        Code.CATALOGUE_UNAVAILABLE,
        Code.UNLOCK_UNAVAILABLE,
        Code.RELEASE_WITHDRAWN,
        Code.SLOT_FAULT,
    }
)


def is_to_be_seated_again(code: Code | None, disposition: Disposition | None) -> bool:
    """Whether somebody is to seat a hub with this result here once more."""
    return code in _SEATED_AGAIN or (disposition is Disposition.RETRY_HERE and code not in _BY_CODE)


def to_do(
    phase: SlotPhase,
    reason: Reason | Code,
    code: Code | None,
    disposition: Disposition | None,
    *,
    tried_enough: bool = False,
) -> ToDo:
    """Return what to do at a slot that shows this. `tried_enough` is a hub that would only be shown the same again."""
    if reason is Reason.SWITCH_DOUBTED:
        return ToDo.WAIT  # a hub that answers is pulled out by nobody
    if reason is Reason.GOLDEN_PASSED:
        return ToDo.MOVE
    if reason is Reason.GOLDEN_FAILED:
        return ToDo.CALL
    if phase not in {SlotPhase.REJECTED, SlotPhase.FAILED}:
        return _BY_PHASE[phase]
    if tried_enough and is_to_be_seated_again(code, disposition):
        return ToDo.MOVE
    if code in _BY_CODE:
        return _BY_CODE[code]
    return _BY_DISPOSITION[disposition] if disposition is not None else ToDo.HOLD
