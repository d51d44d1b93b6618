"""What of a capacity's workings the journal has measured: that counts, and not what was assumed. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from station.domain.counted import counted
from station.domain.outcome import Stage
from station.reports.figures import BETWEEN, BOOT, HubFigures, StageFigures
from station.reports.rows import Use
from station.throughput.capacity import Figure, Workings

ENOUGH: Final = 20
"""Hubs from which on a mean is believed more than what people assumed."""

_OTHER: Final = (Stage.UNLOCK, Stage.VERIFY, Stage.CONFIRM, Stage.CHECK, BETWEEN)
_IN_A_SHIFT: Final = frozenset({Use.WORK, Use.HANDS, Use.AWAY, Use.OUT_OF_USE, Use.STOPPED})
"""A jig without an order waits for no hub: that is a matter of planning, and of nights."""


def with_measured(work: Workings, figures: HubFigures) -> Workings:
    """Return the workings, what was measured with enough hubs in its place.

    A hub's erase is part of its flash stage: what is assumed of it is taken for the erase, the rest for the write.
    The boot at its seating is known where boards tell when that was. Handling is in no record: it stays as it is said to be.
    """
    stages = {each.stage: each for each in figures.stages if each.mean is not None and each.done >= ENOUGH}
    alone = dict(work.alone)
    if (flash := stages.get(Stage.FLASH)) is not None:
        erase = min(alone["erase"].value, _mean(flash))
        alone["erase"] = _measured(erase, flash.done)
        alone["write"] = _measured(_mean(flash) - erase, flash.done)
        rest = [_mean(stages[stage]) for stage in _OTHER if stage in stages]
        alone["other"] = _measured(sum(rest), flash.done)
    if (boot := stages.get(BOOT)) is not None:
        alone["boot"] = _measured(_mean(boot), boot.done)
    if (activate := stages.get(Stage.ACTIVATE)) is not None:
        alone["activate"] = _measured(_mean(activate), activate.done)
    work = replace(work, alone=alone)
    if flash is not None:
        slowest = sum((each.p95 or 0.0) - _mean(each) for each in (flash, activate) if each is not None)
        work = replace(work, spread=_measured(max(0.0, slowest), flash.done))
    every = figures.all
    tried = every.passed + every.failed
    if every.first_pass_yield is not None and tried >= ENOUGH:
        work = replace(work, failed=_measured(1 - every.first_pass_yield, tried))
        if every.later_pass_yield is not None:
            work = replace(work, failed_again=_measured(1 - every.later_pass_yield, tried))
        idle = {use.use: use.seconds for use in figures.uses if use.use in _IN_A_SHIFT}
        if whole := sum(idle.values()):
            lost = whole - idle.get(Use.WORK, 0.0) - idle.get(Use.HANDS, 0.0)
            work = replace(work, out_of_use=_measured(min(lost / whole, 0.99), tried))
    return work


def _mean(stage: StageFigures) -> float:
    return stage.mean or 0.0


def _measured(value: float, hubs: int) -> Figure:
    return Figure(value, "measured", counted(hubs, "hub"))
