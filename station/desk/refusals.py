"""Why something is not done: a small family, each with a code for programs, a line for people, and facts."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, Final

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError
from pydantic_core import ErrorDetails


class RefusalCode(StrEnum):
    """What kind of refusal it is."""

    NOT_FOUND = "not_found"
    """What is named is not there."""
    CONFLICT = "conflict"
    """It does not fit what is there now: look again, then decide anew."""
    NOT_ALLOWED = "not_allowed"
    """Whoever asks may not."""
    INVALID = "invalid"
    """It makes no sense, or can never be done as it was asked."""
    UNAVAILABLE = "unavailable"
    """Not now: the station lacks something. The same request may be answered later."""
    FAILED = "failed"
    """A fault of the station's own. Its log has the traceback."""


class Refused(Exception):
    """A request is not answered. The message is one line for people: what, where, what to do next."""

    code: ClassVar[RefusalCode]

    def __init__(self, line: str, /, **facts: JsonValue) -> None:
        """Say so in one line; `facts` are the same for programs."""
        super().__init__(" ".join(line.splitlines()))
        self.facts = facts


class NotFound(Refused):
    """What is named is not there."""

    code = RefusalCode.NOT_FOUND


class Conflict(Refused):
    """It does not fit what is there now."""

    code = RefusalCode.CONFLICT


class NotAllowed(Refused):
    """Whoever asks may not."""

    code = RefusalCode.NOT_ALLOWED


class Invalid(Refused):
    """It makes no sense, or can never be done as it was asked."""

    code = RefusalCode.INVALID


class Unavailable(Refused):
    """Not now: the station lacks something."""

    code = RefusalCode.UNAVAILABLE


class Failed(Refused):
    """A fault of the station's own."""

    code = RefusalCode.FAILED


def unfit(error: ValidationError, what: str) -> Invalid:
    """Say in one line what is wrong with data that came from outside."""
    fault = error.errors()[0]
    where = ".".join(map(str, fault["loc"])) or "it"
    return Invalid(f"{what}: {where}: {_in_words(fault)}", field=where)


def _in_words(fault: ErrorDetails) -> str:
    """Say for people what pydantic found."""
    limits = fault.get("ctx", {})
    match fault["type"]:
        case "missing":
            return "it is missing: say it"
        case "extra_forbidden":
            return "there is no such field: leave it out"
        case "string_too_short":
            least = limits["min_length"]
            return "it is empty: write something" if least == 1 else f"it has fewer than {least} characters"
        case "string_too_long" | "too_long":
            return f"it is longer than {limits['max_length']}: make it shorter"
        case "string_pattern_mismatch":
            return "it is not written as it has to be (docs/desk.md)"
        case _:
            return fault["msg"].removeprefix("Value error, ")


_KINDS: Final = {kind.code: kind for kind in (NotFound, Conflict, NotAllowed, Invalid, Unavailable, Failed)}


class Refusal(BaseModel):
    """A refusal as it is told to a client."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    code: RefusalCode
    line: str
    facts: dict[str, JsonValue] = {}

    @classmethod
    def of(cls, refused: Refused) -> Refusal:
        """Put a refusal into words that travel."""
        return cls(code=refused.code, line=str(refused), facts=refused.facts)

    def error(self) -> Refused:
        """Return what to raise where it has arrived."""
        return _KINDS[self.code](self.line, **self.facts)
