"""What the views share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from station.desk.request import Answer, Question
from station.screen.asking import Ask, AskFor
from station.screen.board import Board
from station.screen.mirror import Mirror
from station.screen.scanning import Scans
from station.screen.sessions import Sessions
from station.version import station_version
from station.web.cookie import Cookie

A = TypeVar("A", bound=Answer)

VIEWS: Final = (
    ("bench", "/"),
    ("shift-start", "/shift-start"),
    ("pack", "/pack"),
    ("hand-over", "/hand-over"),
    ("orders", "/orders"),
    ("shift", "/shift"),
    ("upkeep", "/upkeep"),
    ("health", "/health"),
    ("catalogue", "/catalogue"),
    ("people", "/people"),
)
"""Each view's name and address, in the order in which they are offered."""


def _local(moment: datetime) -> str:
    """Write a time of the record by the bench's clock."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"


_TEMPLATES: Final = Environment(
    loader=PackageLoader("station.screen"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters["local"] = _local


@dataclass(frozen=True, slots=True)
class Parts:
    """What the bench is, whom to ask, and how pages are made."""

    board: Board
    news: Board
    """The same as facts, for programs."""
    mirror: Mirror
    scans: Scans
    desk: Ask
    reports: Path
    """Folder of the reports, which are read beside whoever makes them."""
    sessions: Sessions
    cookie: Cookie

    def asking(self, request: Request) -> Ask:
        """Return the desk as it is asked for whoever sent this request."""
        return AskFor(self.desk, request.state.who)

    def say(self, key: str, **values: object) -> str:
        """Return a line of the texts' table `screen`."""
        return self.mirror.sentences.texts.say("screen", key, **values)

    async def ask(self, request: Request, question: Question[A]) -> A:
        """Return what the daemon answers whoever sent this. Raises Refused, ControlError: a page of their own says so."""
        return await self.asking(request)(question)

    def page(
        self, request: Request, template: str, view: str, *, status: int = 200, **values: Any
    ) -> Response:
        """Fill a page in. `say` in it is a line of the texts' table `screen`."""
        content = _TEMPLATES.get_template(template).render(
            nonce=request.state.nonce,
            say=self.say,
            version=station_version(),
            view=view,
            views=VIEWS,
            now=_local(datetime.now().astimezone()),
            jigs=self.mirror.jigs,
            **values,
        )
        return HTMLResponse(content, status)
