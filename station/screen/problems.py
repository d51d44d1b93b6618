"""What the desk refuses, or does not answer, as a problem for programs and people."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from station.control.client import ConnectionLost, ControlError
from station.desk.refusals import RefusalCode, Refused, Unavailable
from station.web.problem import Problem

STATUS: Final = {
    RefusalCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
    RefusalCode.CONFLICT: HTTPStatus.CONFLICT,
    RefusalCode.NOT_ALLOWED: HTTPStatus.FORBIDDEN,
    RefusalCode.INVALID: HTTPStatus.UNPROCESSABLE_ENTITY,
    RefusalCode.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    RefusalCode.FAILED: HTTPStatus.INTERNAL_SERVER_ERROR,
}
"""The status of what the desk refuses (docs/desk.md#refusals)."""


class MustWait(Unavailable):
    """It is not tried now."""

    def __init__(self, line: str, seconds: float) -> None:
        """`seconds` from now it may be."""
        super().__init__(line)
        self.seconds = round(seconds + 0.5)


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
