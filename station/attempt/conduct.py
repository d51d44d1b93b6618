"""One visit of a hub to a slot, from its identity to a durable result, or to an attempt that waits for it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from drivers.errors import DriverError
from drivers.hub import HubDriver, HubIdentity
from firmware_catalog.catalog import Catalog
from firmware_catalog.errors import CatalogError, ReleaseUnknown
from firmware_catalog.identity import DeviceModel
from station.attempt import failure
from station.attempt.authorise import (
    AlreadyCurrent,
    Authorised,
    Question,
    Rejected,
    ScannedLabel,
    authorise,
    disagreement,
)
from station.attempt.closing import OpenedAttempt, close, facts_of
from station.attempt.opening import open_attempt
from station.attempt.outcome import Code, Outcome, Stage
from station.attempt.plan import AttemptPlan, PlannedStep, Position
from station.attempt.sequence import (
    Failed,
    LeftOpen,
    NamedAuthority,
    Passed,
    Progress,
    Sequence,
    SequenceParts,
)
from station.kernel_clock import read_clock
from station.records.events import (
    AttemptClosed,
    AttemptPlanned,
    AttemptResumed,
    HubFacts,
    HubLost,
    Place,
    StepTarget,
)
from station.records.journal import Journal
from station.records.queries import HubHistory, OpenAttempt, PastAttempt


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A hub in a slot, and what surrounds it there."""

    place: Place
    driver: HubDriver
    hub: HubIdentity
    label: Callable[[], ScannedLabel | None]
    """The label scanned for this hub so far; it may come while the visit lasts."""
    seen_elsewhere: Place | None
    present: Callable[[], bool | None]
    power_cycle: Callable[[], Awaitable[bool]]
    on_progress: Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Concluded:
    """A visit that ended with a result, and the hub as it last identified itself."""

    result: AttemptClosed
    hub: HubIdentity


@dataclass(frozen=True, slots=True)
class StillSeated:
    """The hub was done with here and has neither left nor booted since: a restart or a lost port is no new visit."""

    last: PastAttempt


class Conductor:
    """Conducts visits. One serves all slots; a visit's state lives in the call."""

    def __init__(
        self,
        *,
        journal: Journal,
        catalog: Callable[[], Catalog],
        authority: NamedAuthority,
        veto: Callable[[DeviceModel, AttemptPlan], Code | None],
        operator: Callable[[], str | None],
        station_version: str,
    ) -> None:
        self._journal = journal
        self._catalog = catalog
        self._authority = authority
        self._veto = veto
        self._operator = operator
        self._station_version = station_version

    async def conduct(self, visit: Visit) -> Concluded | LeftOpen | StillSeated:
        """Take the hub as far as it goes. A result is durable before it is returned."""
        interrupted = None
        # A hub that shall not be touched now gets a rejection of its own, and what is open on it stays open.
        label = visit.label()
        if visit.seen_elsewhere is None and (label is None or label.names(visit.hub)):
            interrupted = await self._journal.open_attempt_of(visit.hub.chf)
        if interrupted is not None:
            return await self._take_up(visit, interrupted)
        return await self._begin(visit)

    async def unidentified(
        self, place: Place, label: ScannedLabel | None, error: DriverError
    ) -> AttemptClosed:
        """Record a hub that is seated and cannot say who it is, under its scanned label if there is one."""
        order = await self._journal.jig_order(place.jig)
        opened = await self._open(place, order, None, label, number=1)
        code = failure.code_of(error, Stage.IDENTIFY)
        code = Code.HUB_UNIDENTIFIED if code in {Code.NO_ANSWER, Code.PROTOCOL_ERROR} else code
        ending = Failed(Stage.IDENTIFY, code, str(error), None)
        return await self._close(opened, ending, None, {}, None, None)

    async def _begin(self, visit: Visit) -> Concluded | LeftOpen | StillSeated:
        hub, journal = visit.hub, self._journal
        order = await journal.jig_order(visit.place.jig)
        history = await journal.hub_history(hub.chf)
        last = history.attempts[-1] if history.attempts else None
        if (
            last is not None
            and last.outcome is not None
            and (last.order, last.place, last.boots) == (order, visit.place, hub.boots)
        ):
            return StillSeated(last)
        opened = await self._open(
            visit.place, order, facts_of(hub), visit.label(), number=history.attempts_in(order) + 1
        )
        return await self._authorise_and_run(visit, opened, history)

    async def _authorise_and_run(
        self, visit: Visit, opened: OpenedAttempt, history: HubHistory
    ) -> Concluded | LeftOpen:
        hub, order = visit.hub, opened.order
        try:
            state = await visit.driver.state()
        except DriverError as error:
            if failure.may_be_gone(error, present=visit.present()):
                await self._journal.append(HubLost(attempt=opened.attempt, stage=Stage.AUTHORISE))
                return LeftOpen(Stage.AUTHORISE, str(error))
            failed = Failed(Stage.AUTHORISE, failure.code_of(error, Stage.AUTHORISE), str(error), None)
            return Concluded(await self._close(opened, failed, None, {}, history, hub), hub)
        question = Question(
            hub=hub,
            state=state,
            label=visit.label(),
            order=order,
            line=opened.line,
            passed_in_order=history.passed_in(order),
            seen_elsewhere=str(visit.seen_elsewhere) if visit.seen_elsewhere else None,
        )
        decision = await asyncio.to_thread(authorise, question, self._catalog())
        opened = _with_label(opened, visit)
        if isinstance(decision, Authorised):
            # The last look before the hub is touched: a label that comes later can only speak in the result.
            decision = disagreement(opened.label, hub) or decision
        if isinstance(decision, Authorised):
            vetoed = self._veto(hub.model, decision.plan)
            if vetoed is not None:
                decision = Rejected(vetoed)
        match decision:
            case Rejected():
                return Concluded(await self._close(opened, decision, None, {}, history, hub), hub)
            case AlreadyCurrent(image=image):
                return Concluded(
                    await self._close(opened, decision, PlannedStep(image).target, {}, history, hub), hub
                )
            case Authorised(plan=plan):
                await self._journal.append(
                    AttemptPlanned(attempt=opened.attempt, steps=tuple(step.target for step in plan.steps))
                )
                sequence = self._sequence(visit, opened, plan, history, {})
                # Where the hub stands is its own word, also at the first look: it may hold the image already.
                ending = await sequence.recover(Position(0, Stage.UNLOCK))
                return await self._finish(visit, opened, plan, sequence, ending, history, {})

    async def _take_up(self, visit: Visit, interrupted: OpenAttempt) -> Concluded | LeftOpen:
        """Go on with an attempt that a crash, a lost hub or a lost port left open."""
        journal, hub = self._journal, visit.hub
        reached = Position(interrupted.step, interrupted.stage or Stage.AUTHORISE)
        history = await journal.hub_history(hub.chf)
        label = visit.label()
        await journal.append(
            AttemptResumed(
                attempt=interrupted.attempt,
                place=visit.place,
                stage=reached.stage,
                step=reached.step,
                why=f"the hub answers in {visit.place}",
                scanned_id=label.device_id if label else None,
                scanned_role=label.role if label else None,
            )
        )
        opened = OpenedAttempt(
            attempt=interrupted.attempt,
            place=visit.place,
            order=interrupted.order,
            number=interrupted.number,
            hub=interrupted.hub or facts_of(hub),
            label=visit.label() or _label_of(interrupted),
            line=await journal.order_line(interrupted.order, hub.chf) if interrupted.order else None,
            opened=interrupted.opened,
            operator=self._operator(),
        )
        if not interrupted.steps:
            return await self._authorise_and_run(visit, opened, history)
        spent = interrupted.seconds
        try:
            plan = await asyncio.to_thread(self._plan_again, hub.model, interrupted.steps)
        except CatalogError as error:
            failed = Failed(reached.stage, Code.CATALOGUE_UNAVAILABLE, str(error), hub.firmware)
            return Concluded(await self._close(opened, failed, None, spent, history, hub), hub)
        sequence = self._sequence(visit, opened, plan, history, interrupted.failures)
        ending = await sequence.recover(reached)
        return await self._finish(visit, opened, plan, sequence, ending, history, spent)

    def _plan_again(self, model: DeviceModel, steps: tuple[StepTarget, ...]) -> AttemptPlan:
        """Find the images of a journalled plan by their SHA-256. Raises CatalogError when one is gone."""
        catalog = self._catalog()
        releases = {release.payload_sha256: release for release in catalog.releases(model)}
        planned = []
        for step in steps:
            if step.image_sha256 not in releases:
                raise ReleaseUnknown(f"version {step.version} of {model}, begun earlier, is no longer listed")
            planned.append(PlannedStep(catalog.load(releases[step.image_sha256])))
        return AttemptPlan(tuple(planned))

    def _sequence(
        self,
        visit: Visit,
        opened: OpenedAttempt,
        plan: AttemptPlan,
        history: HubHistory,
        failures: Mapping[Position, int],
    ) -> Sequence:
        parts = SequenceParts(
            attempt=opened.attempt,
            hub=visit.hub,
            plan=plan,
            driver=visit.driver,
            journal=self._journal,
            authority=self._authority,
            wrong_unlock_answers=history.wrong_unlock_answers,
            present=visit.present,
            power_cycle=visit.power_cycle,
            veto=self._veto,
            on_progress=visit.on_progress,
        )
        return Sequence(parts, failures)

    async def _finish(
        self,
        visit: Visit,
        opened: OpenedAttempt,
        plan: AttemptPlan,
        sequence: Sequence,
        ending: Passed | Failed | LeftOpen,
        history: HubHistory,
        spent: Mapping[Stage, float],
    ) -> Concluded | LeftOpen:
        if isinstance(ending, LeftOpen):
            await self._journal.append(HubLost(attempt=opened.attempt, stage=ending.stage))
            return ending
        seconds = defaultdict(float, spent)
        for stage, more in sequence.seconds.items():
            seconds[stage] += more
        opened = _with_label(opened, visit)
        closed = await self._close(opened, ending, plan.last.target, seconds, history, sequence.hub)
        return Concluded(closed, sequence.hub)

    async def _open(
        self,
        place: Place,
        order: str | None,
        hub: HubFacts | None,
        label: ScannedLabel | None,
        *,
        number: int,
    ) -> OpenedAttempt:
        return await open_attempt(
            self._journal, place, hub, number=number, operator=self._operator(), order=order, label=label
        )

    async def _close(
        self,
        opened: OpenedAttempt,
        ending: Passed | Failed | AlreadyCurrent | Rejected,
        target: StepTarget | None,
        seconds: Mapping[Stage, float],
        history: HubHistory | None,
        last_seen: HubIdentity | None,
    ) -> AttemptClosed:
        event = close(
            opened,
            ending,
            target=target,
            boots=last_seen.boots if last_seen else None,
            failed_before=_failed_by_itself(history) if history else (),
            seconds=seconds,
            finished=read_clock(),
            station_version=self._station_version,
        )
        await self._journal.append(event)
        return event


def _with_label(opened: OpenedAttempt, visit: Visit) -> OpenedAttempt:
    """Add the label that was scanned since."""
    return replace(opened, label=visit.label() or opened.label)


def _label_of(interrupted: OpenAttempt) -> ScannedLabel | None:
    if interrupted.scanned_id is None:
        return None
    return ScannedLabel(interrupted.scanned_id, interrupted.scanned_role)


def _failed_by_itself(history: HubHistory) -> set[Place]:
    """The slots in which a hub failed by its own fault."""
    return {
        attempt.place
        for attempt in history.attempts
        if attempt.code is not None
        and attempt.outcome is Outcome.FAILED
        and failure.blame(attempt.code) is failure.Blame.HUB
    }
