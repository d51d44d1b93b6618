"""Sends pre-notifications to a CSP Management Interface (CSPM-N3). **Provisional**: that web service is unpublished."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Protocol

import httpx

from inventory.upstream.answers import MAX_ANSWER, Answer, NotSent, Unknown, read_answer
from inventory.upstream.https import in_words, tls_of
from inventory.upstream.settings import N3Settings


class Way(Protocol):
    """What pre-notifications are sent by, whatever the real interface will be like."""

    async def __call__(self, notification_id: str, number: int, document: str) -> Answer:
        """Send a notification for the `number`th time, and say what was answered within the time that it has. Raises nothing."""
        ...


@asynccontextmanager
async def n3(settings: N3Settings, now: datetime) -> AsyncIterator[Way]:
    """Be ready to send for the length of the block; connections are made as needed. Raises NoCredentials."""
    limits = httpx.Limits(max_connections=settings.at_once, max_keepalive_connections=settings.at_once)
    # Its own clock counts the parts of a call; ours the whole of it. Nobody's proxy stands between.
    async with httpx.AsyncClient(
        verify=tls_of(settings, now), limits=limits, timeout=settings.timeout_seconds, trust_env=False
    ) as client:

        async def send(notification_id: str, number: int, document: str) -> Answer:
            try:
                async with asyncio.timeout(settings.timeout_seconds):
                    return await _post(client, settings.url, notification_id, number, document)
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
                return NotSent(in_words(error))
            except httpx.HTTPError as error:
                return Unknown(in_words(error))
            except TimeoutError:
                return Unknown(f"no answer within {settings.timeout_seconds:g} s")

        yield send


async def _post(
    client: httpx.AsyncClient, url: str, notification_id: str, number: int, document: str
) -> Answer:
    headers = {
        "Content-Type": "application/xml; charset=utf-8",
        "X-Request-ID": f"{notification_id}/{number}",
    }
    async with client.stream("POST", url, content=document.encode(), headers=headers) as response:
        body = b""
        async for part in response.aiter_bytes():
            body += part
            if len(body) > MAX_ANSWER:
                return Unknown("its answer has no end")
        return read_answer(response.status_code, response.headers.get("Retry-After"), body, notification_id)
