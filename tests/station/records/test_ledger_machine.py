"""Crash anywhere, restart: what was acknowledged stands, the chain holds, and the tables equal the events."""

from __future__ import annotations

import shutil
import tempfile
from collections import defaultdict
from pathlib import Path
from uuid import UUID

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from benches.journal_samples import chf, closed, gpf, opened, order_events, place, settings
from station.domain.outcome import Code, Outcome, Stage
from station.publishing.returns import acknowledged
from station.records import successor
from station.records.chain import RecordedEvent
from station.records.facts.attempts import HubLost, StageEnded, StageStarted
from station.records.facts.bench import LabelScanned
from station.records.facts.commands import CommandAnswered
from station.records.facts.events import Event
from station.records.facts.history import open_attempts
from station.records.facts.orders import OrderClosed
from station.records.facts.outbox import MessagesRepublished, Number
from station.records.ledger import Ledger
from station.records.reader import JournalReader
from station.records.rebuild import rebuild
from station.records.verify import verify

SLICE = successor.SLICE
STAGES = st.sampled_from((Stage.UNLOCK, Stage.FLASH, Stage.CHECK))


class Crash(BaseException):
    """Power is gone."""


class JournalMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.top = Path(
            tempfile.mkdtemp(prefix="ledger-machine-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
        )
        self.lives = 0
        self.folder = self.top / "0"
        self.folder.mkdir()
        self.acknowledged: list[RecordedEvent] = []
        self.doubtful: tuple[Event, ...] = ()
        self.open: dict[int, int] = {}
        self.told = {"order": 0, "result": 0}
        self.waiting: set[Number] = set()
        self.orders = 1
        self.lives_of_hubs: defaultdict[int, list[int]] = defaultdict(list)

    @property
    def order(self) -> str:
        return f"WO-{self.orders}"

    def order_of(self, hub: int) -> str | None:
        """One hub comes while its jig works on no order."""
        return None if hub == 5 else self.order

    @initialize(rows=st.sampled_from((1, 5, SLICE)))
    def begin(self, rows: int) -> None:
        successor.SLICE = rows
        self.ledger = Ledger(settings(self.folder, segment_rows=12))
        self.commit(order_events(hubs=4))
        self.note_told("order", 2)

    def note_told(self, kind: str, messages: int = 1) -> None:
        for _ in range(messages):
            self.told[kind] += 1
            self.waiting.add(Number(kind, self.told[kind]))

    def commit(self, events: tuple[Event, ...]) -> tuple[RecordedEvent, ...]:
        (outcome,) = self.ledger.commit([events])
        assert isinstance(outcome, tuple), outcome
        self.acknowledged.extend(outcome)
        self.ledger.tidy(idle=True)
        return outcome

    @rule(hub=st.integers(0, 5), slot=st.integers(1, 8))
    def open_attempt(self, hub: int, slot: int) -> None:
        (recorded,) = self.commit((opened(hub, slot=slot, order=self.order_of(hub)),))
        self.open[recorded.sequence] = hub
        self.lives_of_hubs[hub].append(recorded.sequence)

    @rule(label=st.integers(0, 5), slot=st.integers(1, 8), hub=st.none() | st.integers(0, 5))
    def scan(self, label: int, slot: int, hub: int | None) -> None:
        held = None if hub is None else chf(hub)
        self.commit((LabelScanned(place=place(slot), scanned_id=gpf(label), scanned_role=None, hub=held),))

    @precondition(lambda self: self.open)
    @rule(data=st.data(), stage=STAGES, step=st.integers(0, 1), code=st.sampled_from((None, Code.NO_ANSWER)))
    def work(self, data: st.DataObject, stage: Stage, step: int, code: Code | None) -> None:
        attempt = data.draw(st.sampled_from(sorted(self.open)))
        started = StageStarted(attempt=attempt, stage=stage, step=step)
        self.commit((started,))
        self.commit((StageEnded(attempt=attempt, stage=stage, step=step, seconds=0.1, code=code),))

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        attempt = data.draw(st.sampled_from(sorted(self.open)))
        self.commit((HubLost(attempt=attempt, stage=Stage.FLASH),))

    @precondition(lambda self: self.open)
    @rule(data=st.data(), outcome=st.sampled_from(Outcome))
    def close_attempt(self, data: st.DataObject, outcome: Outcome) -> None:
        attempt = data.draw(st.sampled_from(sorted(self.open)))
        hub = self.open.pop(attempt)
        self.commit((closed(attempt, hub, outcome, order=self.order_of(hub)),))
        self.note_told("result")

    @precondition(lambda self: not self.open)
    @rule()
    def go_on_to_the_next_order(self) -> None:
        """Close the order: what was done for it leaves what the next segments take over."""
        self.commit((OrderClosed(order=self.order, reason="done"),))
        self.orders += 1
        self.commit(order_events(self.order, hubs=4))
        self.note_told("order", 3)

    @precondition(lambda self: self.waiting)
    @rule(count=st.integers(1, 3))
    def acknowledge(self, count: int) -> None:
        sent = sorted(self.waiting)[:count]
        self.commit(tuple(acknowledged(sent)))
        self.waiting.difference_update(sent)

    @rule(data=st.data())
    def republish(self, data: st.DataObject) -> None:
        kind = data.draw(st.sampled_from([kind for kind, last in self.told.items() if last]))
        last = self.told[kind]
        first = data.draw(st.integers(1, last))
        self.commit((MessagesRepublished(message=kind, first=first, last=last),))
        self.waiting.update(Number(kind, number) for number in range(first, last + 1))

    @rule(key=st.uuids(version=4))
    def answer_a_command(self, key: UUID) -> None:
        self.commit((CommandAnswered(key=key, command="stop", sha256="00", answer={"line": "ä"}),))

    @rule()
    def restart(self) -> None:
        self.ledger.close()
        self.ledger = Ledger(settings(self.folder, segment_rows=12))

    @rule(statement=st.integers(1, 25))
    def lose_power(self, statement: int) -> None:
        """Keep the files as they are before the n-th statement from now, and go on from those."""
        next_life = self.top / str(self.lives + 1)
        left = statement

        def pull_the_plug(_: str) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                shutil.copytree(self.folder, next_life, ignore=shutil.ignore_patterns("*-shm"))

        segment = self.ledger._opened()
        segment.set_trace_callback(pull_the_plug)
        events = tuple(opened(hub, order=self.order) for hub in range(3))
        (outcome,) = self.ledger.commit([events])
        if next_life.exists():
            self.doubtful = events
        else:
            assert isinstance(outcome, tuple)
            self.note_opened(outcome)
            shutil.copytree(self.folder, next_life, ignore=shutil.ignore_patterns("*-shm"))
        if self.ledger._segment is not None:
            segment.set_trace_callback(None)
        self.ledger.close()
        shutil.rmtree(self.folder)
        self.lives += 1
        self.folder = next_life
        self.ledger = Ledger(settings(self.folder, segment_rows=12))
        self.settle_doubt(outcome)

    def settle_doubt(self, outcome: tuple[RecordedEvent, ...]) -> None:
        """What was under way when the power went is there whole, or not at all."""
        if not self.doubtful:
            return
        self.doubtful = ()
        with JournalReader(self.folder) as reader:
            kept = tuple(recorded for recorded in reader.events() if recorded in outcome)
        assert kept in {(), outcome}
        self.note_opened(kept)

    def note_opened(self, outcome: tuple[RecordedEvent, ...]) -> None:
        self.acknowledged.extend(outcome)
        for hub, recorded in enumerate(outcome):
            self.open[recorded.sequence] = hub
            self.lives_of_hubs[hub].append(recorded.sequence)

    @invariant()
    def everything_holds(self) -> None:
        if not self.acknowledged:
            return
        with JournalReader(self.folder) as reader:
            events = list(reader.events())
            assert [recorded for recorded in events if recorded in self.acknowledged] == self.acknowledged
            attempts = reader.ask(open_attempts)
            assert {attempt.attempt for attempt in attempts} == set(self.open)
            waiting = reader.waiting_messages(1000)
            assert [message.number for message in waiting] == sorted(self.waiting)
            for kind, last in self.told.items():
                assert len(reader.messages(kind, 1, 1000)) == last
            for hub, attempts in self.lives_of_hubs.items():
                assert [past.attempt for past in reader.hub_history(chf(hub)).attempts] == attempts
            for order in range(1, self.orders + 1):
                assert len(reader.order_lines(f"WO-{order}")) == 4
        assert verify(self.folder).events == len(events)
        assert rebuild(self.folder).differing == ()

    def teardown(self) -> None:
        successor.SLICE = SLICE
        if hasattr(self, "ledger"):  # it may have ended before it began
            self.ledger.close()
        shutil.rmtree(self.top)


JournalMachine.TestCase.settings = hypothesis_settings(
    max_examples=20, stateful_step_count=20, deadline=None, print_blob=True
)
TestJournalMachine = JournalMachine.TestCase
