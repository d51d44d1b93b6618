"""Pre-notifications as jobs: rows that workers take, so many at a time, each held by one of them at most.

What is going to be sent is put down before it is, with its try; so that whatever dies, it is known what may have been sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, bindparam, exists, insert, or_, select, update

from inventory.database.tables import hubs
from inventory.database.upstream_tables import pre_notification_tries, pre_notifications
from inventory.pauses import pause_after
from inventory.upstream.answers import Accepted, Answer, NotSent, Refused, TryAgain, Unknown
from inventory.upstream.orders import look_again


@dataclass(frozen=True, slots=True)
class Job:
    """One pre-notification to be sent."""

    id: int
    notification_id: str
    document: str
    number: int
    """Of this try, from 1."""
    was_doubtful: bool
    """Whether an earlier try may have been taken."""


def claim(
    connection: Connection,
    csp: str,
    limit: int,
    *,
    worker: str,
    now: datetime,
    until: datetime,
    skip_locked: bool,
) -> list[Job]:
    """Hold what is due of one CSP until then, and put down that it is being sent. Nobody else sends it meanwhile.

    A hub's pre-notifications go one after another, in the order in which they were made. One that may not have been taken
    and is no longer what the hub says is replaced.
    """
    mine = pre_notifications.c
    earlier = pre_notifications.alias("earlier")
    due = (
        select(
            *(mine.id, mine.notification_id, mine.document, mine.tries, mine.doubtful),
            *(mine.device, mine.work_order, mine.firmware, hubs.c.firmware.label("said")),
        )
        .outerjoin(hubs, hubs.c.device == mine.device)
        .where(
            mine.state == "waiting",
            mine.csp == csp,
            mine.due <= now,
            or_(mine.held_until.is_(None), mine.held_until <= now),
            ~exists().where(
                and_(earlier.c.device == mine.device, earlier.c.id < mine.id, earlier.c.state == "waiting")
            ),
        )
        .order_by(mine.due, mine.id)
        .limit(limit)
    )
    if skip_locked:
        due = due.with_for_update(skip_locked=True, of=pre_notifications)
    rows = connection.execute(due).all()
    overtaken = [row for row in rows if row.said != row.firmware and not row.doubtful]
    for row in overtaken:
        replace(connection, row.id, now)
    if overtaken:
        look_again(connection, {row.work_order for row in overtaken})
    jobs = [
        Job(row.id, row.notification_id, row.document, row.tries + 1, row.doubtful)
        for row in rows
        if row not in overtaken
    ]
    if jobs:
        connection.execute(
            update(pre_notifications)
            .where(mine.id == bindparam("of"))
            .values(doubtful=True, held_until=until, tries=bindparam("number")),
            [{"of": job.id, "number": job.number} for job in jobs],
        )
        connection.execute(
            insert(pre_notification_tries),
            [{"notification": job.id, "number": job.number, "worker": worker, "begun": now} for job in jobs],
        )
    return jobs


def replace(connection: Connection, notification: int, now: datetime) -> None:
    """Take back a pre-notification that was never taken, since another one stands for it.

    One that a worker has begun to send meanwhile stays, and what is made after it waits for it.
    """
    mine = pre_notifications.c
    connection.execute(
        update(pre_notifications)
        .where(mine.id == notification, mine.doubtful.is_(False), mine.state.in_(("waiting", "refused")))
        .values(state="replaced", decided=now, held_until=None)
    )


def finish(connection: Connection, answers: Sequence[tuple[Job, Answer]], now: datetime) -> None:
    """Put down what was answered. The same again changes nothing."""
    mine, tried = pre_notifications.c, pre_notification_tries.c
    for job, answer in answers:
        outcome, detail = _words(answer)
        connection.execute(
            update(pre_notification_tries)
            .where(tried.notification == job.id, tried.number == job.number, tried.ended.is_(None))
            .values(ended=now, outcome=outcome, detail=detail)
        )
        here = and_(mine.id == job.id, mine.state == "waiting")
        if not isinstance(answer, Accepted | Refused):
            # Of a later try, which somebody else is making by now, this says nothing.
            here = and_(here, mine.tries == job.number)
        connection.execute(
            update(pre_notifications).where(here).values(held_until=None, **_values(job, answer, now))
        )


def _values(job: Job, answer: Answer, now: datetime) -> dict[str, Any]:
    match answer:
        case Accepted():
            return {"state": "accepted", "doubtful": False, "decided": now, "code": None, "answer": None}
        case Refused(code, detail):
            return {"state": "refused", "doubtful": False, "decided": now, "code": code, "answer": detail}
        case TryAgain(detail, after):
            wait = max(after, pause_after(job.number - 1))
            again = {"due": now + timedelta(seconds=wait), "doubtful": job.was_doubtful}
            return {**again, "code": "try_again", "answer": detail}
        case NotSent(detail):
            # The worker pauses for all of this way alike.
            return {"due": now, "doubtful": job.was_doubtful, "code": "not_sent", "answer": detail}
        case Unknown(detail):
            again = {"due": now + timedelta(seconds=pause_after(job.number - 1))}
            return {**again, "code": "unknown", "answer": detail}


def _words(answer: Answer) -> tuple[str, str | None]:
    match answer:
        case Accepted():
            return "accepted", None
        case Refused(code, detail):
            return "refused", f"{code}: {detail}"
        case TryAgain(detail):
            return "try_again", detail
        case NotSent(detail):
            return "not_sent", detail
        case Unknown(detail):
            return "unknown", detail
