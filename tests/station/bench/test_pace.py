"""How long a hub still takes: told from this bench's own last visits, and not at all where they are too few."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from benches.attempt_samples import hub
from benches.journal_samples import closed, ledger_in, opened, order_events, write
from benches.sentences import SENTENCES
from station.attempt.parts import Progress
from station.bench.jig_orders import JigOrders
from station.bench.pace import KEPT, Pace
from station.bench.view import BenchView
from station.domain.jig_order import JigOrder
from station.domain.outcome import Outcome, Stage
from station.domain.position import Position
from station.domain.slot_name import SlotName
from station.records.chain import RecordedEvent
from station.records.facts.attempts import AttemptClosed, StageStarted
from station.records.facts.events import Event
from station.records.facts.history import last_passes
from station.records.facts.orders import OrderAssigned, OrderClosed, OrderUnassigned, orders_on_jigs
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


async def test_a_view_names_the_order_of_its_hub_or_else_that_of_its_jig_and_how_far_that_is(
    tmp_path: Path,
) -> None:
    here, there = SlotName(jig="jig-1", slot=1), SlotName(jig="jig-2", slot=1)
    view = BenchView(iter([here, there]))
    folder = tmp_path / "journal"
    with ledger_in(folder) as ledger, JournalReader(folder) as reader:

        async def look() -> dict[str, JigOrder]:
            return reader.ask(orders_on_jigs)

        orders = JigOrders(view, look)
        showing = asyncio.create_task(orders.keep_showing())

        async def shows(order: JigOrder | None, *events: Event) -> None:
            for written in write(ledger, *events):
                orders.hear(written)
            await view.changes.until(lambda: view.of(here).jig_order == order)

        def far(done: int, not_done: int) -> JigOrder:
            return JigOrder(order="WO-1", hubs=3, done=done, not_done=not_done)

        try:
            await shows(far(0, 0), *order_events("WO-1"))
            view.show(view.of(here).model_copy(update={"order": "WO-0"}))
            assert (view.of(here).order, view.of(there).order) == ("WO-0", None)
            assert view.of(here).jig_order == far(0, 0), "the hub's own order is another thing"
            view.show(view.of(here).model_copy(update={"order": None}))
            assert view.of(here).order == "WO-1"
            for number, outcome in enumerate([Outcome.ALREADY_CURRENT, Outcome.FAILED, Outcome.PASSED]):
                (attempt,) = write(ledger, opened(number))
                seen = [far(1, 0), far(1, 1), far(2, 1)][number]
                await shows(seen, closed(attempt.sequence, number, outcome))
            assert SENTENCES.orders(view.slots()) == {
                "jig-1": "jig-1: order WO-1, 2 of 3 done, 1 rejected or failed"
            }
            await shows(None, OrderUnassigned(order="WO-1", jig="jig-1", actor=None))
            assert view.of(here).order is None
            await shows(far(2, 1), OrderAssigned(order="WO-1", jig="jig-1"))
            await shows(None, OrderClosed(order="WO-1", reason="done"))
        finally:
            showing.cancel()
            await asyncio.gather(showing, return_exceptions=True)
