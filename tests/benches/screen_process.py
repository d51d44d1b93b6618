"""The screen as it is run: a process of its own, asked over HTTP."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from benches.brokers import free_port
from benches.certificates import Authority
from benches.looking import until, until_so
from benches.processes import running

_PROGRAM = (sys.executable, "-c", "from station.cli import main; main()")


@asynccontextmanager
async def running_screen(
    desk: Path, *options: object, authority: Authority | None = None
) -> AsyncIterator[str]:
    """Run it and yield its address, https with a certificate of the authority; without one whoever comes may look."""
    port = free_port()
    given: tuple[object, ...] = ("--without-login", *options)
    if authority is not None:
        issued = authority.issue("screen")
        given = ("--certificate", issued.certificate, "--key", issued.key, *options)
    with running((*_PROGRAM, "screen", "--desk", desk, "--port", port, *given)) as process:
        try:
            await until_served(process, port)
            yield f"{'http' if authority is None else 'https'}://127.0.0.1:{port}"
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait, 60)


def browser(address: str, authority: Authority | None = None) -> httpx.AsyncClient:
    """A client that says from where it asks, as a page of the screen does."""
    trusted = True if authority is None else ssl.create_default_context(cafile=str(authority.file))
    return httpx.AsyncClient(base_url=address, verify=trusted, headers={"Origin": address}, timeout=60)


async def until_ready(page: httpx.AsyncClient) -> None:
    """Return once the screen follows its daemon."""

    async def is_ready() -> bool:
        return (await page.get("/readyz")).status_code == 200

    await until_so(is_ready)


async def events(stream: httpx.Response) -> AsyncIterator[dict[str, str]]:
    """Read server-sent events (HTML, section 9.2) until the stream ends."""
    event: dict[str, str] = {}
    async for line in stream.aiter_lines():
        if line:
            name, _, value = line.partition(":")
            event[name] = value.removeprefix(" ")
        elif event:
            yield event
            event = {}


async def until_served(process: subprocess.Popen[Any], port: int) -> None:
    """Return once somebody listens there; a screen that has ended fails the test."""

    def is_served() -> bool:
        assert process.poll() is None, process.args
        with socket.socket() as asked:
            return asked.connect_ex(("127.0.0.1", port)) == 0

    await until(is_served)
