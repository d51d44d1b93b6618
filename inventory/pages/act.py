"""What an act of the pages is: done once, as whoever does it saw it, by the function that commands and programs use."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints
from sqlalchemy import Connection

from inventory.errors import WrongInput
from inventory.moments import Clock
from inventory.pages.seen import Seen
from inventory.requests.settings import RequestSettings
from inventory.upstream.document import Documents
from inventory.upstream.settings import UpstreamSettings
from inventory.whole_file import write_whole


def _shown(text: str) -> str:
    if not text.isprintable():
        raise ValueError("has characters that cannot be shown")
    return text


Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), AfterValidator(_shown)
]
Lines = Annotated[str, StringConstraints(max_length=1 << 20)]
"""One code or id a line."""


@dataclass(frozen=True, slots=True)
class Doing:
    """What an act is done with."""

    by: str
    clock: Clock
    requests: RequestSettings | None
    ways: UpstreamSettings | None
    documents: Mapping[str, Documents]

    def taking_requests(self) -> RequestSettings:
        """Return what requests are held against. Raises WrongInput."""
        if self.requests is None:
            raise WrongInput("the configuration has no [requests]; see docs/inventory.md")
        return self.requests


class Act(BaseModel):
    """Something that is done once, as whoever does it saw it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: ClassVar[str]

    expected: Annotated[str, StringConstraints(max_length=100)]
    """The mark of what was seen (`seen.py`)."""

    @abstractmethod
    def seen(self, connection: Connection) -> Seen:
        """Return how that stands now."""

    @abstractmethod
    def do(self, connection: Connection, doing: Doing) -> str:
        """Do it, and say what was done. The caller writes alone. Raises InventoryError."""

    def file(self, connection: Connection, doing: Doing) -> tuple[str, bytes] | None:  # noqa: ARG002 - most have none
        """Return the work order's file that is to be written after it, by its name."""
        return None


def perform(connection: Connection, act: Act, doing: Doing) -> str:
    """Do it if it stands as it was seen, and say what was done. The caller writes alone. Raises InventoryError."""
    act.seen(connection).require(act.expected)
    return act.do(connection, doing)


def write_file(act: Act, found: tuple[str, bytes], doing: Doing) -> str:
    """Write the file that belongs to an act; say where, or why not: the act itself is done."""
    name, data = found
    path = doing.taking_requests().orders_folder / f"{name}.csv"
    try:
        write_whole(path, data)
    except (OSError, WrongInput) as error:
        again = "" if act.name == "write_order" else ", then have it written again"
        return f"its file could not be written ({error}): mend that{again}"
    return f"{path} is written"
