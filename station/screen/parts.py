"""What the views share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from station.screen.board import Board
from station.screen.mirror import Mirror
from station.screen.scanning import Scans

_TEMPLATES: Final = Environment(
    loader=PackageLoader("station.screen"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True)
class Parts:
    """What the bench is, and how pages are made."""

    board: Board
    mirror: Mirror
    scans: Scans

    def page(self, request: Request, template: str, **values: Any) -> Response:
        """Fill a page in. `say` in it is a line of the texts' table `screen`."""
        say = partial(self.mirror.sentences.texts.say, "screen")
        content = _TEMPLATES.get_template(template).render(nonce=request.state.nonce, say=say, **values)
        return HTMLResponse(content)
