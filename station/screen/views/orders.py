"""Work orders: which there are, how far each is, where its hubs stand, its end; and any hub's whole story."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response

from station.desk.looking_requests import FindHub, HubGroup, HubOfOrder, ListOrders, ShowBox, ShowOrder
from station.domain.destination import Destination
from station.domain.outcome import Outcome
from station.screen.parts import Parts
from station.texts.results import what_happened

_STATES: Final = (*Outcome, "open", "never_seen")
_PLACES: Final = (*Destination, None)

Text = Annotated[str, Query(min_length=1, max_length=128)]


def orders_views(parts: Parts) -> APIRouter:
    """Return the routes of these views."""
    router = APIRouter()
    mirror = parts.mirror

    def state_name(state: str) -> str:
        return mirror.sentences.texts.say("screen", f"state_{state}")

    def why(hub: HubOfOrder) -> str:
        return "" if hub.code is None else what_happened(mirror.sentences.texts, hub.code)

    @router.get("/orders")
    async def listed(request: Request, after: Text | None = None) -> Response:
        found = await parts.ask(request, ListOrders(after=after))
        return parts.page(
            request,
            "orders.html",
            "orders",
            orders=found.orders,
            following=found.next,
            outcomes=list(Outcome),
            outcome_name=state_name,
        )

    @router.get("/orders/show")
    async def shown(
        request: Request, order: Text, group: HubGroup | None = None, after: Text | None = None
    ) -> Response:
        found = await parts.ask(request, ShowOrder(order=order, group=group, after=after))
        counts = Counter({(each.state, each.place): each.hubs for each in found.counts})
        totals = Counter[str]()
        for each in found.counts:
            totals[each.state] += each.hubs
        return parts.page(
            request,
            "order.html",
            "orders",
            row=found.row,
            standing=found.standing,
            complete=found.complete,
            states=[state for state in _STATES if totals[state]],
            places=_PLACES,
            counts=counts,
            totals=totals,
            groups={each.group.value: each for each in found.groups},
            whole=group is None,
            strangers=found.strangers,
            withdrawn=found.withdrawn,
            cartons=found.cartons,
            pallets=found.pallets,
            jig_orders=mirror.jig_orders(),
            state_name=state_name,
            why=why,
        )

    @router.get("/hubs")
    async def story(request: Request, find: Text) -> Response:
        hubs = (await parts.ask(request, FindHub(hub=find[:100]))).hubs
        return parts.page(request, "hubs.html", "orders", hubs=hubs, sought=find, state_name=state_name)

    @router.get("/box")
    async def box(request: Request, code: Annotated[str, Query(min_length=1, max_length=40)]) -> Response:
        found = await parts.ask(request, ShowBox(code=code))
        of = found.pallet or found.cartons[0]
        return parts.page(
            request,
            "box.html",
            "orders",
            code=code,
            order=of.order,
            closed=of.state == "closed",
            cartons=found.cartons,
            pallets=() if found.pallet is None else (found.pallet,),
            hubs=found.hubs,
        )

    return router
