"""Who stands behind an operator's pseudonym. Kept apart from the journal, which never forgets: this can."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from firmware_catalog.files import replace_file
from firmware_catalog.secret_files import SecretExposed, read_secret
from station.records.chain import canonical_json

_MAX_FILE_SIZE: Final = 16 * 1024 * 1024


class OperatorsUnreadable(Exception):
    """The file is not what this program wrote. The message is one line: where, and what to do."""


class UnknownPseudonym(Exception):
    """Nobody is known by it. The message is one line: what, and what to do."""


class Operators:
    """A small file, readable by its owner only, from pseudonym to person. The daemon asks it for pseudonyms alone."""

    def __init__(self, path: Path) -> None:
        """Use the file at `path`; it is made when the first operator is added."""
        self._path = path

    def pseudonym_of(self, person: str) -> str:
        """Return the person's pseudonym, a new random one for somebody new. Raises OSError."""
        with self._alone():
            people = self.people()
            for pseudonym, known in people.items():
                if known == person:
                    return pseudonym
            pseudonym = f"op-{secrets.token_hex(4)}"
            self._write({**people, pseudonym: person})
        return pseudonym

    def people(self) -> dict[str, str]:
        """Return everybody by pseudonym. Raises OperatorsUnreadable or OSError."""
        try:
            people = json.loads(read_secret(self._path, _MAX_FILE_SIZE))
        except FileNotFoundError:
            return {}
        except SecretExposed as error:
            raise OperatorsUnreadable(str(error)) from error
        except (ValueError, RecursionError) as error:
            raise self._unreadable() from error
        if not isinstance(people, dict) or not all(isinstance(person, str) for person in people.values()):
            raise self._unreadable()
        return people

    def require(self, pseudonym: str) -> None:
        """Return if it stands for somebody. Raises UnknownPseudonym, OperatorsUnreadable or OSError."""
        if pseudonym not in self.people():
            raise UnknownPseudonym(
                f"{pseudonym} stands for nobody here; add the person, and use the pseudonym that is printed: "
                "reflash operators add NAME"
            )

    def erase(self, pseudonym: str) -> bool:
        """Forget who stands behind the pseudonym; return whether anybody did. The journal stays as it is."""
        with self._alone():
            people = self.people()
            if people.pop(pseudonym, None) is None:
                return False
            self._write(people)
        return True

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other programs from changing the list meanwhile. The lock is the kernel's, and goes with its holder."""
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    def _write(self, people: dict[str, str]) -> None:
        replace_file(self._path, canonical_json(people).encode() + b"\n", mode=0o600)

    def _unreadable(self) -> OperatorsUnreadable:
        return OperatorsUnreadable(
            f"{self._path} is no list of operators: restore it from a backup, or remove it to begin anew"
        )
