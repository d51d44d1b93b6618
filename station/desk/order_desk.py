"""Work orders at the desk: the same answers whether the daemon gives them or a command that holds the journal."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterable
from typing import Final

from firmware_catalog.identity import Eui64
from station.attempt.closing import OpenedAttempt, close
from station.attempt.parts import Failed
from station.attempt.settling import may_lack
from station.desk.act import Act
from station.desk.desk import Handlers
from station.desk.jigs import require_jig
from station.desk.line_clearance import LineClearance
from station.desk.order_files import let_go_of_lines, read_order
from station.desk.order_requests import (
    AssignOrder,
    CloseOrder,
    ImportOrder,
    OrderEnded,
    OrderTaken,
    UnassignOrder,
    WorksOn,
)
from station.desk.refusals import Conflict, Invalid, NotFound
from station.domain.label import ScannedLabel
from station.domain.order_line import ListedDevice
from station.domain.outcome import Code, Stage
from station.kernel_clock import read_clock
from station.orders.errors import OrderIncomplete, OrderRefused, OrderUnknown
from station.orders.life_cycle import (
    events_for_assignment,
    events_for_closing,
    events_for_import,
    find_order,
)
from station.orders.reconcile import ids_of, standing_of
from station.records.errors import (
    AttemptHasResult,
    GoldenHubsOnOrder,
    HubsInWork,
    HubsOnOpenOrders,
    OrderHasOpenAttempts,
)
from station.records.expectations import (
    EveryHubInItsPlace,
    Expectation,
    HubsWithoutResult,
    JigWorksOn,
    WorkedOnBy,
)
from station.records.facts.attempts import AttemptClosed
from station.records.facts.events import Event
from station.records.facts.golden import golden_among
from station.records.facts.history import OpenAttempt
from station.records.facts.order_revisions import withdrawn_to_put_aside
from station.records.facts.orders import OrderLinesAdded, OrderUnassigned, listed_by_others
from station.records.facts.packed import cartons_of, places_of_order
from station.records.journal import Journal
from station.version import station_version

_LOOKS: Final = 3
"""How often an order is looked at again that changed while it was to be closed."""


class OrderDesk:
    """Imports work orders, gives them to jigs and takes them away, and closes them, in one journal."""

    def __init__(
        self,
        journal: Journal,
        jigs: Collection[str],
        is_seated: Callable[[OpenAttempt], bool],
        clearance: LineClearance,
    ) -> None:
        """`is_seated` says whether the hub of an open attempt sits in a slot right now."""
        self._journal = journal
        self._jigs = jigs
        self._is_seated = is_seated
        self._clearance = clearance
        self._importing = asyncio.Lock()

    def handlers(self) -> Handlers:
        """Return what it answers."""
        return {
            ImportOrder: self._import,
            AssignOrder: self._assign,
            UnassignOrder: self._unassign,
            CloseOrder: self._close,
        }

    async def _import(self, request: ImportOrder, act: Act) -> OrderTaken:
        async with self._importing:
            with let_go_of_lines():
                file = await read_order(request, act)
                try:
                    events = deque(events_for_import(file, await self._journal.orders(), act.actor))
                except OrderRefused as error:
                    raise Invalid(str(error)) from error
                await self._require_hubs_of_no_other(file.number, events)
                answer = OrderTaken(
                    order=file.number,
                    family=file.lines[0].ids.kind.family,
                    hubs=len(file.lines),
                    new=bool(events),
                )
                del file  # lines are let go as they are recorded: all at once would still the loop
                # Small commits: whoever else has a fact to record waits for one of them at most.
                while len(events) > 1:
                    await self._journal.append(events.popleft())
                await act.recording(answer).append(*events)
        return answer

    async def _require_hubs_of_no_other(self, order: str, events: Iterable[Event]) -> None:
        """Refuse an import that could not end. Each append asks again, and knows of its own lines only."""
        listed: dict[str, list[Eui64]] = {}
        golden: list[Eui64] = []
        for event in events:
            if isinstance(event, OrderLinesAdded):
                for other, hubs in (await self._journal.ask(listed_by_others, order, event.lines)).items():
                    listed.setdefault(other, []).extend(hubs)
                golden += await self._journal.ask(golden_among, event.lines)
        if listed:
            raise HubsOnOpenOrders(order, listed)
        if golden:
            raise GoldenHubsOnOrder(order, golden)

    async def _assign(self, request: AssignOrder, act: Act) -> WorksOn:
        jig = request.jig
        require_jig(jig, self._jigs)
        expected = () if request.expected is None else (JigWorksOn(jig, request.expected.order),)
        try:
            order = find_order(await self._journal.orders(), request.order)
            events = events_for_assignment(order, jig, act.actor)
            before = await self._journal.jig_order(jig)
            answer = WorksOn(order=order.order, jig=jig, before=before if before != order.order else None)
            cleared = await self._clearance.of([(jig, before)] if events else [], request, act)
            await act.recording(answer).append(*expected, *cleared, *events)
        except OrderUnknown as error:
            raise NotFound(str(error)) from error
        except OrderRefused as error:
            raise Invalid(str(error)) from error
        return answer

    async def _unassign(self, request: UnassignOrder, act: Act) -> WorksOn:
        jig, order = request.jig, request.order
        require_jig(jig, self._jigs)
        works_on = await self._journal.jig_order(jig)
        if works_on != order:
            what = "no order" if works_on is None else f"order {works_on}"
            raise Conflict(f"{jig} works on {what}, not on order {order}", jig=jig, order=works_on)
        answer = WorksOn(order=None, jig=jig)
        cleared = await self._clearance.of([(jig, order)], request, act)
        await act.recording(answer).append(*cleared, OrderUnassigned(order=order, jig=jig, actor=act.actor))
        return answer

    async def _close(self, request: CloseOrder, act: Act) -> OrderEnded:
        """Close an order. Accepted as incomplete, its open attempts end as FAILED: their hubs never came back."""
        for _ in range(_LOOKS):
            try:
                return await self._close_as_it_stands(request, act)
            except (AttemptHasResult, OrderHasOpenAttempts) as error:
                changed = error  # between the look and the append; look again
            except OrderUnknown as error:
                raise NotFound(str(error)) from error
            except OrderIncomplete as error:
                raise Conflict(str(error)) from error
            except OrderRefused as error:
                raise Invalid(str(error)) from error
        raise Conflict(str(changed)) from changed

    async def _close_as_it_stands(self, request: CloseOrder, act: Act) -> OrderEnded:
        number, journal = request.order, self._journal
        order = find_order(await journal.orders(), number)
        made_for_it = [attempt for attempt in await journal.open_attempts() if attempt.order == number]
        standing = standing_of(
            order,
            [(attempt, await journal.order_line_state(number, *ids_of(attempt))) for attempt in made_for_it],
            await journal.ask(places_of_order, number),
            await journal.ask(cartons_of, number),
            await journal.ask(withdrawn_to_put_aside, number),
        )
        events = events_for_closing(
            order, standing, request.reason, act.actor, incomplete_accepted=request.incomplete_accepted
        )
        lines = {hub.attempt.attempt: hub.line for hub in standing.open}
        unfinished = (*(hub.attempt for hub in standing.open), *standing.unattributed)
        if seated := [attempt.place for attempt in unfinished if self._is_seated(attempt)]:
            raise HubsInWork(f"order {number} cannot be closed now", seated)
        never_back = [_never_back(attempt, lines.get(attempt.attempt)) for attempt in unfinished]
        waiting = request.expected_waiting
        # A jig that was given the order since would be cleared of it unseen.
        expected: tuple[Expectation, ...] = (WorkedOnBy(number, frozenset(order.jigs)),)
        if waiting is not None:
            expected = (*expected, HubsWithoutResult(number, waiting))
        if not request.incomplete_accepted:
            expected = (*expected, EveryHubInItsPlace(number))
        answer = OrderEnded(order=number, standing=str(standing))
        cleared = await self._clearance.of([(jig, number) for jig in order.jigs], request, act)
        await act.recording(answer).append(*expected, *cleared, *never_back, *events)
        return answer


def _never_back(attempt: OpenAttempt, line: ListedDevice | None) -> AttemptClosed:
    """The result of an attempt whose hub was not seen again before its order was closed."""
    label = None if attempt.scanned_id is None else ScannedLabel(attempt.scanned_id, attempt.scanned_role)
    opened = OpenedAttempt(
        attempt=attempt.attempt,
        place=attempt.place,
        order=attempt.order,
        number=attempt.number,
        hub=attempt.hub,
        label=label,
        line=line,
        opened=attempt.opened,
        operator=attempt.operator,
    )
    stage = attempt.stage or Stage.AUTHORISE
    unsettled = may_lack(stage, attempt.steps[attempt.step].version) if attempt.steps else None
    return close(
        opened,
        Failed(stage, Code.HUB_GONE, None, None, unsettled),
        target=attempt.steps[-1] if attempt.steps else None,
        boots=None,
        failed_before=(),
        seconds=attempt.seconds,
        finished=read_clock(),
        station_version=station_version(),
    )
