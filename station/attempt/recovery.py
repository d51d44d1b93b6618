"""Where an attempt goes on after a crash or a failed stage: one total table, decided by what the hub says. Pure.

The same table serves a restarted daemon and a retry within a running one, so there is one way back only.
"""

from __future__ import annotations

from dataclasses import dataclass

from station.attempt.probe import Finding, Probe
from station.domain.outcome import Code, Stage
from station.domain.position import Position
from station.domain.reason import Reason


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on from this position."""

    position: Position
    why: str


@dataclass(frozen=True, slots=True)
class Settle:
    """Boot the hub until a confirmed image runs with nothing pending, then look again."""

    why: str


@dataclass(frozen=True, slots=True)
class GiveUp:
    """End the attempt as FAILED with this code."""

    code: Code
    why: str


@dataclass(frozen=True, slots=True)
class KeepOpen:
    """The hub is not here. The attempt waits for it, in any slot."""

    why: Reason


Decision = Resume | Settle | GiveUp | KeepOpen


def decide(reached: Position, probe: Probe, *, present: bool | None) -> Decision:
    """Decide how an attempt that had begun `reached` goes on, given what a probe found.

    `present` is the jig board's word on whether something sits in the slot; None where no board can say. How
    often an attempt may be resumed is not decided here: the caller counts.
    """
    match probe.finding:
        case Finding.RUNS_TARGET_CONFIRMED:
            return Resume(Position(probe.step, Stage.CHECK), "the hub runs the target, confirmed")
        case Finding.RUNS_TARGET_UNCONFIRMED:
            return Resume(Position(probe.step, Stage.VERIFY), "the hub runs the target, unconfirmed")
        case Finding.TARGET_PENDING:
            return Resume(Position(probe.step, Stage.UNLOCK), "the target is marked, not yet booted")
        case Finding.TARGET_HELD:
            return Resume(Position(probe.step, Stage.UNLOCK), "the hub holds the target and does not run it")
        case Finding.RUNS_CONFIRMED:
            if reached.stage is Stage.CHECK:
                return GiveUp(Code.IMAGE_DISCARDED, "the hub had confirmed the target and runs another image")
            return Resume(Position(probe.step, Stage.UNLOCK), "the hub runs its former firmware")
        case Finding.UNSETTLED:
            return Settle("the hub's next boot would change what it runs")
        case Finding.RUNS_NOTHING:
            return GiveUp(Code.PROTOCOL_ERROR, "the hub names no running image")
        case Finding.SERIAL_RECOVERY:
            return GiveUp(Code.SERIAL_RECOVERY, "the hub waits in its boot loader")
        case Finding.ANOTHER_HUB:
            return KeepOpen(Reason.ANOTHER_ANSWERS)
        case Finding.OUT_OF_REACH:
            # A hub on USB brings its port along, so that without a board either may be gone.
            return KeepOpen(Reason.PORT_TOOK_IT if present else Reason.SILENT)
        case Finding.SILENT:
            if present:
                return GiveUp(Code.NO_ANSWER, "the hub is seated and does not answer")
            return KeepOpen(Reason.SILENT)
        case Finding.UNREADABLE:
            return GiveUp(Code.PROTOCOL_ERROR, "the hub does not say what it holds")
