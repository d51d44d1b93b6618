"""Work orders that were wrong, at the desk: what a new revision of the file changes is shown, then signed for."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass

from drivers.threads import apart
from firmware_catalog.identity import Eui64
from station.desk.act import Act
from station.desk.desk import Handlers
from station.desk.order_files import left_alone, let_go_of_lines, read_order
from station.desk.order_requests import (
    ComesWithFile,
    CompareOrder,
    OrderAmended,
    OrderCompared,
    ReviseOrder,
)
from station.desk.refusals import Conflict, Invalid, NotFound
from station.domain.destination import Destination
from station.domain.order_line import BridgeLine, ListedDevice
from station.orders.csv_import import OrderFile
from station.orders.errors import OrderRefused, OrderUnknown
from station.orders.life_cycle import find_order
from station.orders.revision import Difference, changes_of, event_of_revision, require_revision
from station.packing.codes import carton_code
from station.records.errors import HubsOnOpenOrders
from station.records.facts.order_revisions import Revision, revisions_of
from station.records.facts.orders import listed_by_others
from station.records.facts.packed import Placing, placed_for
from station.records.facts.packing import CartonHeld
from station.records.journal import Journal


@dataclass(frozen=True, slots=True)
class _Found:
    """A file beside the order that it is to amend."""

    file: OrderFile
    revisions: tuple[Revision, ...]
    difference: Difference
    placed: dict[Eui64, Placing]
    """Where hubs of the order stand, by CHF id."""


class RevisionDesk:
    """Shows what a revision changes, and amends orders in one journal."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._comparing = asyncio.Lock()
        """One file at a time: each keeps a core busy for as long as it is long."""

    def handlers(self) -> Handlers:
        """Return what it answers."""
        return {CompareOrder: self._compare, ReviseOrder: self._revise}

    async def _compare(self, request: CompareOrder, act: Act) -> OrderCompared:
        with let_go_of_lines():
            found = await self._found(request, act)
        return _shown(found)

    async def _revise(self, request: ReviseOrder, act: Act) -> OrderAmended:
        if act.actor.pseudonym is None:
            raise Invalid(
                "who amends an order signs for it: sign on for the bench, or say who answers for it (--by)"
            )
        with let_go_of_lines():
            found = await self._found(request, act)
            number, now = found.file.number, found.revisions[-1]
            if request.amends != now.sha256:
                raise Conflict(
                    f"order {number} was amended meanwhile, by revision {now.revision}: look at the difference again",
                    revision=now.revision,
                )
            if not found.difference.lines:
                return OrderAmended(order=number, revision=now.revision, hubs=len(found.file.lines), held=())
            try:
                revised = event_of_revision(
                    found.file, found.difference, found.revisions, request.reason, act.actor
                )
            except OrderRefused as error:
                raise Invalid(str(error)) from error
            amiss = _cartons_amiss(found, revised.revision)
            held = [
                CartonHeld(carton=carton, found=None, reason=why, actor=act.actor)
                for carton, why in amiss.items()
            ]
            answer = OrderAmended(
                order=number,
                revision=revised.revision,
                hubs=revised.hubs,
                held=tuple(map(carton_code, amiss)),
            )
            await act.recording(answer).append(*held, revised)
        return answer

    async def _found(self, request: ComesWithFile, act: Act) -> _Found:
        """Read the file, and what it is to amend. Raises NotFound, Invalid, Conflict."""
        async with self._comparing:
            return await self._compared(request, act)

    async def _compared(self, request: ComesWithFile, act: Act) -> _Found:
        file = await read_order(request, act)
        try:
            order = find_order(await self._journal.orders(), file.number)
            revisions = await self._journal.ask(revisions_of, file.number)
            with left_alone():  # its lines are as many as the file's
                states = await self._journal.order_lines(file.number)
                found = await apart(
                    "revision",
                    lambda: require_revision(file, order, revisions, [state.line for state in states]),
                )
        except OrderUnknown as error:
            raise NotFound(str(error)) from error
        except OrderRefused as error:
            raise Invalid(str(error)) from error
        coming = [*found.added, *(line for _, line in found.changed)]
        if listed := await self._journal.ask(listed_by_others, file.number, coming):
            raise HubsOnOpenOrders(file.number, listed)
        placed = {each.hub: each for each in await self._journal.ask(placed_for, file.number)}
        return _Found(file, revisions, found, placed)


def _shown(found: _Found) -> OrderCompared:
    difference, now = found.difference, found.revisions[-1]

    def where(line: ListedDevice) -> str:
        placing = found.placed.get(line.device_id)
        return "" if placing is None else f", {placing.stand}"

    return OrderCompared(
        order=found.file.number,
        revision=now.revision,
        amends=now.sha256,
        hubs=len(found.file.lines),
        added=tuple(str(line.device_id) for line in difference.added),
        withdrawn=tuple(f"{line.device_id}{where(line)}" for line in difference.withdrawn),
        changed=tuple(
            f"{line.device_id}{where(line)}: {changes_of(before, line)}"
            for before, line in difference.changed
        ),
    )


def _amiss(found: _Found) -> dict[Eui64, str]:
    """Return the hubs that stand in cartons into which they do not belong once the order is amended, and why."""
    gone = {line.device_id: "its line was withdrawn" for line in found.difference.withdrawn}
    otherwise = {
        line.device_id: "its line says another kind now"
        for before, line in found.difference.changed
        if _kind(before) != _kind(line)
    }
    return {
        hub: why
        for hub, why in (gone | otherwise).items()
        if hub in found.placed and found.placed[hub].stand.place is Destination.CARTON
    }


def _kind(line: ListedDevice) -> tuple[str, ...]:
    of_set = (line.premises,) if isinstance(line, BridgeLine) else ()
    return (line.owner, line.manufacturer, line.model, line.variant, *of_set)


def _cartons_amiss(found: _Found, revision: int) -> dict[int, str]:
    """Return why each carton is to be held."""
    hubs: defaultdict[int, list[str]] = defaultdict(list)
    for hub, why in _amiss(found).items():
        carton = found.placed[hub].stand.carton
        if carton is not None:
            hubs[carton].append(f"hub {hub}: {why}")
    return {
        carton: f"revision {revision} of order {found.file.number}: {'; '.join(whys[:3])}"
        + (f" and {len(whys) - 3} more" if len(whys) > 3 else "")
        for carton, whys in hubs.items()
    }
