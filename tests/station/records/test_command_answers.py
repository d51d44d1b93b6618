"""What commands were answered is kept with what they did, and what their askers took for given is held against the tables."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from benches.journal_samples import ledger_in, one_result, order_events, write
from station.domain.outcome import Outcome
from station.records.errors import EventRefused, NotAsExpected
from station.records.expectations import Expectation, HubsWithoutResult, JigWorksOn
from station.records.facts import commands
from station.records.facts.commands import CommandAnswered, KeptAnswer, command_answer
from station.records.facts.orders import OrderAssigned, OrderClosed, orders
from station.records.reader import JournalReader
from station.records.rebuild import rebuild


def answered(key: int) -> CommandAnswered:
    return CommandAnswered(key=UUID(int=key), command="do_it", sha256="ab", answer={"number": key})


def test_the_newest_answers_are_kept_over_segments_and_a_key_is_given_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "KEPT_ANSWERS", 3)
    with ledger_in(folder, segment_rows=4) as ledger, JournalReader(folder) as reader:
        for key in range(6):
            write(ledger, answered(key))
        (refused,) = ledger.commit([(answered(5),)])
        assert isinstance(refused, EventRefused)
        kept = [reader.ask(command_answer, UUID(int=key)) for key in range(6)]
        assert [each is not None for each in kept] == [False] * 3 + [True] * 3
        assert kept[5] == KeptAnswer("do_it", "ab", '{"number": 5}')
    assert rebuild(folder).differing == ()


@pytest.mark.parametrize(
    ("expected", "says"),
    [
        (JigWorksOn("jig-1", "WO-1"), None),
        (JigWorksOn("jig-2", None), None),
        (JigWorksOn("jig-1", None), "jig-1 works on order WO-1 now, not on no order as was expected"),
        (JigWorksOn("jig-2", "WO-1"), "jig-2 works on no order now, not on order WO-1 as was expected"),
        (HubsWithoutResult("WO-1", 2), None),
        (HubsWithoutResult("WO-1", 3), "order WO-1 has 2 hubs without a result now, not 3 as was expected"),
        (HubsWithoutResult("WO-9", 0), "order WO-9 has None hubs without a result now, not 0"),
    ],
)
def test_an_append_is_written_only_while_things_are_as_expected(
    folder: Path, expected: Expectation, says: str | None
) -> None:
    with ledger_in(folder) as ledger, JournalReader(folder) as reader:
        write(ledger, *order_events(hubs=3), *order_events("WO-2", hubs=0, jig="jig-3")[:1])
        one_result(ledger, 0, Outcome.PASSED)
        before = reader.ask(orders)
        (outcome,) = ledger.commit([(expected, OrderClosed(order="WO-1", reason="done"))])
        if says is None:
            assert isinstance(outcome, tuple)
            assert [type(recorded.event) for recorded in outcome] == [OrderClosed]
        else:
            assert isinstance(outcome, NotAsExpected)
            assert says in str(outcome)
            assert reader.ask(orders) == before


def test_of_two_who_saw_the_same_the_second_is_refused(folder: Path) -> None:
    with ledger_in(folder) as ledger:
        write(ledger, *order_events(), *order_events("WO-2", hubs=0, jig="jig-2")[:1])
        both = [(JigWorksOn("jig-9", None), OrderAssigned(order="WO-1", jig="jig-9"))] * 2
        first, second = ledger.commit(both)
        assert isinstance(first, tuple)
        assert isinstance(second, NotAsExpected)
        assert second.facts == {"jig": "jig-9", "order": "WO-1"}
