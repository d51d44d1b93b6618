"""From raw looks at the inputs to events: debouncing, edges, and doubts about presence. No I/O, no clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from drivers.jig_board.events import (
    BoardEvent,
    EmergencyReleased,
    EmergencyStop,
    LidClosed,
    LidOpened,
    SlotAgreed,
    SlotContradicted,
    SlotEmptied,
    SlotReseated,
    SlotSeated,
    StartPressed,
)
from drivers.jig_board.settings import JigBoardSettings

UNWATCHED_SECONDS: Final = 0.5
"""Looks further apart may have missed that a hub was exchanged: nobody takes one out and seats another faster."""

_COUNTS: Final = 1 << 32
"""The insertion counters wrap: two registers each."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """One look at the discrete inputs."""

    seated: tuple[bool, ...]
    """Slot 1 first."""
    lid_closed: bool | None
    """None where the jig has no lid."""
    start_pressed: bool | None
    """None where the jig has no button."""
    emergency_stop: bool


@dataclass(frozen=True, slots=True)
class Measurements:
    """One look at what the board measures."""

    slot_milliamperes: tuple[int, ...]
    """Slot 1 first."""
    supply_millivolts: int
    scan_counter: int


class Debouncer:
    """Believes a value once it has been seen, and nothing else, for `hold` seconds.

    Looks more than `gap` seconds apart prove nothing together: anything may have happened between them.
    """

    def __init__(self, hold: float, gap: float) -> None:
        self._hold = hold
        self._gap = gap
        self._candidate: bool | None = None
        self._since = 0.0
        self._last_look = 0.0
        self.believed: bool | None = None
        """None until a first value has stood still for long enough."""

    def look(self, value: bool, now: float) -> bool:
        """Take one look at time `now` (seconds, never backwards). True if `believed` has just changed."""
        if value is not self._candidate or now - self._last_look > self._gap:
            self._candidate, self._since = value, now
        self._last_look = now
        if value is self.believed or now - self._since < self._hold:
            return False
        self.believed = value
        return True


class InputWatch:
    """Tells what the looks at a board's inputs mean. Tells the whole first picture, then changes only.

    A button held down is no press in the first picture, nor at the release of the emergency stop: start has to be seen
    up first, so that a press which began before the release is none after it.
    """

    def __init__(self, settings: JigBoardSettings) -> None:
        self._hold = settings.debounce_seconds
        self._slots = tuple(self._debouncer() for _ in range(settings.slots))
        self._lid = self._debouncer()
        self._start = self._debouncer()
        self._emergency = self._debouncer()

    def _debouncer(self) -> Debouncer:
        # Whoever looks less often, as answers get lost or a machine is busy, has to learn what the inputs say all the same.
        return Debouncer(self._hold, UNWATCHED_SECONDS)

    @property
    def seated(self) -> tuple[bool | None, ...]:
        """What is believed of each slot, slot 1 first; None before the first picture."""
        return tuple(slot.believed for slot in self._slots)

    @property
    def emergency_stop(self) -> bool:
        """Whether the emergency stop is believed to be pressed."""
        return self._emergency.believed is True

    def look(self, inputs: Inputs, now: float) -> tuple[BoardEvent, ...]:
        """Take one look at time `now` (seconds, never backwards) and return what it shows."""
        return tuple(self._changes(inputs, now))

    def _changes(self, inputs: Inputs, now: float) -> Iterator[BoardEvent]:
        if self._emergency.look(inputs.emergency_stop, now):
            yield EmergencyStop() if inputs.emergency_stop else EmergencyReleased()
            if inputs.start_pressed:
                self._start = self._debouncer()
        if inputs.lid_closed is not None and self._lid.look(inputs.lid_closed, now):
            yield LidClosed() if inputs.lid_closed else LidOpened()
        for number, (slot, seated) in enumerate(zip(self._slots, inputs.seated, strict=True), start=1):
            if slot.look(seated, now):
                yield SlotSeated(number) if seated else SlotEmptied(number)
        if inputs.start_pressed is not None:
            was_up = self._start.believed is False
            if self._start.look(inputs.start_pressed, now) and inputs.start_pressed and was_up:
                yield StartPressed()


class PresenceDoubt:
    """Compares presence with current. One reading may fall into a switch-over, so it takes two in a row.

    Only current through a seated hub, or none through an empty slot, takes a contradiction back: a hub without
    power proves nothing.
    """

    def __init__(self, settings: JigBoardSettings) -> None:
        self._hub_milliamperes = settings.hub_milliamperes
        self._contradictions = [0] * settings.slots

    def compare(
        self, seated: tuple[bool | None, ...], power: tuple[bool, ...], milliamperes: tuple[int, ...]
    ) -> tuple[SlotContradicted | SlotAgreed, ...]:
        """Take one reading of all slots and return what it brings: a second contradiction in a row, or its end."""
        news: list[SlotContradicted | SlotAgreed] = []
        for index, (sits, powered, current) in enumerate(zip(seated, power, milliamperes, strict=True)):
            before = self._contradictions[index]
            if sits is None or (sits and not powered):
                self._contradictions[index] = before if before >= 2 else 0
                continue
            agrees = sits is (current >= self._hub_milliamperes)
            self._contradictions[index] = 0 if agrees else before + 1
            if agrees and before >= 2:
                news.append(SlotAgreed(index + 1))
            elif not agrees and before == 1:
                news.append(SlotContradicted(index + 1, sits, current))
        return tuple(news)

    def moved(self, slot: int) -> None:
        """Begin anew with a slot whose switch has moved."""
        self._contradictions[slot - 1] = 0

    def emptied(self, slot: int, milliamperes: int) -> SlotContradicted | None:
        """Take what a slot draws whose switch has just opened: a hub that was taken out draws nothing at once."""
        if milliamperes < self._hub_milliamperes:
            return None
        self._contradictions[slot - 1] = 2
        return SlotContradicted(slot, seated=False, current_milliamperes=milliamperes)


class InsertionWatch:
    """Compares the board's own count of insertions with those that were seen."""

    def __init__(self) -> None:
        self._counts: tuple[int, ...] | None = None
        self._seen: Counter[int] = Counter()

    def saw(self, slot: int) -> None:
        """Learn that a hub was seen being seated."""
        self._seen[slot] += 1

    def compare(self, counts: tuple[int, ...], seated: tuple[bool | None, ...]) -> tuple[SlotReseated, ...]:
        """Take the counts and return the slots, not known to be empty, in which one moved on unseen.

        A slot that is known to be empty is looked at again once it is not: a switch that closes is counted before it
        is believed.
        """
        if self._counts is None:
            self._counts = counts
            self._seen.clear()
        news, before = [], list(self._counts)
        for slot, (now, sits) in enumerate(zip(counts, seated, strict=True), start=1):
            if sits is False:
                continue
            if (now - before[slot - 1]) % _COUNTS != self._seen[slot]:
                news.append(SlotReseated(slot))
            before[slot - 1] = now
            self._seen[slot] = 0
        self._counts = tuple(before)
        return tuple(news)
