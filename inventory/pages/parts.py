"""What the views share."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from sqlalchemy import Connection

from inventory.database.engine import Database
from inventory.moments import Clock
from inventory.requests.book import name_of
from inventory.upstream.settings import UpstreamSettings

VIEWS: Final = (
    ("requests", "/requests", "Requests"),
    ("deliveries", "/deliveries", "Deliveries"),
    ("orders", "/orders", "Orders"),
    ("upstream", "/upstream", "Upstream"),
    ("letters", "/letters", "Dead letters"),
    ("hubs", "/hubs", "Find a hub"),
)
"""Each view's name, address and what it is called, in the order in which they are offered."""

NOTHING: Final = "\N{EN DASH}"
"""Stands where there is nothing."""


def _moment(moment: datetime | None) -> str:
    """Write a time as everything else here does, in UTC."""
    return NOTHING if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}Z"


def _pounds(pence: int) -> str:
    return f"£{pence // 100:,}.{pence % 100:02}"


def _words(name: str | None) -> str:
    """Write a name of the books as people read it."""
    return NOTHING if name is None else name.replace("_", " ")


_TEMPLATES: Final = Environment(
    loader=PackageLoader("inventory.pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters |= {"moment": _moment, "pounds": _pounds, "words": _words, "request_name": name_of}


@dataclass(frozen=True, slots=True)
class Parts:
    """Whom to ask, and how pages are made."""

    database: Database
    ways: UpstreamSettings | None
    takes_requests: bool
    clock: Clock

    def read(self) -> AbstractContextManager[Connection]:
        """Read, all of one moment. Raises DatabaseUnavailable."""
        return self.database.read()

    def page(
        self, request: Request, template: str, view: str, *, status: int = 200, **values: Any
    ) -> Response:
        """Fill a page in."""
        person = request.state.who.person
        content = _TEMPLATES.get_template(template).render(
            nonce=request.state.nonce,
            view=view,
            views=VIEWS,
            person=person,
            now=self.clock(),
            takes_requests=self.takes_requests,
            **values,
        )
        return HTMLResponse(content, status)


def address_with(path: str, **values: str | None) -> str:
    """Return an address with these in its query, as far as there are any."""
    given: Mapping[str, str] = {name: value for name, value in values.items() if value is not None}
    return f"{path}?{urlencode(given)}" if given else path


_TEMPLATES.globals["address_with"] = address_with
