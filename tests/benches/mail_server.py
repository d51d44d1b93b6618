"""A mail server that takes mails, refuses them, or hangs up, as it is told."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope


@dataclass
class MailServer:
    """What it took, and what it says: to a recipient, and to the next mails."""

    port: int = 0
    taken: list[Envelope] = field(default_factory=list)
    recipients: dict[str, str] = field(default_factory=dict)
    answers: list[str | None] = field(default_factory=list)
    """To the next mails, in order; None hangs up although the mail is taken. Then 250."""

    @property
    def messages(self) -> list[EmailMessage]:
        return [message_from_bytes(each.original_content or b"", policy=policy.SMTP) for each in self.taken]

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Any, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if (refusal := self.recipients.get(address)) is not None:
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Any, envelope: Envelope) -> str:  # noqa: N802 - the same
        answer = self.answers.pop(0) if self.answers else "250 taken"
        if answer is None or answer.startswith("250"):
            self.taken.append(envelope)
        if answer is None:
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
            return "421 away"
        return answer


@asynccontextmanager
async def mail_server(tls: ssl.SSLContext | None = None) -> AsyncIterator[MailServer]:
    """Serve on this machine, on a port of its own; with STARTTLS, and only with that, if there is a context."""
    served = MailServer()

    def one() -> SMTP:
        return SMTP(
            served, tls_context=tls, require_starttls=tls is not None, loop=asyncio.get_running_loop()
        )

    server = await asyncio.get_running_loop().create_server(one, "127.0.0.1", 0)
    served.port = server.sockets[0].getsockname()[1]
    try:
        yield served
    finally:
        server.close()
        await server.wait_closed()
