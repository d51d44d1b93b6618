"""Who asks, and what the journal learns of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol
from uuid import UUID

from station.bench.labels import Badge
from station.desk.request import Answer, Command
from station.desk.rights import Role
from station.domain.actor import Actor
from station.records.chain import RecordedEvent
from station.records.expectations import Expectation
from station.records.facts.commands import CommandAnswered, KeptAnswer
from station.records.facts.events import Event


class DeskJournal(Protocol):
    """What the desk needs of the journal."""

    async def append(self, *events: Event | Expectation) -> tuple[RecordedEvent, ...]:
        """Make the events durable, all or none, if what is expected is so."""
        ...

    async def command_answer(self, key: UUID) -> KeptAnswer | None:
        """Return what a command with this key was answered."""
        ...


@dataclass(frozen=True, slots=True)
class Pin:
    """What proves that somebody is who they say. Shown, logged and kept nowhere."""

    digits: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Bearer:
    """A session that somebody opened, or a program's token. Shown, logged and kept nowhere."""

    secret: str = field(repr=False)


Proof = Pin | Badge | Bearer


@dataclass(frozen=True, slots=True)
class Entrance:
    """A way in: whoever comes by it asks in this capacity, unless they prove who they are."""

    role: Role
    where: str
    """For the journal: the terminal, desk or scanner at which something is done."""
    operator: Callable[[], str | None]
    """Who works at the bench where nobody is signed on or says who it is."""
    signed_on: Callable[[str | None], str | None] | None = None
    """Who is signed on at a jig, or for the bench; None where nobody can be."""


class Recording:
    """Takes the facts of one command, and writes its answer beside them."""

    def __init__(self, act: Act, answer: Answer) -> None:
        self._act = act
        self._answer = answer

    async def append(self, *events: Event | Expectation) -> tuple[RecordedEvent, ...]:
        """Make the events durable, and with them what the command is answered. Raises JournalError."""
        act = self._act
        answered = act.answered(self._answer)
        if not events and not answered:
            return ()
        recorded = await act.journal.append(*(act.as_of_now if events else ()), *events, *answered)
        act.recorded = act.recorded or bool(answered)
        return recorded


@dataclass(slots=True)
class Act:
    """One request being answered: for whom, and with which key."""

    actor: Actor
    journal: DeskJournal
    command: Command[Any] | None = None
    key: UUID | None = None
    role: Role = Role.VIEWER
    """In what capacity they ask; who says nothing may least."""
    file: int | None = None
    """The descriptor of a file that came with the request; open until it is answered."""
    proof: Literal["badge", "pin"] | None = None
    """What proved who the actor is."""
    as_of_now: tuple[Expectation, ...] = ()
    """That the actor still is the one who is signed on, or what they proved to be, where that is why it is they."""
    recorded: bool = False
    """Whether the answer is in the journal."""

    def recording(self, answer: Answer) -> Recording:
        """Return where to append what is done, for this answer: once, at the end of what is done."""
        return Recording(self, answer)

    def answered(self, answer: Answer) -> tuple[CommandAnswered, ...]:
        """Return the fact of this answer, if the command has a key."""
        if self.key is None or self.command is None or self.recorded:
            return ()
        return (
            CommandAnswered(
                key=self.key,
                command=self.command.name,
                sha256=self.command.fingerprint(),
                answer=json.loads(answer.model_dump_json()),
            ),
        )
