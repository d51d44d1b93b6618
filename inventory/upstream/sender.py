"""Sends what waits to go upstream by Option A, for as long as the program lives. Several programs may do so side by side."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Final, TypeVar

import structlog

from inventory.database.engine import Database, DatabaseUnavailable, WrongRevision
from inventory.database.waiting import until_answered
from inventory.moments import Clock
from inventory.pauses import pause_after
from inventory.upstream.answers import Answer, NotSent, Refused, Unknown
from inventory.upstream.document import Documents
from inventory.upstream.https import NoCredentials
from inventory.upstream.jobs import Job, claim, finish
from inventory.upstream.n3 import Way, n3
from inventory.upstream.orders import look_at_all
from inventory.upstream.planning import plan
from inventory.upstream.settings import N3Settings, RouteSettings, UpstreamSettings

_IDLE_SECONDS: Final = 1.0
"""How often the database is asked for work that another program has made: it tells of none by itself."""
_log: Final = structlog.get_logger()
_T = TypeVar("_T")


class Sender:
    """Makes pre-notifications and sends them. `run` it."""

    def __init__(self, ways: UpstreamSettings, database: Database, clock: Clock) -> None:
        """Prepare. Raises WrongInput for a schema that cannot be used."""
        self._ways = ways
        self._database = database
        self._clock = clock
        self._documents = {route.csp: Documents(route.n3) for route in ways.routes if route.n3 is not None}
        self._worker = f"{socket.gethostname()}:{os.getpid()}"

    async def run(self) -> None:
        """Work until cancelled. What is on its way then is sent again, under the same id, by whoever works next."""
        with ThreadPoolExecutor(1, "upstream") as thread:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._plan(thread), name="upstream planner")
                for route in self._ways.routes:
                    if route.n3 is not None:
                        work = self._send_all(thread, route, route.n3)
                        group.create_task(work, name=f"upstream {route.csp}")

    async def _plan(self, thread: ThreadPoolExecutor) -> None:
        def once() -> int:
            with self._database.write_alone() as connection:
                return plan(connection, self._ways, self._documents, self._clock())

        def look() -> None:
            with self._database.write_alone() as connection:
                look_at_all(connection)

        await self._asked(thread, look)
        while True:
            if made := await self._asked(thread, once):
                _log.info("to be told upstream", pre_notifications=made)
            await asyncio.sleep(_IDLE_SECONDS)

    async def _send_all(self, thread: ThreadPoolExecutor, route: RouteSettings, settings: N3Settings) -> None:
        failures = 0
        while True:
            try:
                async with n3(settings, self._clock()) as way:
                    while (reason := await self._send_some(thread, route, settings, way)) is None:
                        failures = 0
            except NoCredentials as error:
                reason = str(error)
            wait = pause_after(failures)
            failures += 1
            _log.error(
                "nothing can be sent",
                csp=route.csp,
                url=settings.url,
                reason=reason,
                again_in_seconds=round(wait, 1),
            )
            await asyncio.sleep(wait)

    async def _send_some(
        self, thread: ThreadPoolExecutor, route: RouteSettings, settings: N3Settings, way: Way
    ) -> str | None:
        """Send what is due, as much as goes at once; return why nothing can be sent at all, where that is so."""
        # Nobody else sends the same meanwhile, unless this computer stands still: then the same id keeps it to one effect.
        hold = timedelta(seconds=2 * settings.timeout_seconds + 10)

        def hold_some() -> list[Job]:
            now = self._clock()
            with self._database.write() as connection:
                return claim(
                    connection,
                    route.csp,
                    settings.at_once,
                    worker=self._worker,
                    now=now,
                    until=now + hold,
                    skip_locked=not self._database.is_sqlite,
                )

        jobs = await self._asked(thread, hold_some)
        if not jobs:
            await asyncio.sleep(_IDLE_SECONDS)
            return None
        try:
            answers = await asyncio.gather(
                *(way(job.notification_id, job.number, job.document) for job in jobs)
            )
        except asyncio.CancelledError:
            # Whoever works next need not wait until nobody can be sending these any more.
            stopped = [(job, Unknown("this program was stopped meanwhile")) for job in jobs]
            with suppress(DatabaseUnavailable, WrongRevision):
                await asyncio.get_running_loop().run_in_executor(thread, self._put_down, stopped)
            raise
        done = list(zip(jobs, answers, strict=True))
        await self._asked(thread, lambda: self._put_down(done))
        for job, answer in done:
            if isinstance(answer, Refused):
                _log.error(
                    "refused for good: reflash inventory upstream dead",
                    csp=route.csp,
                    notification=job.id,
                    code=answer.code,
                    detail=answer.detail,
                )
        return next((each.detail for each in answers if isinstance(each, NotSent)), None)

    def _put_down(self, done: Sequence[tuple[Job, Answer]]) -> None:
        with self._database.write() as connection:
            finish(connection, done, self._clock())

    async def _asked(self, thread: ThreadPoolExecutor, ask: Callable[[], _T]) -> _T:
        loop = asyncio.get_running_loop()
        return await until_answered(
            lambda: loop.run_in_executor(thread, ask), "the database does not answer, nothing goes upstream"
        )
