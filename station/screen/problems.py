"""What went wrong, for programs and people: problem details (RFC 9457), whose `detail` is one line of what to do."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from starlette.responses import JSONResponse

from station.control.client import ConnectionLost, ControlError
from station.desk.refusals import RefusalCode, Refused
from station.screen.proofs import MustWait

MEDIA_TYPE: Final = "application/problem+json"
STATUS: Final = {
    RefusalCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
    RefusalCode.CONFLICT: HTTPStatus.CONFLICT,
    RefusalCode.NOT_ALLOWED: HTTPStatus.FORBIDDEN,
    RefusalCode.INVALID: HTTPStatus.UNPROCESSABLE_ENTITY,
    RefusalCode.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    RefusalCode.FAILED: HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""The status of what the desk refuses (docs/desk.md#refusals)."""


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


def of_refusal(refused: Refused) -> Problem:
    """Tell what the desk refused, or what is not tried now."""
    if isinstance(refused, MustWait):
        retry = {"Retry-After": str(refused.seconds)}
        return Problem(HTTPStatus.TOO_MANY_REQUESTS, str(refused), headers=retry)
    return Problem(STATUS[refused.code], str(refused), kind=refused.code.value, facts=refused.facts)


def of_silence(error: ControlError) -> Problem:
    """Tell that the desk did not answer. With a connection that was lost nobody knows what became of it."""
    kind = "unknown" if isinstance(error, ConnectionLost) else "away"
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error), kind=kind, headers={"Retry-After": "1"})
