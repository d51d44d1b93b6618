"""From the journal's events to what slots bear: how often hubs were seated, and how each of their visits ended. Pure.

A board's counter is believed as far as it can be: it may wrap, go back, begin anew, stand still, or be another board's. What it
does not say is made up for by the visits that the journal knows of, each of which took an insertion.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from station.domain.outcome import Outcome
from station.domain.slot_name import SlotName
from station.records.chain import RecordedEvent
from station.records.facts.attempts import AttemptClosed, AttemptOpened, AttemptResumed, HubLost, StageEnded
from station.records.facts.upkeep import InsertionsCounted, JigServiced
from station.records.moments import microseconds_from_utc
from station.reports.rows import LOST, MOVED, WHOLE_JIG, Service, Visit, Wear

_COUNTS: Final = 1 << 32
"""A board's counter has two registers of 16 bits."""


@dataclass(slots=True)
class _Slot:
    """What was seen in a slot since its board was asked last, or ever."""

    visits: int = 0
    told: int = 0
    """Insertions of that time which are rows already."""
    early: bool = False
    """The board had counted more than was seen: a hub may have sat there that had not been recognised yet."""
    serviced: bool = False
    """A part of it is newer than it is itself."""

    def seen(self) -> int:
        """Return how many insertions the board has not counted before took place at least."""
        return max(0, self.visits - self.early)

    def pending(self) -> int:
        """Return how many of them are no rows yet."""
        return max(0, self.seen() - self.told)


@dataclass(slots=True)
class _Board:
    serial: int
    counts: list[int]
    furthest: list[int]
    """Where each counter was before it went back; of others, where it is."""

    def answers(self, counts: Sequence[int]) -> list[int]:
        """Take the counts of today, and return by how much each went on.

        None does that goes back, for from where it counts then nobody knows; nor one that comes back to where it was.
        """
        steps, furthest = [], []
        for number, now in enumerate(counts):
            before, far = (
                (self.counts[number], self.furthest[number]) if number < len(self.counts) else (now, now)
            )
            step, beyond = (now - before) % _COUNTS, (now - far) % _COUNTS
            # No slot bears half of all counts: what seems to be so far on is behind.
            steps.append(min(step, beyond) if step < _COUNTS // 2 else 0)
            furthest.append(now if beyond < _COUNTS // 2 else far)
        self.counts, self.furthest = list(counts), furthest
        return steps


@dataclass(slots=True)
class _Attempt:
    hub: str | None
    jig: str
    slot: int
    sequence: int
    """Of the row with which its visit began."""
    began: int
    sits: bool = True
    failed_tries: int = 0
    """In this visit."""


@dataclass(slots=True)
class Seatings:
    """What has to be known of the events so far."""

    slots: dict[str, dict[int, _Slot]] = field(default_factory=dict)
    """By jig."""
    boards: dict[str, _Board] = field(default_factory=dict)
    """What each jig's board said last."""
    attempts: dict[int, _Attempt] = field(default_factory=dict)
    """Those without a result."""

    def hear(self, recorded: RecordedEvent) -> Iterator[Visit | Wear | Service]:
        """Take the next event in, and yield the rows that are certain with it."""
        event, sequence, at = recorded.event, recorded.sequence, microseconds_from_utc(recorded.utc)
        match event:
            case AttemptOpened(hub=hub, place=place):
                label = hub.device_id if hub is not None else event.scanned_id
                self.attempts[sequence] = _Attempt(
                    None if label is None else str(label), place.jig, place.slot, sequence, at
                )
                yield from self._seat(place, sequence)
            case StageEnded(code=code) if code is not None:
                self.attempts[event.attempt].failed_tries += 1
            case HubLost():
                yield from self._leave(event.attempt, LOST)
            case AttemptResumed():
                yield from self._resume(event, sequence, at)
            case AttemptClosed():
                attempt = self.attempts[event.attempt]
                here = (attempt.jig, attempt.slot) == (event.place.jig, event.place.slot)
                yield from self._leave(event.attempt, event.outcome if here else MOVED)
                del self.attempts[event.attempt]
            case InsertionsCounted():
                yield from self._count(event, sequence)
            case JigServiced():
                yield from self._service(event, sequence, at)
            case _:
                pass

    def pending(self, jig: str, slot: int) -> int:
        """Return the insertions that were seen and are no rows yet; all since the slot was serviced last."""
        return self.slots.get(jig, {}).get(slot, _Slot()).pending()

    def _slot(self, jig: str, slot: int) -> _Slot:
        return self.slots.setdefault(jig, {}).setdefault(slot, _Slot())

    def _seat(self, place: SlotName, sequence: int) -> Iterator[Wear]:
        slot = self._slot(place.jig, place.slot)
        slot.visits += 1
        if place.jig not in self.boards:
            slot.told += 1
            yield Wear(place.jig, place.slot, sequence, 1)

    def _resume(self, event: AttemptResumed, sequence: int, at: int) -> Iterator[Visit | Wear]:
        attempt, place = self.attempts[event.attempt], event.place
        if attempt.sits and (attempt.jig, attempt.slot) == (place.jig, place.slot):
            return  # it sat there all the time
        yield from self._leave(event.attempt, MOVED)
        self.attempts[event.attempt] = _Attempt(attempt.hub, place.jig, place.slot, sequence, at)
        yield from self._seat(place, sequence)

    def _leave(self, number: int, ending: str) -> Iterator[Visit]:
        attempt = self.attempts[number]
        if attempt.sits:
            attempt.sits = False
            again = attempt.failed_tries > (ending == Outcome.FAILED)
            yield Visit(
                attempt.sequence, number, attempt.jig, attempt.slot, attempt.hub, attempt.began, ending, again
            )

    def _count(self, event: InsertionsCounted, sequence: int) -> Iterator[Wear]:
        board = self.boards.get(event.jig)
        goes_on = board is not None and board.serial == event.board
        steps = board.answers(event.counts) if board is not None and goes_on else None
        for number, now in enumerate(event.counts, start=1):
            slot = self._slot(event.jig, number)
            if board is None:
                # The first one is as old as the slot, as far as anybody knows.
                counted = 0 if slot.serviced else now
            elif steps is None:
                counted = 0  # since when it counts, and where, nobody knows
            else:
                counted = steps[number - 1]
            seen = slot.seen()
            if (added := max(counted, seen) - slot.told) > 0:
                yield Wear(event.jig, number, sequence, added)
            slot.visits, slot.told, slot.early = 0, 0, goes_on and counted > seen
        if not goes_on:
            self.boards[event.jig] = _Board(event.board, list(event.counts), list(event.counts))

    def _service(self, event: JigServiced, sequence: int, at: int) -> Iterator[Wear | Service]:
        for number in event.slots:
            slot = self._slot(event.jig, number)
            if pending := slot.pending():
                slot.told += pending
                yield Wear(event.jig, number, sequence, pending)
            slot.serviced = True
        for number in event.slots or (WHOLE_JIG,):
            yield Service(sequence, event.jig, number, event.what, at, event.actor.pseudonym)
