"""What a benchmark of the rigs measured, and what it says of each slot. Pure.

Slots are held against the line's arithmetic, against each other alone, and against themselves when others work beside them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import fmean, median
from typing import Final

from station.domain.slot_name import SlotName

SENT_AGAIN: Final = 0.01
"""From this share of frames on that are sent again, contacts, cable or adapter lose them."""
SLOWER: Final = 0.95
"""Below so much of what others, or it alone, write in the same time, a slot is slow."""
_LONGER: Final = 1.5
"""Above so many times the median, a hub's erase or boot is long."""
_LITTLE: Final = 0.9
"""Below this share of what it can carry, a line idles."""
_MEASURED_WITHIN: Final = 0.01
"""By this share a rate may be above what the line carries: its clock begins with the first answer, which may come late."""


class Phase(StrEnum):
    """Who works at the same time."""

    ALONE = "alone"
    JIG = "jig"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One slot's golden check in one phase. Seconds; None for what was not reached."""

    place: SlotName
    phase: Phase
    passed: bool
    as_it_was: bool
    detail: str | None
    bytes: int
    write_seconds: float | None = None
    """Of the whole write, its start included."""
    bytes_a_second: float | None = None
    """Once the first bytes were taken: neither erase nor opening are in it."""
    ceiling: float | None = None
    """Bytes a second that the line could carry; None where nothing tells."""
    erase_seconds: float | None = None
    boot_seconds: float | None = None
    retries: int = 0
    frames: int = 0
    sent_again: int = 0
    """How many of them had been sent before: they, or their answers, did not come through."""

    @property
    def share(self) -> float | None:
        """Of the line's ceiling. More than all of it is only told where no late answer explains it: that is another line."""
        if self.bytes_a_second is None or self.ceiling is None:
            return None
        share = self.bytes_a_second / self.ceiling
        return 1.0 if 1 < share < 1 + _MEASURED_WITHIN else share

    @property
    def again_share(self) -> float:
        """Of the frames."""
        return self.sent_again / self.frames if self.frames else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseLoad:
    """What a phase, or a quiet moment, cost this computer."""

    seconds: float
    process_cpu: float
    """Share of one core that the benchmark itself used."""
    host_cpu: float
    """Share of all cores that anybody used."""
    lag_p99_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is to be said of one slot."""

    place: SlotName
    good: bool
    lines: tuple[str, ...]
    """What is wrong, and what to look at; of a good one how it fared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """Everything that was measured."""

    runs: tuple[Run, ...]
    loads: Mapping[Phase, PhaseLoad]
    idle: PhaseLoad
    left_out: Mapping[SlotName, str] = field(default_factory=dict)
    """Slots that could not be measured, and why."""

    def of(self, phase: Phase, place: SlotName | None = None) -> tuple[Run, ...]:
        """Return the runs of a phase that wrote, of one slot or of all."""
        return tuple(
            run
            for run in self.runs
            if run.phase is phase and run.bytes_a_second is not None and place in {None, run.place}
        )

    @property
    def together(self) -> float | None:
        """How long the slowest write takes when all work, of what the slowest takes alone; None unless both were measured."""
        alone, every = (
            {run.place: run.write_seconds for run in self.of(phase) if run.write_seconds}
            for phase in (Phase.ALONE, Phase.ALL)
        )
        both = alone.keys() & every.keys()
        return max(every[place] for place in both) / max(alone[place] for place in both) if both else None

    def share(self, phase: Phase) -> float | None:
        """Return the mean share of the line's ceiling."""
        shares = [run.share for run in self.of(phase) if run.share is not None]
        return fmean(shares) if shares else None

    def verdicts(self) -> tuple[Verdict, ...]:
        """Judge each slot."""
        places = sorted({*self.left_out, *(run.place for run in self.runs)}, key=_in_order)
        return tuple(self._verdict(place) for place in places)

    def _verdict(self, place: SlotName) -> Verdict:
        if (why := self.left_out.get(place)) is not None:
            return Verdict(place=place, good=False, lines=(f"not measured: {why}",))
        own = [run for run in self.runs if run.place == place]
        found = [*self._failures(own), *self._line(own), *self._company(place), *self._hub(own)]
        if found:
            return Verdict(place=place, good=False, lines=tuple(found))
        rates = [run.bytes_a_second for run in own if run.bytes_a_second is not None]
        share = min((run.share for run in own if run.share is not None), default=None)
        of_line = "" if share is None else f", {100 * share:.0f}% of the line"
        return Verdict(place=place, good=True, lines=(f"good: {min(rates) / 1024:.1f} KiB/s{of_line}",))

    def _failures(self, own: Sequence[Run]) -> Iterable[str]:
        for run in own:
            if not run.passed:
                yield f"failed ({run.phase}): {run.detail}"
            if not run.as_it_was:
                yield "its golden hub is not known to be as it was: have the slot checked with it again"
        if retries := sum(run.retries for run in own if run.passed):
            yield f"was written {retries} times more than it had to be: contacts or cable"

    def _line(self, own: Sequence[Run]) -> Iterable[str]:
        frames, again = sum(run.frames for run in own), sum(run.sent_again for run in own)
        if frames and again / frames >= SENT_AGAIN:
            yield f"sends {100 * again / frames:.1f}% of its frames again: contacts or cable"
            return
        alone = [run for run in own if run.phase is Phase.ALONE and run.share is not None]
        if alone and (share := alone[0].share or 0.0) < _LITTLE:
            yield f"fills {100 * share:.0f}% of its line: the adapter's latency (reflash doctor), or the hub's buffers"

    def _company(self, place: SlotName) -> Iterable[str]:
        """Compare with others alone, and with itself when others work beside it."""
        others = [run.bytes_a_second or 0.0 for run in self.of(Phase.ALONE) if run.place != place]
        alone = next((run.bytes_a_second for run in self.of(Phase.ALONE, place)), None)
        if alone is None:
            return
        if others and alone < SLOWER * median(others):
            yield f"writes {100 * alone / median(others):.0f}% of what the others do alone: its adapter, cable or hub"
        for phase, what in (
            (Phase.JIG, "its jig's slots work together: what they share, a USB hub or a supply"),
            (Phase.ALL, "all jigs work together: this computer, or what the jigs share"),
        ):
            rate = next((run.bytes_a_second for run in self.of(phase, place)), None)
            if rate is not None and rate < SLOWER * alone:
                yield f"writes {100 * rate / alone:.0f}% of what it does alone when {what}"
                return

    def _hub(self, own: Sequence[Run]) -> Iterable[str]:
        for what, every, mine in (
            ("erases", [run.erase_seconds for run in self.runs], [run.erase_seconds for run in own]),
            ("boots", [run.boot_seconds for run in self.runs], [run.boot_seconds for run in own]),
        ):
            here, everywhere = _median(mine), _median(every)
            if here is not None and everywhere is not None and here > _LONGER * everywhere:
                yield (
                    f"{what} in {here:.1f} s where others take {everywhere:.1f}: its golden hub, or the slot's supply"
                )


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _in_order(place: SlotName) -> tuple[str, int]:
    return place.jig, place.slot
