"""From events to rows: the same however they are cut up, nothing lost or negative whatever the clocks do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benches.journal_samples import closed, opened, place
from station.domain.actor import Actor
from station.domain.outcome import Code, Outcome, Stage
from station.domain.slot_name import SlotName
from station.records.chain import RecordedEvent
from station.records.facts.attempts import (
    AttemptInterrupted,
    AttemptResumed,
    HubLost,
    StageEnded,
    StageStarted,
)
from station.records.facts.bench import JigReset, JigStopped, SlotEnabled, SlotTakenOutOfUse
from station.records.facts.events import Event
from station.records.facts.journal import JournalRestored, StationStarted, StationStopped
from station.records.facts.orders import OrderAssigned, OrderClosed
from station.records.facts.upkeep import InsertionsCounted, JigServiced
from station.records.moments import utc_from_microseconds
from station.reports.account import Account
from station.reports.rows import JournalPart, Result, Row, SlotTime, StageRun, StationRun, Use, Visit, Wear

SUPERVISOR = Actor(pseudonym="op-1")
UTC = 1_774_742_400_000_000
"""2026-03-29T00:00Z, the night in which British clocks go forward."""


@dataclass
class Bench:
    """Writes a journal in which time passes as it is told to."""

    rows: list[RecordedEvent] = field(default_factory=list)
    utc: int = UTC
    boot_ns: int = 42_000_000_000

    def pass_time(self, seconds: float, *, stepped: float = 0.0) -> None:
        """Let time pass; somebody sets the clock meanwhile, but not the boot clock."""
        self.boot_ns += round(seconds * 1e9)
        self.utc += round((seconds + stepped) * 1e6)

    def reboot(self, seconds: float) -> None:
        self.utc += round(seconds * 1e6)
        self.boot_ns = 1_000_000_000

    def write(self, *events: Event, after: float = 0.0) -> int:
        """Write rows, some seconds after the last; return the newest one's sequence."""
        self.pass_time(after)
        for event in events:
            sequence = len(self.rows) + 1
            self.rows.append(
                RecordedEvent(
                    UUID(int=1), sequence, utc_from_microseconds(self.utc), self.boot_ns, b"", event
                )
            )
        return len(self.rows)


def started(boot: int = 1) -> StationStarted:
    return StationStarted(station_version="1.0", boot_id=f"boot-{boot}")


def told(rows: Iterable[RecordedEvent]) -> tuple[list[Row], Account]:
    account = Account()
    return [row for recorded in rows for row in account.hear(recorded)], account


def times(rows: Sequence[Row], slot: int = 1) -> list[tuple[Use, float]]:
    return [(row.use, row.seconds) for row in rows if isinstance(row, SlotTime) and row.slot == slot]


def result(rows: Sequence[Row]) -> Result:
    (found,) = (row for row in rows if isinstance(row, Result))
    return found


def test_a_slots_day_is_told_by_what_it_waited_for() -> None:
    bench = Bench()
    bench.write(started(), OrderAssigned(order="WO-1", jig="jig-1"))
    first = bench.write(opened(0), after=60)
    bench.write(StageStarted(attempt=first, stage=Stage.FLASH))
    bench.write(StageEnded(attempt=first, stage=Stage.FLASH, seconds=9.5), after=10)
    bench.write(closed(first), after=2)
    second = bench.write(opened(1), after=20)
    bench.write(HubLost(attempt=second, stage=Stage.FLASH), after=5)
    bench.write(
        AttemptResumed(attempt=second, place=place(), stage=Stage.FLASH, step=0, why="seen"), after=30
    )
    bench.write(JigStopped(jig="jig-1"), after=1)
    bench.write(AttemptInterrupted(attempt=second, stage=Stage.FLASH, code=Code.EMERGENCY_STOP), after=1)
    bench.write(JigReset(jig="jig-1"), after=100)
    bench.write(AttemptResumed(attempt=second, place=place(), stage=Stage.FLASH, step=0, why="seen"), after=3)
    bench.write(closed(second, 1, Outcome.FAILED), after=4)
    bench.write(SlotTakenOutOfUse(place=place(), why="three hubs failed"), after=1)
    bench.write(SlotEnabled(place=place()), after=600)
    bench.write(OrderClosed(order="WO-1", reason="done"), after=2)
    bench.write(StationStopped(reason="asked to stop"), after=8)
    bench.write(started(), after=3600)
    rows, account = told(bench.rows)
    assert times(rows) == [
        (Use.WORK, 12),
        (Use.HANDS, 20),
        (Use.WORK, 5),
        (Use.AWAY, 30),
        (Use.WORK, 2),
        (Use.STOPPED, 100),
        (Use.AWAY, 3),
        (Use.WORK, 4),
        (Use.HANDS, 1),
        (Use.OUT_OF_USE, 600),
        (Use.HANDS, 2),
        (Use.NO_ORDER, 8),
        (Use.DOWN, 3600),
    ]
    one, other = (row for row in rows if isinstance(row, Result))
    assert (one.seconds, one.work_seconds, one.hands_seconds) == (12, 12, None)
    assert (other.seconds, other.work_seconds, other.hands_seconds) == (144, 11, 20)
    assert (other.hub, other.model) == ("88-73-84-00-00-00-00-02", "11A2/0A0B0C0D")
    assert [(row.stage, row.seconds, row.code) for row in rows if isinstance(row, StageRun)] == [
        ("flash", 9.5, None)
    ]
    assert [row.seconds for row in rows if isinstance(row, StationRun)] == [847]
    assert [row.seconds for row in account.unfinished()] == [0, 0]


def test_only_hands_between_two_hubs_are_measured_as_hands() -> None:
    bench = Bench()
    bench.write(started(), OrderAssigned(order="WO-1", jig="jig-1"))
    for between in (
        (JigStopped(jig="jig-1"), JigReset(jig="jig-1")),
        (StationStopped(reason="asked to stop"), started()),
        (OrderClosed(order="WO-1", reason="done"), OrderAssigned(order="WO-2", jig="jig-1")),
        (),
    ):
        bench.write(closed(bench.write(opened(), after=7)), after=9)
        for event in between:
            bench.write(event, after=5)
    bench.write(closed(bench.write(opened(), after=7)), after=9)
    by_board = opened().model_copy(update={"boot_seconds": 3.0})
    bench.write(closed(bench.write(by_board, after=7)), after=9)
    rows, _ = told(bench.rows)
    results = [row for row in rows if isinstance(row, Result)]
    assert [row.hands_seconds for row in results] == [None, None, None, None, 7, 4]
    assert [row.boot_seconds for row in results] == [None] * 5 + [3]


@pytest.mark.parametrize("same_boot", [True, False])
def test_a_station_that_died_is_down_since_its_last_word(same_boot: bool) -> None:
    bench = Bench()
    bench.write(started(), OrderAssigned(order="WO-1", jig="jig-1"))
    attempt = bench.write(opened(), after=10)
    bench.write(StageStarted(attempt=attempt, stage=Stage.FLASH), after=5)
    if same_boot:
        bench.pass_time(100)
    else:
        bench.reboot(100)
    bench.write(started(1 if same_boot else 2))
    bench.write(
        AttemptResumed(attempt=attempt, place=place(2), stage=Stage.FLASH, step=0, why="seen"), after=4
    )
    bench.write(closed(attempt, slot=2), after=6)
    rows, _ = told(bench.rows)
    assert times(rows) == [(Use.WORK, 5), (Use.DOWN, 100), (Use.AWAY, 4)]
    assert times(rows, 2) == [(Use.WORK, 6)]
    assert (result(rows).slot, result(rows).seconds, result(rows).work_seconds) == (2, 115, 11)
    assert [row.seconds for row in rows if isinstance(row, StationRun)] == [15]


def test_what_a_backup_lacks_is_down_time_and_told() -> None:
    bench = Bench()
    bench.write(started(), OrderAssigned(order="WO-1", jig="jig-1"))
    attempt = bench.write(opened(), after=10)
    restored = bench.write(JournalRestored(journal=UUID(int=2), former=UUID(int=1)), after=5000)
    bench.write(started(2), after=5)
    bench.write(AttemptResumed(attempt=attempt, place=place(), stage=Stage.FLASH, step=0, why="seen"))
    rows, _ = told(bench.rows)
    assert [row for row in rows if isinstance(row, JournalPart)] == [
        JournalPart(restored, str(UUID(int=2)), UTC + 5_010_000_000, UTC + 10_000_000)
    ]
    assert [row.seconds for row in rows if isinstance(row, StationRun)] == [10]
    assert times(rows) == [(Use.DOWN, 5005)]


@pytest.mark.parametrize("stepped", [-3600.0, 3600.0])
def test_a_clock_that_is_set_changes_no_duration(stepped: float) -> None:
    bench = Bench()
    bench.write(started(), OrderAssigned(order="WO-1", jig="jig-1"))
    attempt = bench.write(opened())
    bench.pass_time(30, stepped=stepped)
    bench.write(closed(attempt))
    rows, account = told(bench.rows)
    assert result(rows).seconds == result(rows).work_seconds == 30
    assert result(rows).closed - result(rows).opened == (30 + stepped) * 1e6
    assert [row.seconds for row in account.unfinished()] == [30, 0]


@st.composite
def journals(draw: st.DrawFn) -> list[RecordedEvent]:
    """Draw what a bench with two jigs of two slots may come to, clocks that are set and boots included."""
    bench = Bench()
    bench.write(started())
    boots = 1
    orders = 0
    attempts: dict[int, SlotName] = {}
    jigs, slots = st.sampled_from(("jig-1", "jig-2")), st.sampled_from((1, 2))
    for _ in range(draw(st.integers(0, 30))):
        bench.pass_time(
            draw(st.floats(0, 1e5)), stepped=draw(st.sampled_from((0.0, 0.0, 0.0, 3600.0, -3600.0, -1e6)))
        )
        where = SlotName(jig=draw(jigs), slot=draw(slots))
        attempt = draw(st.sampled_from(sorted(attempts))) if attempts else None
        match draw(st.integers(0, 14)):
            case 0:
                boots += draw(st.booleans())
                bench.write(*draw(st.sampled_from(((), (StationStopped(reason="asked"),)))))
                if draw(st.booleans()):
                    bench.reboot(draw(st.floats(0, 1e6)))
                    boots += 1
                bench.write(started(boots))
            case 1:
                orders += 1
                bench.write(OrderAssigned(order=f"WO-{orders}", jig=where.jig))
            case 2 if orders:
                bench.write(OrderClosed(order=f"WO-{draw(st.integers(1, orders))}", reason="done"))
            case 3:
                bench.write(JigStopped(jig=where.jig))
            case 4:
                bench.write(JigReset(jig=where.jig))
            case 5:
                bench.write(SlotTakenOutOfUse(place=where, why="failing"))
            case 6:
                bench.write(SlotEnabled(place=where))
            case 7 if attempt is not None:
                bench.write(HubLost(attempt=attempt, stage=Stage.FLASH))
            case 8 if attempt is not None:
                attempts[attempt] = where
                bench.write(
                    AttemptResumed(attempt=attempt, place=where, stage=Stage.FLASH, step=0, why="seen")
                )
            case 9 if attempt is not None:
                bench.write(StageEnded(attempt=attempt, stage=Stage.FLASH, seconds=draw(st.floats(0, 1e4))))
            case 10 if attempt is not None:
                at = attempts.pop(attempt)
                bench.write(closed(attempt, outcome=draw(st.sampled_from(Outcome)), slot=at.slot, jig=at.jig))
            case 11:
                counts = tuple(draw(st.sampled_from((0, 1, 5, 2**32 - 1))) for _ in range(2))
                bench.write(InsertionsCounted(jig=where.jig, board=draw(st.integers(1, 2)), counts=counts))
            case 12:
                bench.write(JigServiced(jig=where.jig, slots=(where.slot,), what="pins", actor=SUPERVISOR))
            case _:
                begun = opened().model_copy(update={"place": where})
                attempts[bench.write(begun)] = where
    return bench.rows


@settings(max_examples=60)
@given(journals(), st.data())
def test_events_taken_in_by_slices_make_the_rows_of_all_at_once(
    rows: list[RecordedEvent], data: st.DataObject
) -> None:
    at_once, whole = told(rows)
    by_slices: list[Row] = []
    account = Account()
    while rows:
        size = data.draw(st.integers(1, len(rows)))
        by_slices += [row for recorded in rows[:size] for row in account.hear(recorded)]
        rows, account = rows[size:], Account(account.as_json())
    assert by_slices == at_once
    assert account.unfinished() == whole.unfinished()
    assert account.seatings == whole.seatings
    assert account.last == whole.last


@settings(max_examples=60)
@given(journals())
def test_a_slots_times_follow_each_other_and_none_is_negative(rows: list[RecordedEvent]) -> None:
    made, account = told(rows)
    of_slots: defaultdict[tuple[str, int], list[SlotTime]] = defaultdict(list)
    work: defaultdict[int | None, float] = defaultdict(float)
    for row in (*made, *account.unfinished()):
        if isinstance(row, SlotTime):
            of_slots[row.jig, row.slot].append(row)
            work[row.attempt] += row.seconds
            assert (row.attempt is not None) == (row.use is Use.WORK)
        if isinstance(row, SlotTime | StageRun | StationRun):
            assert row.seconds >= 0
    for slot_times in of_slots.values():
        begun = [row.sequence for row in slot_times]
        assert begun == sorted(set(begun))
    for row in made:
        if isinstance(row, Result):
            assert row.seconds >= 0
            assert row.work_seconds == pytest.approx(work[row.attempt])
            assert row.hands_seconds is None or row.hands_seconds >= 0


def borne(rows: Sequence[RecordedEvent], slot: int = 1, *, since: int = 0) -> int:
    made, account = told(rows)
    counted = sum(
        row.insertions
        for row in made
        if isinstance(row, Wear) and row.slot == slot and row.jig == "jig-1" and row.sequence > since
    )
    return counted + account.seatings.pending("jig-1", slot)


def counted(*counts: int, board: int = 1001) -> InsertionsCounted:
    return InsertionsCounted(jig="jig-1", board=board, counts=counts)


def hub_visits(bench: Bench, times: int = 1) -> None:
    for _ in range(times):
        bench.write(closed(bench.write(opened())))


@pytest.mark.parametrize(
    ("told_by_board", "insertions"),
    [
        ([], 3),
        ([counted(45_000), counted(45_010)], 45_010),
        ([counted(2**32 - 2), counted(5)], 2**32 + 5),
        ([counted(500), counted(2)], 503),
        ([counted(500), counted(90_000, board=7), counted(90_004, board=7)], 507),
        ([counted(500), counted(500)], 503),
        ([counted(500), counted(), counted(501)], 503),
        ([counted(1000), counted(990), counted(991), counted(1002)], 1006),
        ([counted(100), counted(0), counted(100), counted(104)], 107),
    ],
    ids=[
        "no counter",
        "counts",
        "wraps",
        "begins anew",
        "another board",
        "stands still",
        "serves no slot",
        "goes back",
        "and comes again",
    ],
)
def test_a_slot_bears_what_its_board_counts_and_never_less_than_was_seen(
    told_by_board: list[InsertionsCounted], insertions: int
) -> None:
    """Three hubs come between the first and the second word of the board."""
    bench = Bench()
    first, rest = told_by_board[:1], told_by_board[1:]
    bench.write(started(), *first)
    hub_visits(bench, 3)
    bench.write(*rest)
    assert borne(bench.rows) == insertions


def test_a_hub_that_is_counted_before_it_is_recognised_counts_once() -> None:
    bench = Bench()
    bench.write(started(), counted(10), counted(11))
    hub_visits(bench)
    assert borne(bench.rows) == 11
    bench.write(counted(11), counted(12))
    hub_visits(bench)
    assert borne(bench.rows) == 12
    hub_visits(bench)
    assert borne(bench.rows) == 13, "while the board says nothing, what is seen counts"


def test_a_new_part_bears_only_what_comes_after_it() -> None:
    bench = Bench()
    bench.write(started())
    hub_visits(bench, 2)
    service = bench.write(JigServiced(jig="jig-1", slots=(1,), what="pins", actor=SUPERVISOR))
    hub_visits(bench)
    assert borne(bench.rows, since=service) == 1
    bench.write(counted(45_000))
    assert borne(bench.rows, since=service) == 1, (
        "the board is older than what was replaced before it was asked"
    )
    hub_visits(bench, 2)
    service = bench.write(JigServiced(jig="jig-1", slots=(1,), what="pins", actor=SUPERVISOR))
    assert borne(bench.rows, since=service) == 0, "the board could not be asked"
    bench.write(counted(45_004))
    assert borne(bench.rows, since=service) == 2, (
        "what it counted and nobody saw may have been the new part's"
    )


def test_a_visit_ends_with_its_result_or_when_the_hub_leaves() -> None:
    bench = Bench()
    attempt = bench.write(started(), opened(1))
    bench.write(StageEnded(attempt=attempt, stage=Stage.FLASH, seconds=1, code=Code.FILE_TRANSFER_FAILURE))
    bench.write(HubLost(attempt=attempt, stage=Stage.FLASH))
    bench.write(AttemptResumed(attempt=attempt, place=place(2), stage=Stage.FLASH, step=0, why="seen"))
    bench.write(AttemptInterrupted(attempt=attempt, stage=Stage.FLASH, code=Code.EMERGENCY_STOP))
    bench.write(AttemptResumed(attempt=attempt, place=place(2), stage=Stage.FLASH, step=0, why="seen"))
    bench.write(StageEnded(attempt=attempt, stage=Stage.FLASH, seconds=1, code=Code.FILE_TRANSFER_FAILURE))
    bench.write(closed(attempt, 1, Outcome.FAILED, slot=2))
    again = bench.write(opened(1))
    bench.write(StageEnded(attempt=again, stage=Stage.FLASH, seconds=1, code=Code.FILE_TRANSFER_FAILURE))
    bench.write(closed(again, 1))
    rows, _ = told(bench.rows)
    assert [(row.slot, row.ending, row.retried) for row in rows if isinstance(row, Visit)] == [
        (1, "lost", True),
        (2, "failed", False),
        (1, "passed", True),
    ]
    assert (borne(bench.rows, 1), borne(bench.rows, 2)) == (2, 1)
