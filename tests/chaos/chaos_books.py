"""Three books against each other: what the hubs hold, what the journal says, what a consumer received."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from chaos_consumer import Consumer
from chaos_hands import Told
from witness import Entry, OpenOrder, judge

from benches.packing_model import Escape, PackingModel
from benches.report_journal import project, report_content
from benches.station_bench import StockHub, version
from firmware_catalog.identity import DeviceModel, Eui64
from station.domain.destination import Destination
from station.domain.order_line import BridgeLine
from station.domain.outcome import Outcome
from station.packing.codes import PackageCode
from station.records.chain import RecordedEvent
from station.records.errors import JournalError
from station.records.facts.attempts import AttemptClosed, AttemptOpened
from station.records.facts.history import open_attempts
from station.records.facts.orders import OrderClosed, OrderImported, OrderLinesAdded
from station.records.reader import JournalReader
from station.records.rebuild import rebuild
from station.records.verify import verify
from station.reports.errors import ReportError

KINDS = (
    *("lost", "contradictory", "unbootable", "doubled"),
    *("unauthorised", "falsely_passed", "mistaken"),
    *("escaped", "misplaced"),
)
"""What must be none. The three of the second row are the witness's: see `witness`. The last two are of packed hubs: one in a
carton without its durable, confirmed pass, and one that lies elsewhere than the books have it."""


@dataclass
class Findings:
    """What does not agree, a line each."""

    lost: list[str] = field(default_factory=list)
    contradictory: list[str] = field(default_factory=list)
    unbootable: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unauthorised: list[str] = field(default_factory=list)
    falsely_passed: list[str] = field(default_factory=list)
    mistaken: list[str] = field(default_factory=list)
    escaped: list[str] = field(default_factory=list)
    misplaced: list[str] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    """Results by outcome."""
    open: int = 0
    """Attempts that wait for their hub, by name."""

    @property
    def numbers(self) -> dict[str, int]:
        return {kind: len(getattr(self, kind)) for kind in KINDS}

    @property
    def lines(self) -> tuple[str, ...]:
        """Everything, each line with its kind."""
        return tuple(f"{kind}: {line}" for kind in KINDS for line in getattr(self, kind))

    def add(self, other: Findings) -> None:
        """Take another comparison's lines over."""
        for kind in KINDS:
            getattr(self, kind).extend(getattr(other, kind))


class Books:
    """One comparison. Made when nothing runs any more but the simulated rig."""

    def __init__(self, journal: Path) -> None:
        self.findings = Findings()
        self._opened: dict[int, AttemptOpened] = {}
        self._closed: dict[int, AttemptClosed] = {}
        self._recorded: dict[int, datetime] = {}
        self._ids: dict[int, str] = {}
        self._orders: dict[str, OpenOrder] = {}
        self._passes: list[tuple[str, float]] = []
        self._check_journal(journal)
        self._check_reports(journal.with_name("reports"), journal)
        with JournalReader(journal) as reader:
            events = tuple(reader.events())
            self._open = reader.ask(open_attempts)
            self._results = reader.messages("result", 1, 1 << 62)
        for recorded in events:
            self._enter(recorded)
            self._enter_right(recorded.monotonic_ns / 1e9, recorded.event)
        self.findings.outcomes.update(closed.outcome for closed in self._closed.values())
        self.findings.open = len(self._open)
        self._check_attempts()
        self._packed = self._check_packing(events)

    @property
    def results(self) -> int:
        """How many results the station has given."""
        return len(self._results)

    @property
    def last_result(self) -> AttemptClosed | None:
        """The newest result of all."""
        return list(self._closed.values())[-1] if self._closed else None

    @property
    def passed(self) -> set[str]:
        """The hubs that passed, by CHF."""
        return {str(closed.chf) for closed in self._closed.values() if closed.outcome is Outcome.PASSED}

    @property
    def seen(self) -> set[str]:
        """The hubs for which an attempt was opened, by CHF."""
        return {str(opened.hub.device_id) for opened in self._opened.values() if opened.hub is not None}

    @property
    def waiting(self) -> set[str]:
        """The hubs of open attempts, by CHF."""
        return {str(attempt.hub.device_id) for attempt in self._open if attempt.hub is not None}

    def _check_journal(self, folder: Path) -> None:
        try:
            verify(folder)
            differing = rebuild(folder).differing
        except JournalError as error:
            self.findings.contradictory.append(f"journal: {error}")
        else:
            if differing:
                self.findings.contradictory.append(f"tables differ from the events: {', '.join(differing)}")

    def _check_reports(self, kept: Path, journal: Path) -> None:
        """What was kept beside all that violence is what all events together make."""
        if not kept.exists():
            return
        with TemporaryDirectory() as name:
            made_anew = Path(name)
            try:
                project(kept, journal)
                project(made_anew, journal)
            except ReportError as error:
                self.findings.contradictory.append(f"reports: {error}")
            else:
                if report_content(kept) != report_content(made_anew):
                    self.findings.contradictory.append("reports differ from the events")

    def _enter(self, recorded: RecordedEvent) -> None:
        event_id, sequence, event = recorded.id, recorded.sequence, recorded.event
        if isinstance(event, AttemptOpened):
            self._opened[sequence] = event
        elif isinstance(event, AttemptClosed):
            if event.attempt in self._closed:
                self.findings.doubled.append(f"attempt {event.attempt} has two results")
            self._closed[event.attempt] = event
            self._recorded[event.attempt] = recorded.utc
            self._ids[event.attempt] = event_id
            if not event.message or "\n" in event.message:
                self.findings.lost.append(f"attempt {event.attempt} has no line for the operator")

    def _enter_right(self, at: float, event: object) -> None:
        """Follow which hubs may be written, and which are said to have passed, by the boot clock."""
        match event:
            case OrderImported(order=order):
                self._orders[order] = OpenOrder(at, None, {})
            case OrderLinesAdded(order=order, lines=lines):
                before = self._orders[order]
                listed = {
                    str(line.device_id): str(line.ids.every[-1])
                    for line in lines
                    if isinstance(line, BridgeLine) or line.inventory_status == "Pending"
                }
                self._orders[order] = replace(before, hubs={**before.hubs, **listed})
            case OrderClosed(order=order):
                self._orders[order] = replace(self._orders[order], until=at)
            case AttemptClosed(outcome=Outcome.PASSED, chf=chf):
                self._passes.append((str(chf), at))

    def _check_packing(self, events: Iterable[RecordedEvent]) -> PackingModel:
        """Go through every fact of packing, without a rule of the station's."""
        packed = PackingModel()
        try:
            for recorded in events:
                packed.hear(recorded)
            packed.check()
        except Escape as escape:
            self.findings.escaped.append(str(escape))
        return packed

    def against_crates(self, where: Mapping[Eui64, tuple[Destination, str | None]]) -> None:
        """Every hub that was put somewhere lies where the books have it, and in one place alone."""
        for hub, (place, code) in where.items():
            books = self._packed.places.get(hub)
            number = None if code is None else PackageCode.parse(code).number
            if books is None or (books.place, books.carton) != (place, number):
                self.findings.misplaced.append(f"hub {hub} lies in {place} {code}, by the books in {books}")
        for hub in self._packed.places.keys() - where.keys():
            self.findings.misplaced.append(f"hub {hub} is by the books where nobody put it")

    def _check_attempts(self) -> None:
        """Every attempt has one result or stands open with a name."""
        waiting = {attempt.attempt: attempt for attempt in self._open}
        for sequence in self._opened:
            if (sequence in self._closed) == (sequence in waiting):
                self.findings.lost.append(f"attempt {sequence} is neither closed nor open, or both")
        for attempt in waiting.values():
            if attempt.hub is None and attempt.scanned_id is None:
                self.findings.lost.append(
                    f"attempt {attempt.attempt} is open and nobody can tell whose it is"
                )
        passes = Counter(
            (closed.order, closed.chf) for closed in self._closed.values() if closed.outcome is Outcome.PASSED
        )
        for (_, chf), count in passes.items():
            if count > 1:
                self.findings.doubled.append(f"hub {chf} passed {count} times")

    def against_consumer(self, consumer: Consumer) -> None:
        """Every result was received as it stands in the journal, and nothing else was."""
        said = {result.payload: result.number.number for result in self._results}
        if sorted(said.values()) != list(range(1, len(said) + 1)):
            self.findings.lost.append("the numbers of the results have gaps")
        for payload, number in said.items():
            if payload not in consumer.received.values():
                self.findings.lost.append(f"result {number} was not received")
        known = set(self._ids.values())
        for (_, event_id), payload in consumer.received.items():
            if event_id not in known:
                self.findings.lost.append(f"{event_id} was received and the journal does not hold it")
            elif payload not in said:
                self.findings.contradictory.append(f"{event_id} was received with another content")
        self.findings.contradictory.extend(consumer.contradictory)

    def against_hubs(self, stock: Iterable[StockHub], inside: Mapping[str, Mapping[str, Any]]) -> None:
        """Every hub is what its last result says, and would boot again."""
        waiting, seen = self.waiting, self.seen
        last: dict[str, AttemptClosed] = {}
        for closed in self._closed.values():
            if closed.chf is not None and closed.firmware_read_back is not None:
                last[str(closed.chf)] = closed
        images = {closed.image_sha256 for closed in self._closed.values()}
        for hub in stock:
            chf, held = str(hub.chf), inside[str(hub.chf)]
            if not held["bootable"]:
                self.findings.unbootable.append(f"hub {chf} would not boot")
            if chf not in seen and held["firmware"] != str(version(hub.firmware)):
                self.findings.lost.append(f"hub {chf} was changed and the journal does not know it")
            if chf not in waiting and chf in last and held["firmware"] != str(last[chf].firmware_read_back):
                self.findings.contradictory.append(
                    f"hub {chf} runs {held['firmware']}, its last result says {last[chf].firmware_read_back}"
                )
            if chf in self.passed and not (is_settled(held) and held["image_file_sha256"] in images):
                self.findings.contradictory.append(f"hub {chf} passed and is not finished: {held}")

    def against_witness(
        self,
        diary: Iterable[Entry],
        trace: Iterable[Entry],
        hubs: Iterable[StockHub],
        releases: Mapping[DeviceModel, str],
        places: Iterable[tuple[int, int]],
        until: float,
    ) -> None:
        """Nothing was done to a hub that no open order listed, and nothing green shown over one that is not done."""
        hubs = tuple(hubs)
        judged = judge(
            diary,
            trace,
            until=until,
            hubs={str(hub.chf): str(hub.gpf) for hub in hubs},
            releases={str(hub.chf): releases[hub.model] for hub in hubs if hub.model in releases},
            orders=self._orders.values(),
            places=places,
            passes=self._passes,
        )
        for kind in ("unauthorised", "falsely_passed", "mistaken"):
            getattr(self.findings, kind).extend(getattr(judged, kind))

    def against_screen(self, told: Iterable[Told]) -> None:
        """What the technician was shown is in the journal: a pass was durable before it was shown."""
        known = {
            (str(closed.chf), closed.outcome, self._recorded[attempt])
            for attempt, closed in self._closed.items()
        }
        for one in told:
            if (one.chf, one.outcome, one.recorded) not in known and one.outcome in {
                "passed",
                "already_current",
            }:
                self.findings.lost.append(f"the screen said {one.outcome} of {one.chf}, the journal does not")


def is_settled(held: Mapping[str, Any]) -> bool:
    """Whether a hub runs a confirmed image, with nothing pending and its lock closed, or so when it was taken out."""
    running = next((slot for slot in held["slots"] if slot["active"]), None)
    return (
        running is not None
        and running["confirmed"]
        and not any(slot["pending"] for slot in held["slots"])
        and not held["left_unlocked"]
    )
