"""A hub in a slot, and what is asked of it before anything is decided."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from drivers.errors import DriverError
from drivers.hub import DeviceIdentity, HubDriver, HubState
from station.attempt import failure
from station.attempt.authorise import Rejected
from station.attempt.history import passed_as
from station.attempt.looking import identify
from station.attempt.parts import Failed, LeftOpen, Progress
from station.attempt.settling import lacking_of, settle
from station.domain.label import ScannedLabel
from station.domain.outcome import Stage
from station.domain.slot_name import SlotName
from station.records.facts.history import HubHistory
from station.records.journal import Journal


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A hub in a slot, and what surrounds it there."""

    place: SlotName
    driver: HubDriver
    hub: DeviceIdentity
    label: Callable[[], ScannedLabel | None]
    """The label scanned for this hub so far; it may come while the visit lasts."""
    seen_elsewhere: SlotName | None
    present: Callable[[], bool | None]
    power_cycle: Callable[[], Awaitable[bool]]
    leave_recovery: Callable[[], Awaitable[bool]]
    on_progress: Callable[[Progress], None]
    may_be_anew: bool = True
    """Whether a hub that has booted since its last result here may have been seated again by somebody."""
    boot_seconds: float | None = None
    """From its power until it said who it is; None where nothing tells when it was seated."""


async def look(visit: Visit) -> tuple[DeviceIdentity, HubState | LeftOpen | Failed]:
    """Ask what the hub holds. One that says who it is, and not that, is booted once and asked again."""
    try:
        return visit.hub, await visit.driver.state()
    except DriverError as error:
        fault = error
    try:
        settled = await settle(
            visit.driver, visit.hub, present=visit.present, leave_recovery=visit.leave_recovery
        )
    except DriverError as error:
        return visit.hub, LeftOpen(Stage.AUTHORISE, failure.why_left_open(error))
    if settled.state is not None:
        return settled.hub, settled.state
    code = failure.code_of(fault, Stage.AUTHORISE)
    failed = Failed(Stage.AUTHORISE, code, str(fault), settled.read_back, settled.unsettled)
    return settled.hub, failed


async def look_again(
    journal: Journal, visit: Visit, rejected: Rejected, history: HubHistory, order: str | None
) -> Rejected | LeftOpen:
    """Look whether a hub that has passed before is as it was left: it is to be put with those that passed."""
    passed = await passed_as(journal, visit.hub, history, order)
    try:
        hub = await identify(visit.driver, visit.hub.device)
        lacking = lacking_of(hub, await visit.driver.state(), can_revert=visit.driver.can_revert)
    except DriverError as error:
        if failure.leaves_open(error, present=visit.present()):
            return LeftOpen(Stage.AUTHORISE, failure.why_left_open(error))
        lacking = "does not say what it holds"
    else:
        if passed is None:
            lacking = lacking or "is not the hub that passed"
        elif hub.firmware != passed:
            lacking = f"runs {hub.firmware} and passed with {passed}"
    return replace(rejected, unsettled=lacking)
