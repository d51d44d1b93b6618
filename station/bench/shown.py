"""What a slot shows of a result: the new one, an earlier one of a hub that has not left since, or the last. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from drivers.errors import DriverError
from drivers.hub import DeviceIdentity
from firmware_catalog.devices import gpf_of
from station.domain.label import ScannedLabel
from station.domain.outcome import Code, Outcome
from station.domain.phase import SlotPhase
from station.domain.reason import Reason
from station.domain.slot_name import SlotName
from station.domain.slot_view import SlotView
from station.domain.statement import Details
from station.records.facts.attempts import AttemptClosed
from station.records.facts.history import HubHistory, PastAttempt

_PHASES: Final = {
    Outcome.PASSED: SlotPhase.PASSED,
    Outcome.ALREADY_CURRENT: SlotPhase.ALREADY_CURRENT,
    Outcome.REJECTED: SlotPhase.REJECTED,
    Outcome.FAILED: SlotPhase.FAILED,
}
RESULT_PHASES: Final = frozenset({*_PHASES.values(), SlotPhase.PASSED_BEFORE})
"""What a slot shows of a hub whose result is written."""

GOES_HOME: Final = frozenset(
    {SlotPhase.PASSED, SlotPhase.ALREADY_CURRENT, SlotPhase.PASSED_BEFORE, SlotPhase.PUT_ASIDE}
)
"""Where the hub would leave the bench as one that is done, and so must not if its label is another's."""


def _phase(outcome: Outcome, code: Code | None) -> SlotPhase:
    """A hub that passed before is rejected, and is all the same to go with those that passed."""
    return SlotPhase.PASSED_BEFORE if code is Code.ALREADY_PASSED else _PHASES[outcome]


def _reason(outcome: Outcome, code: Code | None) -> Reason | Code:
    return code or (Reason.ALREADY_CURRENT if outcome is Outcome.ALREADY_CURRENT else Reason.PASSED)


def view_of_result(
    result: AttemptClosed,
    hub: DeviceIdentity | None,
    label: ScannedLabel | None = None,
    recorded: datetime | None = None,
) -> SlotView:
    """Show a durable result, and when it was recorded. `label` is the last that was scanned for the hub: it may have come after the result."""
    shown = SlotView(
        place=result.place,
        phase=_phase(result.outcome, result.code),
        reason=_reason(result.outcome, result.code),
        details=Details(detail=result.detail, unsettled=result.unsettled),
        chf=result.chf,
        gpf=result.gpf,
        stage=result.stage,
        outcome=result.outcome,
        code=result.code,
        disposition=result.disposition,
        order=result.order,
        recorded=recorded,
    )
    if label is None and result.scanned_id is not None:
        label = ScannedLabel(result.scanned_id, result.scanned_role)
    if hub is None:
        return shown
    if result.unsettled is not None:
        return unsettled(shown, Reason.UNSETTLED, shown.details)
    return put_aside(shown, label, hub) if is_anothers(label, hub) else shown


def view_of_past(
    place: SlotName,
    last: PastAttempt,
    hub: DeviceIdentity,
    label: ScannedLabel | None = None,
    detail: str | None = None,
) -> SlotView:
    """Show an earlier result of a hub that has not left since, as it was, and what a label has said of the hub meanwhile."""
    if last.outcome is None:
        raise AssertionError("only a closed attempt is shown again")
    shown = SlotView(
        place=place,
        phase=_phase(last.outcome, last.code),
        reason=_reason(last.outcome, last.code),
        details=Details(detail=detail, unsettled=last.unsettled),
        chf=hub.device_id,
        gpf=gpf_of(hub.ids),
        stage=last.stage,
        outcome=last.outcome,
        code=last.code,
        disposition=last.disposition,
        order=last.order,
        recorded=last.closed,
    )
    if label is None and last.scanned_id is not None:
        label = ScannedLabel(last.scanned_id, last.scanned_role)
    if last.unsettled is not None:
        return unsettled(shown, Reason.UNSETTLED, shown.details)
    return put_aside(shown, label, hub) if is_anothers(label, hub) else shown


def view_when_stopped(last: SlotView) -> SlotView:
    """Show that the station looks no more, and what it last knew of a hub that it was done with here."""
    if last.phase not in RESULT_PHASES | {SlotPhase.PUT_ASIDE}:
        return SlotView(place=last.place, phase=SlotPhase.STOPPED, reason=Reason.STOPPED)
    return SlotView(
        place=last.place,
        phase=SlotPhase.STOPPED,
        reason=Reason(f"stopped_over_{last.phase}"),
        chf=last.chf,
        gpf=last.gpf,
    )


def of_port(port: str, error: DriverError) -> Details:
    """State what is wrong with a slot's port.

    The place's long name, and what else is in sight, stand in the log and in `reflash jigs list`; here they would
    push the advice off the screen.
    """
    return Details(detail=error.happened.replace(port, "its port"), advice=error.advice)


def goes_home(shown: SlotView) -> bool:
    """Whether the operator is told to put the hub with those that are done."""
    return shown.phase in GOES_HOME


def put_aside(shown: SlotView, label: ScannedLabel | None, hub: DeviceIdentity) -> SlotView:
    """Show that a hub that was to go home must not: its label is another's. Any other result stays as it is."""
    if label is None or not goes_home(shown):
        return shown
    own = hub.device_id if label.role == "CHF" else gpf_of(hub.ids) or hub.device_id
    return _aside(shown, Reason.LABEL_OF_ANOTHER, Details(label=label.device_id, hub=hub.device_id, own=own))


def unsettled(shown: SlotView, reason: Reason, details: Details) -> SlotView:
    """Show that a hub that was to go home must not: it was not left as it has to be."""
    if not goes_home(shown):
        return shown
    return _aside(shown, reason, details)


def withdrawn(shown: SlotView, order: str) -> SlotView:
    """Show that a hub that was to go home must not: its order does not list it any more."""
    if not goes_home(shown) or shown.order != order:
        return shown
    detail = f"{shown.family} {shown.chf} was withdrawn from order {order}"
    return _aside(shown, Reason.ORDER_WENT, Details(detail=detail))


def release_gone(shown: SlotView, hub: DeviceIdentity) -> SlotView:
    """Show that a hub that was to go home must not: the release that it runs was withdrawn. One put aside already stays so."""
    if not goes_home(shown) or shown.phase is SlotPhase.PUT_ASIDE:
        return shown
    return _aside(shown, Reason.RELEASE_GONE, Details(runs=hub.firmware))


def _aside(shown: SlotView, reason: Reason, details: Details) -> SlotView:
    return shown.model_copy(update={"phase": SlotPhase.PUT_ASIDE, "reason": reason, "details": details})


def tried_enough(shown: SlotView, times: int) -> SlotView:
    """Show that a hub gets no further result here for booting again: somebody has to do something with it."""
    if goes_home(shown):
        return shown
    return shown.model_copy(update={"details": shown.details.model_copy(update={"times": times})})


def last_label(history: HubHistory) -> ScannedLabel | None:
    """Return the label that was scanned last for a hub, in whichever of its attempts."""
    labels = [
        ScannedLabel(attempt.scanned_id, attempt.scanned_role)
        for attempt in history.attempts
        if attempt.scanned_id is not None
    ]
    return labels[-1] if labels else None


def is_anothers(label: ScannedLabel | None, hub: DeviceIdentity) -> bool:
    """Whether a scanned label says that another hub sits here."""
    return label is not None and not label.names(hub)
