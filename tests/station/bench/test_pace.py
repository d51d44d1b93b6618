"""How long a hub still takes: told from this bench's own last visits, and not at all where they are too few."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from benches.attempt_samples import hub
from benches.journal_samples import closed, ledger_in, opened, order_events, write
from station.attempt.parts import Progress
from station.bench.jig_orders import JigOrders
from station.bench.pace import KEPT, Pace
from station.bench.view import BenchView
from station.domain.outcome import Outcome, Stage
from station.domain.position import Position
from station.domain.slot_name import SlotName
from station.records.chain import RecordedEvent
from station.records.facts.attempts import AttemptClosed, StageStarted
from station.records.facts.events import Event
from station.records.facts.history import last_passes
from station.records.facts.orders import OrderClosed
from station.records.reader import JournalReader

HUB = hub()
WAY = ["unlock", "flash", "activate", "verify", "confirm", "check"]
VERIFY = Progress(Position(0, Stage.VERIFY))


def visit(seconds: float, attempt: int = 1, outcome: Outcome = Outcome.PASSED) -> AttemptClosed:
    model = {"manufacturer": HUB.model.manufacturer, "model": HUB.model.model}
    took = {"seconds": dict.fromkeys(map(Stage, WAY), seconds)}
    return closed(attempt, outcome=outcome).model_copy(update=model | took)


def recorded(event: Event, sequence: int = 1) -> RecordedEvent:
    return RecordedEvent(UUID(int=1), sequence, datetime.now(UTC), 0, b"", event)


@given(st.lists(st.floats(0, 1e4), max_size=3 * KEPT))
def test_what_is_left_is_the_median_of_each_stage_to_come_of_the_last_visits(took: list[float]) -> None:
    recalled, heard = Pace({"jig-1": "smp"}), Pace({"jig-1": "smp"})
    recalled.recall(map(visit, took))
    for seconds in took:
        heard.hear(recorded(visit(seconds)))
    left = recalled.seconds_left("jig-1", HUB, VERIFY)
    assert heard.seconds_left("jig-1", HUB, VERIFY) == left
    assert left == (sum([median(took[-KEPT:])] * 3) if len(took) >= 3 else None)


def test_nothing_is_said_of_what_nobody_has_seen() -> None:
    pace = Pace({"jig-1": "smp", "jig-2": "smp", "jig-3": "dfu"})
    for _ in range(3):
        pace.hear(recorded(visit(9, outcome=Outcome.FAILED)))
        pace.hear(recorded(StageStarted(attempt=4, stage=Stage.FLASH, step=1, try_number=1)))
        pace.hear(recorded(visit(9, attempt=4)))
    assert pace.seconds_left("jig-1", HUB, VERIFY) is None, "of one step nobody has seen anything yet"
    for _ in range(3):
        pace.hear(recorded(visit(2)))
    assert pace.seconds_left("jig-2", HUB, VERIFY) == 6, "the other jig's hubs go the same way"
    assert pace.seconds_left("jig-3", HUB, VERIFY) is None, "and that one's do not"
    assert pace.seconds_left("jig-1", HUB, Progress(Position(0, Stage.VERIFY), steps=2)) is None


def test_what_the_journal_tells_at_a_start_leaves_out_hubs_that_took_two_steps(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    with ledger_in(folder) as ledger, JournalReader(folder) as reader:
        write(ledger, *order_events())
        for number, outcome in enumerate([Outcome.PASSED, Outcome.PASSED, Outcome.FAILED, Outcome.PASSED]):
            (attempt,) = write(ledger, opened(number))
            started = StageStarted(
                attempt=attempt.sequence, stage=Stage.FLASH, step=number == 1, try_number=1
            )
            write(ledger, started, closed(attempt.sequence, number, outcome))
        passed = [each.chf for each in reader.ask(last_passes, 9)]
        (last,) = reader.ask(last_passes, 1)
    assert passed == [closed(0, 0).chf, closed(0, 3).chf]
    assert last.chf == passed[-1]


def test_a_view_names_the_order_of_its_hub_or_else_that_of_its_jig() -> None:
    here, there = SlotName(jig="jig-1", slot=1), SlotName(jig="jig-2", slot=1)
    view = BenchView(iter([here, there]))
    orders = JigOrders(view)
    orders.recall({"jig-1": "WO-0"})
    for event in order_events("WO-1"):
        orders.hear(recorded(event))
    view.show(view.of(here).model_copy(update={"order": "WO-0"}))
    assert (view.of(here).order, view.of(there).order) == ("WO-0", None)
    view.show(view.of(here).model_copy(update={"order": None}))
    assert view.of(here).order == "WO-1"
    orders.hear(recorded(OrderClosed(order="WO-1", reason="done")))
    assert view.of(here).order is None
