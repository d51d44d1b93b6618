"""One visit of a hub to a slot, from its identity to a durable result, or to an attempt that waits for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from drivers.errors import DriverError
from drivers.hub import DeviceIdentity, HubState
from drivers.threads import apart
from firmware_catalog.catalog import Catalog
from firmware_catalog.devices import gpf_of
from firmware_catalog.errors import CatalogError, ProductNotActive, ReleaseUnknown
from station.attempt import failure
from station.attempt.authorise import (
    AlreadyCurrent,
    Authorised,
    Decision,
    Question,
    Rejected,
    against_order,
    authorise,
    plan_again,
)
from station.attempt.closing import OpenedAttempt, close, facts_of
from station.attempt.first_look import Visit, look, look_again
from station.attempt.history import (
    Left,
    failed_by_itself,
    label_of,
    left_with,
    own_open_attempt,
    result_of,
)
from station.attempt.opening import open_at_jig
from station.attempt.parts import Ending, Failed, LeftOpen, Passed, SequenceParts
from station.attempt.permission import OrderPermission, Veto
from station.attempt.plan import AttemptPlan, PlannedStep
from station.attempt.probe import classify
from station.attempt.sequence import Sequence
from station.attempt.settling import settle
from station.attempt.workers import Workers
from station.domain.label import ScannedLabel
from station.domain.outcome import Code, Stage
from station.domain.position import Position
from station.domain.slot_name import SlotName
from station.kernel_clock import read_clock
from station.records.errors import AttemptHasResult, NotAsExpected
from station.records.facts.attempts import AttemptClosed, AttemptPlanned, AttemptResumed, HubLost, StepTarget
from station.records.facts.events import Event
from station.records.facts.history import HubHistory, OpenAttempt, PastAttempt
from station.records.facts.orders import ListedElsewhere, jig_order, listed_device, listed_elsewhere
from station.records.journal import Journal
from station.unlocking.parts import NamedAuthority, WrongAnswers


@dataclass(frozen=True, slots=True)
class Concluded:
    """A visit that ended with a result, and the hub as it last identified itself."""

    result: AttemptClosed
    recorded: datetime
    hub: DeviceIdentity


@dataclass(frozen=True, slots=True)
class StillSeated:
    """The hub was done with here and has neither left nor booted since: a restart or a lost port is no new visit."""

    last: PastAttempt
    left: Left
    booted: bool
    """It did boot, and that is no new visit any more."""
    detail: str | None
    """What its last result says beside the code."""


class Conductor:
    """Conducts visits. One serves all slots; a visit's state lives in the call."""

    def __init__(
        self,
        *,
        journal: Journal,
        catalogue: Callable[[], Catalog],
        authority: Callable[[SlotName], NamedAuthority],
        wrong_answers: WrongAnswers,
        veto: Veto,
        hindrance: Callable[[], str | None],
        workers: Workers,
        station_version: str,
    ) -> None:
        self._journal = journal
        self._catalogue = catalogue
        self._authority = authority
        self._wrong_answers = wrong_answers
        self._veto = veto
        self._hindrance = hindrance
        self._workers = workers
        self._station_version = station_version

    async def conduct(self, visit: Visit) -> Concluded | LeftOpen | StillSeated:
        """Take the hub as far as it goes. A result is durable before it is returned."""
        hub, label = visit.hub, visit.label()
        # A hub that shall not be touched now gets a rejection of its own, and what is open on it stays open.
        if visit.seen_elsewhere is None and (label is None or label.names(hub)):
            interrupted = await own_open_attempt(self._journal, hub)
            if interrupted is not None:
                return await self._take_up(visit, interrupted)
        return await self._begin(visit)

    async def may_boot_unknown(self, place: SlotName, label: ScannedLabel | None) -> bool:
        """Whether what waits in its boot loader at a slot may be booted, as seating it has done: not if its label is on no line."""
        if label is None:
            return True
        order = await self._journal.jig_order(place.jig)
        return await self._journal.ask(listed_device, order, None, label) is not None

    async def unidentified(
        self, place: SlotName, label: ScannedLabel | None, error: DriverError
    ) -> tuple[AttemptClosed, datetime]:
        """Record a hub that is seated and cannot say who it is, under its scanned label if there is one; return when, too."""
        history = HubHistory(None, 0, ())
        if label is not None:
            history = await self._journal.label_history(label.device_id)
        opened = await open_at_jig(self._journal, place, None, label, history, self._workers)
        code = failure.code_of(error, Stage.IDENTIFY)
        code = Code.HUB_UNIDENTIFIED if code in {Code.NO_ANSWER, Code.PROTOCOL_ERROR} else code
        ending = Failed(Stage.IDENTIFY, code, error.fact, None)
        return await self._close(opened, ending, None, {}, history, None)

    async def _begin(self, visit: Visit) -> Concluded | LeftOpen | StillSeated:
        hub, journal = visit.hub, self._journal
        order, history = await journal.at_once(
            lambda records: (records.ask(jig_order, visit.place.jig), records.hub_history(*hub.ids.every))
        )
        last = history.attempts[-1] if history.attempts else None
        if (
            last is not None
            and last.outcome is not None
            and (last.order, last.place, last.gpf) == (order, visit.place, gpf_of(hub.ids))
            and (last.boots == hub.boots or not visit.may_be_anew)
        ):
            passed = history.passed_in(order) if last.code is Code.ALREADY_PASSED else None
            left = await left_with(journal, hub, (passed or last).attempt)
            goes_home = order is not None and last.code in {None, Code.ALREADY_PASSED}
            withdrawn = goes_home and await journal.ask(listed_device, order, facts_of(hub), None) is None
            if left is not None and not withdrawn:
                result = await result_of(journal, hub, last.attempt)
                return StillSeated(
                    last,
                    left,
                    booted=last.boots != hub.boots,
                    detail=None if result is None else result.detail,
                )
        opened = await open_at_jig(
            journal, visit.place, facts_of(hub), visit.label(), history, self._workers, visit.boot_seconds
        )
        return await self._authorise_and_run(visit, opened, history, taken_up=False)

    async def _authorise_and_run(
        self, visit: Visit, opened: OpenedAttempt, history: HubHistory, *, taken_up: bool
    ) -> Concluded | LeftOpen:
        hub, order = visit.hub, opened.order
        if taken_up and order is not None and not await self._journal.order_is_open(order):
            order = None
        question = Question(
            hub=hub,
            label=visit.label(),
            order=order,
            line=opened.line,
            passed_in_order=history.passed_in(opened.order),
            listed_elsewhere=await self._listed_elsewhere(hub, opened),
            seen_elsewhere=str(visit.seen_elsewhere) if visit.seen_elsewhere else None,
        )
        # First what needs no answer of the hub: one that is not on the order is not even booted.
        decision: Decision | None = against_order(question)
        state: HubState | None = None
        if decision is None:
            hub, told = await look(visit)
            if isinstance(told, LeftOpen | Failed):
                return await self._end(hub, opened, told, None, {}, history)
            visit, question, state = replace(visit, hub=hub), replace(question, hub=hub), told
            decision = await apart("authorise", partial(authorise, question, state, self._catalogue()))
        if isinstance(decision, Rejected) and decision.code is Code.ALREADY_PASSED:
            looked = await look_again(self._journal, visit, decision, history, opened.order)
            if isinstance(looked, LeftOpen):
                return await self._end(hub, opened, looked, None, {}, history)
            decision = looked
        opened = _with_label(opened, visit)
        match decision:
            case Rejected():
                return await self._end(hub, opened, decision, None, {}, history)
            case AlreadyCurrent(image=image):
                plan = AttemptPlan((PlannedStep(image),))
            case Authorised(plan=plan):
                pass
        permission = self._permission(visit, opened, plan.targets, taken_up=taken_up)
        if isinstance(decision, Authorised):
            rejected = await permission.refusal(hub, untouched=True)
            if rejected is not None:
                return await self._end(hub, opened, rejected, None, {}, history)
        sequence = self._sequence(visit, opened, plan, permission, {}, untouched=True)
        if isinstance(decision, AlreadyCurrent):
            ending = await sequence.check_current()
            done = decision if isinstance(ending, Passed) else ending
            return await self._finish(visit, opened, plan, sequence, done, history, {})
        if state is None:
            raise AssertionError("only a hub that was looked at is authorised")
        planned = AttemptPlanned(attempt=opened.attempt, steps=plan.targets)
        ending = await sequence.begin(planned, classify(plan, hub, state))
        return await self._finish(visit, opened, plan, sequence, ending, history, {})

    async def _take_up(self, visit: Visit, interrupted: OpenAttempt) -> Concluded | LeftOpen | StillSeated:
        """Go on with an attempt that a crash, a lost hub or a lost port left open, if it may still be begun."""
        journal, hub = self._journal, visit.hub
        reached = Position(interrupted.step, interrupted.stage or Stage.AUTHORISE)
        history = await journal.hub_history(*hub.ids.every)
        label = visit.label()
        resumed = AttemptResumed(
            attempt=interrupted.attempt,
            place=visit.place,
            stage=reached.stage,
            step=reached.step,
            why=f"the {hub.ids.kind.family} answers in {visit.place}",
            scanned_id=label.device_id if label else None,
            scanned_role=label.role if label else None,
        )
        try:
            await journal.append(resumed)
        except AttemptHasResult:
            return await self._begin(visit)  # its order was closed meanwhile: the hub is judged anew
        facts = interrupted.hub or facts_of(hub)
        opened = OpenedAttempt(
            attempt=interrupted.attempt,
            place=visit.place,
            order=interrupted.order,
            number=interrupted.number,
            hub=facts,
            label=visit.label() or label_of(interrupted),
            line=await journal.ask(listed_device, interrupted.order, facts, None),
            opened=interrupted.opened,
            operator=self._workers.at(visit.place.jig).pseudonym,
        )
        if not interrupted.steps:
            return await self._authorise_and_run(visit, opened, history, taken_up=True)
        spent, target = interrupted.seconds, interrupted.steps[-1]
        permission = self._permission(visit, opened, interrupted.steps, taken_up=True)
        refused = await permission.refusal(hub, untouched=False)
        if refused is None:
            try:
                plan = await apart(
                    "authorise", partial(plan_again, self._catalogue(), hub.model, interrupted.steps)
                )
            except (ReleaseUnknown, ProductNotActive) as error:
                refused = Rejected(
                    Code.RELEASE_WITHDRAWN, error.happened
                )  # of a step that is behind, perhaps
            except CatalogError as error:
                refused = Rejected(Code.CATALOGUE_UNAVAILABLE, error.happened)
        if refused is not None:
            return await self._settle_and_end(
                visit, opened, permission, reached, refused, target, history, spent
            )
        sequence = self._sequence(visit, opened, plan, permission, interrupted.failures, untouched=False)
        ending = await sequence.recover(reached)
        return await self._finish(visit, opened, plan, sequence, ending, history, spent)

    async def _settle_and_end(
        self,
        visit: Visit,
        opened: OpenedAttempt,
        permission: OrderPermission,
        reached: Position,
        refused: Rejected,
        target: StepTarget,
        history: HubHistory,
        spent: Mapping[Stage, float],
    ) -> Concluded | LeftOpen:
        """End an attempt that may not go on, leaving its hub as it may be left."""
        try:
            settled = await settle(
                visit.driver,
                visit.hub,
                present=visit.present,
                leave_recovery=visit.leave_recovery,
                may_stay=permission.may_stay,
            )
        except DriverError as error:
            return await self._end(
                visit.hub,
                opened,
                LeftOpen(reached.stage, failure.why_left_open(error)),
                target,
                spent,
                history,
            )
        failed = Failed(reached.stage, refused.code, refused.detail, settled.read_back, settled.unsettled)
        return await self._end(settled.hub, opened, failed, target, spent, history)

    async def _listed_elsewhere(self, hub: DeviceIdentity, opened: OpenedAttempt) -> ListedElsewhere | None:
        if opened.order is None or opened.line is not None:
            return None
        return await self._journal.ask(listed_elsewhere, opened.order, *hub.ids.every)

    def _permission(
        self, visit: Visit, opened: OpenedAttempt, steps: tuple[StepTarget, ...], *, taken_up: bool
    ) -> OrderPermission:
        return OrderPermission(
            journal=self._journal,
            catalogue=self._catalogue,
            veto=self._veto,
            hindrance=self._hindrance,
            opened=opened,
            steps=steps,
            label=visit.label,
            taken_up=taken_up,
        )

    def _sequence(
        self,
        visit: Visit,
        opened: OpenedAttempt,
        plan: AttemptPlan,
        permission: OrderPermission,
        failures: Mapping[Position, int],
        *,
        untouched: bool,
    ) -> Sequence:
        parts = SequenceParts(
            attempt=opened.attempt,
            hub=visit.hub,
            plan=plan,
            driver=visit.driver,
            journal=self._journal,
            authority=self._authority(visit.place),
            wrong_answers=self._wrong_answers,
            permission=permission,
            untouched=untouched,
            present=visit.present,
            power_cycle=visit.power_cycle,
            leave_recovery=visit.leave_recovery,
            on_progress=visit.on_progress,
        )
        return Sequence(parts, failures)

    async def _finish(
        self,
        visit: Visit,
        opened: OpenedAttempt,
        plan: AttemptPlan,
        sequence: Sequence,
        ending: Ending | AlreadyCurrent,
        history: HubHistory,
        spent: Mapping[Stage, float],
    ) -> Concluded | LeftOpen:
        seconds = defaultdict(float, spent)
        for stage, more in sequence.seconds.items():
            seconds[stage] += more
        opened = _with_label(opened, visit)
        return await self._end(sequence.hub, opened, ending, plan.last.target, seconds, history, sequence.due)

    async def _end(
        self,
        last_seen: DeviceIdentity,
        opened: OpenedAttempt,
        ending: Ending | AlreadyCurrent,
        target: StepTarget | None,
        seconds: Mapping[Stage, float],
        history: HubHistory,
        due: tuple[Event, ...] = (),
    ) -> Concluded | LeftOpen:
        """Make the end durable, and what else is due: a result, or that the hub has to be found."""
        if isinstance(ending, LeftOpen):
            await self._journal.append(*due, HubLost(attempt=opened.attempt, stage=ending.stage))
            return ending
        closed = await self._close(opened, ending, target, seconds, history, last_seen, due)
        return Concluded(*closed, last_seen)

    async def _close(
        self,
        opened: OpenedAttempt,
        ending: Passed | Failed | AlreadyCurrent | Rejected,
        target: StepTarget | None,
        seconds: Mapping[Stage, float],
        history: HubHistory,
        last_seen: DeviceIdentity | None,
        due: tuple[Event, ...] = (),
    ) -> tuple[AttemptClosed, datetime]:
        finished, failed = read_clock(), failed_by_itself(history)
        while True:
            worker = self._workers.at(opened.place.jig)
            event = close(
                replace(opened, operator=worker.pseudonym),
                ending,
                target=target,
                boots=last_seen.boots if last_seen else None,
                failed_before=failed,
                seconds=seconds,
                finished=finished,
                station_version=self._station_version,
            )
            try:
                *_, recorded = await self._journal.append(worker.expectation, *due, event)
            except NotAsExpected:
                continue  # somebody signed on or off in that very moment: the result is theirs who are there now
            return event, recorded.utc


def _with_label(opened: OpenedAttempt, visit: Visit) -> OpenedAttempt:
    """Add the label that was scanned since."""
    return replace(opened, label=visit.label() or opened.label)
