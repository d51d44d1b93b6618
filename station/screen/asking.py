"""The daemon's desk as the screen asks it, and for whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar
from uuid import UUID

from station.bench.labels import Badge
from station.desk.act import Bearer, Pin, Proof
from station.desk.request import Answer, Request
from station.desk.session_requests import Bearing
from station.web.proofs import Place

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
        file: int | None = None,
        network: str | None = None,
    ) -> A:
        """Return the answer. Raises Refused and ControlError."""
        ...


@dataclass(frozen=True, slots=True)
class Who:
    """Who sent a request, by what it carries."""

    place: Place
    by: str | None = None
    proof: Proof | None = None
    bearing: Bearing | None = None
    """Whose session or token came along; None where nobody is signed on. A PIN proves one request, and is somebody else's, say."""

    @property
    def secret(self) -> str:
        """What tells one session from another; empty where there is none."""
        return self.proof.secret if isinstance(self.proof, Bearer) else ""


@dataclass(frozen=True, slots=True)
class AskFor:
    """Asks for somebody, with what they carry; what is given with the request itself counts before that."""

    ask: Ask
    who: Who

    async def __call__(
        self,
        request: Request[A],
        *,
        by: str | None = None,
        proof: Proof | None = None,
        key: UUID | None = None,
        file: int | None = None,
        network: str | None = None,
    ) -> A:
        """Return the answer. Raises Refused, of which MustWait, and ControlError."""
        if proof is None and by is None:
            by, proof = self.who.by, self.who.proof
        if not isinstance(proof, Pin | Badge):  # nobody guesses a session or a token
            return await self.ask(request, by=by, proof=proof, key=key, file=file)
        place = self.who.place
        async with place.proofs.trying(place.peer):
            return await self.ask(
                request, by=by, proof=proof, key=key, file=file, network=network or place.network
            )
