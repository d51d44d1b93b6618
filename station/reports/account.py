"""From the journal's events to the rows of a report: how long each slot did what, and what became of each attempt.

Pure: an account is told events in the order of the journal and answers with rows. It can be put away as JSON after any
event and taken up again there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from pydantic import TypeAdapter

from firmware_catalog.devices import DeviceKind
from station.domain.slot_name import SlotName
from station.records.chain import RecordedEvent
from station.records.facts.attempts import (
    AttemptClosed,
    AttemptInterrupted,
    AttemptOpened,
    AttemptResumed,
    HubLost,
    StageEnded,
)
from station.records.facts.bench import JigReset, JigStopped, SlotEnabled, SlotTakenOutOfUse
from station.records.facts.events import Event
from station.records.facts.journal import (
    JournalCreated,
    JournalRestored,
    StationStarted,
    StationStopped,
)
from station.records.facts.orders import OrderAssigned, OrderClosed, OrderUnassigned
from station.records.moments import microseconds_from_utc
from station.reports.moment import Moment, seconds_between
from station.reports.rows import JournalPart, Result, Row, SlotTime, StageRun, StationRun, Use
from station.reports.seatings import Seatings

KINDS: Final = (
    "attempt_closed",
    "attempt_interrupted",
    "attempt_opened",
    "attempt_resumed",
    "hub_lost",
    "insertions_counted",
    "jig_reset",
    "jig_serviced",
    "jig_stopped",
    "journal_created",
    "journal_restored",
    "order_assigned",
    "order_closed",
    "order_unassigned",
    "slot_enabled",
    "slot_taken_out_of_use",
    "stage_ended",
    "station_started",
    "station_stopped",
)
"""The events that an account has to be told; it does without all others."""


@dataclass(slots=True)
class _Slot:
    jig: str
    slot: int
    use: Use
    """What holds since `began`."""
    work_order: str | None
    attempt: int | None
    began: Moment
    sequence: int
    here: int | None = None
    """The attempt that was here last and has no result."""
    at_work: bool = False
    out_of_use: bool = False
    hands: float | None = None
    """Seconds for which nothing but hands was waited for, since the result; None where something else came between."""


@dataclass(slots=True)
class _Attempt:
    slot: str
    """Where it was last."""
    work_order: str | None
    opened: Moment
    hands: float | None
    boot: float | None
    work: float = 0.0


@dataclass(slots=True)
class _State:
    boot: str | None = None
    last: Moment | None = None
    """The newest event."""
    last_sequence: int = 0
    running: Moment | None = None
    """Since when the station does."""
    running_sequence: int = 0
    orders: dict[str, str] = field(default_factory=dict)
    """By the jig that works on them."""
    stopped: list[str] = field(default_factory=list)
    """Jigs that nobody has reset since. In the order of the events, that the same ones always make the same state."""
    slots: dict[str, _Slot] = field(default_factory=dict)
    attempts: dict[int, _Attempt] = field(default_factory=dict)
    """Those without a result."""
    seatings: Seatings = field(default_factory=Seatings)


_STATE: Final = TypeAdapter(_State)


class Account:
    """What has to be known of all events so far to make rows of those that follow."""

    def __init__(self, state: str | None = None) -> None:
        """Begin with no event, or go on from what `as_json` said. Raises pydantic's ValidationError if it never did."""
        self._state = _State() if state is None else _STATE.validate_json(state)

    def as_json(self) -> str:
        """Return all there is to know."""
        return _STATE.dump_json(self._state).decode()

    @property
    def last(self) -> int | None:
        """UTC of the newest event; None before the first."""
        return None if self._state.last is None else self._state.last.utc

    @property
    def seatings(self) -> Seatings:
        """What slots have borne, as far as that is no row yet."""
        return self._state.seatings

    def hear(self, recorded: RecordedEvent) -> list[Row]:
        """Take the next event in, and return the rows that are certain with it."""
        state, event = self._state, recorded.event
        if isinstance(event, StationStarted):
            rows = list(self._start(recorded, event))
        else:
            rows = list(self._rows(recorded, event, self._moment(recorded)))
            rows += state.seatings.hear(recorded)
        state.last, state.last_sequence = self._moment(recorded), recorded.sequence
        return rows

    def unfinished(self) -> list[SlotTime | StationRun]:
        """Return what still goes on, up to the newest event."""
        state = self._state
        if state.last is None or state.running is None:
            return []
        run = StationRun(
            state.running_sequence, state.running.utc, seconds_between(state.running, state.last)
        )
        return [run, *(_time(slot, state.last) for slot in state.slots.values())]

    def _moment(self, recorded: RecordedEvent) -> Moment:
        return Moment(microseconds_from_utc(recorded.utc), recorded.monotonic_ns, self._state.boot)

    def _start(self, recorded: RecordedEvent, event: StationStarted) -> Iterator[Row]:
        state = self._state
        if state.last is not None:
            # It ended without a word: nobody knows of it since its last.
            yield from self._end_run(state.last, state.last_sequence)
        state.boot = event.boot_id
        now = self._moment(recorded)
        state.running, state.running_sequence = now, recorded.sequence
        yield from self._turn(state.slots, now, recorded.sequence)

    def _end_run(self, now: Moment, sequence: int) -> Iterator[Row]:
        state = self._state
        if state.running is not None:
            yield StationRun(state.running_sequence, state.running.utc, seconds_between(state.running, now))
        state.running = None
        for slot in state.slots.values():
            slot.at_work = False
        yield from self._turn(state.slots, now, sequence)

    def _rows(self, recorded: RecordedEvent, event: Event, now: Moment) -> Iterator[Row]:
        state, sequence = self._state, recorded.sequence
        match event:
            case StageEnded():
                yield StageRun(
                    event.attempt, sequence, event.step, event.stage, max(0.0, event.seconds), event.code
                )
            case AttemptOpened():
                slot = self._slot(event.place, now, sequence)
                attempt = _Attempt(str(event.place), event.order, now, None, event.boot_seconds)
                state.attempts[sequence] = attempt
                slot.here, slot.at_work = sequence, True
                yield from self._turn((attempt.slot,), now, sequence)
                if slot.hands is not None:
                    attempt.hands = max(0.0, slot.hands - (event.boot_seconds or 0.0))
                slot.hands = None
            case AttemptResumed():
                attempt = state.attempts[event.attempt]
                former = state.slots[attempt.slot]
                if former.here == event.attempt:
                    former.here, former.at_work = None, False
                slot = self._slot(event.place, now, sequence)
                slot.here, slot.at_work = event.attempt, True
                places = {attempt.slot: None, str(event.place): None}
                attempt.slot = str(event.place)
                yield from self._turn(places, now, sequence)
                slot.hands = None
            case HubLost() | AttemptInterrupted():
                attempt = state.attempts[event.attempt]
                slot = state.slots[attempt.slot]
                if slot.here == event.attempt:
                    slot.at_work = False
                yield from self._turn((attempt.slot,), now, sequence)
            case AttemptClosed():
                yield from self._close(sequence, event, now)
            case StationStopped():
                yield from self._end_run(now, sequence)
            case JournalCreated():
                yield JournalPart(sequence, str(event.journal), now.utc, None)
            case JournalRestored():
                yield JournalPart(sequence, str(event.journal), now.utc, self.last)
                if state.last is not None:
                    # Whatever ran after the backup's newest fact is known to the lost journal alone.
                    yield from self._end_run(state.last, state.last_sequence)
            case OrderAssigned():
                state.orders[event.jig] = event.order
                yield from self._turn(self._of_jigs((event.jig,)), now, sequence)
            case OrderUnassigned():
                state.orders.pop(event.jig, None)
                yield from self._turn(self._of_jigs((event.jig,)), now, sequence)
            case OrderClosed():
                jigs = [jig for jig, order in state.orders.items() if order == event.order]
                for jig in jigs:
                    del state.orders[jig]
                yield from self._turn(self._of_jigs(jigs), now, sequence)
            case JigStopped():
                state.stopped = [*(jig for jig in state.stopped if jig != event.jig), event.jig]
                yield from self._turn(self._of_jigs((event.jig,)), now, sequence)
            case JigReset():
                state.stopped = [jig for jig in state.stopped if jig != event.jig]
                yield from self._turn(self._of_jigs((event.jig,)), now, sequence)
            case SlotTakenOutOfUse() | SlotEnabled():
                self._slot(event.place, now, sequence).out_of_use = isinstance(event, SlotTakenOutOfUse)
                yield from self._turn((str(event.place),), now, sequence)
            case _:
                pass

    def _close(self, sequence: int, event: AttemptClosed, now: Moment) -> Iterator[Row]:
        attempt = self._state.attempts[event.attempt]
        slot = self._state.slots[attempt.slot]
        if slot.here == event.attempt:
            shown = slot.at_work
            slot.here, slot.at_work = None, False
            yield from self._turn((attempt.slot,), now, sequence)
            if shown:
                slot.hands = 0.0
        del self._state.attempts[event.attempt]
        hub = event.chf or event.scanned_id
        yield Result(
            sequence=sequence,
            attempt=event.attempt,
            jig=event.place.jig,
            slot=event.place.slot,
            work_order=event.order,
            hub=None if hub is None else str(hub),
            model=None if event.model is None else f"{event.manufacturer}/{event.model}",
            kind=_kind_of(event),
            number=event.number,
            outcome=event.outcome,
            stage=event.stage,
            code=event.code,
            firmware_before=_text(event.firmware_before),
            firmware_target=_text(event.firmware_target),
            firmware_read_back=_text(event.firmware_read_back),
            station_version=event.station_version,
            opened=attempt.opened.utc,
            closed=now.utc,
            seconds=seconds_between(attempt.opened, now),
            work_seconds=attempt.work,
            hands_seconds=attempt.hands,
            boot_seconds=attempt.boot,
        )

    def _slot(self, place: SlotName, now: Moment, sequence: int) -> _Slot:
        """Return a slot; one that is named for the first time is there from now on."""
        key = str(place)
        slot = self._state.slots.get(key)
        if slot is None:
            slot = _Slot(place.jig, place.slot, Use.HANDS, None, None, now, sequence)
            self._state.slots[key] = slot
        return slot

    def _of_jigs(self, jigs: Iterable[str]) -> list[str]:
        wanted = set(jigs)
        return [key for key, slot in self._state.slots.items() if slot.jig in wanted]

    def _turn(self, keys: Iterable[str], now: Moment, sequence: int) -> Iterator[SlotTime]:
        """End what held for these slots, where something else holds from now on."""
        for key in keys:
            slot = self._state.slots[key]
            use = self._use(slot)
            attempt = slot.here if use is Use.WORK else None
            order = self._state.orders.get(slot.jig)
            if attempt is not None:
                order = self._state.attempts[attempt].work_order
            if (use, attempt, order) == (slot.use, slot.attempt, slot.work_order):
                continue
            time = _time(slot, now)
            if slot.use is Use.HANDS and slot.hands is not None:
                slot.hands += time.seconds
            elif slot.use is not Use.WORK:
                slot.hands = None
            if slot.attempt is not None:
                self._state.attempts[slot.attempt].work += time.seconds
            slot.use, slot.attempt, slot.work_order = use, attempt, order
            slot.began, slot.sequence = now, sequence
            if time.seconds > 0:
                yield time

    def _use(self, slot: _Slot) -> Use:
        state = self._state
        if slot.at_work:
            return Use.WORK
        if state.running is None:
            return Use.DOWN
        if slot.jig in state.stopped:
            return Use.STOPPED
        if slot.out_of_use:
            return Use.OUT_OF_USE
        if slot.here is not None:
            return Use.AWAY
        if slot.jig not in state.orders:
            return Use.NO_ORDER
        return Use.HANDS


def _time(slot: _Slot, now: Moment) -> SlotTime:
    seconds = seconds_between(slot.began, now)
    return SlotTime(
        slot.jig, slot.slot, slot.sequence, slot.use, slot.work_order, slot.attempt, slot.began.utc, seconds
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _kind_of(result: AttemptClosed) -> str | None:
    if result.bridge_type is not None:
        return result.bridge_type.value
    if result.chf is not None:
        return DeviceKind.HUB.value
    return None if result.line is None else result.line.ids.kind.value
