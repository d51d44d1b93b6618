"""What a jig's inputs mean: which slots hold a hub, and on which of them work may begin. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import assert_never

from drivers.jig_board.events import (
    BoardBack,
    BoardEvent,
    BoardLost,
    EmergencyReleased,
    EmergencyStop,
    LampsInDoubt,
    LidClosed,
    LidOpened,
    LooksFrequent,
    LooksMissed,
    LooksTooRare,
    PowerAmiss,
    SlotAgreed,
    SlotContradicted,
    SlotEmptied,
    SlotOpened,
    SlotReseated,
    SlotSeated,
    StartPressed,
)
from drivers.jig_board.settings import MAX_SLOTS
from station.domain.interlock import Interlock, interlock
from station.domain.reason import Reason
from station.places.settings import StartPolicy


class Awaits(StrEnum):
    """What a hub that sits in a slot waits for."""

    LID = "lid"
    START = "start"
    BOOT = "boot"


@dataclass(slots=True)
class JigInputs:
    """The inputs of one jig, followed event by event. What the board has not told since it was watched is unknown."""

    policy: StartPolicy
    stopped: bool = False
    """From an emergency stop until a person's reset after its release."""
    stopped_since: datetime | None = None
    online: bool = False
    """The board answers: what stands here is what is."""
    lid_closed: bool | None = None
    emergency: bool | None = None
    """Whether the emergency stop is pressed; None while that is unknown."""
    reset_asked: bool = False
    """Start was pressed after the stop was released: a person's reset, which takes effect by `reset`."""
    lost_because: str | None = None
    """Why nothing is known of the inputs; None once the first of them is."""
    rare_because: str | None = None
    """Why the inputs are so often unknown; None while they are not."""
    seated: dict[int, bool] = field(default_factory=dict)
    """What the presence switches say; a slot that is missing here is unknown."""
    started: set[int] = field(default_factory=set)
    """Slots whose hub sat there when the start button was last pressed."""
    contradicted: set[int] = field(default_factory=set)
    """Slots whose current says otherwise than their presence switch."""
    answering: set[int] = field(default_factory=set)
    """Slots whose hub has answered although their switch was seen to open."""
    gaps: Counter[int] = field(default_factory=Counter)
    """How often each slot went unwatched, or its switch moved: another hub may sit there since."""
    openings: Counter[int] = field(default_factory=Counter)
    """How often each slot's switch was seen to be open: counted, since it may be closed again before anyone looks."""

    def apply(self, event: BoardEvent) -> None:
        """Take one event over."""
        match event:
            case SlotSeated(slot=slot):
                if self.seated.get(slot) is False:
                    self._open(slot)  # also where a hub that answered was believed against its switch
                self.seated[slot] = True
                self._agree(slot)
            case SlotOpened(slot=slot):
                self._open(slot)
                self.seated.pop(slot, None)
                self._agree(slot)
            case SlotEmptied(slot=slot):
                self.seated[slot] = False
            case SlotContradicted(slot=slot):
                self.contradicted.add(slot)
            case SlotAgreed(slot=slot):
                if self.seated.get(slot) is False:
                    self._open(slot)  # it was doubted so far
                self._agree(slot)
            case SlotReseated(slot=slot):
                self._open(slot)  # so short that no look met it
            case LidOpened():
                self.lid_closed = False
            case LidClosed():
                self.lid_closed = True
            case StartPressed():
                if self.emergency is False:
                    self.reset_asked = self.stopped
                    self.started = {slot for slot, sits in self.seated.items() if sits}
            case EmergencyStop():
                if not self.stopped:
                    self.stopped_since = datetime.now(UTC)
                self.emergency = self.stopped = True
                self.lost_because = None
                self.reset_asked = False
                self.started.clear()
            case EmergencyReleased():
                self.emergency = False
                self.lost_because = None
            case LooksMissed():
                self._forget()
            case LooksTooRare(reason=reason):
                self.rare_because = str(reason)
            case LooksFrequent():
                self.rare_because = None
            case BoardLost(reason=reason):
                self.online, self.lost_because = False, str(reason)
                self._forget()
            case BoardBack():
                self.online = True  # what was wrong is told until an input is known again
            case LampsInDoubt() | PowerAmiss():
                pass
            case _:
                assert_never(event)

    def _open(self, slot: int) -> None:
        self.openings[slot] += 1
        self.gaps[slot] += 1
        self.started.discard(slot)

    def _agree(self, slot: int) -> None:
        self.contradicted.discard(slot)
        self.answering.discard(slot)

    def _forget(self) -> None:
        """Know nothing any more, until the board tells it anew: hands may have been quicker."""
        self.lid_closed = self.emergency = None
        self.reset_asked = False
        for state in (self.seated, self.started, self.contradicted, self.answering):
            state.clear()
        for slot in range(1, MAX_SLOTS + 1):
            self.gaps[slot] += 1

    def reset(self) -> None:
        """Take a person's word that work may go on after an emergency stop. Only where `emergency` is known to be False."""
        self.stopped = self.reset_asked = False

    def doubt_switch(self, slot: int) -> None:
        """Take the word of the hub itself, which answers, against a switch that has opened."""
        if not self.seated.get(slot):
            self.answering.add(slot)

    def trust_switch(self, slot: int) -> None:
        """Learn that the hub that answered is gone: only current speaks against the switch from now on."""
        self.answering.discard(slot)

    def present(self, slot: int) -> bool | None:
        """Whether something sits in the slot; None where that is unknown, or the board contradicts itself."""
        return None if self._is_doubted(slot) else self.seated.get(slot)

    def doubt(self, slot: int) -> Reason | None:
        """Say what speaks against what the switch says of the slot; None if nothing does."""
        seated = self.seated.get(slot)
        if seated is None or not self._is_doubted(slot):
            return None
        return Reason.NO_CURRENT if seated else Reason.SWITCH_DOUBTED

    def _is_doubted(self, slot: int) -> bool:
        return slot in self.contradicted or slot in self.answering

    def may_power(self) -> bool:
        """Whether any slot may be given power: nothing powers through an emergency stop, nor before its reset."""
        return self.online and self.emergency is False and not self.stopped

    def is_safe(self) -> bool:
        """Whether any hub may be begun with: no stop, and no lid that is open and should not be. Unknown is not safe."""
        return self.may_power() and (self.policy != "lid" or self.lid_closed is True)

    def may_begin(self, slot: int) -> bool:
        """Whether work on the hub in this slot may begin. A lost board lets nothing begin: it cannot power it."""
        if not self.is_safe() or not self.seated.get(slot):
            return False
        return self.policy != "button" or slot in self.started

    def awaits(self, slot: int) -> Awaits | None:
        """Say what the hub in this slot waits for; None where none is known to sit, or nothing may be powered."""
        if not self.may_power() or not self.present(slot):
            return None
        if self.may_begin(slot):
            return Awaits.BOOT
        return Awaits.LID if self.policy == "lid" else Awaits.START

    def interlocks(self, jig: str, *, working: bool, off: bool) -> Iterator[Interlock]:
        """Say what is wrong with the jig, as far as its board knows: what reaches furthest first.

        A stop is to be released once all slots are known to be `off`: its release powers those whose coil is on.
        """
        if self.lost_because is not None:
            yield interlock(Reason.BOARD_LOST, jig=jig, detail=self.lost_because)
        if self.stopped:
            pressed = Reason.STOP_PRESSED if off else Reason.STOP_STILL_ON
            told = pressed if self.emergency is not False else Reason.STOP_RELEASED
            yield interlock(told, jig=jig, since=self.stopped_since)
        if working and self.policy == "lid" and self.lid_closed is False:
            yield interlock(Reason.LID_OPEN, jig=jig)
        if self.rare_because is not None:
            yield interlock(Reason.BOARD_LOOKS_RARE, jig=jig, detail=self.rare_because)
        for slot, seated in sorted(self.seated.items()):
            if not seated and self._is_doubted(slot):
                yield interlock(Reason.SWITCH_DOUBTED, jig=jig, slot=slot)
