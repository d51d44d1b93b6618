"""Sends what waits to be told, for as long as the program lives. A mail that is refused or comes back stops nothing.

A message is kept before it is sent. Where nobody knows whether it arrived (the connection went in the middle) it is sent again, under the
same Message-ID.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Executor
from datetime import datetime
from email.message import EmailMessage
from functools import partial
from typing import Final, NamedTuple, TypeVar

import aiosmtplib
import structlog

from inventory.database.engine import Database
from inventory.database.waiting import until_answered
from inventory.moments import Clock
from inventory.notices import queue
from inventory.notices.composing import Composer, NotComposed
from inventory.notices.settings import NoticeSettings, PartySettings

_log: Final = structlog.get_logger()
_T = TypeVar("_T")


class Tried(NamedTuple):
    """What became of a notice that was tried."""

    state: str
    """`sent`, `refused` (for good), or `waiting`."""
    answer: str


class Mailer:
    """Sends notices. `send_waiting` tries each once."""

    def __init__(
        self,
        settings: NoticeSettings,
        parties: Sequence[PartySettings],
        database: Database,
        thread: Executor,
        clock: Clock,
    ) -> None:
        """Prepare. `thread` is where the database may be waited for."""
        self._settings = settings
        self._emails: Mapping[str, Sequence[str]] = {each.name: each.emails for each in parties}
        self._database = database
        self._thread = thread
        self._clock = clock
        self._composer = Composer(settings.sender, settings.templates)

    async def run(self, every_seconds: float) -> None:
        """Look for what is to be sent until cancelled: acts are other programs', and none of them says so here."""
        while True:
            await until_answered(self.send_waiting, "the database does not answer, parties are told later")
            await asyncio.sleep(every_seconds)

    async def send_waiting(self, *, at_once: bool = False) -> dict[int, Tried]:
        """Try each notice that waits, once; `at_once` also one that was tried a moment ago. Raises DatabaseUnavailable alone."""
        numbers = await self._apart(partial(self._waiting, at_once))
        done = {}
        for number in numbers:
            tried = await self._send(number)
            if tried is None:
                continue
            done[number] = tried
            if tried.state == "sent":
                _log.info("a party is told", notice=number)
            else:
                _log.error(
                    "a notice is not sent: reflash inventory notices list", notice=number, reason=tried.answer
                )
        return done

    async def _send(self, number: int) -> Tried | None:
        """Send one, and put down what became of it; None if meanwhile somebody settled it, or another program is at it."""
        begun = self._clock()
        try:
            prepared = await self._apart(partial(self._prepare, number, begun))
        except NotComposed as error:
            prepared = Tried("waiting", str(error))
        if isinstance(prepared, EmailMessage):
            tried = await self._deliver(prepared)
            await self._apart(partial(self._note, number, begun, tried))
            return tried
        if prepared is not None:
            await self._apart(partial(self._note, number, None, prepared))
        return prepared

    def _prepare(self, number: int, begun: datetime) -> EmailMessage | Tried | None:
        with self._database.write() as connection:
            row = queue.one(connection, number)
            recipients = self._emails.get(row.party)
            if recipients is None:
                return Tried("waiting", f"the configuration has no e-mail address of {row.party}")
            message = self._composer.compose(number, row.kind, row.facts, recipients, row.made, row.listing)
            kept = queue.keep_message(connection, number, message.as_bytes(), recipients, begun)
            return message if kept else None

    async def _deliver(self, message: EmailMessage) -> Tried:
        settings = self._settings
        try:
            refused, answer = await aiosmtplib.send(
                message,
                hostname=settings.host,
                port=settings.port,
                username=settings.username,
                password=self._password(),
                timeout=settings.timeout_seconds,
                use_tls=settings.security == "tls",
                start_tls=settings.security == "starttls",
                tls_context=self._tls(),
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            return _judged([(each.code, f"{each.recipient}: {each.message}") for each in error.recipients])
        except aiosmtplib.SMTPResponseException as error:
            # Who we are is a matter of the configuration, not of this mail.
            if isinstance(error, aiosmtplib.SMTPAuthenticationError):
                return Tried("waiting", f"the mail server refuses the password: {error.message}")
            return _judged([(error.code, error.message)])
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            return Tried("waiting", f"mail server {settings.host}:{settings.port}: {error}")
        if refused:
            said = "; ".join(f"{each}: {code} {text}" for each, (code, text) in refused.items())
            return Tried("refused", f"some have it, not all: {said}")
        return Tried("sent", answer)

    def _password(self) -> str | None:
        path = self._settings.password_file
        return None if path is None else path.read_text(encoding="utf-8").partition("\n")[0]

    def _tls(self) -> ssl.SSLContext | None:
        if self._settings.security == "none":
            return None
        return ssl.create_default_context(cafile=self._settings.ca_file)

    def _waiting(self, at_once: bool) -> Sequence[int]:
        with self._database.read() as connection:
            return queue.waiting(connection, self._clock(), at_once=at_once)

    def _note(self, number: int, begun: datetime | None, tried: Tried) -> None:
        with self._database.write() as connection:
            queue.note_answer(connection, number, begun, tried.state, tried.answer, self._clock())

    def _apart(self, work: Callable[[], _T]) -> Awaitable[_T]:
        return asyncio.get_running_loop().run_in_executor(self._thread, work)


def _judged(answers: Sequence[tuple[int, str]]) -> Tried:
    """Say whether trying again may help: an answer of 5xx is for good (RFC 5321, 4.2.1)."""
    text = "; ".join(f"{code} {' '.join(said.split())}" for code, said in answers)
    return Tried("refused" if any(500 <= code < 600 for code, _ in answers) else "waiting", text)
