"""The order desk on a real journal: the same answers whether the daemon gives them or a command."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from benches.conducting import conducting
from benches.desk_client import THE_ACCOUNT, desk_of_orders, order_file, request
from benches.station_bench import Bench, StockHub, import_order, order_csv, slot
from drivers.errors import NoAnswer
from firmware_catalog.identity import FirmwareVersion
from station.attempt.parts import LeftOpen
from station.desk.refusals import Conflict, Invalid, Refused
from station.domain.hub_facts import HubFacts
from station.domain.label import ScannedLabel
from station.domain.outcome import Code, Disposition, Outcome, Stage
from station.domain.slot_name import SlotName
from station.orders.csv_import import parse_order
from station.orders.reconcile import reconcile
from station.records.errors import AttemptHasResult, HubsOnOpenOrders, OrderIsClosed, OrderNotHere
from station.records.facts.attempts import AttemptClosed, AttemptOpened, AttemptResumed, HubLost
from station.records.facts.history import HubHistory
from station.records.facts.orders import OrderImported, OrderLinesAdded
from station.records.journal import Journal


def facts(hub: StockHub) -> HubFacts:
    return HubFacts(
        chf=hub.chf,
        gpf=hub.gpf,
        manufacturer=hub.model.manufacturer,
        model=hub.model.model,
        hardware_version="1",
        variant="DBCH",
        firmware=FirmwareVersion(1),
        locked=True,
        boots=1,
    )


class Desk:
    """Puts requests to a desk as a command does that holds the journal."""

    def __init__(self, journal: Journal, *, seated: bool = False) -> None:
        self._desk = desk_of_orders(journal, "jig1", "jig2", seated=seated)

    async def ask(self, what: str, *, key: UUID | None = None, **fields: Any) -> dict[str, Any]:
        asked = request(what, **fields)
        return (await self._desk.answer(asked, THE_ACCOUNT, key=key)).model_dump(mode="json")

    async def take(self, content: bytes, number: str | None = None) -> dict[str, Any]:
        with order_file(content, "WO-1.csv", number) as (taking, file):
            return (await self._desk.answer(taking, THE_ACCOUNT, file=file)).model_dump(mode="json")

    async def close(self, *, incomplete: bool) -> dict[str, Any]:
        return await self.ask("close_order", order="WO-1", reason="done", incomplete_accepted=incomplete)


async def test_an_order_is_taken_once_assigned_and_closed(bench: Bench, tmp_path: Path) -> None:
    content = order_csv(bench.hub(), bench.hub())

    async with Journal.open(tmp_path, site="site", station="bench") as journal:
        desk = Desk(journal)
        assert await desk.take(content) == {"order": "WO-1", "hubs": 2, "new": True}
        assert await desk.take(content) == {"order": "WO-1", "hubs": 2, "new": False}
        with pytest.raises(Refused, match=r"^order WO-1 was imported from WO-1.csv with other content"):
            await desk.take(content.replace(b"Central", b"South"))
        with pytest.raises(Refused, match=r"^WO-1.csv: a problem on line 1: the file is empty"):
            await desk.take(b"")
        assert await journal.jig_order("jig1") is None
        for _ in range(2):
            assert await desk.ask("assign_order", order="WO-1", jig="jig1") == {
                "order": "WO-1",
                "jig": "jig1",
            }
        assert await journal.jig_order("jig1") == "WO-1"
        with pytest.raises(Refused, match="there is no order WO-2"):
            await desk.ask("assign_order", order="WO-2", jig="jig1")
        with pytest.raises(Refused, match="not complete"):
            await desk.close(incomplete=False)
        assert (await desk.close(incomplete=True))["standing"].endswith("2 never seen; 2 in no place")
        assert await journal.jig_order("jig1") is None
        with pytest.raises(Refused, match=r"closed \(done\)"):
            await desk.close(incomplete=True)
        with pytest.raises(Refused, match=r"closed \(done\)"):
            await desk.ask("assign_order", order="WO-1", jig="jig1")


@pytest.mark.parametrize(("column", "of_first"), [("chf_id", "chf"), ("gpf_id", "gpf"), ("chf_id", "gpf")])
async def test_a_hub_is_on_one_open_order_at_a_time(
    bench: Bench, tmp_path: Path, column: str, of_first: str
) -> None:
    first, second = bench.hub(), bench.hub()
    again = order_csv(second, order="WO-2", **{column: str(getattr(first, of_first))})
    lines = parse_order(again, "WO-2.csv").lines
    refusal = f"^order WO-2 was not taken in: open order WO-1 lists {lines[0].chf}; close that one first"

    async with Journal.open(tmp_path, site="site", station="bench") as journal:
        desk = Desk(journal)
        await desk.take(order_csv(first, bench.hub()))
        with pytest.raises(Conflict, match=refusal):
            await desk.take(again)
        # The append asks again: another order may have come since the desk looked.
        began = OrderImported(order="WO-2", source="WO-2.csv", sha256="", hubs=1)
        with pytest.raises(HubsOnOpenOrders, match=refusal):
            await journal.append(began, OrderLinesAdded(order="WO-2", lines=lines))
        assert [order.order for order in await journal.orders()] == ["WO-1"]
        await desk.close(incomplete=True)
        assert (await desk.take(again))["new"], "a hub that is delivered again later"


async def test_what_is_open_when_an_order_is_closed_ends_as_never_come_back(
    bench: Bench, tmp_path: Path
) -> None:
    hub = bench.hub()

    async with conducting(bench, tmp_path) as at:
        await import_order(at.journal, order_csv(hub), "jig1")
        await bench.seat(hub, slot(1))
        pulled = {"name": "unplug_hub", "on": "upload", "at_byte": 12_000}
        assert isinstance(await at.visit(slot(1), pulled), LeftOpen)

        with pytest.raises(Refused, match="not complete"):
            await Desk(at.journal).close(incomplete=False)
        with pytest.raises(Refused, match="a hub is being worked on in jig1 slot 1; wait for its result"):
            await Desk(at.journal, seated=True).close(incomplete=True)
        assert not at.of(AttemptClosed)

        await Desk(at.journal).close(incomplete=True)
        (closed,) = at.of(AttemptClosed)
        assert (closed.outcome, closed.code, closed.disposition) == (
            Outcome.FAILED,
            Code.HUB_GONE,
            Disposition.REWORK,
        )
        assert closed.unsettled == "may be unlocked"
        assert closed.message.endswith("; it may be unlocked; put it in the rework crate")
        assert (closed.chf, closed.order, closed.firmware_read_back) == (hub.chf, "WO-1", None)
        assert closed.image_sha256 is not None
        assert await at.journal.open_attempts() == ()
        (told,) = await at.journal.messages("result", 1, 9)
        assert told.ordering_key == str(hub.chf)
        # The hub turns up after all: the order is closed, so it is left alone.
        await bench.seat(hub, slot(1))
        late = await at.result(slot(1))
        assert (late.outcome, late.code, late.order) == (Outcome.REJECTED, Code.NO_OPEN_ORDER, None)
    await bench.assert_runs(hub, "old")


async def test_no_order_closes_over_a_hub_in_work_whatever_the_slots_say(
    bench: Bench, tmp_path: Path
) -> None:
    hub, other = bench.hub(), bench.hub()

    async with Journal.open(tmp_path, site="site", station="bench") as journal:
        desk = Desk(journal)
        await import_order(journal, order_csv(hub, other), "jig1")
        at = SlotName(jig="jig1", slot=3)
        (opened,) = await journal.append(AttemptOpened(place=at, order="WO-1", hub=facts(hub), number=1))
        with pytest.raises(Refused, match="being worked on in jig1 slot 3; wait for its result first"):
            await desk.close(incomplete=True)
        await import_order(journal, order_csv(bench.hub(), order="WO-2"))
        with pytest.raises(Refused, match="order WO-2 cannot come to jig1 now: a hub is being worked"):
            await desk.ask("assign_order", order="WO-2", jig="jig1")
        resumed = AttemptResumed(attempt=opened.sequence, place=at, stage=Stage.FLASH, step=0, why="seen")
        await journal.append(HubLost(attempt=opened.sequence, stage=Stage.FLASH))
        await journal.append(resumed)
        with pytest.raises(Refused, match="being worked on in jig1 slot 3"):
            await desk.close(incomplete=True)
        await journal.append(HubLost(attempt=opened.sequence, stage=Stage.FLASH))
        await desk.close(incomplete=True)
        assert await journal.open_attempts() == ()
        # The hub was seen again while the order was closed: its attempt is not taken up.
        with pytest.raises(AttemptHasResult):
            await journal.append(resumed)
        with pytest.raises(OrderIsClosed, match=r"order WO-1 is closed: done"):
            await journal.append(AttemptOpened(place=at, order="WO-1", hub=facts(other), number=1))


async def test_what_another_life_of_the_station_left_open_can_be_closed(bench: Bench, tmp_path: Path) -> None:
    hub = bench.hub()

    async with Journal.open(tmp_path, site="site", station="bench") as journal:
        await import_order(journal, order_csv(hub), "jig1")
        at = SlotName(jig="jig1", slot=3)
        await journal.append(AttemptOpened(place=at, order="WO-1", hub=facts(hub), number=1))
    async with Journal.open(tmp_path, site="site", station="bench") as journal:
        await Desk(journal).close(incomplete=True)
        assert await journal.open_attempts() == ()


@pytest.mark.parametrize("moment", range(4))
async def test_a_hub_that_comes_while_its_order_is_closed_is_in_work_or_finds_it_closed(
    bench: Bench, tmp_path: Path, moment: int
) -> None:
    """Whatever comes first, no attempt stands on a closed order."""
    hub = bench.hub()

    async def seat(journal: Journal) -> None:
        for _ in range(moment):
            await journal.jig_order("jig1")
        at = SlotName(jig="jig1", slot=1)
        await journal.append(AttemptOpened(place=at, order="WO-1", hub=facts(hub), number=1))

    async with Journal.open(tmp_path, site="site", station="bench") as journal:
        await import_order(journal, order_csv(hub), "jig1")
        ends = await asyncio.gather(
            Desk(journal).close(incomplete=True), seat(journal), return_exceptions=True
        )
        (order,) = await journal.orders()
        open_for_it = await journal.open_attempts()
        assert (order.closed is None) == (len(open_for_it) == 1), ends
        (refused,) = [end for end in ends if isinstance(end, Exception)]
        assert isinstance(refused, (OrderIsClosed, OrderNotHere, Refused))


async def test_a_silent_hub_stands_where_its_label_puts_it(bench: Bench, tmp_path: Path) -> None:
    by_chf, by_gpf, unseen = bench.hub(), bench.hub(), bench.hub()

    async with conducting(bench, tmp_path) as at:
        journal = at.journal
        await import_order(journal, order_csv(by_chf, by_gpf, unseen), "jig1")
        for label in (ScannedLabel(by_chf.chf, None), ScannedLabel(by_gpf.gpf, "GPF")):
            await at.conductor.unidentified(
                slot(1), label, NoAnswer("silent", action="identify", state_known=False)
            )
        standing = reconcile("WO-1", await journal.order_lines("WO-1"), await journal.open_attempts())
        assert {line.chf for line in standing.results[Outcome.FAILED]} == {by_chf.chf, by_gpf.chf}
        assert [line.chf for line in standing.never_seen] == [unseen.chf]
        history = await journal.label_history(by_gpf.gpf)
        assert [(past.place, past.outcome) for past in history.attempts] == [(slot(1), Outcome.FAILED)]
        assert await journal.hub_history(by_gpf.chf, by_gpf.gpf) == HubHistory(
            by_gpf.chf, 0, history.attempts
        )
        # It answers after all.
        await bench.seat(by_gpf, slot(1))
        assert (await at.result(slot(1))).outcome is Outcome.PASSED
        standing = reconcile("WO-1", await journal.order_lines("WO-1"), await journal.open_attempts())
        assert [line.chf for line in standing.results[Outcome.PASSED]] == [by_gpf.chf]


async def test_what_comes_along_must_be_the_file_that_was_meant(bench: Bench, tmp_path: Path) -> None:
    content = order_csv(bench.hub())

    async with Journal.open(tmp_path, site="site", station="bench") as journal:
        desk = desk_of_orders(journal, "jig1")
        with order_file(content) as (taking, file):
            with pytest.raises(Invalid, match="the order's file did not come along"):
                await desk.answer(taking, THE_ACCOUNT)
            pipe, other = os.pipe()
            try:
                with pytest.raises(
                    Invalid, match=r"^order.csv: not a regular file; name the order's CSV file$"
                ):
                    await desk.answer(taking, THE_ACCOUNT, file=pipe)
            finally:
                os.close(pipe)
                os.close(other)
            os.write(file, b"more")
            with pytest.raises(
                Conflict, match=r"^order.csv: changed while it was read; import it once it is whole$"
            ):
                await desk.answer(taking, THE_ACCOUNT, file=file)
        assert await journal.orders() == ()
        with order_file(content.replace(b"Pending", b"Gone")) as (taking, file):
            with pytest.raises(Invalid) as refused:
                await desk.answer(taking, THE_ACCOUNT, file=file)
            assert refused.value.facts["source"] == "order.csv"
            assert [type(problem) for problem in refused.value.facts["problems"]] == [str]
