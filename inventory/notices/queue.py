"""The notices that are to leave, and what became of each. They are written in the transaction of the act that they are about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, insert, or_, select, update

from inventory.csv_text import csv_text
from inventory.database.notice_tables import notice_acts, notices
from inventory.errors import InventoryError, WrongInput
from inventory.notices.kind import Kind

_DIED_AFTER: Final = timedelta(minutes=10)


class NotInThisState(InventoryError):
    """A notice is in a state in which this cannot be done with it."""


def put(
    connection: Connection,
    request: int,
    party: str,
    kind: Kind,
    facts: Mapping[str, Any],
    now: datetime,
    listing: tuple[Sequence[str], Iterable[Sequence[Any]]] | None = None,
    *,
    by: str,
) -> None:
    """Have a party told, by an act in somebody's name. `facts` are what the template may name; `listing`, headings and rows, is attached as CSV."""
    text = None if listing is None else csv_text(*listing)
    connection.execute(
        insert(notices).values(
            request=request,
            party=party,
            kind=kind.value,
            facts=dict(facts),
            listing=text,
            made=now,
            made_by=by,
            state="waiting",
            tries=0,
        )
    )


def waiting(connection: Connection, now: datetime, *, at_once: bool = False) -> Sequence[int]:
    """Return the numbers of what is to be sent now, oldest first; `at_once`: also what was tried a moment ago."""
    rows = connection.execute(
        select(notices.c.id, notices.c.tries, notices.c.tried, notices.c.answer)
        .where(notices.c.state == "waiting")
        .order_by(notices.c.id)
    )
    return [
        row.id
        for row in rows
        if row.tried is None
        # Tried, and no answer yet: another program is at it, or died over it.
        or (
            row.tried + _DIED_AFTER <= now
            if row.answer is None
            else at_once or row.tried + _pause_after(row.tries) <= now
        )
    ]


def _pause_after(tries: int) -> timedelta:
    return timedelta(seconds=min(3600, 30 * 2 ** min(tries, 10)))


def one(connection: Connection, number: int) -> Row[*tuple[Any, ...]]:
    """Return a notice. Raises WrongInput for none."""
    row = connection.execute(select(notices).where(notices.c.id == number)).first()
    if row is None:
        raise WrongInput(f"there is no notice {number}; see reflash inventory notices list")
    return row


def keep_message(
    connection: Connection, number: int, message: bytes, recipients: Sequence[str], now: datetime
) -> bool:
    """Keep a message as it is about to be sent. False if it is not to be sent any more, or another program is at it."""
    done = connection.execute(
        update(notices)
        .where(notices.c.id == number, notices.c.state == "waiting", _nobody_at_it(now))
        .values(message=message, recipients=list(recipients), tried=now, answer=None)
    )
    return done.rowcount == 1


def _nobody_at_it(now: datetime) -> ColumnElement[bool]:
    """Return the condition that no program is sending a notice, unless it died over it."""
    return or_(notices.c.tried.is_(None), notices.c.answer.is_not(None), notices.c.tried <= now - _DIED_AFTER)


def note_answer(
    connection: Connection, number: int, begun: datetime | None, state: str, answer: str, now: datetime
) -> None:
    """Keep what became of a try: `sent`, `refused`, or still `waiting`.

    `begun` is when its message was kept; None: it came to none. Of a later try, which another program makes by now, this says
    nothing, but what has left is sent, whoever took it for dead and settled it meanwhile.
    """
    mine = _nobody_at_it(now) if begun is None else notices.c.tried == begun
    still = and_(notices.c.state == "waiting", mine)
    if state == "sent":
        still = notices.c.state.in_(("waiting", "settled"))
    connection.execute(
        update(notices)
        .where(notices.c.id == number, still)
        .values(state=state, answer=answer[:500], tried=now, tries=notices.c.tries + 1)
    )


def listed(connection: Connection, states: Sequence[str] | None = None) -> Sequence[Row[*tuple[Any, ...]]]:
    """Return notices without their content, newest first."""
    columns = ("id", "request", "party", "kind", "made", "state", "tries", "tried", "answer")
    chosen = select(*(notices.c[name] for name in columns)).order_by(notices.c.id.desc())
    return connection.execute(chosen if states is None else chosen.where(notices.c.state.in_(states))).all()


def send_again(connection: Connection, number: int, *, reason: str, by: str, now: datetime) -> None:
    """Have a notice that was refused or bounced composed and sent anew, in somebody's name. Raises NotInThisState, WrongInput."""
    _act(connection, number, "again", ("refused", "bounced"), "waiting", reason=reason, by=by, now=now)
    # As one that nobody has tried: it leaves with the next.
    connection.execute(update(notices).where(notices.c.id == number).values(tried=None, answer=None))


def bounced(connection: Connection, number: int, *, reason: str, by: str, now: datetime) -> None:
    """Record in somebody's name that a sent notice came back. Raises NotInThisState, WrongInput."""
    _act(connection, number, "bounced", ("sent",), "bounced", reason=reason, by=by, now=now)


def settle(connection: Connection, number: int, *, reason: str, by: str, now: datetime) -> None:
    """Have a notice sent no more, in somebody's name: it was told otherwise. Raises NotInThisState, WrongInput."""
    states = ("waiting", "refused", "bounced")
    _act(connection, number, "settled", states, "settled", reason=reason, by=by, now=now)


def acts_of(connection: Connection, number: int) -> Sequence[Row[*tuple[Any, ...]]]:
    """Return what people did about a notice, oldest first."""
    return connection.execute(
        select(notice_acts).where(notice_acts.c.notice == number).order_by(notice_acts.c.id)
    ).all()


def _act(
    connection: Connection,
    number: int,
    what: str,
    states: Sequence[str],
    then: str,
    *,
    reason: str,
    by: str,
    now: datetime,
) -> None:
    done = connection.execute(
        update(notices)
        .where(notices.c.id == number, notices.c.state.in_(states), _nobody_at_it(now))
        .values(state=then)
    )
    if done.rowcount != 1:
        state = one(connection, number).state
        if state in states:
            raise NotInThisState(
                f"notice {number} is being sent: see what becomes of it, reflash inventory notices list --all"
            )
        raise NotInThisState(f"notice {number} is {state}, and has to be {' or '.join(states)} for that")
    connection.execute(
        insert(notice_acts).values(notice=number, what=what, acted=now, acted_by=by, reason=reason)
    )
