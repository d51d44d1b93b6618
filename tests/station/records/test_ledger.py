from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from benches.journal_samples import (
    STARTED,
    TARGET,
    chf,
    closed,
    gpf,
    ledger_in,
    one_result,
    opened,
    order_events,
    order_line,
    place,
    settings,
    ticking_clock,
    write,
)
from station.domain.outcome import Code, Outcome, Stage
from station.domain.position import Position
from station.messages.topics import Topics
from station.records.errors import (
    AnotherStation,
    EventRefused,
    JournalCorrupt,
    JournalCutShort,
    JournalInUse,
    JournalNewer,
    PublishedHeadUnreadable,
    SegmentMissing,
)
from station.records.facts import orders as orders_facts
from station.records.facts import outbox
from station.records.facts.attempts import AttemptPlanned, AttemptResumed, HubLost, StageEnded, StageStarted
from station.records.facts.events import Event
from station.records.facts.history import hub_history, open_attempt_of, open_attempts
from station.records.facts.journal import JournalCreated
from station.records.facts.orders import (
    OrderAssigned,
    OrderClosed,
    OrderLinesAdded,
    jig_order,
    order_lines,
    orders,
)
from station.records.facts.outbox import MessagesAcknowledged, MessagesRepublished
from station.records.facts.unlocks import UnlockAnswerRefused, UnlockUsed
from station.records.ledger import Ledger, LedgerSettings
from station.records.reader import JournalReader
from station.records.rebuild import rebuild
from station.records.segments import segment_path, segment_paths
from station.records.verify import verify


def test_a_journal_begins_with_whose_it_is(folder: Path) -> None:
    with ledger_in(folder) as ledger:
        (started,) = write(ledger, STARTED)
    assert started.sequence == 2
    with JournalReader(folder) as reader:
        first, second = reader.events()
    assert isinstance(first.event, JournalCreated)
    assert (first.event.journal, first.event.site, first.event.station) == (
        started.journal,
        "leeds",
        "bench-1",
    )
    assert second == started


def test_it_goes_on_where_it_stopped(folder: Path) -> None:
    with ledger_in(folder) as ledger:
        write(ledger, STARTED)
    with ledger_in(folder) as ledger:
        (again,) = write(ledger, STARTED)
    assert again.sequence == 3
    assert verify(folder).events == 3


def test_a_closed_journal_is_one_file_and_its_lock(folder: Path) -> None:
    with ledger_in(folder) as ledger:
        write(ledger, STARTED)
    assert sorted(path.name for path in folder.iterdir()) == ["journal-000001.sqlite", "lock"]


def test_the_way_of_an_attempt_is_known_until_it_has_its_result(folder: Path) -> None:
    with ledger_in(folder) as ledger, JournalReader(folder) as reader:
        write(ledger, *order_events())
        (first,) = write(ledger, opened())
        attempt = first.sequence
        (bare,) = reader.ask(open_attempts)
        assert (bare.attempt, bare.order, bare.place, bare.number) == (attempt, "WO-1", place(1), 1)
        assert bare.hub is not None
        assert bare.hub.chf == chf(0)
        assert (bare.stage, bare.step, bare.running, bare.steps, bare.lost) == (None, 0, False, (), False)

        write(ledger, AttemptPlanned(attempt=attempt, steps=(TARGET, TARGET)))
        write(ledger, StageStarted(attempt=attempt, stage=Stage.UNLOCK))
        write(ledger, UnlockUsed(attempt=attempt, chf=chf(0), authority="key"))
        write(ledger, StageEnded(attempt=attempt, stage=Stage.UNLOCK, seconds=0.5))
        for seconds in (3.0, 4.0):
            write(ledger, StageStarted(attempt=attempt, stage=Stage.FLASH))
            failed = Code.FILE_TRANSFER_FAILURE
            write(ledger, StageEnded(attempt=attempt, stage=Stage.FLASH, seconds=seconds, code=failed))
        write(ledger, StageStarted(attempt=attempt, stage=Stage.FLASH, try_number=3))
        write(ledger, HubLost(attempt=attempt, stage=Stage.FLASH))
        lost = reader.ask(open_attempt_of, chf(0))
        assert lost is not None
        assert (lost.stage, lost.step, lost.running, lost.lost) == (Stage.FLASH, 0, True, True)
        assert lost.steps == (TARGET, TARGET)
        assert lost.failures == {Position(0, Stage.FLASH): 2}
        assert lost.seconds == {Stage.UNLOCK: 0.5, Stage.FLASH: 7.0}

        resumed = AttemptResumed(attempt=attempt, place=place(5), stage=Stage.FLASH, step=1, why="seen")
        write(ledger, resumed, StageStarted(attempt=attempt, stage=Stage.FLASH, step=1))
        (back,) = reader.ask(open_attempts)
        assert (back.place, back.step, back.lost) == (place(5), 1, False)

        write(ledger, closed(attempt, slot=5))
        assert reader.ask(open_attempts) == ()
        assert reader.ask(open_attempt_of, chf(0)) is None
        history = reader.ask(hub_history, chf(0))
        assert [past.outcome for past in history.attempts] == [Outcome.PASSED]
        assert history.attempts[0].place == place(5)
    assert rebuild(folder).differing == ()


def test_a_hub_keeps_its_history_across_orders(folder: Path) -> None:
    with ledger_in(folder) as ledger, JournalReader(folder) as reader:
        write(ledger, *order_events("WO-1"))
        one_result(ledger, 0, Outcome.FAILED, slot=3)
        one_result(ledger, 0, Outcome.FAILED, slot=4)
        one_result(ledger, 0, Outcome.PASSED, slot=4)
        one_result(ledger, 0, Outcome.REJECTED, slot=4)
        one_result(ledger, 1, Outcome.FAILED, slot=8)
        write(ledger, OrderClosed(order="WO-1", reason="done"))
        write(ledger, *order_events("WO-2"))
        write(ledger, opened(0, order="WO-2"))
        history = reader.ask(hub_history, chf(0))
        assert history.failed_places == {place(3), place(4)}
        assert (history.attempts_in("WO-1"), history.attempts_in("WO-2"), history.attempts_in(None)) == (
            4,
            1,
            0,
        )
        assert history.passed_in("WO-1")
        assert not history.passed_in("WO-2")
        assert history.last_outcome_in("WO-1") is Outcome.REJECTED
        assert history.last_outcome_in("WO-2") is None


def test_wrong_unlock_answers_are_counted_until_one_is_right(folder: Path) -> None:
    with ledger_in(folder) as ledger, JournalReader(folder) as reader:
        for expected in (1, 2):
            (first,) = write(ledger, opened(order=None))
            write(ledger, StageStarted(attempt=first.sequence, stage=Stage.UNLOCK))
            write(ledger, UnlockAnswerRefused(attempt=first.sequence, chf=chf(0)))
            refused = Code.UNLOCK_REFUSED
            write(ledger, StageEnded(attempt=first.sequence, stage=Stage.UNLOCK, seconds=1, code=refused))
            assert reader.ask(hub_history, chf(0)).wrong_unlock_answers == expected
        write(ledger, StageEnded(attempt=first.sequence, stage=Stage.UNLOCK, seconds=1))
        assert reader.ask(hub_history, chf(0)).wrong_unlock_answers == 0


def test_an_order_shows_how_far_it_is(folder: Path) -> None:
    with ledger_in(folder) as ledger, JournalReader(folder) as reader:
        write(ledger, *order_events("WO-1", hubs=5))
        write(ledger, OrderAssigned(order="WO-1", jig="jig-2"))
        for number, outcome in enumerate((Outcome.FAILED, Outcome.PASSED, Outcome.ALREADY_CURRENT)):
            one_result(ledger, number, outcome)
        one_result(ledger, 0, Outcome.PASSED)
        one_result(ledger, 1, Outcome.REJECTED)  # a second visit takes no pass back
        one_result(ledger, 9, Outcome.REJECTED)  # not on the order
        (order,) = reader.ask(orders)
        assert (order.order, order.source, order.hubs, order.closed) == ("WO-1", "WO-1.csv", 5, None)
        assert order.jigs == ("jig-1", "jig-2")
        assert order.outcomes == {Outcome.PASSED: 2, Outcome.ALREADY_CURRENT: 1}
        assert order.waiting == 2
        states = {state.line.chf: state.outcome for state in reader.ask(order_lines, "WO-1")}
        assert states[chf(1)] is Outcome.PASSED
        assert states[chf(4)] is None
        assert reader.ask(jig_order, "jig-2") == "WO-1"
        write(ledger, OrderClosed(order="WO-1", reason="reconciled"))
        assert reader.ask(jig_order, "jig-2") is None
        assert reader.ask(orders)[0].closed == "reconciled"


def test_a_jig_changes_to_another_order(folder: Path) -> None:
    with ledger_in(folder) as ledger, JournalReader(folder) as reader:
        write(ledger, *order_events("WO-1"))
        write(ledger, *order_events("WO-2", first=3))
        assert reader.ask(jig_order, "jig-1") == "WO-2"
        assert reader.ask(jig_order, "jig-9") is None


def test_a_line_is_found_by_either_id(folder: Path) -> None:
    with ledger_in(folder) as ledger, JournalReader(folder) as reader:
        write(ledger, *order_events())
        assert reader.ask(orders_facts.order_line_state, "WO-1", chf(2)).line == order_line(2)
        assert reader.ask(orders_facts.order_line_state, "WO-1", gpf(2)).line == order_line(2)
        assert reader.ask(orders_facts.order_line_state, "WO-1", chf(7)) is None
        assert reader.ask(orders_facts.order_line_state, "WO-9", chf(2)) is None


def test_results_wait_until_acknowledged_and_can_be_sent_again(folder: Path) -> None:
    with ledger_in(folder) as ledger, JournalReader(folder) as reader:
        rows = [one_result(ledger, number, order=None) for number in range(4)]
        waiting = reader.waiting_messages(3)
        assert [result.number.number for result in waiting] == [1, 2, 3]
        assert [result.ordering_key for result in waiting] == [str(chf(number)) for number in range(3)]
        write(ledger, MessagesAcknowledged(message="result", numbers=(1, 3)))
        assert [result.number.number for result in reader.waiting_messages(9)] == [2, 4]
        assert reader.ask(outbox.waiting_messages) == 2
        write(ledger, MessagesRepublished(message="result", first=1, last=1))
        assert reader.waiting_messages(1) == waiting[:1]
        assert reader.messages("result", 3, 4)[1].payload.decode().count(rows[3].hash.hex()) == 1


def test_the_life_of_a_hub_is_found_by_any_of_its_ids(folder: Path) -> None:
    with ledger_in(folder) as ledger, JournalReader(folder) as reader:
        write(ledger, *order_events())
        (first,) = write(ledger, opened(1))
        (other,) = write(ledger, opened(2, slot=2))
        (stage,) = write(ledger, StageStarted(attempt=first.sequence, stage=Stage.UNLOCK))
        write(ledger, StageStarted(attempt=other.sequence, stage=Stage.UNLOCK))
        (result,) = write(ledger, closed(first.sequence, 1))
        for device in (chf(1), gpf(1)):
            life = reader.life_of(device)
            assert life.events == (first, stage, result)
            assert [line.order for line in life.lines] == ["WO-1"]
        assert reader.life_of(chf(9)).events == ()


REFUSED: tuple[tuple[tuple[Event, ...], str], ...] = (
    ((closed(99),), "no attempt 99"),
    ((StageStarted(attempt=99, stage=Stage.FLASH),), "no attempt 99"),
    ((OrderAssigned(order="WO-9", jig="jig-1"),), "no order WO-9"),
    ((OrderClosed(order="WO-9", reason="x"),), "no order WO-9"),
    (order_events("WO-1"), "imported before"),
    ((OrderLinesAdded(order="WO-1", lines=(order_line(0),)),), "twice"),
    ((OrderLinesAdded(order="WO-9", lines=(order_line(0),)),), "not taken in"),
    ((MessagesAcknowledged(message="result", numbers=(9,)),), "no result 9"),
    ((MessagesRepublished(message="result", first=5, last=9),), "no result messages 5 to 9"),
    ((opened(slot=1 << 70),), "cannot hold"),
    ((StageEnded.model_construct(attempt=3, stage=Stage.FLASH, seconds=float("nan")),), "cannot hold"),
)


@pytest.mark.parametrize(("events", "why"), REFUSED, ids=[why for _, why in REFUSED])
def test_a_contradiction_is_refused_and_leaves_no_trace(
    folder: Path, events: tuple[Event, ...], why: str
) -> None:
    with ledger_in(folder) as ledger:
        write(ledger, *order_events())
        good, bad, also_good = ledger.commit([(STARTED,), (STARTED, *events), (STARTED,)])
        assert isinstance(bad, EventRefused)
        assert why in str(bad)
        assert [row.sequence for outcome in (good, also_good) for row in outcome] == [5, 6]
    assert verify(folder).events == 6
    assert rebuild(folder).differing == ()


def test_an_attempt_has_one_result(folder: Path) -> None:
    with ledger_in(folder) as ledger:
        (first,) = write(ledger, opened(order=None))
        write(ledger, closed(first.sequence, order=None))
        for event in (closed(first.sequence), HubLost(attempt=first.sequence, stage=Stage.CHECK)):
            (refused,) = ledger.commit([(event,)])
            assert isinstance(refused, EventRefused)
            assert "already has its result" in str(refused)


def test_a_result_that_no_topic_can_carry_is_refused(folder: Path) -> None:
    with ledger_in(folder) as ledger:
        (first,) = write(ledger, opened(order=None))
        (refused,) = ledger.commit([(closed(first.sequence, jig="jig/1"),)])
        assert isinstance(refused, EventRefused)
        assert "jig/1" in str(refused)


def test_a_second_holder_is_told_who_the_first_is(folder: Path) -> None:
    with ledger_in(folder), pytest.raises(JournalInUse) as refused, ledger_in(folder):
        raise AssertionError("two held it")
    assert refused.value.pid == os.getpid()
    assert str(os.getpid()) in str(refused.value)


def test_another_station_may_not_write_here(folder: Path) -> None:
    with ledger_in(folder):
        pass
    with pytest.raises(AnotherStation, match="bench-1"):
        Ledger(LedgerSettings(folder, Topics("leeds", "bench-2"), ticking_clock, 100))


def test_a_newer_journal_is_refused_by_name(folder: Path) -> None:
    with ledger_in(folder):
        pass
    with closing(sqlite3.connect(segment_path(folder, 1))) as segment:
        segment.execute("PRAGMA user_version = 7")
    for refuse in (lambda: Ledger(settings(folder)), lambda: verify(folder)):
        with pytest.raises(JournalNewer, match=r"journal-000001.sqlite has tables of version 7"):
            refuse()


def test_an_older_journal_is_brought_up_to_date(folder: Path) -> None:
    with ledger_in(folder) as ledger:
        write(ledger, *order_events())
        one_result(ledger)
    with closing(sqlite3.connect(segment_path(folder, 1), isolation_level=None)) as segment:
        for statement in ("DROP TABLE stages", "DROP TABLE outbox", "ALTER TABLE hubs RENAME TO old_hubs"):
            segment.execute(statement)
        segment.execute("PRAGMA user_version = 0")
    with ledger_in(folder), JournalReader(folder) as reader:
        assert reader.ask(outbox.waiting_messages) == 3
        assert [message.number.kind for message in reader.waiting_messages(9)] == ["order", "order", "result"]
    assert rebuild(folder).differing == ()


def test_an_update_that_fails_leaves_the_older_tables(folder: Path) -> None:
    with ledger_in(folder) as ledger:
        write(ledger, STARTED)
    segment = segment_path(folder, 1)
    with closing(sqlite3.connect(segment, isolation_level=None)) as edited:
        edited.execute("UPDATE events SET body = '{}' WHERE sequence = 2")
        edited.execute("PRAGMA user_version = 1")
    with pytest.raises(JournalCorrupt, match="row 2 does not match its hash"), ledger_in(folder):
        raise AssertionError("it was opened")
    with closing(sqlite3.connect(segment)) as kept:
        assert kept.execute("SELECT count(*) FROM station").fetchone() == (1,)
    assert len(segment_paths(folder)) == 1


@pytest.mark.parametrize("content", [b"", b"not a database at all, not even close" * 99])
def test_a_file_that_is_no_journal_is_left_alone(folder: Path, content: bytes) -> None:
    folder.mkdir()
    segment_path(folder, 1).write_bytes(content)
    with pytest.raises(JournalCorrupt, match="set-aside"), ledger_in(folder):
        raise AssertionError("it was opened")
    if content:
        assert segment_path(folder, 1).read_bytes() == content


def test_an_edited_tail_stops_the_station(folder: Path) -> None:
    with ledger_in(folder) as ledger:
        for _ in range(5):
            write(ledger, STARTED)
    with closing(sqlite3.connect(segment_path(folder, 1), isolation_level=None)) as segment:
        segment.execute("UPDATE events SET body = replace(body, '1.0', '1.1') WHERE sequence = 4")
    with pytest.raises(JournalCorrupt) as refused, ledger_in(folder):
        raise AssertionError("it was opened")
    assert refused.value.row == 4


def test_a_tail_shorter_than_what_was_published_stops_the_station(folder: Path) -> None:
    with ledger_in(folder) as ledger:
        one_result(ledger, order=None)
        write(ledger, MessagesAcknowledged(message="result", numbers=(1,)))
    with closing(sqlite3.connect(segment_path(folder, 1), isolation_level=None)) as segment:
        segment.execute("DELETE FROM events WHERE sequence >= 3")
    with (
        pytest.raises(JournalCutShort, match="ends at row 2, but row 3 has been published"),
        ledger_in(folder),
    ):
        raise AssertionError("it was opened")
    segment_path(folder, 1).unlink()
    with pytest.raises(JournalCutShort, match="the file is gone"), ledger_in(folder):
        raise AssertionError("a new one was made")


def test_another_history_than_the_published_one_stops_the_station(folder: Path) -> None:
    with ledger_in(folder) as ledger:
        one_result(ledger, order=None)
        write(ledger, MessagesAcknowledged(message="result", numbers=(1,)))
    head = folder / "published-head.json"
    known = head.read_text()
    head.write_text(known.replace('"sequence":3', '"sequence":2'))
    with pytest.raises(JournalCorrupt, match="row 2 is not the one published"), ledger_in(folder):
        raise AssertionError("it was opened")
    head.write_text(f'{{"hash":"{64 * "0"}","journal":"00000000-0000-0000-0000-000000000000","sequence":1}}')
    with pytest.raises(JournalCorrupt, match="published from here"), ledger_in(folder):
        raise AssertionError("it was opened")


def note(**changes: object) -> bytes:
    journal = "00000000-0000-0000-0000-000000000000"
    return json.dumps({"journal": journal, "sequence": 1, "hash": 64 * "0", **changes}).encode()


@pytest.mark.parametrize(
    "content",
    [
        *(b"", bytes(200), b'{"hash":', b"5", b"[]", note(journal=5), note(journal=[]), note(hash=5)),
        *(
            note(hash="00"),
            note(sequence=-(10**30)),
            note(sequence=0),
            note(sequence=1.5),
            note(sequence=True),
        ),
    ],
)
def test_a_note_of_what_was_published_that_cannot_be_read_is_made_anew(folder: Path, content: bytes) -> None:
    with ledger_in(folder) as ledger:
        for number in range(3):
            one_result(ledger, number, order=None)
        write(ledger, MessagesAcknowledged(message="result", numbers=(1, 2)))
    head = folder / "published-head.json"
    known = head.read_bytes()
    head.write_bytes(content)
    with pytest.raises(
        PublishedHeadUnreadable, match="the journal beside it is another file: start the station"
    ):
        verify(folder)
    with ledger_in(folder):
        assert head.read_bytes() == known
    verify(folder)


def test_a_start_finds_out_that_an_older_segment_is_missing_or_the_newest_is_none(folder: Path) -> None:
    with ledger_in(folder, segment_rows=4) as ledger:
        for _ in range(14):
            write(ledger, STARTED)
    first, *_, newest = segment_paths(folder)
    aside = folder.with_name("aside")
    first.rename(aside)
    with pytest.raises(SegmentMissing, match=r"journal-000001.sqlite is not in"), ledger_in(folder):
        raise AssertionError("it was opened")
    aside.rename(first)
    kept = newest.read_bytes()
    for copied in (first, segment_paths(folder)[-2]):
        newest.write_bytes(copied.read_bytes())
        with pytest.raises(JournalCorrupt, match="does not go on from"), ledger_in(folder):
            raise AssertionError("it was opened")
    newest.write_bytes(kept)
    with ledger_in(folder) as ledger:
        write(ledger, STARTED)


def test_the_published_head_only_moves_forward(folder: Path) -> None:
    with ledger_in(folder) as ledger:
        for number in range(2):
            one_result(ledger, number, order=None)
        write(ledger, MessagesAcknowledged(message="result", numbers=(1, 2)))
        known = (folder / "published-head.json").read_bytes()
        write(
            ledger,
            MessagesRepublished(message="result", first=1, last=1),
            MessagesAcknowledged(message="result", numbers=(1,)),
        )
        assert (folder / "published-head.json").read_bytes() == known
