"""What a slot shows of a result: the new one, or an earlier one of a hub that has not left since. Pure."""

from __future__ import annotations

from typing import Final, Literal

from drivers.hub import HubIdentity
from firmware_catalog.identity import Eui64
from station.attempt.authorise import ScannedLabel
from station.attempt.outcome import Outcome
from station.attempt.wording import operator_line
from station.bench.view import SlotPhase, SlotView
from station.records.events import AttemptClosed, Place
from station.records.queries import PastAttempt

RESULT_PHASES: Final = {
    Outcome.PASSED: SlotPhase.PASSED,
    Outcome.ALREADY_CURRENT: SlotPhase.ALREADY_CURRENT,
    Outcome.REJECTED: SlotPhase.REJECTED,
    Outcome.FAILED: SlotPhase.FAILED,
}

GOES_HOME: Final = frozenset({SlotPhase.PASSED, SlotPhase.ALREADY_CURRENT, SlotPhase.PUT_ASIDE})
"""Where the hub would leave the bench as one that is done, and so must not if its label is another's."""


def view_of_result(result: AttemptClosed, hub: HubIdentity | None, *, mislabelled: bool) -> SlotView:
    """Show a durable result. `mislabelled` is what a label said that came after it was composed."""
    phase = RESULT_PHASES[result.outcome]
    if phase is SlotPhase.PASSED and (
        mislabelled or _is_another(result.scanned_id, result.scanned_role, hub)
    ):
        phase = SlotPhase.PUT_ASIDE
    return SlotView(
        place=result.place,
        phase=phase,
        line=result.message,
        chf=result.chf,
        gpf=result.gpf,
        stage=result.stage,
        outcome=result.outcome,
        code=result.code,
        disposition=result.disposition,
    )


def view_of_past(place: Place, last: PastAttempt, hub: HubIdentity) -> SlotView:
    """Show an earlier result of a hub that has not left since, and what a label has said of the hub meanwhile."""
    if last.outcome is None:
        raise AssertionError("only a closed attempt is shown again")
    phase = RESULT_PHASES[last.outcome]
    line = operator_line(str(place), last.outcome, last.code, last.disposition)
    if phase in GOES_HOME and _is_another(last.scanned_id, last.scanned_role, hub):
        phase = SlotPhase.PUT_ASIDE
        line = f"{place}: label {last.scanned_id} is not hub {hub.chf}'s; put it aside for the supervisor"
    return SlotView(
        place=place,
        phase=phase,
        line=line,
        chf=hub.chf,
        gpf=hub.gpf,
        stage=last.stage,
        outcome=last.outcome,
        code=last.code,
        disposition=last.disposition,
    )


def _is_another(scanned: Eui64 | None, role: Literal["CHF", "GPF"] | None, hub: HubIdentity | None) -> bool:
    return scanned is not None and hub is not None and not ScannedLabel(scanned, role).names(hub)
