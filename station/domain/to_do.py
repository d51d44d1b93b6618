"""What a person does at a slot next, as one word."""

from __future__ import annotations

from enum import StrEnum


class ToDo(StrEnum):
    """The ten words. Tile, lamp, sound and messages share them; a sentence only says more."""

    SEAT = "seat"
    """Put a hub in: this one, if one is expected."""
    WAIT = "wait"
    """Leave it in: the slot is at work, or waits for its lid, its start, or somebody who signs on."""
    PASS = "pass"  # noqa: S105 - no password
    """Take it out: to the carton."""
    FAIL = "fail"
    """Take it out: to rework or scrap."""
    MOVE = "move"
    """Take it out: to another slot."""
    HOLD = "hold"
    """Take it out: put it aside for the supervisor."""
    FIND = "find"
    """Find the hub that left before its result."""
    TURN = "turn"
    """Take it out and seat it anew."""
    CALL = "call"
    """Call the supervisor: nothing goes on here before that."""
    STOP = "stop"
    """Hands off: the emergency stop is pressed."""
