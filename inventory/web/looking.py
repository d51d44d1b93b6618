"""What other programs may look at."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlalchemy import Connection, select

from firmware_catalog.identity import Eui64
from inventory.assets import asset
from inventory.charge import statement
from inventory.database.tables import LINE_COLUMNS, request_hubs
from inventory.delivery import book as delivery
from inventory.delivery.name import delivery_name
from inventory.delivery.returns import to_go_back
from inventory.errors import WrongInput
from inventory.intake.findings import open_findings
from inventory.intake.missing import missing
from inventory.notices import queue
from inventory.overview import lines_of, overview
from inventory.redelivery import book as redelivery
from inventory.redelivery.telling import recalled
from inventory.requests import book

Reading = Callable[[], AbstractContextManager[Connection]]
Limit = Annotated[int, Query(ge=1, le=500, description="how many at most")]


def looking(read: Reading) -> APIRouter:
    """Return the questions."""
    router = APIRouter(tags=["look"])

    @router.get("/requests")
    def list_requests(limit: Limit = 100) -> list[dict[str, Any]]:
        """List requests, newest first."""
        with read() as connection:
            rows = book.every(connection, limit)
        return [{**_of(row), "id": book.name_of(row.id)} for row in rows]

    @router.get("/requests/{request}")
    def show_request(request: str) -> dict[str, Any]:
        """Show where a request and its order stand, counted."""
        with read() as connection:
            return asdict(overview(connection, book.number_of(request)))

    @router.get("/requests/{request}/hubs")
    def list_hubs(request: str, after: Annotated[int, Query(ge=0)] = 0, limit: Limit = 100) -> dict[str, Any]:
        """List the lines of a request from `after` on; `next` is the `after` of the following page."""
        number, line = book.number_of(request), request_hubs.c
        with read() as connection:
            overview(connection, number)
            rows = connection.execute(
                select(*LINE_COLUMNS)
                .where(line.request == number, line.line > after)
                .order_by(line.line)
                .limit(limit)
            ).all()
        found = [{name: value for name, value in _of(row).items() if name != "request"} for row in rows]
        return {"hubs": found, "next": found[-1]["line"] if len(found) == limit else None}

    @router.get("/requests/{request}/deliveries")
    def show_deliveries(request: str) -> dict[str, Any]:
        """Show how far an order's hubs have come."""
        with read() as connection:
            return asdict(delivery.progress(connection, book.number_of(request)))

    @router.get("/requests/{request}/dispatches")
    def list_dispatches(request: str) -> list[dict[str, Any]]:
        """List what left of an order, and what became of it."""
        with read() as connection:
            return [dict(each) for each in redelivery.listed(connection, book.number_of(request))]

    @router.get("/hubs/{guid}")
    def show_hub(guid: str) -> dict[str, Any]:
        """Show a hub by its CHF or GPF id: as it is known, its history with the evidence, and its requests."""
        either_id = Eui64.parse(guid)
        with read() as connection:
            found, lines = asset(connection, either_id), lines_of(connection, either_id)
        if found is None and not lines:
            raise WrongInput(f"nobody has told of a hub {either_id}")
        return {
            "hub": found and found.hub,
            "history": [asdict(each) for each in found.history] if found else [],
            "requests": [asdict(each) for each in lines],
        }

    @router.get("/rejected")
    def list_rejected() -> list[dict[str, Any]]:
        """List goods that have to go back."""
        with read() as connection:
            rows = to_go_back(connection)
        return [{**_of(row), "delivery": delivery_name(row.delivery)} for row in rows]

    @router.get("/recalled")
    def list_recalled() -> list[dict[str, Any]]:
        """List cartons whose release was withdrawn after they were packed."""
        with read() as connection:
            return [_of(row) for row in recalled(connection)]

    @router.get("/missing")
    def list_missing() -> list[dict[str, Any]]:
        """List messages that never came, with the command for their station."""
        with read() as connection:
            return [{**asdict(each), "command": each.command} for each in missing(connection)]

    @router.get("/findings")
    def list_findings() -> list[dict[str, Any]]:
        """List what nobody has looked into."""
        with read() as connection:
            return [_of(row) for row in open_findings(connection)]

    @router.get("/notices")
    def list_notices() -> list[dict[str, Any]]:
        """List notices that have not left, or came back."""
        with read() as connection:
            return [_of(row) for row in queue.listed(connection, ("waiting", "refused", "bounced"))]

    @router.get("/charges")
    def list_charges() -> list[dict[str, Any]]:
        """List what was charged, the newest month first."""
        with read() as connection:
            return [_of(row) for row in statement.listed(connection)]

    return router


def _of(row: Any) -> dict[str, Any]:
    return dict(row._mapping)  # noqa: SLF001 - its public name
