"""The desk: every request comes here, whoever brings it, and is answered or refused in one of six ways."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any, NoReturn, TypeVar
from uuid import UUID

import structlog
from pydantic import ValidationError

from drivers.descriptors import shortage_in
from station.bench.labels import Badge
from station.desk.act import Act, Bearer, DeskJournal, Entrance, Pin, Proof
from station.desk.refusals import Conflict, Failed, Invalid, NotAllowed, Refused, Unavailable
from station.desk.request import Answer, Command, Request
from station.desk.rights import Role, require_right
from station.domain.actor import Actor
from station.people.bearers import BearersUnreadable
from station.people.identification import Identification, Known, NotProven
from station.people.operators import OperatorsUnreadable
from station.records.errors import EventRefused, JournalError, JournalHeldUp, NotAsExpected
from station.records.expectations import Expectation, WorksAt

A = TypeVar("A", bound=Answer)
Handler = Callable[[Any, Act], Awaitable[Answer]]
Follower = Callable[[Any, Act], AsyncGenerator[Answer, None]]
Handlers = Mapping[type[Request[Any]], Handler]
Followers = Mapping[type[Request[Any]], Follower]
PersonCheck = Callable[[str], Awaitable[None]]
"""Raises a refusal for what is nobody's pseudonym."""

_log = structlog.stdlib.get_logger()


class Desk:
    """Answers requests by their handlers: asks who may, does each command once, and words what goes wrong."""

    def __init__(
        self,
        journal: DeskJournal,
        check_person: PersonCheck,
        handlers: Handlers,
        followers: Followers,
        identification: Identification | None = None,
    ) -> None:
        """Prepare, on the event loop that serves it.

        `check_person` is asked about whoever is named as the actor, `identification` about whoever proves it.
        """
        self._journal = journal
        self._check_person = check_person
        self._identification = identification
        self._handlers = handlers
        self._followers = followers
        self._running: dict[UUID, tuple[str, asyncio.Future[Answer]]] = {}
        """Commands with a key that are being done."""
        self._journal_failed: asyncio.Future[NoReturn] = asyncio.get_running_loop().create_future()

    async def until_journal_fails(self) -> NoReturn:
        """Wait for, and raise, the JournalError after which no result is safe any more."""
        await asyncio.shield(self._journal_failed)
        raise AssertionError  # it has no result

    async def answer(
        self,
        request: Request[A],
        entrance: Entrance,
        *,
        by: str | None = None,
        proof: Proof | None = None,
        key: UUID | None = None,
        file: int | None = None,
        network: str | None = None,
    ) -> A:
        """Answer a request, or raise Refused.

        `by` names who answers for it, where that is another than who works at the bench; a `proof` that it is they gives
        them their own rights, for this request. A command with a key is done
        once: sent again it is answered as it was, also after a restart. `file` is a descriptor that came along; it stays
        the caller's. `network` is where they ask from, if not from the bench itself.
        """
        try:
            act = await self._act(request, entrance, by, proof, key, network)
            act.file = file
            if act.key is None:
                answer = await self._handler(request)(request, act)
            else:
                answer = await self._once(act, act.key)
        except Refused:
            raise
        except Exception as error:
            raise self._refusal(request.name, error) from error
        return answer  # type: ignore[return-value]  # its handler's type is that of the request

    async def follow(
        self, request: Request[A], entrance: Entrance, *, by: str | None = None, proof: Proof | None = None
    ) -> AsyncGenerator[A, None]:
        """Answer again and again, or raise Refused."""
        try:
            act = await self._act(request, entrance, by, proof, None)
            async with aclosing(self._follower(request)(request, act)) as answers:
                async for answer in answers:
                    yield answer  # type: ignore[misc]  # as above
        except Refused:
            raise
        except Exception as error:
            raise self._refusal(request.name, error) from error

    async def _act(
        self,
        request: Request[Any],
        entrance: Entrance,
        by: str | None,
        proof: Proof | None,
        key: UUID | None,
        network: str | None = None,
    ) -> Act:
        """Ask who they are, and whether they may."""
        role = entrance.role
        as_of_now: tuple[Expectation, ...] = ()
        if proof is not None:
            known = await self._identify(by, proof, entrance.where, network)
            by, as_of_now = known.pseudonym, (known.still,)
            role = Role(known.role.value) if role is Role.TECHNICIAN else role
        elif by is not None and role is not Role.ACCOUNT:
            raise NotAllowed(
                f"who does something at the {entrance.where} is not said by who asks: it takes their PIN"
            )
        require_right(type(request), role)
        if by is None:
            jig = getattr(request, "jig", None)
            if entrance.signed_on is not None:
                by = entrance.signed_on(jig)
                as_of_now = (WorksAt(jig, by),) if jig is not None or by is not None else ()
            by = by or entrance.operator()
        elif proof is None:
            await self._check_person(by)
        of_a_person = role.value if role is Role.SUPERVISOR or role is Role.TECHNICIAN else None
        actor = Actor(pseudonym=by, role=of_a_person, where=entrance.where)
        command = request if isinstance(request, Command) else None
        return Act(
            actor,
            self._journal,
            command,
            None if command is None else key,
            role,
            proof="pin" if isinstance(proof, Pin) else "badge" if isinstance(proof, Badge) else None,
            as_of_now=as_of_now,
        )

    async def _identify(self, by: str | None, proof: Proof, where: str, network: str | None) -> Known:
        """Return who has proven who they are. Raises NotAllowed, Unavailable."""
        if self._identification is None:
            raise Unavailable("badges and PINs need the station's daemon: start it (reflash run)")
        try:
            match proof:
                case Badge(code):
                    return await self._identification.by_badge(code)
                case Pin(digits):
                    if by is None:
                        raise Invalid("a PIN is somebody's: say whose")
                    return await self._identification.by_pin(by, digits, where, network)
                case Bearer(secret):
                    return await self._identification.by_bearer(secret)
        except NotProven as error:
            raise NotAllowed(str(error)) from error
        except (OperatorsUnreadable, BearersUnreadable) as error:
            raise Unavailable(str(error)) from error
        except OSError as error:
            raise Unavailable(f"the list of operators: {error.strerror}; see: reflash doctor") from error

    async def _once(self, act: Act, key: UUID) -> Answer:
        """Do a command, unless it was done, or is being done."""
        command = act.command
        assert command is not None  # noqa: S101 - a key is kept for commands only
        running = self._running.get(key)
        if running is not None:
            sha256, done = running
            self._require_same(sha256, command)
            return await asyncio.shield(done)
        done = asyncio.get_running_loop().create_future()
        self._running[key] = command.fingerprint(), done
        try:
            answer = await self._kept_answer(command, key) or await self._do(command, act)
        except Exception as error:
            told = error if isinstance(error, Refused) else self._refusal(command.name, error)
            done.set_exception(told)
            raise told from error
        else:
            done.set_result(answer)
            return answer
        finally:
            del self._running[key]
            if done.done():
                done.exception()  # seen, also if nobody else waits
            else:
                done.set_exception(Unavailable("the station stops; ask again when it is back"))
                done.exception()

    async def _kept_answer(self, command: Command[Any], key: UUID) -> Answer | None:
        kept = await self._journal.command_answer(key)
        if kept is None:
            return None
        self._require_same(kept.sha256, command)
        try:
            return command.answer.model_validate_json(kept.answer)
        except ValidationError as error:
            raise Conflict(
                f"this {command.name} was done before, by another version of the station; look at what is there now"
            ) from error

    def _require_same(self, sha256: str, command: Command[Any]) -> None:
        if sha256 != command.fingerprint():
            raise Invalid("this key was another command's: make a new key for each command")

    async def _do(self, command: Command[Any], act: Act) -> Answer:
        answer = await self._handler(command)(command, act)
        if not act.recorded:  # nothing had to change, and sent again later it must change nothing either
            await act.recording(answer).append()
        return answer

    def _handler(self, request: Request[Any]) -> Handler:
        handler = self._handlers.get(type(request))
        if handler is None:
            raise Unavailable(f"{request.name} needs the station's daemon: start it (reflash run)")
        return handler

    def _follower(self, request: Request[Any]) -> Follower:
        follower = self._followers.get(type(request))
        if follower is None:
            raise Invalid(f"{request.name} is answered once, and cannot be followed")
        return follower

    def _refusal(self, what: str, error: Exception) -> Refused:
        """Word what a handler did not: contradictions of the journal, shortages, and faults of the station's own."""
        if isinstance(error, NotAsExpected):
            return Conflict(str(error), **error.facts)
        if isinstance(error, EventRefused):
            return Conflict(str(error))
        if isinstance(error, JournalError):
            if not isinstance(error, JournalHeldUp) and not self._journal_failed.done():
                self._journal_failed.set_exception(error)
                self._journal_failed.exception()  # seen, also if nobody waits for it
            return Unavailable(error.to_who_asked if isinstance(error, JournalHeldUp) else str(error))
        if (short := shortage_in(error)) is not None:
            _log.error("request failed", request=what, reason=short)
            return Unavailable(short)
        _log.error("request failed", request=what, exc_info=error)
        kind = type(error).__name__
        return Failed(
            f"a fault of the station's own in {what} ({kind}); its log has the traceback, tell the supervisor",
            request=what,
            error=kind,
        )
