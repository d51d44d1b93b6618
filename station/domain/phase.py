"""What a slot is doing."""

from __future__ import annotations

from enum import StrEnum


class SlotPhase(StrEnum):
    """What a slot is doing, in the words of the screen."""

    STARTING = "starting"
    NO_PORT = "no_port"
    EMPTY = "empty"
    UNATTENDED = "unattended"
    """Nobody is signed on at the jig, and somebody has to be before a hub is begun with."""
    SEATED = "seated"
    """A hub sits there, and somebody has to start its jig: close the lid, press start."""
    BOOTING = "booting"
    """A hub has been given power and has not yet said who it is."""
    WORKING = "working"
    PASSED = "passed"
    ALREADY_CURRENT = "already_current"
    REJECTED = "rejected"
    FAILED = "failed"
    PASSED_BEFORE = "passed_before"
    """The hub came again after it had passed in its order, and is as it was left."""
    PUT_ASIDE = "put_aside"
    """The hub passed, but the label scanned for it is another's: it must not go home as it is."""
    RESEAT = "reseat"
    """Something sits in the slot, and the board doubts that it sits well."""
    LOOKING = "looking"
    """Something may have happened to the hub unseen: nothing is said of it until it has been asked again."""
    FIND_HUB = "find_hub"
    EMERGENCY_STOP = "emergency_stop"
    OUT_OF_USE = "out_of_use"
    STOPPED = "stopped"
