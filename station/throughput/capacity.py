"""How many hubs a shift and a year can make, what holds them up, and what would move it: by formula. Pure.

Slots and people are held against each other as in any closed loop of machines and those who serve them: so many slots, each held
for a hub's time, or so many people, each busy for a hub's handling, whichever makes fewer. Both lose something at a shift's ends.
`make shift` holds it against a simulated shift.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from station.throughput.capacity_plan import CapacityPlan, Line, Origin
from station.throughput.wire import ceiling

_HOUR: Final = 3600
_MOST_PEOPLE: Final = 100
"""So many are tried when it is asked how many a volume needs."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A number, and where it is from."""

    value: float
    origin: Origin
    of: str = ""
    """What it was measured on, or which file says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workings:
    """Everything that the formula needs; times in seconds a hub, faults as shares of 1."""

    jigs: int
    slots: int
    """Of each jig."""
    people: int
    hours: float
    days: int
    alone: Mapping[str, Figure]
    """What a hub takes when nobody has to do anything: boot, erase, write, activate, other."""
    spread: Figure
    """By how much the slowest of a jig's hubs takes longer than the mean."""
    hands: Mapping[str, Figure]
    """What a person is busy with: unpack, scan, seat, pack."""
    failed: Figure
    failed_again: Figure
    out_of_use: Figure

    @property
    def alone_seconds(self) -> float:
        """From power to a hub's result."""
        return sum(each.value for each in self.alone.values())

    @property
    def hands_seconds(self) -> float:
        """That a person is busy with a hub which passes at its first attempt."""
        return sum(each.value for each in self.hands.values())


class Loading(StrEnum):
    """How jigs are loaded."""

    CONTINUOUS = "continuous"
    """Each slot gets its next hub as soon as it has a result."""
    BATCH = "batch"
    """A jig begins once all its slots are full, and is unloaded once all have a result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What one way of loading makes."""

    loading: Loading
    hubs_an_hour: float
    """Done ones, in the middle of a shift."""
    hubs_a_day: float
    hubs_a_year: float
    bottleneck: str
    """`person`, or `slots`."""
    most_of_it: str
    """What takes the most of the bottleneck's time."""
    people_busy: float
    """Share of 1."""
    slots_busy: float
    """The same, of slots that are not out of use; holding a hub is busy."""


@dataclass(frozen=True, slots=True)
class Lever:
    """What would move it."""

    change: str
    hubs_a_day: float
    gain: float
    """Hubs a day more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """Whether a year's volume fits."""

    hubs: int
    a_day: float
    """That so many a year are."""
    days: float
    """That they take."""
    fits: bool
    people: int | None
    """So few people fit it; None if the slots do not, whoever serves them."""


def workings_of(plan: CapacityPlan, origin: Origin, of: str = "") -> Workings:
    """Return what a plan says, before anything was measured."""
    hub, hands, faults = plan.hub, plan.handling, plan.faults

    def figure(value: float) -> Figure:
        return Figure(value, origin, of)

    return Workings(
        jigs=plan.bench.jigs,
        slots=plan.bench.slots,
        people=plan.bench.people,
        hours=plan.shifts.hours,
        days=plan.shifts.days,
        alone={
            "boot": figure(hub.boot),
            "erase": figure(hub.erase),
            "write": figure(hub.image_bytes / _bytes_a_second(plan.line)),
            "activate": figure(hub.activate),
            "other": figure(hub.other),
        },
        spread=figure(0.0),
        hands={
            "unpack": figure(hands.unpack),
            "scan": figure(hands.scan),
            "seat": figure(hands.seat),
            "pack": figure(hands.pack),
        },
        failed=figure(faults.failed),
        failed_again=figure(faults.failed_again),
        out_of_use=figure(faults.out_of_use),
    )


def capacity_of(work: Workings, loading: Loading = Loading.CONTINUOUS) -> Capacity:
    """Reckon."""
    tries = 1 + work.failed.value  # a hub that fails is seated once more
    good = 1 - work.failed.value * work.failed_again.value
    slots = work.jigs * work.slots * (1 - work.out_of_use.value)
    held = tries * _held(work, loading)
    hands = work.hands_seconds + work.failed.value * work.hands["seat"].value
    by_slots, by_people = slots / held, work.people / hands
    rate = min(by_slots, by_people)
    seconds = _HOUR * work.hours
    done = min(
        by_slots * max(0.0, seconds - _lost_by_slots(work, held)),
        by_people * max(0.0, seconds - _lost_by_people(work)),
    )
    is_people = by_people <= by_slots
    return Capacity(
        loading=loading,
        hubs_an_hour=_HOUR * rate * good,
        hubs_a_day=done * good,
        hubs_a_year=done * good * work.days,
        bottleneck="person" if is_people else "slots",
        most_of_it=_most(
            {name: each.value for name, each in work.hands.items()}
            if is_people
            else _slot_times(work, loading)
        ),
        people_busy=rate / by_people,
        slots_busy=rate / by_slots,
    )


def levers_of(work: Workings) -> tuple[Lever, ...]:
    """Return what would move the day's hubs under continuous loading, what moves it most first."""
    now = capacity_of(work).hubs_a_day
    most = _most({name: each.value for name, each in work.hands.items()})
    shorter = {name: _times(each, 0.75) for name, each in work.hands.items()}
    changes = {
        "one more person": replace(work, people=work.people + 1),
        f"{most} in three quarters of its time": replace(work, hands={**work.hands, most: shorter[most]}),
        "all handling in three quarters of its time": replace(work, hands=shorter),
        "a line twice as fast": replace(
            work, alone={**work.alone, "write": _times(work.alone["write"], 0.5)}
        ),
        "one more jig": replace(work, jigs=work.jigs + 1),
        "one more hour a day": replace(work, hours=work.hours + 1),
        "no hub that fails": replace(work, failed=_times(work.failed, 0)),
        "no slot out of use": replace(work, out_of_use=_times(work.out_of_use, 0)),
    }
    levers = [
        Lever(change, day := capacity_of(changed).hubs_a_day, day - now)
        for change, changed in changes.items()
    ]
    return tuple(sorted(levers, key=lambda lever: -lever.gain))


def volume_of(work: Workings, hubs: int) -> Volume:
    """Say whether so many hubs a year fit, loaded continuously."""
    day = capacity_of(work).hubs_a_day
    crews = (replace(work, people=people) for people in range(1, _MOST_PEOPLE + 1))
    return Volume(
        hubs=hubs,
        a_day=hubs / work.days,
        days=hubs / day if day else float("inf"),
        fits=day * work.days >= hubs,
        people=next((crew.people for crew in crews if capacity_of(crew).hubs_a_year >= hubs), None),
    )


def _bytes_a_second(line: Line) -> float:
    return line.share * ceiling(line.baud, line.buffer, line.framing)


def _held(work: Workings, loading: Loading) -> float:
    """Return for how long a hub holds its slot, the person's hands in it included."""
    return sum(_slot_times(work, loading).values())


def _slot_times(work: Workings, loading: Loading) -> dict[str, float]:
    at_the_slot = work.hands["scan"].value + work.hands["seat"].value
    times = {name: each.value for name, each in work.alone.items()}
    if loading is Loading.CONTINUOUS:
        return {**times, "hands": at_the_slot}
    return {**times, "hands": work.slots * at_the_slot, "the slowest of a jig": work.spread.value}


def _most(times: Mapping[str, float]) -> str:
    return max(times, key=lambda name: times[name])


def _lost_by_slots(work: Workings, held: float) -> float:
    """Slots are filled one after the other, the last hub is packed, and of each slot's last round half is cut off."""
    slots = work.jigs * work.slots
    pack = work.hands["pack"].value
    load = work.hands_seconds - pack
    return ((slots - 1) / 2 * load + pack) / work.people + held / 2


def _lost_by_people(work: Workings) -> float:
    """At the end they wait for the hub that was seated last, but for taking out and packing those before it."""
    meanwhile = work.hands["seat"].value + work.hands["pack"].value
    return work.alone_seconds * max(0.0, 1 - meanwhile / work.hands_seconds)


def _times(figure: Figure, factor: float) -> Figure:
    return replace(figure, value=figure.value * factor)
