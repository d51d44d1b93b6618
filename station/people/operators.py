"""Who stands behind an operator's pseudonym, and what proves it. Kept apart from the journal, which never forgets: this can."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from firmware_catalog.files import replace_file
from firmware_catalog.secret_files import SecretExposed, read_secret
from station.domain.actor import PersonRole, Pseudonym
from station.domain.pin import SALT_BYTES, hash_of_pin
from station.people.alone import alone_in
from station.people.proofs import hash_of_badge
from station.records.chain import canonical_json

_MAX_FILE_SIZE: Final = 16 * 1024 * 1024


class OperatorsUnreadable(Exception):
    """The file is not what this program wrote. The message is one line: where, and what to do."""


class UnknownPseudonym(Exception):
    """Nobody is known by it. The message is one line: what, and what to do."""


class BadgeTaken(Exception):
    """The badge is another's. The message is one line."""


class Person(BaseModel):
    """One who works here."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str
    role: PersonRole = PersonRole.TECHNICIAN
    badge: str | None = Field(None, repr=False)
    """See `proofs.hash_of_badge`."""
    pin: str | None = Field(None, repr=False)
    """See `proofs.hash_of_pin`."""


class _File(BaseModel):
    """The list as it is written. The version before was an object of pseudonyms and names, without more."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    version: Literal[2] = 2
    badge_salt: str = Field(pattern=rf"^[0-9a-f]{{{2 * SALT_BYTES}}}$", repr=False)
    people: dict[Pseudonym, Person]


_NAMES: Final[TypeAdapter[dict[str, str]]] = TypeAdapter(dict[str, str], config=ConfigDict(strict=True))


class Operators:
    """A small file, readable by its owner only, from pseudonym to person. The daemon asks it anew each time."""

    def __init__(self, path: Path) -> None:
        """Use the file at `path`; it is made when the first operator is added."""
        self._path = path

    def pseudonym_of(self, person: str, role: PersonRole | None = None) -> str:
        """Return the person's pseudonym, a new random one for somebody new. Raises OSError.

        A `role` that is given is the person's from now on; who is new and given none is a technician.
        """
        with alone_in(self._path.parent):
            file = self._read()
            pseudonym = next((known for known, each in file.people.items() if each.name == person), None)
            known = file.people.get(pseudonym or "") or Person(name=person)
            changed = known if role is None else known.model_copy(update={"role": role})
            if pseudonym is None or changed != known:
                pseudonym = pseudonym or f"op-{secrets.token_hex(4)}"
                self._write(file, {**file.people, pseudonym: changed})
        return pseudonym

    def people(self) -> Mapping[str, Person]:
        """Return everybody by pseudonym. Raises OperatorsUnreadable or OSError."""
        return self._read().people

    def require(self, pseudonym: str) -> None:
        """Return if it stands for somebody. Raises UnknownPseudonym, OperatorsUnreadable or OSError."""
        if pseudonym not in self.people():
            raise UnknownPseudonym(
                f"{pseudonym} stands for nobody here; add the person, and use the pseudonym that is printed: "
                "reflash operators add NAME"
            )

    def set_role(self, pseudonym: str, role: PersonRole) -> None:
        """Make somebody a technician or a supervisor. Raises as `require` does."""
        self._change(pseudonym, lambda _: {"role": role})

    def set_pin(self, pseudonym: str, pin: str | None) -> None:
        """Keep the hash of somebody's PIN, or none. Raises as `require` does."""
        kept = None if pin is None else hash_of_pin(pin, secrets.token_bytes(SALT_BYTES))
        self._change(pseudonym, lambda _: {"pin": kept})

    def set_badge(self, pseudonym: str, code: str | None) -> None:
        """Keep the hash of the code of somebody's badge, or none. Raises BadgeTaken, and as `require` does."""

        def update(file: _File) -> dict[str, object]:
            kept = None if code is None else hash_of_badge(code, bytes.fromhex(file.badge_salt))
            for other, person in file.people.items():
                if kept is not None and person.badge == kept and other != pseudonym:
                    raise BadgeTaken(
                        f"this badge is {other}'s; take it away there first: reflash operators badge {other} --remove"
                    )
            return {"badge": kept}

        self._change(pseudonym, update)

    def whose_badge(self, code: str) -> tuple[str, Person] | None:
        """Return whoever has this badge. Slow on purpose. Raises OperatorsUnreadable or OSError."""
        file = self._read()
        kept = hash_of_badge(code, bytes.fromhex(file.badge_salt))
        return next((each for each in file.people.items() if each[1].badge == kept), None)

    def find(self, name: str) -> tuple[str, Person] | None:
        """Return whoever is called so, or has this pseudonym; None for nobody, and for two of one name.

        Capitals and spaces do not count. Raises OperatorsUnreadable or OSError.
        """
        people = self.people()
        if name in people:
            return name, people[name]
        named = [each for each in people.items() if _plain(each[1].name) == _plain(name)]
        return named[0] if len(named) == 1 else None

    def place(self, network: str) -> str:
        """Return what a network that somebody asks from is called in the journal, which nobody can read without this file.

        Raises OperatorsUnreadable or OSError.
        """
        salt = bytes.fromhex(self._read().badge_salt)
        return hashlib.blake2s(network.encode(), key=salt, digest_size=8).hexdigest()

    def erase(self, pseudonym: str) -> bool:
        """Forget who stands behind the pseudonym, badge and PIN included; return whether anybody did.

        The journal stays as it is.
        """
        with alone_in(self._path.parent):
            file = self._read()
            if pseudonym not in file.people:
                return False
            self._write(file, {known: person for known, person in file.people.items() if known != pseudonym})
        return True

    def _change(self, pseudonym: str, update: Callable[[_File], dict[str, object]]) -> None:
        with alone_in(self._path.parent):
            self.require(pseudonym)
            file = self._read()
            changed = file.people[pseudonym].model_copy(update=update(file))
            self._write(file, {**file.people, pseudonym: changed})

    def _read(self) -> _File:
        """Return the list, also one of the version before. Nothing is written: the next change does that."""
        try:
            content = read_secret(self._path, _MAX_FILE_SIZE)
        except FileNotFoundError:
            return _of_names({})
        except SecretExposed as error:
            raise OperatorsUnreadable(str(error)) from error
        try:
            return _File.model_validate_json(content)
        except ValidationError:
            pass
        try:
            return _of_names(_NAMES.validate_json(content))
        except ValidationError:
            raise OperatorsUnreadable(  # without the cause, which would show names
                f"{self._path} is no list of operators: restore it from a backup, or remove it to begin anew"
            ) from None

    def _write(self, file: _File, people: Mapping[str, Person]) -> None:
        written = file.model_copy(update={"people": people}).model_dump(mode="json", exclude_none=True)
        replace_file(self._path, canonical_json(written).encode() + b"\n", mode=0o600)


def _of_names(names: Mapping[str, str]) -> _File:
    people = {pseudonym: Person(name=name) for pseudonym, name in names.items()}
    return _File(badge_salt=secrets.token_hex(SALT_BYTES), people=people)


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()
