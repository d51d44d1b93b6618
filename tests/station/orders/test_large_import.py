"""A large order comes in piece by piece: nobody waits for all of it, and nobody sees a part of it."""

from __future__ import annotations

import asyncio
import gc
import tempfile
import threading
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benches.desk_client import THE_ACCOUNT, desk_of_orders, order_file
from benches.leaks import FREEZE, UNFREEZE
from firmware_catalog.identity import Eui64
from station.desk import order_files, revision_desk
from station.desk.order_requests import CompareOrder
from station.desk.refusals import Refused
from station.domain.slot_name import SlotName
from station.orders import life_cycle
from station.orders.csv_columns import HEADINGS
from station.orders.csv_import import parse_order
from station.orders.errors import OrderRefused
from station.orders.life_cycle import events_for_assignment, find_order
from station.orders.revision import require_revision
from station.records.chain import RecordedEvent
from station.records.errors import EventRefused
from station.records.facts.attempts import AttemptOpened
from station.records.facts.events import Event
from station.records.facts.journal import StationStarted
from station.records.facts.orders import OrderAssigned, OrderClosed, OrderLinesAdded
from station.records.journal import Journal
from station.records.verify import verify

STARTED = StationStarted(station_version="0", boot_id="b")


def csv_of(first: int, hubs: int) -> bytes:
    rows = [
        f"{Eui64(number)},{Eui64((1 << 32) + number)},10A8,00000011,Central,DBCH,01020100,Pending,PARTY"
        for number in range(first, first + hubs)
    ]
    return "\n".join([",".join(HEADINGS), *rows]).encode()


def opened(folder: Path, **more: Any) -> Any:
    return Journal.open(folder, site="site", station="bench", **more)


async def take(journal: Any, content: bytes) -> dict[str, Any]:
    with order_file(content, number="WO-1") as (taking, file):
        return (await desk_of_orders(journal, "jig1").answer(taking, THE_ACCOUNT, file=file)).model_dump()


async def test_another_fact_is_recorded_before_a_large_import_ends(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        written: list[Event] = []
        others: list[asyncio.Future[Any]] = []

        def hear(recorded: RecordedEvent) -> None:
            written.append(recorded.event)
            if isinstance(recorded.event, OrderLinesAdded) and not others:
                others.append(asyncio.ensure_future(journal.append(STARTED)))

        journal.subscribe(hear)
        assert (await take(journal, csv_of(0, 5000)))["new"]
        await others[0]
        last_of_import = max(n for n, each in enumerate(written) if isinstance(each, OrderLinesAdded))
        assert written.index(STARTED) < last_of_import


async def test_lines_are_let_go_as_they_are_recorded(tmp_path: Path) -> None:
    """Else all of them are at the end, at once, and the loop stands still for it."""
    async with opened(tmp_path) as journal:
        first: list[weakref.ref[Any]] = []
        still_there: list[bool] = []

        def hear(recorded: RecordedEvent) -> None:
            if isinstance(recorded.event, OrderLinesAdded):
                if not first:
                    first.append(weakref.ref(recorded.event.lines[0]))
                still_there.append(first[0]() is not None)

        journal.subscribe(hear)
        await take(journal, csv_of(0, 5000))
        assert still_there[0]
        assert not still_there[-1]


async def assert_there_is_no_order(journal: Journal) -> None:
    assert await journal.orders() == ()
    assert not await journal.order_is_open("WO-1")
    with pytest.raises(OrderRefused, match="there is no order WO-1"):
        find_order(await journal.orders(), "WO-1")
    for event in (
        OrderAssigned(order="WO-1", jig="jig1"),
        OrderClosed(order="WO-1", reason="x"),
        AttemptOpened(
            order="WO-1",
            place=SlotName(jig="jig1", slot=1),
            hub=None,
            scanned_id=None,
            scanned_role=None,
            number=1,
            operator=None,
        ),
    ):
        with pytest.raises(EventRefused, match="there is no order WO-1"):
            await journal.append(event)
    assert (await journal.life_of(Eui64(0))).lines == ()


class Dying:
    """A journal whose process dies after so many appends."""

    def __init__(self, journal: Journal, appends: int) -> None:
        self._journal, self._left = journal, appends

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    async def append(self, *events: Event) -> Any:
        if not self._left:
            raise KeyboardInterrupt
        self._left -= 1
        return await self._journal.append(*events)


@settings(max_examples=15, deadline=None)
@given(
    dies_after=st.integers(1, 5),
    hubs=st.integers(11, 15),
    again=st.tuples(st.integers(0, 20), st.integers(1, 15)),
    segment_rows=st.sampled_from([3, 1000]),
)
def test_an_import_that_was_cut_off_is_no_order_and_can_be_made_anew(
    dies_after: int, hubs: int, again: tuple[int, int], segment_rows: int
) -> None:
    async def work(folder: Path) -> None:
        async with opened(folder, segment_rows=segment_rows) as journal:
            with suppress(KeyboardInterrupt):
                # Four lines an event: an import of five appends.
                await take(Dying(journal, dies_after), csv_of(0, hubs))
        async with opened(folder, segment_rows=segment_rows) as journal:
            await journal.append(STARTED)
            complete = dies_after > (hubs + 3) // 4
            if complete:
                (order,) = await journal.orders()
                assert len(await journal.order_lines("WO-1")) == order.hubs == hubs
                return
            await assert_there_is_no_order(journal)
            assert (await take(journal, csv_of(*again)))["new"]
            (order,) = await journal.orders()
            lines = [each.line.chf for each in await journal.order_lines("WO-1")]
            assert lines == [Eui64(number) for number in range(again[0], sum(again))]
            assert (order.hubs, order.closed) == (again[1], None)
            await journal.append(*events_for_assignment(order, "jig1"))
        verify(folder)

    chunk = life_cycle._LINES_PER_EVENT
    life_cycle._LINES_PER_EVENT = 4
    try:
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(work(Path(folder)))
    finally:
        life_cycle._LINES_PER_EVENT = chunk


def test_the_garbage_collector_does_not_stand_over_a_large_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    while_read: list[int] = []

    def look(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            looks.append(info["generation"])

    def watched(*arguments: Any) -> Any:
        before = len(looks)
        try:
            return parse_order(*arguments)
        finally:
            while_read.extend(looks[before:])

    read_lines = Journal.order_lines

    async def watched_reading(journal: Journal, order: str) -> Any:
        before = len(looks)
        try:
            return await read_lines(journal, order)
        finally:
            while_read.extend(looks[before:])

    def off_the_loop(*arguments: Any) -> Any:
        assert threading.current_thread() is not threading.main_thread()
        return require_revision(*arguments)

    async def work() -> None:
        async with opened(tmp_path) as journal:
            assert (await take(journal, csv_of(0, 5000)))["hubs"] == 5000
            with order_file(csv_of(1, 5000), number="WO-1") as (taking, file):
                compare = CompareOrder(**taking.model_dump())
                shown = await desk_of_orders(journal, "jig1").answer(compare, THE_ACCOUNT, file=file)
            assert (len(shown.added), len(shown.withdrawn)) == (1, 1)
            with pytest.raises(Refused, match="no hub is listed"):
                await take(journal, csv_of(0, 0))

    monkeypatch.setattr(gc, "freeze", FREEZE)
    monkeypatch.setattr(gc, "unfreeze", UNFREEZE)
    monkeypatch.setattr(order_files, "parse_order", watched)
    monkeypatch.setattr(Journal, "order_lines", watched_reading)
    monkeypatch.setattr(revision_desk, "require_revision", off_the_loop)
    gc.callbacks.append(look)
    try:
        asyncio.run(work())
    finally:
        gc.callbacks.remove(look)
    assert while_read == []
    assert (gc.isenabled(), gc.get_freeze_count()) == (True, 0)
