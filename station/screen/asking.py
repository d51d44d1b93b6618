"""The daemon's desk as the screen asks it."""

from __future__ import annotations

from typing import Protocol, TypeVar
from uuid import UUID

from station.desk.act import Proof
from station.desk.request import Answer, Request

A = TypeVar("A", bound=Answer)


class Ask(Protocol):
    """The daemon's desk."""

    async def __call__(
        self,
        request: Request[A],
        *,
        by: str | None = None,
        proof: Proof | None = None,
        key: UUID | None = None,
    ) -> A:
        """Return the answer. Raises Refused and ControlError."""
        ...
