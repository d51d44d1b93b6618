"""What went wrong, for programs and people: problem details (RFC 9457), whose `detail` is one line of what to do."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from starlette.responses import JSONResponse

MEDIA_TYPE: Final = "application/problem+json"


class Problem(JSONResponse):
    """One problem as an answer."""

    media_type = MEDIA_TYPE

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        kind: str | None = None,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> None:
        """`detail` is for people; `kind` tells programs one problem of a status from another, `more` the facts."""
        content = {
            "type": "about:blank" if kind is None else f"urn:reflash:problem:{kind}",
            "title": status.phrase,
            "status": status.value,
            "detail": detail,
            **more,
        }
        super().__init__(content, status.value, headers)


def nobody(why: str) -> Problem:
    """Tell that it is not known who asks."""
    return Problem(HTTPStatus.UNAUTHORIZED, why, headers={"WWW-Authenticate": "Bearer"})
