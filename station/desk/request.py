"""What a request is: a question, a command, or something to follow; each knows the type of its answer."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Any, ClassVar, Final, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, StringConstraints

ANSWER_SECONDS: Final = 60.0
"""How long a client waits for an answer unless the request says otherwise."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=128)]
"""Of a jig, an order, a file."""
Words = Annotated[str, StringConstraints(max_length=2000)]
"""What a person writes."""


class Answer(BaseModel):
    """What a request is answered."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Done(Answer):
    """It was done, and there is nothing more to say."""


A = TypeVar("A", bound=Answer)


class Request(BaseModel, Generic[A]):
    """Something asked of the station. Its name on the wire is its class's: `EnableSlot` is `enable_slot`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: ClassVar[str]
    answer: ClassVar[type[Answer]]

    @property
    def answer_seconds(self) -> float:
        """How long a client waits for its answer."""
        return ANSWER_SECONDS

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        """Note the name, and the answer's type from the base that states it: `Command[Done]`."""
        cls.name = re.sub(r"(?<=.)(?=[A-Z])", "_", cls.__name__).lower()
        for base in cls.__mro__:
            stated = getattr(base, "__pydantic_generic_metadata__", {}).get("args", ())
            if stated and isinstance(stated[0], type):
                cls.answer = stated[0]
                return


class Question(Request[A], Generic[A]):
    """Changes nothing."""


class Following(Request[A], Generic[A]):
    """Is answered again and again, until whoever asked leaves."""


class Command(Request[A], Generic[A]):
    """Changes something. With a key it is done once, however often it is sent."""

    def fingerprint(self) -> str:
        """Tell this command from every other; fields that join later and say nothing change it not."""
        return hashlib.sha256(
            f"{self.name} {self.model_dump_json(exclude_defaults=True)}".encode()
        ).hexdigest()
