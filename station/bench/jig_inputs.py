"""What a jig's inputs mean: which slots hold a hub, and on which of them work may begin. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, assert_never

from drivers.jig_board.events import (
    BoardBack,
    BoardEvent,
    BoardLost,
    EmergencyReleased,
    EmergencyStop,
    LidClosed,
    LidOpened,
    SlotContradicted,
    SlotEmptied,
    SlotSeated,
    StartPressed,
)

StartPolicy = Literal["seated", "lid", "button"]
"""When work on a seated hub begins: at once, when the lid is closed, or when the start button is pressed."""


@dataclass(slots=True)
class JigInputs:
    """The inputs of one jig, followed event by event."""

    policy: StartPolicy
    online: bool = False
    """The board answers: what stands here is what is."""
    lid_closed: bool = False
    emergency: bool = False
    """The emergency stop is pressed."""
    stopped: bool = False
    """From an emergency stop until a person's reset after its release."""
    lost_because: str | None = None
    seated: set[int] = field(default_factory=set)
    started: set[int] = field(default_factory=set)
    """Slots whose hub sat there when the start button was last pressed."""
    contradicted: set[int] = field(default_factory=set)
    """Slots whose current says otherwise than their presence switch."""

    def apply(self, event: BoardEvent) -> None:
        """Take one event over."""
        match event:
            case SlotSeated(slot=slot):
                self.seated.add(slot)
                self.contradicted.discard(slot)
            case SlotEmptied(slot=slot):
                self.seated.discard(slot)
                self.started.discard(slot)
                self.contradicted.discard(slot)
            case SlotContradicted(slot=slot):
                self.contradicted.add(slot)
            case LidOpened():
                self.lid_closed = False
            case LidClosed():
                self.lid_closed = True
            case StartPressed():
                self.reset()
                self.started = set(self.seated)
            case EmergencyStop():
                self.emergency = self.stopped = True
                self.started.clear()
            case EmergencyReleased():
                self.emergency = False
            case BoardLost(reason=reason):
                self.online, self.lost_because = False, str(reason)
            case BoardBack():
                self.online, self.lost_because = True, None
            case _:
                assert_never(event)

    def reset(self) -> None:
        """Take a person's word that work may go on after an emergency stop; ignored until its release."""
        if not self.emergency:
            self.stopped = False

    def present(self, slot: int) -> bool | None:
        """Whether something sits in the slot; None where the board is away or contradicts itself."""
        if not self.online or slot in self.contradicted:
            return None
        return slot in self.seated

    def doubt(self, slot: int) -> str | None:
        """Say what speaks against a hub that the switch sees in the slot; None if nothing does."""
        if self.online and slot in self.contradicted and slot in self.seated:
            return "something sits here but draws no current; take it out and seat it the right way up"
        return None

    def may_begin(self, slot: int) -> bool:
        """Whether work on the hub in this slot may begin. A lost board lets nothing begin: it cannot power it."""
        if not self.online or self.stopped or slot not in self.seated:
            return False
        match self.policy:
            case "seated":
                return True
            case "lid":
                return self.lid_closed
            case "button":
                return slot in self.started

    def alarm(self, *, working: bool) -> str | None:
        """Say in one line what is wrong with the jig as a whole, if anything is."""
        if self.emergency:
            return "emergency stop: make the jig safe, then release the stop"
        if self.stopped:
            return "emergency stop released: press start to go on"
        if self.lost_because is not None:
            return self.lost_because
        if working and self.policy == "lid" and not self.lid_closed:
            return "the lid is open while hubs are written: close it, pull nothing out"
        return None
