"""The inventory at work: what `reflash inventory run` keeps going side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TypeVar

from inventory.database.engine import Database
from inventory.database.waiting import until_answered
from inventory.intake.alarm import GapAlarm
from inventory.intake.consumer import Consumer, topics_of
from inventory.intake.intake import Intake
from inventory.intake.missing import Missing, missing
from inventory.intake.store import Taken
from inventory.moments import Clock, system_clock
from inventory.notices.mailer import Mailer
from inventory.settings import InventorySettings
from inventory.upstream.sender import Sender

_T = TypeVar("_T")


class Service:
    """One inventory. `run` it for as long as the program lives."""

    def __init__(self, settings: InventorySettings, database: Database, clock: Clock = system_clock) -> None:
        """Prepare; the database is the caller's to close."""
        self._settings = settings
        self._database = database
        self._clock = clock

    async def run(self) -> None:
        """Work until cancelled; what is being written then is written to its end. Raises WrongRevision at once."""
        with (
            ThreadPoolExecutor(1, "intake") as writing,
            ThreadPoolExecutor(1, "questions") as asking,
            ThreadPoolExecutor(1, "notices") as noticing,
        ):
            await self._asked(asking, self._database.require_current)
            alarm = GapAlarm(
                lambda: self._asked(asking, self._missing),
                timedelta(seconds=self._settings.gap_alarm_seconds),
                self._clock,
            )

            def on_taken(taken: Taken) -> None:
                if taken.new:
                    alarm.something_came()

            consumer = Consumer(
                self._settings.mqtt,
                topics_of(self._settings.stations),
                Intake(self._database, self._settings.topics_of_sources, self._clock),
                writing,
                on_taken,
            )
            upstream = self._settings.upstream
            sender = None if upstream is None else Sender(upstream, self._database, self._clock)
            async with asyncio.TaskGroup() as group:
                group.create_task(consumer.run(), name="consumer")
                if sender is not None:
                    group.create_task(sender.run(), name="upstream")
                group.create_task(alarm.run(), name="gap alarm")
                if (mail := self._settings.notices) is not None:
                    mailer = Mailer(mail, self._settings.parties, self._database, noticing, self._clock)
                    group.create_task(mailer.run(mail.look_seconds), name="notices")

    async def _asked(self, thread: ThreadPoolExecutor, question: Callable[[], _T]) -> _T:
        """Ask the database until it answers."""
        loop = asyncio.get_running_loop()
        return await until_answered(
            lambda: loop.run_in_executor(thread, question), "the database does not answer"
        )

    def _missing(self) -> list[Missing]:
        with self._database.read() as connection:
            return list(missing(connection))
