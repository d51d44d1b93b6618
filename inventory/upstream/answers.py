"""What a CSP Management Interface may answer to a pre-notification, told apart. **Provisional**: its answers are unpublished.

Ours are XML, `<PreNotificationAnswer NotificationID="..."><Result>Accepted</Result></PreNotificationAnswer>`, or `Refused` with a
`Code` and a `Detail`, by the statuses of HTTP (RFC 9110): 200 accepted, 422 refused, 429 and 503 again later, of which nothing was taken.
Whatever else comes says nothing of what became of the notification.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lxml import etree

from inventory.upstream.document import NAMESPACE
from station.domain.printable import printable

MAX_ANSWER: Final = 64 * 1024
"""Bytes of an answer that are read."""
_MAX_WAIT_S: Final = 3600.0
_SHOWN: Final = 300


@dataclass(frozen=True, slots=True)
class Accepted:
    """It has taken the notification, now or before."""


@dataclass(frozen=True, slots=True)
class Refused:
    """It will never take this notification: a person has to look into it."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class TryAgain:
    """It has not taken it, and may later."""

    detail: str
    after_seconds: float = 0.0
    """Not before."""


@dataclass(frozen=True, slots=True)
class NotSent:
    """It was not reached, or cannot be spoken to: no other notification would be either."""

    detail: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have taken it. The same under the same id tells."""

    detail: str


Answer = Accepted | Refused | TryAgain | NotSent | Unknown


def read_answer(status: int, retry_after: str | None, body: bytes, notification_id: str) -> Answer:
    """Say what an answer means for this notification."""
    if status in {429, 503}:
        return TryAgain(f"it answered {status}", _seconds(retry_after))
    if status in {401, 403}:
        return NotSent(f"it answered {status}: it does not let us in; have our certificate registered there")
    said = _said(body)
    if said.get("of") != notification_id:
        return Unknown(f"it answered {status}, and nothing of this notification")
    match status, said.get("Result"):
        case 200, "Accepted":
            return Accepted()
        case 422, "Refused":
            return Refused(said.get("Code") or "unsaid", said.get("Detail") or "")
    return Unknown(f"it answered {status} with {said.get('Result', 'no result')!r}")


def _said(body: bytes) -> dict[str, str]:
    if len(body) > MAX_ANSWER:
        return {}
    try:
        root = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))
    except (etree.LxmlError, ValueError):
        return {}
    if root.tag != f"{{{NAMESPACE}}}PreNotificationAnswer":
        return {}
    said = {"of": root.get("NotificationID", "")}
    for child in root:
        if isinstance(child.tag, str):
            said[etree.QName(child).localname] = printable(" ".join((child.text or "").split()))[:_SHOWN]
    return said


def _seconds(retry_after: str | None) -> float:
    if retry_after is None or not (retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 9):
        return 0.0
    return min(_MAX_WAIT_S, float(retry_after))
