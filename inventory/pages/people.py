"""Who may use the pages, and what proves it: a PIN, asked for at each act; and a session, by which a browser may look.

A PIN that is tried counts as wrong before it is tried, until it was right: however many are tried side by side, and whatever dies.
"""

from __future__ import annotations

import functools
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, insert, select, update

from inventory.database.engine import Database
from inventory.database.people_tables import people, people_acts, sessions
from inventory.errors import InventoryError, WrongInput
from inventory.moments import Clock
from station.domain.pin import SALT_BYTES, ProofUnfit, hash_of_pin, is_pin, lock_after, require_pin

MAY: Final = ("look", "act")
_NOT_PROVEN: Final = "this name and this PIN do not belong together; try again, or have a PIN given: reflash inventory people pin"


@functools.cache
def _nobodys_pin() -> str:
    """Return what is tried for names that nobody has, so that none is told from another by how long the answer takes."""
    return hash_of_pin("0", bytes(SALT_BYTES))


class NotProven(InventoryError):
    """It is not known who this is. One line, without what was given."""


class NotYours(InventoryError):
    """Whoever this is may not do that."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may use the pages."""

    id: int
    name: str
    may_act: bool
    pin: str | None = field(repr=False)
    """As it is kept."""


def add(connection: Connection, name: str, may: str, *, by: str, now: datetime) -> None:
    """Let somebody use the pages, once they have a PIN. The caller writes alone. Raises WrongInput for a name that is there."""
    if _row(connection, name) is not None:
        raise WrongInput(f"{name} is there already; see reflash inventory people list")
    connection.execute(insert(people).values(name=name, plain_name=_plain(name), may=_may(may), added=now))
    _put_down(connection, name, f"may {may}", by, now)


def change(connection: Connection, name: str, may: str, *, by: str, now: datetime) -> None:
    """Have somebody look, or act, from now on. Their sessions end. The caller writes alone. Raises WrongInput."""
    _change(connection, name, may=_may(may))
    _put_down(connection, name, f"may {may}", by, now)


def set_pin(connection: Connection, name: str, pin: str, *, by: str, now: datetime) -> None:
    """Give somebody a PIN. Their sessions end. The caller writes alone. Raises WrongInput."""
    try:
        require_pin(pin)
    except ProofUnfit as error:
        raise WrongInput(str(error)) from error
    kept = hash_of_pin(pin, secrets.token_bytes(SALT_BYTES))
    _change(connection, name, pin=kept, wrong_pins=0, latest_wrong=None)
    _put_down(connection, name, "has a new PIN", by, now)


def unlock(connection: Connection, name: str, *, by: str, now: datetime) -> None:
    """Have somebody's PIN tried again at once. The caller writes alone. Raises WrongInput."""
    connection.execute(
        update(people)
        .where(people.c.id == _require(connection, name).id)
        .values(wrong_pins=0, latest_wrong=None)
    )
    _put_down(connection, name, "has a PIN that is tried again", by, now)


def remove(connection: Connection, name: str, *, by: str, now: datetime) -> None:
    """Let somebody use the pages no more. What they did stays under their name. The caller writes alone. Raises WrongInput."""
    row = _require(connection, name)
    connection.execute(delete(sessions).where(sessions.c.person == row.id))
    connection.execute(delete(people).where(people.c.id == row.id))
    _put_down(connection, name, "is out", by, now)


def everybody(connection: Connection) -> Sequence[Row[*tuple[Any, ...]]]:
    """Return everybody, by name."""
    return connection.execute(select(people).order_by(people.c.plain_name)).all()


class People:
    """Proves who somebody is. Each question is slow on purpose, or asks the database: not for an event loop."""

    def __init__(self, database: Database, sign_on_hours: float, clock: Clock) -> None:
        """A session lasts so many hours."""
        self._database = database
        self._lasts = timedelta(hours=sign_on_hours)
        self._clock = clock

    def prove(self, name: str, pin: str) -> Person:
        """Return who has this name and PIN. Raises NotProven, DatabaseUnavailable."""
        with self._database.write_alone() as connection:
            row = _row(connection, name)
            if row is not None and row.pin is not None:
                now = self._clock()
                lock = lock_after(row.wrong_pins)
                # A clock that was set back makes no lock longer than it was.
                left = timedelta() if row.latest_wrong is None else min(row.latest_wrong + lock - now, lock)
                if left > timedelta():
                    raise NotProven(
                        f"the PIN of {row.name} was wrong too often and is not tried for {-(-int(left.total_seconds()) // 60)} min; "
                        "wait, or have it lifted: reflash inventory people unlock"
                    )
                connection.execute(
                    update(people)
                    .where(people.c.id == row.id)
                    .values(wrong_pins=row.wrong_pins + 1, latest_wrong=now)
                )
        kept = _nobodys_pin() if row is None or row.pin is None else row.pin
        if not is_pin(pin, kept) or row is None:
            raise NotProven(_NOT_PROVEN)
        person = Person(row.id, row.name, row.may == "act", row.pin)
        with self._database.write_alone() as connection:
            require_still(connection, person)
            connection.execute(
                update(people).where(people.c.id == row.id).values(wrong_pins=0, latest_wrong=None)
            )
        return person

    def open_session(self, person: Person) -> tuple[str, datetime]:
        """Return a new secret by which a browser may look in somebody's name, and until when. Raises NotProven."""
        secret, now = secrets.token_urlsafe(32), self._clock()
        with self._database.write_alone() as connection:
            require_still(connection, person)
            connection.execute(delete(sessions).where(sessions.c.until <= now))
            connection.execute(
                insert(sessions).values(
                    digest=_digest(secret), person=person.id, opened=now, until=now + self._lasts
                )
            )
        return secret, now + self._lasts

    def of_session(self, secret: str) -> Person | None:
        """Return whose session this is; None where it is nobody's, or over. Raises DatabaseUnavailable."""
        with self._database.read() as connection:
            row = connection.execute(
                select(people.c.id, people.c.name, people.c.may, people.c.pin)
                .join(sessions, sessions.c.person == people.c.id)
                .where(sessions.c.digest == _digest(secret), sessions.c.until > self._clock())
            ).first()
        return None if row is None else Person(row.id, row.name, row.may == "act", row.pin)

    def close_session(self, secret: str) -> None:
        """End a session."""
        with self._database.write_alone() as connection:
            connection.execute(delete(sessions).where(sessions.c.digest == _digest(secret)))


def require_still(connection: Connection, person: Person) -> None:
    """Raise NotProven where somebody was removed or changed since they showed who they are."""
    row = connection.execute(select(people).where(people.c.id == person.id)).first()
    if row is None or (row.pin, row.may == "act", row.name) != (person.pin, person.may_act, person.name):
        raise NotProven(f"{person.name} was removed, or given another PIN or rights, in the meantime")


def _change(connection: Connection, name: str, **values: Any) -> None:
    row = _require(connection, name)
    connection.execute(delete(sessions).where(sessions.c.person == row.id))
    connection.execute(update(people).where(people.c.id == row.id).values(**values))


def _require(connection: Connection, name: str) -> Row[*tuple[Any, ...]]:
    if (row := _row(connection, name)) is None:
        raise WrongInput(f"{name} is nobody here; see reflash inventory people list")
    return row


def _row(connection: Connection, name: str) -> Row[*tuple[Any, ...]] | None:
    return connection.execute(select(people).where(people.c.plain_name == _plain(name))).first()


def _put_down(connection: Connection, name: str, what: str, by: str, now: datetime) -> None:
    connection.execute(insert(people_acts).values(name=name, what=what, acted=now, acted_by=by))


def _plain(name: str) -> str:
    """Return a name as it is told from others: capitals and spaces do not count."""
    return " ".join(name.split()).casefold()


def _may(may: str) -> str:
    if may not in MAY:
        raise WrongInput(f"{may[:20]!r} is none of {', '.join(MAY)}")
    return may


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
