"""How hubs, slots and stages fared in a span of time: figures from rows. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import fmean
from typing import Final, NamedTuple

from firmware_catalog.devices import DeviceKind
from station.domain.outcome import Outcome, Stage
from station.reports.rows import Use

BETWEEN: Final = "between"
"""Stands among the stages for what of an attempt's work went into none of them: authorising, journal, looking again."""


BOOT: Final = "boot"
"""Stands among them for a hub's boot after its seating, where a board tells when that was. It is before the work on it."""


@dataclass(frozen=True, slots=True)
class Span:
    """From one moment to just before another, UTC in microseconds since 1970."""

    first: int
    until: int

    def seconds_of(self, time: Timed) -> float:
        """Return how much of a time lies within."""
        ended = time.began + time.seconds * 1e6
        return max(0.0, min(ended, self.until) - max(time.began, self.first)) / 1e6


class Timed(NamedTuple):
    """A time, and which slot spent it how; a station's own has no slot."""

    began: int
    seconds: float
    jig: str
    slot: int
    use: str


class Ended(NamedTuple):
    """What the figures need of a result."""

    jig: str
    slot: int
    number: int
    outcome: str
    closed: int
    hands_seconds: float | None
    between_seconds: float
    """Of the work on it, what went into no stage."""
    boot_seconds: float | None = None
    kind: str | None = DeviceKind.HUB.value
    """As a result's row has it."""


class Tried(NamedTuple):
    """What they need of one try of a stage."""

    stage: str
    seconds: float
    code: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What became of attempts, and how fast they followed each other."""

    results: int
    passed: int
    already_current: int
    rejected: int
    failed: int
    hubs_an_hour: float | None
    """Hubs that passed, or were current, an hour in which the station ran."""
    first_pass_yield: float | None
    """Of the hubs whose first attempt passed or failed, the share that passed."""
    later_pass_yield: float | None
    """The same of attempts that followed a first one."""
    utilisation: float | None
    """Of the slots' time while the station ran, the share in which a hub was worked on."""
    hands_p50: float | None
    """Seconds from a result to the next hub's seating in that slot, where only hands came between; where nothing tells when that
    was, to its opening, its boot included."""
    hands_p95: float | None


@dataclass(frozen=True, slots=True)
class StageFigures:
    """How long a stage takes, seconds. Tries that failed are counted only."""

    stage: str
    done: int
    failed: int
    mean: float | None
    p50: float | None
    p95: float | None


@dataclass(frozen=True, slots=True)
class UseFigures:
    """What the slots' time went into."""

    use: str
    seconds: float
    share: float | None
    """Of the time in which the station ran."""


@dataclass(frozen=True, slots=True)
class SlotFigures:
    """How one slot fared."""

    jig: str
    slot: int
    tally: Tally
    uses: tuple[UseFigures, ...]


@dataclass(frozen=True, slots=True)
class JigFigures:
    """How one jig fared."""

    jig: str
    tally: Tally
    uses: tuple[UseFigures, ...]


@dataclass(frozen=True, slots=True)
class KindFigures:
    """How hubs, or the bridges of one type, fared."""

    kind: str | None
    """As a result's row has it."""
    tally: Tally


@dataclass(frozen=True, slots=True)
class PartFigures:
    """One part of the span."""

    span: Span
    hours: float
    """In which the station ran."""
    done: int
    """Hubs that passed or were current."""
    failed: int
    hubs_an_hour: float | None


@dataclass(frozen=True, slots=True)
class HubFigures:
    """Everything about a span."""

    hours: float
    """In which the station ran."""
    all: Tally
    kinds: tuple[KindFigures, ...]
    """Each kind of device that had a result, hubs first. What slots' time went into each, nobody counts."""
    jigs: tuple[JigFigures, ...]
    slots: tuple[SlotFigures, ...]
    stages: tuple[StageFigures, ...]
    uses: tuple[UseFigures, ...]
    """What the slots' time went into; empty where what was asked for, a model, is nothing that a waiting slot has."""
    course: tuple[PartFigures, ...]
    """The span by parts, where parts were asked for."""

    @property
    def of_bridges(self) -> bool:
        """Whether bridges are among what had a result."""
        return any(each.kind not in (None, DeviceKind.HUB) for each in self.kinds)

    @property
    def devices(self) -> str:
        """What all of them are called."""
        if not self.of_bridges:
            return "hubs"
        return "hubs and bridges" if any(each.kind == DeviceKind.HUB for each in self.kinds) else "bridges"


def hub_figures(
    span: Span,
    *,
    ended: Iterable[Ended],
    tried: Iterable[Tried],
    times: Iterable[Timed],
    runs: Iterable[Timed],
    parts: Sequence[Span] = (),
) -> HubFigures:
    """Reckon. Results and tries are those of the span; of times and runs counts what lies within.

    `parts` follow each other without a gap.
    """
    runs = tuple(runs)
    hours = _hours(span, runs)
    by_slot: defaultdict[tuple[str, int], list[Ended]] = defaultdict(list)
    for result in ended:
        by_slot[result.jig, result.slot].append(result)
    uses: defaultdict[tuple[str, int], defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
    for time in times:
        if (seconds := span.seconds_of(time)) > 0:
            uses[time.jig, time.slot][time.use] += seconds
    everything = [result for results in by_slot.values() for result in results]
    together = _added(uses.values())
    places = sorted(by_slot.keys() | uses.keys())
    return HubFigures(
        hours,
        _tally(everything, hours, together),
        tuple(_kinds(everything, hours)),
        tuple(_jig(jig, places, by_slot, uses, hours) for jig in sorted({jig for jig, _ in places})),
        tuple(
            SlotFigures(*place, _tally(by_slot[place], hours, uses[place]), _uses(uses[place]))
            for place in places
        ),
        tuple(_stages(tried, everything)),
        _uses(together),
        tuple(_course(parts, everything, runs)),
    )


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """Return the least of some values, in order, that `share` of them do not exceed (nearest rank); None of none."""
    return ordered[max(0, ceil(share * len(ordered)) - 1)] if ordered else None


def _jig(
    jig: str,
    places: Iterable[tuple[str, int]],
    by_slot: Mapping[tuple[str, int], Sequence[Ended]],
    uses: Mapping[tuple[str, int], Mapping[str, float]],
    hours: float,
) -> JigFigures:
    own = [place for place in places if place[0] == jig]
    together = _added(uses[place] for place in own)
    results = [result for place in own for result in by_slot[place]]
    return JigFigures(jig, _tally(results, hours, together), _uses(together))


def _kinds(results: Sequence[Ended], hours: float) -> Iterable[KindFigures]:
    by_kind: defaultdict[str | None, list[Ended]] = defaultdict(list)
    for result in results:
        by_kind[result.kind].append(result)
    for kind in (*DeviceKind, None):
        if own := by_kind.get(kind):
            yield KindFigures(kind, _tally(own, hours, {}))


def _course(parts: Sequence[Span], results: Sequence[Ended], runs: Sequence[Timed]) -> Iterable[PartFigures]:
    begins = [part.first for part in parts]
    done, failed = [0] * len(parts), [0] * len(parts)
    for result in results:
        at = bisect_right(begins, result.closed) - 1
        if at >= 0 and result.closed < parts[at].until:
            done[at] += result.outcome in {Outcome.PASSED, Outcome.ALREADY_CURRENT}
            failed[at] += result.outcome == Outcome.FAILED
    for number, part in enumerate(parts):
        hours = _hours(part, runs)
        yield PartFigures(part, hours, done[number], failed[number], _share(done[number], hours))


def _hours(span: Span, runs: Iterable[Timed]) -> float:
    return sum(span.seconds_of(run) for run in runs) / 3600


def _added(uses: Iterable[Mapping[str, float]]) -> dict[str, float]:
    together: defaultdict[str, float] = defaultdict(float)
    for slot in uses:
        for use, seconds in slot.items():
            together[use] += seconds
    return dict(together)


def _uses(uses: Mapping[str, float]) -> tuple[UseFigures, ...]:
    return tuple(
        UseFigures(use, uses[use], None if use is Use.DOWN else _share(uses[use], _up(uses)))
        for use in Use
        if use in uses
    )


def _tally(results: Sequence[Ended], hours: float, uses: Mapping[str, float]) -> Tally:
    counts = {outcome: sum(result.outcome == outcome for result in results) for outcome in Outcome}
    first, later = (
        [
            result.outcome
            for result in results
            if (result.number > 1) is is_later and result.outcome in {Outcome.PASSED, Outcome.FAILED}
        ]
        for is_later in (False, True)
    )
    hands = sorted(result.hands_seconds for result in results if result.hands_seconds is not None)
    return Tally(
        results=len(results),
        passed=counts[Outcome.PASSED],
        already_current=counts[Outcome.ALREADY_CURRENT],
        rejected=counts[Outcome.REJECTED],
        failed=counts[Outcome.FAILED],
        hubs_an_hour=_share(counts[Outcome.PASSED] + counts[Outcome.ALREADY_CURRENT], hours),
        first_pass_yield=_share(first.count(Outcome.PASSED), len(first)),
        later_pass_yield=_share(later.count(Outcome.PASSED), len(later)),
        utilisation=_share(uses.get(Use.WORK, 0.0), _up(uses)),
        hands_p50=percentile(hands, 0.50),
        hands_p95=percentile(hands, 0.95),
    )


def _stages(tried: Iterable[Tried], results: Sequence[Ended]) -> Iterable[StageFigures]:
    seconds: defaultdict[str, list[float]] = defaultdict(list)
    failed: defaultdict[str, int] = defaultdict(int)
    for stage, taken, code in tried:
        if code is None:
            seconds[stage].append(taken)
        else:
            failed[stage] += 1
    seconds[BETWEEN] = [result.between_seconds for result in results]
    seconds[BOOT] = [result.boot_seconds for result in results if result.boot_seconds is not None]
    for stage in (BOOT, *Stage, BETWEEN):
        if seconds[stage] or failed[stage]:
            ordered = sorted(seconds[stage])
            yield StageFigures(
                stage,
                len(ordered),
                failed[stage],
                fmean(ordered) if ordered else None,
                percentile(ordered, 0.50),
                percentile(ordered, 0.95),
            )


def _up(uses: Mapping[str, float]) -> float:
    return sum(seconds for use, seconds in uses.items() if use != Use.DOWN)


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None
