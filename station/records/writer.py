"""The journal's one writing thread, and its seam to the event loop.

Appends that arrive while a commit waits for the disk go together into the next one (group commit). What was
committed is told to the loop before anything else is done.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Final, TypeVar

from station.records.chain import RecordedEvent
from station.records.errors import JournalError, JournalFailed, UpgradeInterrupted
from station.records.expectations import Expectation
from station.records.facts.events import Event
from station.records.ledger import Ledger, LedgerSettings, Outcome
from station.records.replay import Replayed

T = TypeVar("T")

_GROUP: Final = 256
"""Appends in one commit, at most: bounds how long the first of them waits for the others."""


@dataclass(frozen=True, slots=True)
class _Append:
    events: tuple[Event | Expectation, ...]
    done: asyncio.Future[tuple[RecordedEvent, ...]]


async def uninterrupted(future: asyncio.Future[T]) -> T:
    """Wait for the future to the end, even if cancelled meanwhile; the cancellation is then raised."""
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait((future,))
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not future.cancelled():
            future.exception()  # seen, so that it is not reported as forgotten
        raise cancelled
    return future.result()


class Writer:
    """Runs a `Ledger` in a thread of its own. Made, used and stopped on one event loop."""

    def __init__(
        self,
        settings: LedgerSettings,
        committed: Callable[[Sequence[RecordedEvent]], None],
        upgrading: Callable[[Replayed], None],
        give_up: Callable[[], bool],
        put_off: Callable[[tuple[str, ...]], None],
    ) -> None:
        """Prepare.

        `committed` will be called on the loop with what each commit wrote, in order, `upgrading` with how far the
        journal is brought up to date, if it has to be, and `put_off` with what of its upkeep could not be done, whenever
        that changes. `give_up` is asked in the thread whether to leave the upgrade for later.
        """
        self._settings = settings
        self._committed = committed
        self._upgrading = upgrading
        self._give_up = give_up
        self._put_off = put_off
        self._told_put_off: tuple[str, ...] = ()
        self._given_up = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[_Append | None] = SimpleQueue()
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._closed: JournalError | None = None
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)

    async def start(self) -> None:
        """Open the journal. Raises JournalError. `stop` must follow in either case.

        When cancelled, a journal that is being brought up to date is left where it is; the next start goes on from there.
        """
        self._thread.start()
        try:
            await asyncio.shield(self._opened)
        except asyncio.CancelledError:
            self._given_up.set()
            await uninterrupted(asyncio.ensure_future(self._ended_or_opened()))
            raise

    async def _ended_or_opened(self) -> None:
        with suppress(JournalError):
            await self._opened

    async def append(self, events: tuple[Event | Expectation, ...]) -> tuple[RecordedEvent, ...]:
        """Have the events written in one transaction; return once they are durable. Raises JournalError."""
        if self._closed is not None:
            raise self._closed
        append = _Append(events, self._loop.create_future())
        self._queue.put(append)
        return await uninterrupted(append.done)

    async def stop(self) -> None:
        """Write what was asked for so far, close the journal and end the thread."""
        if self._closed is None:
            self._closed = JournalFailed(f"journal {self._settings.folder} is closed")
            self._queue.put(None)
        try:
            await uninterrupted(self._ended)
        finally:
            self._thread.join()

    # In the thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        failure: Exception | None = None
        group: list[_Append] = []
        try:
            with closing(Ledger(self._settings, self._heard)) as ledger:
                self._tell(self._opened.set_result, None)
                while group := self._next_group():
                    self._commit(ledger, group)
        except Exception as error:
            failure = error
        self._tell(self._finish, failure, group)

    def _heard(self, replayed: Replayed) -> None:
        if self._given_up.is_set() or self._give_up():
            raise UpgradeInterrupted(self._settings.folder)
        self._tell(self._upgrading, replayed)

    def _next_group(self) -> list[_Append]:
        """Wait for an append and take along what else has come. Empty when the writer is to stop."""
        group: list[_Append] = []
        append = self._queue.get()
        while append is not None:
            group.append(append)
            if len(group) == _GROUP:
                return group
            try:
                append = self._queue.get_nowait()
            except Empty:
                return group
        if group:
            self._queue.put(None)  # to be met again once this group is written
        return group

    def _commit(self, ledger: Ledger, group: list[_Append]) -> None:
        try:
            outcomes = ledger.commit([append.events for append in group])
        except JournalFailed as error:
            # For want of room, say: the next append may fare better.
            self._tell(self._fail, group, error)
            return
        self._tell(self._settle, group, outcomes)
        ledger.tidy(idle=self._queue.empty())
        if ledger.put_off != self._told_put_off:
            self._told_put_off = ledger.put_off
            self._tell(self._put_off, ledger.put_off)

    def _tell(self, callback: Callable[..., object], *args: object) -> None:
        self._loop.call_soon_threadsafe(callback, *args)

    # On the loop --------------------------------------------------------------------------------------------

    def _settle(self, group: list[_Append], outcomes: list[Outcome]) -> None:
        written: list[RecordedEvent] = []
        for append, outcome in zip(group, outcomes, strict=True):
            if isinstance(outcome, Exception):
                append.done.set_exception(outcome)
            else:
                append.done.set_result(outcome)
                written.extend(outcome)
        self._committed(written)

    def _fail(self, group: list[_Append], error: JournalError) -> None:
        for append in group:
            append.done.set_exception(error)

    def _finish(self, failure: Exception | None, last_group: list[_Append]) -> None:
        """Note that the thread is done: nothing that still waits will be written."""
        if failure is not None and not self._opened.done():
            self._opened.set_exception(failure)
        if self._closed is None:
            self._closed = (
                failure
                if isinstance(failure, JournalError)
                else JournalFailed(f"the journal stopped: {failure!r}")
            )
        self._fail([append for append in last_group if not append.done.done()], self._closed)
        with suppress(Empty):
            while True:
                append = self._queue.get_nowait()
                if append is not None:
                    append.done.set_exception(self._closed)
        self._ended.set_result(None)
