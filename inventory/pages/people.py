"""Who may use the pages, and what proves it: a PIN, asked for at each act; and a session, by which a browser may look.

A PIN that is tried counts as wrong before it is tried, until it was right: however many are tried side by side, and whatever dies.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, case, delete, func, insert, select, update

from inventory.database.engine import Database
from inventory.database.people_tables import people, people_acts, pins_tried, sessions
from inventory.errors import InventoryError, WrongInput
from inventory.moments import Clock
from station.domain.pin import SALT_BYTES, ProofUnfit, hash_of_pin, is_pin, lock_after, require_pin

MAY: Final = ("look", "act")
NO_SECONDS: Final = 0.5
"""How long every no takes, whatever is wrong."""
_NO: Final = (
    "this name and this PIN do not belong together here, or were wrong too often: try again, wait, or have it mended "
    "(reflash inventory people pin, or unlock)"
)
_THIS_COMPUTER: Final = ""
_ELSEWHERE: Final = "elsewhere"
"""Every place from which a person's PIN was never right yet."""


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
    _change(connection, name, pin=kept)
    _forget_wrong(connection, _require(connection, name).id)
    _put_down(connection, name, "has a new PIN", by, now)


def unlock(connection: Connection, name: str, *, by: str, now: datetime) -> None:
    """Have somebody's PIN tried again at once. The caller writes alone. Raises WrongInput."""
    _forget_wrong(connection, _require(connection, name).id)
    _put_down(connection, name, "has a PIN that is tried again", by, now)


def remove(connection: Connection, name: str, *, by: str, now: datetime) -> None:
    """Let somebody use the pages no more. What they did stays under their name. The caller writes alone. Raises WrongInput."""
    row = _require(connection, name)
    connection.execute(delete(sessions).where(sessions.c.person == row.id))
    connection.execute(delete(pins_tried).where(pins_tried.c.person == row.id))
    connection.execute(delete(people).where(people.c.id == row.id))
    _put_down(connection, name, "is out", by, now)


def everybody(connection: Connection) -> Sequence[Row[*tuple[Any, ...]]]:
    """Return everybody, by name, with how often their PIN was wrong since it was right (`wrong_pins`)."""
    wrong = select(func.coalesce(func.sum(pins_tried.c.wrong), 0)).where(pins_tried.c.person == people.c.id)
    return connection.execute(
        select(people, wrong.scalar_subquery().label("wrong_pins")).order_by(people.c.plain_name)
    ).all()


class People:
    """Proves who somebody is. Each question is slow on purpose, or asks the database: not for an event loop."""

    def __init__(self, database: Database, sign_on_hours: float, clock: Clock) -> None:
        """A session lasts so many hours."""
        self._database = database
        self._lasts = timedelta(hours=sign_on_hours)
        self._clock = clock

    def prove(self, name: str, pin: str, network: str | None) -> Person:
        """Return who has this name and PIN. `network` is where it comes from, if not from this computer itself.

        Wrong ones from where a person's PIN was right before count there alone; those from everywhere else count together.
        Raises NotProven, after the same time and in the same words whatever is wrong; DatabaseUnavailable.
        """
        until = time.monotonic() + NO_SECONDS
        with self._database.write_alone() as connection:
            row = _row(connection, name)
            tried = None if row is None or row.pin is None else self._try(connection, row.id, network)
        if not is_pin(pin, None if row is None or tried is None else row.pin) or row is None or tried is None:
            time.sleep(max(until - time.monotonic(), 0.0))
            raise NotProven(_NO)
        person = Person(row.id, row.name, row.may == "act", row.pin)
        with self._database.write_alone() as connection:
            require_still(connection, person)
            self._was_right(connection, row.id, tried, network)
        return person

    def _try(self, connection: Connection, person: int, network: str | None) -> str | None:
        """Count a PIN as wrong that is going to be tried, and return where; None where it is not tried now."""
        now, here = self._clock(), _THIS_COMPUTER if network is None else network
        places = {
            row.place: row
            for row in connection.execute(select(pins_tried).where(pins_tried.c.person == person))
        }
        known = network is None or (here in places and places[here].was_right)
        place = here if known else _ELSEWHERE
        before = places.get(place)
        if before is None:
            values = {"person": person, "place": place, "wrong": 1, "latest": now, "was_right": False}
            connection.execute(insert(pins_tried).values(values))
            return place
        # A clock that was set back makes no lock longer than it was.
        lock = lock_after(before.wrong)
        if min(before.latest + lock - now, lock) > timedelta():
            return None
        _set(connection, person, place, wrong=before.wrong + 1, latest=now)
        return place

    def _was_right(self, connection: Connection, person: int, place: str, network: str | None) -> None:
        if place != _ELSEWHERE:
            _set(connection, person, place, wrong=0, was_right=True)
            return
        # Whoever comes from a new place has it counted by itself from now on; what others guessed, be it meanwhile, stands.
        wrong = pins_tried.c.wrong
        _set(connection, person, _ELSEWHERE, wrong=case((wrong > 0, wrong - 1), else_=0))
        here = (pins_tried.c.person == person) & (pins_tried.c.place == network)
        if connection.execute(select(pins_tried.c.place).where(here)).first() is None:
            new = {"place": network, "wrong": 0, "latest": self._clock(), "was_right": True}
            connection.execute(insert(pins_tried).values(person=person, **new))

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


def _set(connection: Connection, person: int, place: str, **values: Any) -> None:
    here = (pins_tried.c.person == person) & (pins_tried.c.place == place)
    connection.execute(update(pins_tried).where(here).values(**values))


def _forget_wrong(connection: Connection, person: int) -> None:
    connection.execute(update(pins_tried).where(pins_tried.c.person == person).values(wrong=0))


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
