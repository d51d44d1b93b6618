"""The journal: what must not be lost. Facts go in durably, in order, hash-chained; answers come out.

One process holds a journal folder at a time. Writing and reading happen in two threads, so that no disk ever
blocks the event loop.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, Self, TypeVar
from uuid import UUID

from firmware_catalog.identity import Eui64
from station.domain.slot_name import SlotName
from station.messages.result import ResultVersion
from station.messages.topics import Topics
from station.packing.codes import PackageCode
from station.records import lock
from station.records.chain import RecordedEvent
from station.records.expectations import Expectation
from station.records.facts import outbox
from station.records.facts.attempts import AttemptClosed
from station.records.facts.bench import (
    SlotFailure,
    SlotOutOfUse,
    StoppedJig,
    WaitingLabel,
    slot_failures,
    slots_out_of_use,
    stopped_jigs,
    waiting_labels,
)
from station.records.facts.commands import KeptAnswer, command_answer
from station.records.facts.events import Event
from station.records.facts.history import HubHistory, OpenAttempt, last_passes, open_attempt_of, open_attempts
from station.records.facts.orders import (
    OrderLineState,
    OrderSummary,
    jig_order,
    order_is_open,
    order_line_state,
    orders,
)
from station.records.facts.outbox import BEFORE_ALL, Number, ResultVersionChosen
from station.records.facts.packed import Carton, Pallet
from station.records.facts.people import OnDuty, TriedFrom, WrongPins, signed_on, tried_from, wrong_pins
from station.records.facts.releases import ReleaseResult, StoppedRelease, release_results, stopped_releases
from station.records.facts.unlocks import wrong_unlock_answers
from station.records.ledger import LedgerSettings
from station.records.moments import Clock, system_clock
from station.records.outgoing import OutgoingMessage
from station.records.reader import HubLife, JournalReader
from station.records.replay import Replayed
from station.records.writer import Writer, uninterrupted

P = ParamSpec("P")
T = TypeVar("T")

Subscriber = Callable[[RecordedEvent], None]

SEGMENT_ROWS: Final = 1_000_000
"""Rows in a segment, by default: some 50,000 attempts, a few hundred MiB."""


class Journal:
    """A station's journal, open for writing. Made by `Journal.open`. Every method may raise JournalError."""

    def __init__(
        self,
        settings: LedgerSettings,
        upgrading: Callable[[Replayed], None],
        give_up: Callable[[], bool],
        put_off: Callable[[tuple[str, ...]], None],
    ) -> None:
        """Prepare; `open` is how a journal is had."""
        self.topics: Final = settings.topics
        self._subscribers: list[Subscriber] = []
        self._writer = Writer(settings, self._announce, upgrading, give_up, put_off)
        self._reader = JournalReader(settings.folder)
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="journal-reader")

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        folder: Path,
        *,
        site: str,
        station: str,
        segment_rows: int = SEGMENT_ROWS,
        clock: Clock = system_clock,
        upgrading: Callable[[Replayed], None] = lambda _: None,
        give_up: Callable[[], bool] = lambda: False,
        put_off: Callable[[tuple[str, ...]], None] = lambda _: None,
    ) -> AsyncIterator[Self]:
        """Hold the folder and its journal, made if there is none, for the length of the block.

        A journal whose tables changed past adding to is brought up to date first, of which `upgrading` hears, on the
        event loop. Cancelling leaves it where it is, and so does `give_up`, which is asked between slices in another
        thread (UpgradeInterrupted); the next opening goes on from there. `put_off` hears, on the event loop, what of the
        journal's upkeep could not be done and is tried again later, such as beginning a new segment, and when nothing is left.

        Raises TopicError for a site or station that cannot stand in a topic, JournalInUse when another process
        has the folder, AnotherStation, JournalNewer, JournalCorrupt, JournalCutShort, JournalFailed.
        """
        settings = LedgerSettings(folder, Topics(site, station), clock, segment_rows)
        with lock.hold(folder):
            journal = cls(settings, upgrading, give_up, put_off)
            try:
                await journal._writer.start()
                yield journal
            finally:
                await journal._close()

    async def append(self, *events: Event | Expectation) -> tuple[RecordedEvent, ...]:
        """Write the events, all or none, and return them as recorded once they are durable.

        Expectations among them are held against the journal at that very moment (NotAsExpected).
        Cancelling waits until it is known whether they are. Raises EventRefused for an event that contradicts
        the journal or whose time has passed (its kinds say what came between), JournalFull or JournalFailed when nothing could be written; the caller may try again.
        """
        return await self._writer.append(events)

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Have every fact told on the event loop after its commit, in order; return what ends that."""
        self._subscribers.append(subscriber)
        return lambda: self._subscribers.remove(subscriber)

    async def open_attempts(self) -> tuple[OpenAttempt, ...]:
        """Return every attempt without a result, oldest first."""
        return await self.ask(open_attempts)

    async def open_attempt_of(self, chf: Eui64 | None, gpf: Eui64 | None = None) -> OpenAttempt | None:
        """Return the oldest attempt without a result on a hub that said this CHF or this GPF id.

        Where only one of two ids agrees it is not the same hub, and whoever asks has to say so.
        """
        return await self.ask(open_attempt_of, chf, gpf)

    async def hub_history(self, chf: Eui64, gpf: Eui64 | None = None) -> HubHistory:
        """Return what has become of the hub with these ids so far, attempts at which it was silent and labelled included."""
        return await self._read(self._reader.hub_history, chf, gpf)

    async def label_history(self, label: Eui64) -> HubHistory:
        """Return what has become so far of the hub that a label names: it tells nothing itself."""
        return await self._read(self._reader.label_history, label)

    async def wrong_unlock_answers(self, chf: Eui64) -> int:
        """Return how many answers were sent to the hub, and not known to be void, since the last that it took."""
        return await self.ask(wrong_unlock_answers, chf)

    async def waiting_labels(self) -> tuple[WaitingLabel, ...]:
        """Return every label that was scanned for a slot and waits for its hub."""
        return await self.ask(waiting_labels)

    async def attempt_count(self, order: str | None, chf: Eui64) -> int:
        """Return how many attempts on this hub were opened for this order."""
        return (await self.hub_history(chf)).attempts_in(order)

    async def order_line_state(self, order: str, *devices: Eui64) -> OrderLineState | None:
        """Return the order's line for the first of these devices that it lists, and the outcome that counts."""
        return await self.ask(order_line_state, order, *devices)

    async def order_lines(self, order: str) -> tuple[OrderLineState, ...]:
        """Return every hub of an order, by CHF id."""
        return await self._read(self._reader.order_lines, order)

    async def orders(self) -> tuple[OrderSummary, ...]:
        """Return every work order, in the order of import."""
        return await self.ask(orders)

    async def jig_order(self, jig: str) -> str | None:
        """Return the open order that the jig works on."""
        return await self.ask(jig_order, jig)

    async def order_is_open(self, order: str) -> bool:
        """Whether the order was imported and not closed since."""
        return await self.ask(order_is_open, order)

    async def last_passes(self, limit: int) -> tuple[AttemptClosed, ...]:
        """Return the last results of hubs that passed in one step, oldest first."""
        return await self.ask(last_passes, limit)

    async def stopped_releases(self) -> tuple[StoppedRelease, ...]:
        """Return every release that no hub is given until a person resumes it."""
        return await self.ask(stopped_releases)

    async def release_results(self) -> tuple[ReleaseResult, ...]:
        """Return how hubs fared with each release that is not stopped, since it was last resumed: oldest first."""
        return await self.ask(release_results)

    async def stopped_jigs(self) -> tuple[StoppedJig, ...]:
        """Return every jig whose emergency stop was seen pressed and that no person has reset since."""
        return await self.ask(stopped_jigs)

    async def slots_out_of_use(self) -> tuple[SlotOutOfUse, ...]:
        """Return every slot that was taken out of use and not enabled since."""
        return await self.ask(slots_out_of_use)

    async def slot_failures(self, place: SlotName) -> tuple[SlotFailure, ...]:
        """Return the failures in this slot since its last pass or enabling, oldest first, each named hub once."""
        return await self.ask(slot_failures, place)

    async def command_answer(self, key: UUID) -> KeptAnswer | None:
        """Return what a command with this key was answered, if it is among the newest."""
        return await self.ask(command_answer, key)

    async def signed_on(self) -> tuple[OnDuty, ...]:
        """Return everybody who is signed on, once for each place."""
        return await self.ask(signed_on)

    async def wrong_pins(self, pseudonym: str) -> WrongPins | None:
        """Return what counts against a person's PIN; None for nothing."""
        return await self.ask(wrong_pins, pseudonym)

    async def tried_from(self, pseudonym: str, place: str | None) -> TriedFrom:
        """Return what counts against a person's PIN at a place; None is the bench."""
        return await self.ask(tried_from, pseudonym, place)

    async def life_of(self, device: Eui64) -> HubLife:
        """Return everything about the hub with this CHF, GPF or scanned id."""
        return await self._read(self._reader.life_of, device)

    async def cartons(self) -> tuple[Carton, ...]:
        """Return every carton there ever was, by number, as it is or was at the end of its order."""
        return await self._read(self._reader.cartons)

    async def messages(self, kind: str, first: int, last: int) -> tuple[OutgoingMessage, ...]:
        """Return the messages of a kind from one number to another, both included, as they are sent."""
        return await self._read(self._reader.messages, kind, first, last)

    async def outbox_batch(self, limit: int, after: Number = BEFORE_ALL) -> tuple[OutgoingMessage, ...]:
        """Return the first messages, behind this one, that are not known to be delivered."""
        return await self._read(self._reader.waiting_messages, limit, after)

    async def outbox_size(self) -> int:
        """Return how many messages are not known to be delivered."""
        return await self.ask(outbox.waiting_messages)

    async def tell_results_in(self, version: ResultVersion) -> None:
        """Have results of this version told from now on; those that were closed before keep theirs."""
        if await self.ask(outbox.result_version) != version:
            await self.append(ResultVersionChosen(version=version))

    async def ask(
        self, query: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Answer a question of one of the `facts` from one state of the newest tables."""
        return await self._read(partial(self._reader.ask, query, *args, **kwargs))

    async def at_once(self, look: Callable[[JournalReader], T]) -> T:
        """Answer all that `look` asks, in the reading thread, from one state of the newest tables."""
        return await self._read(self._reader.at_once, look)

    async def package(self, code: PackageCode) -> Carton | Pallet | None:
        """Return the carton or pallet of this number, of an order that is over too."""
        return await self._read(self._reader.package, code)

    async def of_order(
        self,
        order: str,
        query: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Answer a question about an order where its rows are: in the newest tables while it is open, else where it ended."""
        return await self._read(partial(self._reader.of_order, order, query, *args, **kwargs))

    async def _read(self, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._reading, partial(read, *args, **kwargs))

    def _announce(self, written: Sequence[RecordedEvent]) -> None:
        for recorded in written:
            for subscriber in tuple(self._subscribers):
                try:
                    subscriber(recorded)
                except Exception as error:
                    # One deaf listener must not keep the fact from the others, nor undo what is committed.
                    asyncio.get_running_loop().call_exception_handler(
                        {
                            "message": f"journal subscriber failed on row {recorded.sequence}",
                            "exception": error,
                        }
                    )

    async def _close(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            # The writer is the last to leave, so that it can fold the write-ahead log into the file.
            await uninterrupted(loop.run_in_executor(self._reading, self._reader.close))
        finally:
            self._reading.shutdown()
            await self._writer.stop()
