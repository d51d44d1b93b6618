"""What a person has to look into: kept once, with what it is about, until somebody settles it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import Connection, Row, insert, select, update

from inventory.database.tables import findings
from inventory.errors import WrongInput
from station.domain.printable import printable

_MAX_LINE: Final = 500


class Finding(NamedTuple):
    """One thing found. The same again is the same finding."""

    what: str
    """`message_not_taken`, `contradicting_message`, `contradicting_ids` or `order_at_two_stations`."""
    line: str
    topic: str | None = None
    payload: bytes | None = None


class Noted(NamedTuple):
    """What became of what was found."""

    new: list[Finding]
    unsettled: list[Finding]
    """Those, and what was found before and nobody has settled."""


def note(connection: Connection, found: Sequence[Finding], now: datetime) -> Noted:
    """Keep what was found, each once."""
    by_digest = {_digest(each): each for each in found}
    if not by_digest:
        return Noted([], [])
    unsettled = []
    known = connection.execute(
        select(findings.c.digest, findings.c.settled).where(findings.c.digest.in_(by_digest))
    )
    for digest, settled in known:
        one = by_digest.pop(digest)
        if settled is None:
            unsettled.append(one)
    if by_digest:
        rows = [
            {
                "digest": digest,
                "what": each.what,
                "line": _printable(each.line),
                "topic": each.topic and _printable(each.topic),
                "payload": each.payload,
                "found": now,
            }
            for digest, each in by_digest.items()
        ]
        connection.execute(insert(findings), rows)
    new = list(by_digest.values())
    return Noted(new, [*new, *unsettled])


def open_findings(connection: Connection) -> Sequence[Row[int, str, str, str | None, datetime]]:
    """Return number, kind, line, topic and time of what nobody has settled, oldest first."""
    columns = findings.c.id, findings.c.what, findings.c.line, findings.c.topic, findings.c.found
    return connection.execute(
        select(*columns).where(findings.c.settled.is_(None)).order_by(findings.c.id)
    ).all()


def payload_of(connection: Connection, number: int) -> bytes | None:
    """Return the message that a finding is about, as it came. Raises WrongInput for no such finding."""
    row = connection.execute(select(findings.c.payload).where(findings.c.id == number)).first()
    if row is None:
        raise WrongInput(f"there is no finding {number}; see reflash inventory findings list")
    payload: bytes | None = row[0]
    return payload


def settle(connection: Connection, number: int, *, by: str, reason: str, now: datetime) -> None:
    """Close a finding in somebody's name. Raises WrongInput where there is none, or it is settled already."""
    done = connection.execute(
        update(findings)
        .where(findings.c.id == number, findings.c.settled.is_(None))
        .values(settled=now, settled_by=by, reason=reason)
    )
    if done.rowcount != 1:
        raise WrongInput(f"there is no open finding {number}; see reflash inventory findings list")


def _digest(found: Finding) -> str:
    digest = hashlib.sha256()
    for part in (found.what, found.line if found.payload is None else "", found.topic or ""):
        digest.update(part.encode(errors="surrogatepass") + b"\0")
    return hashlib.sha256(digest.digest() + (found.payload or b"")).hexdigest()


def _printable(text: str) -> str:
    return printable(text)[:_MAX_LINE]
