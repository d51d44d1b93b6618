"""What a look at a hub says about a plan: the findings that recovery decides on. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from drivers.hub import DeviceIdentity, HubState
from station.attempt.plan import AttemptPlan


class Finding(StrEnum):
    """How a probed hub stands to one step of a plan."""

    RUNS_TARGET_CONFIRMED = "runs_target_confirmed"
    RUNS_TARGET_UNCONFIRMED = "runs_target_unconfirmed"
    TARGET_PENDING = "target_pending"
    TARGET_HELD = "target_held"
    RUNS_CONFIRMED = "runs_confirmed"
    """Runs another confirmed image, nothing pending, the target not (wholly) held."""
    UNSETTLED = "unsettled"
    """Runs another image unconfirmed, or another image is pending: the next boot changes what runs."""
    RUNS_NOTHING = "runs_nothing"
    """Answers, but names no running image."""
    SERIAL_RECOVERY = "serial_recovery"
    ANOTHER_HUB = "another_hub"
    OUT_OF_REACH = "out_of_reach"
    """The port is gone, so that nobody could be asked."""
    SILENT = "silent"
    UNREADABLE = "unreadable"
    """Says who it is, and not what it holds."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A finding, the step it speaks of, and what was read for it."""

    finding: Finding
    step: int
    identity: DeviceIdentity | None = None
    state: HubState | None = None


def classify(plan: AttemptPlan, identity: DeviceIdentity, state: HubState) -> Probe:
    """Find the step that a hub has reached and how it stands to it.

    The hub's own word counts, not the journal's: a running image that is a step's target places the hub on that
    step; otherwise the furthest target held; otherwise the first step whose version is above the running one.
    """
    running = state.running
    if running is None:
        return Probe(Finding.RUNS_NOTHING, 0, identity, state)
    hashes = [step.image.image_hash for step in plan.steps]
    if running.image_hash in hashes:
        reached = len(hashes) - 1 - hashes[::-1].index(running.image_hash)
        if not running.confirmed:
            return Probe(Finding.RUNS_TARGET_UNCONFIRMED, reached, identity, state)
        if reached == len(hashes) - 1:
            finding = Finding.UNSETTLED if state.pending else Finding.RUNS_TARGET_CONFIRMED
            return Probe(finding, reached, identity, state)
        step = reached + 1
    elif not running.confirmed:
        return Probe(Finding.UNSETTLED, 0, identity, state)
    else:
        step = next(
            (n for n, planned in enumerate(plan.steps) if planned.image.version > identity.firmware),
            len(hashes) - 1,
        )
    held = state.holding(hashes[step])
    if state.pending is not None:
        finding = Finding.TARGET_PENDING if state.pending is held else Finding.UNSETTLED
    elif held is not None and held.bootable:
        finding = Finding.TARGET_HELD
    else:
        finding = Finding.RUNS_CONFIRMED
    return Probe(finding, step, identity, state)
