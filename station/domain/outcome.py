"""How an attempt can end, in the words of the field: stage, outcome, failure code, disposition."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Stage(StrEnum):
    """Where on its way through the station a hub is."""

    DETECT = "detect"
    IDENTIFY = "identify"
    AUTHORISE = "authorise"
    UNLOCK = "unlock"
    FLASH = "flash"
    ACTIVATE = "activate"
    VERIFY = "verify"
    CONFIRM = "confirm"
    CHECK = "check"


class Outcome(StrEnum):
    """What became of an attempt."""

    PASSED = "passed"
    ALREADY_CURRENT = "already_current"
    REJECTED = "rejected"
    FAILED = "failed"


SUCCESSES: Final = (Outcome.PASSED, Outcome.ALREADY_CURRENT)
"""Outcomes that settle a hub for its order: a later attempt on it cannot take them back."""


class Disposition(StrEnum):
    """What a failure asks of the operator."""

    RETRY_HERE = "retry_here"
    RETRY_OTHER_SLOT = "retry_other_slot"
    REWORK = "rework"
    SCRAP = "scrap"


class Code(StrEnum):
    """Why an attempt was rejected or failed. The first block uses the industry's published failure words."""

    IMAGE_HASH_MISMATCH = "image_hash_mismatch"
    ACTIVATION_FAILURE = "activation_failure"
    IMAGE_DISCARDED = "image_discarded"
    HARDWARE_VERSION_MISMATCH = "hardware_version_mismatch"
    FILE_TRANSFER_FAILURE = "file_transfer_failure"
    IMAGE_REFUSED = "image_refused"

    NOT_ON_ORDER = "not_on_order"
    NO_OPEN_ORDER = "no_open_order"
    NOT_PENDING = "not_pending"
    ALREADY_PASSED = "already_passed"
    LABEL_DISAGREES = "label_disagrees"
    IDS_DISAGREE = "ids_disagree"
    IN_TWO_SLOTS = "in_two_slots"
    MODEL_DISAGREES = "model_disagrees"
    NO_RELEASE = "no_release"
    NO_PERMITTED_PATH = "no_permitted_path"
    NEWER_THAN_RELEASE = "newer_than_release"
    RELEASE_STOPPED = "release_stopped"
    RELEASE_WITHDRAWN = "release_withdrawn"
    CATALOGUE_UNAVAILABLE = "catalogue_unavailable"

    NOT_A_HUB = "not_a_hub"
    HUB_UNIDENTIFIED = "hub_unidentified"
    HUB_GONE = "hub_gone"
    ANOTHER_HUB = "another_hub"
    UNLOCK_REFUSED = "unlock_refused"
    UNLOCK_LOCKED_OUT = "unlock_locked_out"
    UNLOCK_UNAVAILABLE = "unlock_unavailable"
    VERSION_MISMATCH = "version_mismatch"
    NOT_CONFIRMED = "not_confirmed"
    NOT_LOCKED = "not_locked"
    DID_NOT_REVERT = "did_not_revert"
    SERIAL_RECOVERY = "serial_recovery"
    BOOT_LOOP = "boot_loop"
    LINK_LOST = "link_lost"
    NO_ANSWER = "no_answer"
    PROTOCOL_ERROR = "protocol_error"
    STUCK_PROGRESS = "stuck_progress"
    EMERGENCY_STOP = "emergency_stop"
    OPERATOR_REMOVED = "operator_removed"
    SLOT_FAULT = "slot_fault"
