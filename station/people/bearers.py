"""What is carried instead of a proof: sessions of people who have shown who they are, and tokens of programs.

Each is a random secret of which only a digest is kept: nobody guesses 256 bits, so a fast one does. Kept apart from the journal,
beside the people: what is ended here is gone at once, and nothing of it outlives the person.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, StringConstraints, ValidationError

from firmware_catalog.files import replace_file
from firmware_catalog.secret_files import SecretExposed, read_secret
from station.domain.actor import PersonRole, Pseudonym
from station.domain.shift_day import SLACK
from station.people.alone import alone_in
from station.people.operators import Operators, OperatorsUnreadable, Person, UnknownPseudonym
from station.records.chain import canonical_json
from station.records.errors import NotAsExpected
from station.records.expectations import Expectation

_MAX_FILE_SIZE: Final = 1024 * 1024
_SECRET_BYTES: Final = 32
MOST_SESSIONS: Final = 256
"""At once; one more ends that which would end first."""

Secret = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]
"""32 random bytes as base64 without padding (RFC 4648, section 5)."""
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
ProgramName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$")]


class ProgramRole(StrEnum):
    """What a program's token lets it do (`station.desk.rights` has each one's requests)."""

    VIEWER = "viewer"
    """Look."""
    PLANNER = "planner"
    """Look, and bring work orders."""
    TECHNICIAN = "technician"
    """What a technician may at the bench."""


class BearersUnreadable(Exception):
    """The file is not what this program wrote. The message is one line: where, and what to do."""


class NameTaken(Exception):
    """Another program has a token by this name. The message is one line."""


class _Session(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    pseudonym: Pseudonym
    person: Digest
    """What the person was when they proved who they are: with another role, badge or PIN it is over."""
    since: AwareDatetime
    until: AwareDatetime


class Token(BaseModel):
    """What a program may, for how long."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    digest: Digest
    role: ProgramRole
    made: AwareDatetime
    until: AwareDatetime | None = None


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    version: Literal[1] = 1
    sessions: dict[Digest, _Session] = {}
    tokens: dict[ProgramName, Token] = {}


@dataclass(frozen=True, slots=True)
class Holder:
    """Who carries a secret."""

    pseudonym: str
    role: PersonRole | ProgramRole
    """What a person is, though a session alone gives no supervisor's rights; or what a program's token lets it do."""
    until: datetime | None
    is_person: bool


class Bearers:
    """A small file, readable by its owner only. The daemon asks it anew each time."""

    def __init__(self, path: Path, operators: Operators) -> None:
        """Use the file at `path`; it is made with the first session or token."""
        self._path = path
        self._operators = operators

    def open_session(self, pseudonym: str, now: datetime, until: datetime) -> tuple[str, PersonRole]:
        """Begin a session of somebody who has just shown who they are; return its secret, and what they are.

        Raises UnknownPseudonym where they were erased meanwhile, OperatorsUnreadable, BearersUnreadable and OSError.
        """
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        with alone_in(self._path.parent):
            people = self._operators.people()
            if pseudonym not in people:
                raise UnknownPseudonym(f"{pseudonym} stands for nobody here any more")
            person = people[pseudonym]
            session = _Session(pseudonym=pseudonym, person=_of(person), since=now, until=until)
            file = self._read()
            kept = {digest: each for digest, each in file.sessions.items() if _lasts(each, now, people)}
            while len(kept) >= MOST_SESSIONS:
                del kept[min(kept, key=lambda digest: kept[digest].until)]
            self._write(file.model_copy(update={"sessions": {**kept, digest_of(secret): session}}))
        return secret, person.role

    def close_session(self, secret: str) -> bool:
        """End a session; return whether there was one. Raises BearersUnreadable and OSError."""
        with alone_in(self._path.parent):
            file = self._read()
            kept = {digest: each for digest, each in file.sessions.items() if digest != digest_of(secret)}
            if len(kept) == len(file.sessions):
                return False
            self._write(file.model_copy(update={"sessions": kept}))
        return True

    def make_token(self, name: str, role: ProgramRole, now: datetime, until: datetime | None = None) -> str:
        """Give a program a token; return its secret, which is shown this once. Raises NameTaken, BearersUnreadable, OSError."""
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        with alone_in(self._path.parent):
            file = self._read()
            if name in file.tokens:
                raise NameTaken(
                    f"{name} has a token: choose another name, or revoke that one first (reflash tokens revoke {name})"
                )
            token = Token(digest=digest_of(secret), role=role, made=now, until=until)
            self._write(file.model_copy(update={"tokens": {**file.tokens, name: token}}))
        return secret

    def revoke_token(self, name: str) -> bool:
        """Let a program's token count no more; return whether there was one. Raises BearersUnreadable and OSError."""
        with alone_in(self._path.parent):
            file = self._read()
            if name not in file.tokens:
                return False
            kept = {known: token for known, token in file.tokens.items() if known != name}
            self._write(file.model_copy(update={"tokens": kept}))
        return True

    def tokens(self) -> Mapping[str, Token]:
        """Return every token by its program's name. Raises BearersUnreadable and OSError."""
        return self._read().tokens

    def holder(self, digest: str, now: datetime) -> Holder | None:
        """Return who carries the secret of this digest; None where it does not count, or not any more.

        Raises OperatorsUnreadable, BearersUnreadable and OSError.
        """
        file = self._read()
        if (session := file.sessions.get(digest)) is not None:
            people = self._operators.people()
            if not _lasts(session, now, people):
                return None
            return Holder(session.pseudonym, people[session.pseudonym].role, session.until, is_person=True)
        for name, token in file.tokens.items():
            if token.digest == digest and (token.until is None or now < token.until):
                return Holder(f"program-{name}", token.role, token.until, is_person=False)
        return None

    def _read(self) -> _File:
        try:
            return _File.model_validate_json(read_secret(self._path, _MAX_FILE_SIZE))
        except FileNotFoundError:
            return _File()
        except SecretExposed as error:
            raise BearersUnreadable(str(error)) from error
        except ValidationError:
            raise BearersUnreadable(
                f"{self._path} is no list of sessions and tokens: remove it; people sign on anew then, and programs need "
                "new tokens (reflash tokens make)"
            ) from None

    def _write(self, file: _File) -> None:
        written = canonical_json(file.model_dump(mode="json", exclude_none=True)).encode()
        replace_file(self._path, written + b"\n", mode=0o600)


@dataclass(frozen=True, slots=True)
class StillCarried(Expectation):
    """A session or token counts as when it was shown: held in the very append of what its bearer does."""

    bearers: Bearers
    digest: str
    holder: Holder

    def hold(self, _: sqlite3.Connection) -> None:
        """Raise NotAsExpected where it is over, or where that cannot be asked."""
        try:
            now = self.bearers.holder(self.digest, datetime.now(UTC))
        except (BearersUnreadable, OperatorsUnreadable, OSError) as error:
            raise NotAsExpected(
                f"whether {self.holder.pseudonym} still may cannot be asked ({error})"
            ) from error
        if now != self.holder:
            raise NotAsExpected(f"the session or token of {self.holder.pseudonym} has ended in the meantime")


def digest_of(secret: str) -> str:
    """Return what is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _of(person: Person) -> str:
    return hashlib.sha256(canonical_json(person.model_dump(mode="json")).encode()).hexdigest()


def _lasts(session: _Session, now: datetime, people: Mapping[str, Person]) -> bool:
    """Whether it still counts. Not if it began in the future: a clock was wrong, and nobody knows how long it has been."""
    person = people.get(session.pseudonym)
    return (
        person is not None and _of(person) == session.person and session.since - SLACK <= now < session.until
    )
