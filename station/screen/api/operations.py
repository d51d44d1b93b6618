"""From the desk's requests to methods and paths: one rule for all of them, so that what the desk learns is there at once. Pure.

A request is a verb and a noun: `assign_order` is `POST /orders/{order}/assign`, `list_orders` is `GET /orders`, `show_order` is `GET
/orders/{order}`; `show_shift`, of which there is one, is `GET /shift`. A command's path names what it is about where a field is called so, a question's where it has one field that must be given.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from station.desk.order_requests import ComesWithFile
from station.desk.request import Following, Question, Request
from station.desk.rights import MAY, Role
from station.desk.session_requests import CloseSession, OpenSession, ShowBearer

ROOT: Final = "/api/v1"
_AT_THE_SCREEN: Final = frozenset({Role.TECHNICIAN, Role.SUPERVISOR, Role.VIEWER, Role.PLANNER})
_ELSEWHERE: Final[frozenset[type[Request[Any]]]] = frozenset({OpenSession, ShowBearer, CloseSession})
"""Behind /session, which gives and takes the cookie."""
_ASKS_FOR_SOME: Final = frozenset({"list"})
_ASKS_FOR_ONE: Final = frozenset({"show", "find"})
_PARTICLES: Final = frozenset({"on", "off"})
FILE_FACTS: Final = frozenset({"size", "sha256"})
"""Of a file that comes as the body: told by the file itself."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One request of the desk over HTTP."""

    kind: type[Request[Any]]
    method: Literal["GET", "POST"]
    path: str
    """Below the root, with the field that is part of it in braces."""
    tag: str
    in_path: str | None = None
    """The field that the path names."""

    @property
    def takes_file(self) -> bool:
        """Whether the body is a file, and the fields are in the query."""
        return issubclass(self.kind, ComesWithFile)

    @property
    def streams(self) -> bool:
        """Whether it is answered by events, again and again."""
        return issubclass(self.kind, Following)

    @property
    def in_query(self) -> tuple[str, ...]:
        """The fields that the query names."""
        if self.method == "POST" and not self.takes_file:
            return ()
        left_out = {self.in_path, *(FILE_FACTS if self.takes_file else ())}
        return tuple(name for name in self.kind.model_fields if name not in left_out)

    @property
    def who_may(self) -> tuple[str, ...]:
        """The roles that may ask it, of those that come this way."""
        return tuple(sorted(role.value for role in MAY[self.kind] & _AT_THE_SCREEN))


def operations(rights: Mapping[type[Request[Any]], Iterable[Role]] = MAY) -> Iterator[Operation]:
    """Yield everything that somebody at the screen may ask, by name."""
    for kind in sorted(rights, key=lambda each: each.name):
        if _AT_THE_SCREEN & set(rights[kind]) and kind not in _ELSEWHERE:
            yield _operation(kind)


def _operation(kind: type[Request[Any]]) -> Operation:
    verb, _, noun = kind.name.rpartition("_")
    asks = issubclass(kind, (Question, Following)) and not issubclass(kind, ComesWithFile)
    if asks and verb in _ASKS_FOR_SOME:
        return Operation(kind, "GET", f"/{noun}", noun)
    if asks and verb in _ASKS_FOR_ONE:
        needed = [name for name, field in kind.model_fields.items() if field.is_required()]
        field = needed[0] if len(needed) == 1 else None
        plural = _plural(noun)
        return Operation(kind, "GET", f"/{plural}/{{{field}}}" if field else f"/{noun}", plural, field)
    if asks:
        return Operation(kind, "GET", f"/{_hyphens(kind.name)}", "bench")
    if not verb or noun in _PARTICLES:
        return Operation(kind, "POST", f"/{_hyphens(kind.name)}", "people" if noun in _PARTICLES else "bench")
    plural = _plural(noun)
    about = kind.model_fields.get(noun)
    if about is not None and about.is_required() and about.annotation is str:
        return Operation(kind, "POST", f"/{plural}/{{{noun}}}/{_hyphens(verb)}", plural, noun)
    return Operation(kind, "POST", f"/{plural}/{_hyphens(verb)}", plural)


def _plural(noun: str) -> str:
    return f"{noun}es" if noun.endswith("x") else f"{noun}s"


def _hyphens(name: str) -> str:
    return name.replace("_", "-")
