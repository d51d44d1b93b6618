"""What is asked about orders, hubs and boxes: read from the journal beside whoever writes it, in threads of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Final, Literal

from firmware_catalog.devices import gpf_of
from firmware_catalog.identity import Eui64
from station.desk.act import Act
from station.desk.desk import Handlers
from station.desk.hub_story import find_hubs, moments, where_now
from station.desk.looking_requests import (
    BoxesListed,
    BoxShown,
    CartonRow,
    FindHub,
    HubGroup,
    HubInside,
    HubOfOrder,
    HubOrder,
    HubsCounted,
    HubsFound,
    HubsOfGroup,
    HubStory,
    ListBoxes,
    ListOrders,
    Moment,
    OrderRow,
    OrderShown,
    OrdersListed,
    PalletRow,
    ShowBox,
    ShowOrder,
    Withdrawn,
)
from station.desk.looks import Looks, page_of
from station.desk.order_files import left_alone, let_go_of_lines
from station.desk.refusals import Invalid, NotFound
from station.domain.outcome import Code, Outcome
from station.orders.reconcile import Reconciliation, reconcile
from station.packing.codes import CodeError, PackageCode, pallet_code
from station.records.facts.history import ResultOfOrder, open_attempts, results_of_order
from station.records.facts.order_revisions import withdrawn_of
from station.records.facts.orders import OrderLineState, OrderSummary, orders
from station.records.facts.packed import (
    Carton,
    Pallet,
    Placing,
    cartons_of,
    cartons_on,
    hubs_in,
    pallets_of,
    placed_for,
)
from station.records.reader import HubLife, JournalReader

_MOST: Final = 500
"""So many rows of a kind are told beside those that are asked for."""


class LookingDesk:
    """Answers from one journal."""

    def __init__(self, looks: Looks, badge_prefix: str | None) -> None:
        """`badge_prefix` is what the site's badges begin with."""
        self._looks = looks
        self._badge_prefix = badge_prefix

    def handlers(self) -> Handlers:
        """Return what it answers."""
        return {
            ListOrders: self._list_orders,
            ShowOrder: self._show_order,
            FindHub: self._find_hub,
            ListBoxes: self._list_boxes,
            ShowBox: self._show_box,
        }

    async def _list_orders(self, request: ListOrders, act: Act) -> OrdersListed:  # noqa: ARG002 - every handler has it
        return await self._looks.ask(partial(_orders_listed, request=request))

    async def _show_order(self, request: ShowOrder, act: Act) -> OrderShown:  # noqa: ARG002
        with let_go_of_lines():
            return await self._looks.ask(partial(_order_shown, request=request))

    async def _find_hub(self, request: FindHub, act: Act) -> HubsFound:  # noqa: ARG002
        return await self._looks.ask(partial(_hubs_found, text=request.hub, badge_prefix=self._badge_prefix))

    async def _list_boxes(self, request: ListBoxes, act: Act) -> BoxesListed:  # noqa: ARG002
        return await self._looks.ask(partial(_boxes_listed, request=request))

    async def _show_box(self, request: ShowBox, act: Act) -> BoxShown:  # noqa: ARG002
        try:
            code = PackageCode.parse(request.code)
        except CodeError as error:
            raise Invalid(str(error)) from error
        return await self._looks.ask(partial(_box_shown, code=code))


# Orders ------------------------------------------------------------------------------------------------------


def _orders_listed(journal: JournalReader, request: ListOrders) -> OrdersListed:
    newest_first = sorted(journal.ask(orders), key=lambda each: (each.imported, each.order), reverse=True)
    page, following = page_of(newest_first, lambda each: each.order, request.after, request.limit)
    return OrdersListed(orders=tuple(map(_order_row, page)), next=following)


def _order_row(summary: OrderSummary) -> OrderRow:
    return OrderRow(
        order=summary.order,
        imported=summary.imported,
        source=summary.source,
        hubs=summary.hubs,
        waiting=summary.waiting,
        outcomes=dict(summary.outcomes),
        jigs=summary.jigs,
        closed=summary.closed,
    )


def _require_order(journal: JournalReader, order: str) -> OrderSummary:
    for each in journal.ask(orders):
        if each.order == order:
            return each
    raise NotFound(f"there is no order {order}; look at the list of orders")


def _order_shown(journal: JournalReader, request: ShowOrder) -> OrderShown:
    if request.after is not None and request.group is None:
        raise Invalid("after says where to go on in a group of hubs: say in which (group)", field="group")
    summary = _require_order(journal, request.order)
    with left_alone():
        return _held_against_its_manifest(journal, summary, request)


def _held_against_its_manifest(
    journal: JournalReader, summary: OrderSummary, request: ShowOrder
) -> OrderShown:
    order = summary.order
    lines = journal.order_lines(order)
    found = reconcile(
        order,
        lines,
        journal.ask(open_attempts),
        journal.of_order(order, placed_for, order),
        journal.of_order(order, cartons_of, order),
        journal.of_order(order, withdrawn_of, order),
    )
    results = journal.of_order(order, results_of_order, order)
    hubs = tuple(_hubs_of(found, lines, results))
    groups = tuple(
        _of_group(group, hubs, request.after, request.limit)
        for group in HubGroup
        if request.group in {None, group}
    )
    counts = Counter((hub.state, hub.place) for hub in hubs)
    return OrderShown(
        row=_order_row(summary),
        standing=str(found),
        complete=found.complete,
        counts=tuple(
            HubsCounted(state=state, place=place, hubs=number) for (state, place), number in counts.items()
        ),
        groups=groups,
        next=groups[0].next if request.group is not None else None,
        strangers=tuple(islice(_strangers(found, results), _MOST)),
        withdrawn=tuple(
            Withdrawn(
                chf=gone.line.device_id,
                outcome=gone.outcome,
                revision=gone.revision,
                to_put_aside=gone.to_put_aside,
            )
            for gone in found.withdrawn[:_MOST]
        ),
        cartons=tuple(map(_carton_row, found.cartons[:_MOST])),
        pallets=tuple(map(_pallet_row, journal.of_order(order, pallets_of, order)[:_MOST])),
    )


def _of_group(group: HubGroup, hubs: Iterable[HubOfOrder], after: str | None, limit: int) -> HubsOfGroup:
    there = [hub for hub in hubs if hub.group is group]
    page, following = page_of(there, lambda hub: str(hub.chf), after, limit)
    return HubsOfGroup(group=group, hubs=tuple(page), in_all=len(there), next=following)


def _hubs_of(
    found: Reconciliation, lines: Iterable[OrderLineState], results: Iterable[ResultOfOrder]
) -> Iterator[HubOfOrder]:
    codes: dict[Eui64 | None, Code | None] = {each.hub: each.code for each in results if each.listed}
    still_open = {hub.line.device_id: str(hub) for hub in found.open}
    for state in lines:
        chf = state.line.device_id
        opened = still_open.get(chf)
        outcome: Outcome | None = None if opened is not None else state.outcome
        placing = found.placed.get(chf)
        yield HubOfOrder(
            chf=chf,
            gpf=gpf_of(state.line.ids),
            outcome=outcome,
            code=codes.get(chf) if outcome is not None else None,
            open=opened,
            place=None if placing is None else placing.stand.place,
            carton=None if placing is None else placing.stand.code,
        )


def _strangers(found: Reconciliation, results: Iterable[ResultOfOrder]) -> Iterator[HubOfOrder]:
    put = {placing.hub: placing for placing in found.strangers}
    for each in results:
        if not each.listed:
            placing = None if each.hub is None else put.pop(each.hub, None)
            yield _stranger(each.hub, placing, each.outcome, each.code)
    for hub, placing in put.items():
        yield _stranger(hub, placing)


def _stranger(
    hub: Eui64 | None, placing: Placing | None, outcome: Outcome | None = None, code: Code | None = None
) -> HubOfOrder:
    return HubOfOrder(
        chf=hub,
        outcome=outcome,
        code=code,
        place=None if placing is None else placing.stand.place,
        carton=None if placing is None else placing.stand.code,
    )


# Hubs and boxes ----------------------------------------------------------------------------------------------


def _hubs_found(journal: JournalReader, text: str, badge_prefix: str | None) -> HubsFound:
    found = find_hubs(journal, text, badge_prefix)
    return HubsFound(hubs=tuple(_story(device, life) for device, life in found))


def _story(device: Eui64, life: HubLife) -> HubStory:
    return HubStory(
        hub=device,
        now=where_now(life),
        orders=tuple(
            HubOrder(
                order=state.order,
                outcome=state.outcome,
                chf=state.line.device_id,
                gpf=gpf_of(state.line.ids),
                owner=state.line.owner,
                manufacturer=state.line.manufacturer,
                model=state.line.model,
                variant=state.line.variant,
            )
            for state in life.lines
        ),
        moments=tuple(Moment(at=told.at, line=told.line) for told in moments(life)),
    )


def _boxes_listed(journal: JournalReader, request: ListBoxes) -> BoxesListed:
    if request.order is not None:
        numbers = [_require_order(journal, request.order).order]
    else:
        numbers = [each.order for each in journal.ask(orders) if each.closed is None]
    cartons = [each for number in numbers for each in journal.of_order(number, cartons_of, number)]
    pallets = [each for number in numbers for each in journal.of_order(number, pallets_of, number)]
    boxes: list[Carton | Pallet] = [
        *sorted(cartons, key=lambda each: each.number, reverse=True),
        *sorted(pallets, key=lambda each: each.number, reverse=True),
    ]
    page, following = page_of(boxes, lambda each: each.code, request.after, request.limit)
    return BoxesListed(
        cartons=tuple(_carton_row(each) for each in page if isinstance(each, Carton)),
        pallets=tuple(_pallet_row(each) for each in page if isinstance(each, Pallet)),
        next=following,
    )


def _box_shown(journal: JournalReader, code: PackageCode) -> BoxShown:
    box = journal.package(code)
    if box is None:
        raise NotFound(f"there is no {code.package} {code}")
    cartons: tuple[Carton, ...] = (
        (box,) if isinstance(box, Carton) else journal.of_order(box.order, cartons_on, box.number)
    )
    return BoxShown(
        cartons=tuple(map(_carton_row, cartons)),
        pallet=_pallet_row(box) if isinstance(box, Pallet) else None,
        hubs=tuple(
            HubInside(hub=each.hub, gpf=each.gpf, carton=carton.code, placed=each.placed, actor=each.actor)
            for carton in cartons
            for each in journal.of_order(carton.order, hubs_in, carton.number)
        ),
    )


def _carton_row(each: Carton) -> CartonRow:
    state: Literal["open", "closed", "held"] = (
        "held" if each.held is not None else "open" if each.closed is None else "closed"
    )
    return CartonRow(
        carton=each.code,
        order=each.order,
        hubs=each.hubs,
        capacity=each.capacity,
        state=state,
        reason=each.held or each.reason,
        contents=None if each.contents is None else str(each.contents),
        pallet=None if each.pallet is None else pallet_code(each.pallet),
    )


def _pallet_row(each: Pallet) -> PalletRow:
    return PalletRow(
        pallet=each.code,
        order=each.order,
        cartons=each.cartons,
        capacity=each.capacity,
        state="open" if each.closed is None else "closed",
        reason=each.reason,
    )
