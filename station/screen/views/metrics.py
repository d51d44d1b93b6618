"""Numbers for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from station.control.client import ControlError
from station.desk.count_requests import CountResults
from station.desk.health_requests import ShowHealth
from station.desk.refusals import Refused
from station.screen.metrics import Bench, exposition
from station.screen.parts import Parts


def metrics_view(parts: Parts) -> APIRouter:
    """Return the one route."""
    router = APIRouter()

    @router.get("/metrics")
    async def metrics(request: Request) -> Response:
        try:
            counted = await parts.ask(request, CountResults())
        except (Refused, ControlError):
            counted = None
        try:
            health = await parts.ask(request, ShowHealth())
        except (Refused, ControlError):
            health = None
        mirror = parts.mirror
        followers = parts.board.followers + parts.news.followers
        bench = Bench(mirror.station, mirror.slots, counted, followers, health)
        content, media_type = exposition(bench, request.headers.get("accept", ""))
        return Response(content, headers={"Content-Type": media_type})

    return router
