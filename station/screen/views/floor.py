"""What a shift begins and ends with, and how the bench itself stands: check list, hand-over, upkeep, health, catalogue, people."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from station.desk.bench_requests import BenchStatus, Status
from station.desk.looking_requests import ListBoxes
from station.desk.packing_requests import Recall
from station.desk.standing_requests import ListPeople, ListReleases, ShowShift, ShowUpkeep
from station.domain.interlock import Interlock
from station.domain.phase import SlotPhase
from station.domain.to_do import ToDo
from station.screen.parts import Parts
from station.screen.tiles import in_order

After = Annotated[str | None, Query(min_length=1, max_length=128)]
_MOST_BOXES = 500


def floor_views(parts: Parts) -> APIRouter:
    """Return the routes of these views."""
    router = APIRouter()
    mirror = parts.mirror

    @router.get("/shift-start")
    async def shift_start(request: Request) -> Response:
        today = await parts.ask(request, ShowShift())
        return parts.page(request, "shift_start.html", "shift-start", today=today)

    @router.get("/hand-over")
    async def hand_over(request: Request) -> Response:
        status = await parts.ask(request, Status())
        boxes = await parts.ask(request, ListBoxes(limit=_MOST_BOXES))
        sentences = mirror.sentences
        seated = [slot for slot in in_order(status.slots) if slot.to_do is not ToDo.SEAT]
        return parts.page(
            request,
            "hand_over.html",
            "hand-over",
            people=status.people,
            at=dict.fromkeys((None, *mirror.jigs)) | {each.jig: each for each in status.people},
            seated=[
                (slot, sentences.texts.say("word", slot.to_do), sentences.of_slot(slot)) for slot in seated
            ],
            cartons=[each for each in boxes.cartons if each.state != "closed"],
            pallets=[each for each in boxes.pallets if each.state == "open"],
            faults=[sentences.notice(each) for each in status.faults],
        )

    @router.get("/health")
    async def health(request: Request) -> Response:
        status = await parts.ask(request, Status())
        return parts.page(
            request,
            "health.html",
            "health",
            bench=status,
            faults=[(each.since, mirror.sentences.notice(each)) for each in status.faults],
            interlocks=[(each, mirror.sentences.interlock(each)) for each in _interlocks(status)],
            out_of_use=[
                (slot, mirror.sentences.of_slot(slot))
                for slot in in_order(status.slots)
                if slot.phase is SlotPhase.OUT_OF_USE
            ],
        )

    @router.get("/upkeep")
    async def upkeep(request: Request, days: Annotated[int, Query(ge=1, le=36_500)] = 28) -> Response:
        shown = await parts.ask(request, ShowUpkeep(days=days))
        by_slot: dict[tuple[str, int], dict[str, Any]] = {}
        for rate in shown.rates:
            by_slot.setdefault((rate.jig, rate.slot), {})[rate.measure] = rate
        return parts.page(
            request,
            "upkeep.html",
            "upkeep",
            days=days,
            shown=shown,
            by_slot=by_slot,
            measures=list(dict.fromkeys(rate.measure for rate in shown.rates)),
        )

    @router.get("/catalogue")
    async def catalogue(request: Request, after: After = None) -> Response:
        found = await parts.ask(request, ListReleases(after=after))
        recalled = await parts.ask(request, Recall())
        return parts.page(request, "catalogue.html", "catalogue", found=found, recalled=recalled.lines)

    @router.get("/people")
    async def people(request: Request, after: After = None) -> Response:
        found = await parts.ask(request, ListPeople(after=after))
        status = await parts.ask(request, Status())
        return parts.page(request, "people.html", "people", found=found, on_duty=status.people)

    return router


def _interlocks(status: BenchStatus) -> list[Interlock]:
    """Return each cause once, those of the station first."""
    found: dict[Interlock, None] = dict.fromkeys(
        each for slot in in_order(status.slots) for each in slot.interlocks
    )
    scopes = ("station", "jig", "slot")
    return sorted(found, key=lambda each: scopes.index(each.scope))
