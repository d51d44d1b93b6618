"""A jig's board is asked how much its slots have borne, and what is overdue is shown until somebody replaced it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benches.boarded_jig import boarded_jig
from benches.desk_client import THE_ACCOUNT, no_check
from benches.journal_samples import STARTED
from benches.looking import until
from benches.tasks import beside
from station.daemon.upkeep_watch import UpkeepWatch
from station.desk.desk import Desk
from station.desk.upkeep_desk import UpkeepDesk
from station.desk.upkeep_requests import ServiceJig
from station.domain.reason import Reason
from station.places.settings import JigSettings
from station.records.chain import RecordedEvent
from station.records.facts.upkeep import InsertionsCounted, JigServiced
from station.reports.keeping import ReportKeeper
from station.reports.reader import open_reports
from station.upkeep.settings import ServiceSettings

PINS = ServiceSettings(what="pogo pins", insertions=3)
SETTINGS = JigSettings(name="jig1", slots={1: "/a", 2: "/b", 3: "/c"}, service=(PINS,))


async def test_what_a_board_counts_is_overdue_until_the_part_is_new(tmp_path: Path) -> None:
    async with boarded_jig(tmp_path) as bench, bench.working():
        facts: list[RecordedEvent] = []
        bench.journal.subscribe(facts.append)
        jigs = {"jig1": bench.jig}
        reports = tmp_path / "reports"
        watch = UpkeepWatch(bench.journal, (SETTINGS,), jigs, reports, bench.view, pause_seconds=0.1)
        keeper = ReportKeeper(
            bench.journal,
            reports,
            tmp_path / "journal",
            room=0,
            gather_seconds=0.01,
            taken_in=watch.reports_are_up_to_date,
        )

        def move(hub: Callable[[int], None]) -> None:
            hub(2)
            bench.board.scan()  # the board counts whether or not the station looks

        def overdue() -> list[str | None]:
            return [
                fault.details.detail for fault in bench.view.faults() if fault.reason is Reason.UPKEEP_OVERDUE
            ]

        def counted(counts: tuple[int, ...]) -> Callable[[], bool]:
            return lambda: any(
                isinstance(fact.event, InsertionsCounted) and fact.event.counts == counts for fact in facts
            )

        async with beside(keeper.run(), watch.run()):
            await bench.journal.append(STARTED)
            await until(counted((0, 0, 0)))
            for seated in range(1, 4):
                move(bench.slots.hubs.add)
                await until(counted((0, seated, 0)))
                move(bench.slots.hubs.discard)
            await until(lambda: overdue() == ["pogo pins of slot 2: 3 of 3 insertions"])
            assert bench.view.faults()[0].details.jig == "jig1"

            desk = Desk(bench.journal, no_check, UpkeepDesk((SETTINGS,), jigs).handlers(), {})
            move(bench.slots.hubs.add)
            move(bench.slots.hubs.discard)
            await desk.answer(ServiceJig(jig="jig1", what="pogo pins", slots=(2,)), THE_ACCOUNT)
            await until(lambda: not overdue())
            (service,) = (fact for fact in facts if isinstance(fact.event, JigServiced))
            assert service.event.actor.pseudonym == "op-7"  # type: ignore[union-attr]  # it is one
            with open_reports(reports) as state:
                assert state.insertions("jig1", 2, service.sequence) == 0, (
                    "the board was asked at that very moment"
                )
                assert (state.insertions("jig1", 2, 0), state.counted_by_board("jig1")) == (4, True)
