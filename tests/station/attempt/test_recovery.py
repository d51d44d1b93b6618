"""The way back into an attempt: what a probe finds, and the table that decides on it, cell by cell."""

from __future__ import annotations

import pytest

from benches.attempt_samples import FIRST, OLD, OTHER, SECOND, hub, plan, slot, state
from station.attempt.probe import Finding, Probe, classify
from station.attempt.recovery import GiveUp, KeepOpen, Resume, Settle, decide
from station.domain.outcome import Code, Stage
from station.domain.position import Position

ONE = plan(FIRST)
TWO = plan(FIRST, SECOND)

RUNS_OTHER, RUNS_FIRST, RUNS_SECOND = (
    slot(0, image, active=True, confirmed=True) for image in (OTHER, FIRST, SECOND)
)
ON_TEST = [slot(0, FIRST, active=True), slot(1, OTHER, confirmed=True)]
NOT_BOOTABLE = slot(1, FIRST, bootable=False)

CLASSIFIED = {
    "fresh hub": (ONE, OLD, [RUNS_OTHER], Finding.RUNS_CONFIRMED, 0),
    "image uploaded": (ONE, OLD, [RUNS_OTHER, slot(1, FIRST)], Finding.TARGET_HELD, 0),
    "image uploaded, not bootable": (ONE, OLD, [RUNS_OTHER, NOT_BOOTABLE], Finding.RUNS_CONFIRMED, 0),
    "image marked": (ONE, OLD, [RUNS_OTHER, slot(1, FIRST, pending=True)], Finding.TARGET_PENDING, 0),
    "test boot": (ONE, FIRST.version, ON_TEST, Finding.RUNS_TARGET_UNCONFIRMED, 0),
    "done": (ONE, FIRST.version, [RUNS_FIRST], Finding.RUNS_TARGET_CONFIRMED, 0),
    "done, and marked": (
        ONE,
        FIRST.version,
        [RUNS_FIRST, slot(1, OTHER, pending=True)],
        Finding.UNSETTLED,
        0,
    ),
    "another image marked": (ONE, OLD, [RUNS_OTHER, slot(1, SECOND, pending=True)], Finding.UNSETTLED, 0),
    "another image on test": (ONE, OLD, [slot(0, OTHER, active=True)], Finding.UNSETTLED, 0),
    "nothing runs": (ONE, OLD, [slot(0, OTHER)], Finding.RUNS_NOTHING, 0),
    "first of two steps done": (TWO, FIRST.version, [RUNS_FIRST, slot(1, OTHER)], Finding.RUNS_CONFIRMED, 1),
    "second step uploaded": (TWO, FIRST.version, [RUNS_FIRST, slot(1, SECOND)], Finding.TARGET_HELD, 1),
    "both steps done": (TWO, SECOND.version, [RUNS_SECOND], Finding.RUNS_TARGET_CONFIRMED, 1),
}


@pytest.mark.parametrize(
    ("steps", "firmware", "slots", "finding", "step"), CLASSIFIED.values(), ids=CLASSIFIED
)
def test_a_probe_says_how_the_hub_stands_to_the_plan(steps, firmware, slots, finding, step):
    probe = classify(steps, hub(firmware), state(*slots))
    assert (probe.finding, probe.step) == (finding, step)


def expected(finding: Finding, stage: Stage, present: bool | None) -> object:
    """The table as the manual states it (docs/recovery.md), written out a second time."""
    match finding:
        case Finding.RUNS_TARGET_CONFIRMED:
            return Stage.CHECK
        case Finding.RUNS_TARGET_UNCONFIRMED:
            return Stage.VERIFY
        case Finding.TARGET_PENDING | Finding.TARGET_HELD:
            return Stage.UNLOCK
        case Finding.RUNS_CONFIRMED:
            return Code.IMAGE_DISCARDED if stage is Stage.CHECK else Stage.UNLOCK
        case Finding.UNSETTLED:
            return Settle
        case Finding.RUNS_NOTHING:
            return Code.PROTOCOL_ERROR
        case Finding.SERIAL_RECOVERY:
            return Code.SERIAL_RECOVERY
        case Finding.ANOTHER_HUB | Finding.OUT_OF_REACH:
            return KeepOpen
        case Finding.SILENT:
            return Code.NO_ANSWER if present else KeepOpen
        case Finding.UNREADABLE:
            return Code.PROTOCOL_ERROR


@pytest.mark.parametrize("present", [True, False, None])
@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("finding", Finding)
def test_every_cell_of_the_table_has_its_decision(finding, stage, present):
    decision = decide(Position(1, stage), Probe(finding, 1), present=present)
    wanted = expected(finding, stage, present)
    match decision:
        case Resume(position=position):
            assert position == Position(1, wanted)
        case GiveUp(code=code):
            assert code == wanted
        case _:
            assert type(decision) is wanted
    assert decision.why
