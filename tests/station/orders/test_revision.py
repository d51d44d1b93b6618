"""An order that was wrong: a new revision of its file is shown, signed for and applied whole; what was done stays done."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benches.conducting import conducting
from benches.desk_client import THE_ACCOUNT, desk_of_orders, desk_of_packing, order_file
from benches.interference import Interfered
from benches.journal_samples import chf, closed, gpf, ledger_in, opened, order_events, order_line, write
from benches.station_bench import Bench, import_order, order_csv, slot
from station.attempt.conduct import StillSeated
from station.bench.shown import withdrawn
from station.desk.act import Entrance
from station.desk.order_requests import CloseOrder, CompareOrder, OrderCompared, ReviseOrder
from station.desk.packing_requests import CloseCarton, DecideHub, OpenCarton, PackHub, PutHub, ReleaseCarton
from station.desk.refusals import Conflict, Invalid, NotFound, Refused
from station.desk.rights import Role
from station.domain.actor import Actor
from station.domain.destination import Destination
from station.domain.order_line import OrderLine
from station.domain.outcome import Code, Outcome
from station.domain.phase import SlotPhase
from station.domain.slot_view import SlotView
from station.orders.csv_columns import HEADINGS
from station.orders.csv_import import OrderFile, parse_order
from station.orders.errors import OrderFileRefused
from station.orders.revision import difference, event_of_revision
from station.packing.settings import PackingSettings
from station.records.errors import HubsOnOpenOrders, NotAsExpected
from station.records.facts.order_revisions import OrderRevised, revisions_of, withdrawn_of
from station.records.facts.orders import order_lines, orders
from station.records.facts.packed import carton
from station.records.journal import Journal
from station.records.reader import JournalReader
from station.records.rebuild import rebuild

SIGNED = Actor(pseudonym="op-7", where="terminal")
CARTON = "CTN00000013"


def csv_of(lines: Iterable[OrderLine], order: str = "WO-1") -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["order_number", *HEADINGS])
    for line in lines:
        told = (line.chf, line.gpf, line.manufacturer, line.model, line.region, line.variant)
        writer.writerow([order, *told, line.recorded_firmware, line.inventory_status, line.owner])
    return text.getvalue().encode()


class At:
    """The desk of a journal that holds an order."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.orders = desk_of_orders(journal, "jig-1")
        self.packing = desk_of_packing(journal, PackingSettings(hubs_per_carton=9))

    async def compare(self, content: bytes) -> OrderCompared:
        with order_file(content) as (taking, file):
            return await self.orders.answer(CompareOrder(**taking.model_dump()), THE_ACCOUNT, file=file)

    async def revise(self, content: bytes, amends: str | None = None, **asked: Any) -> Any:
        amends = (await self.compare(content)).amends if amends is None else amends
        with order_file(content) as (taking, file):
            request = ReviseOrder(**taking.model_dump(), amends=amends, reason="the party's mistake")
            facts = {"entrance": THE_ACCOUNT, **asked}
            return await self.orders.answer(request, file=file, **facts)

    async def take(self, content: bytes) -> Any:
        with order_file(content) as (taking, file):
            return await self.orders.answer(taking, THE_ACCOUNT, file=file)

    async def result(self, number: int, outcome: Outcome = Outcome.PASSED) -> None:
        (attempt,) = await self.journal.append(opened(number))
        await self.journal.append(closed(attempt.sequence, number, outcome))


@asynccontextmanager
async def order_of(folder: Path, hubs: int) -> AsyncIterator[At]:
    async with Journal.open(folder, site="leeds", station="bench-1") as journal:
        at = At(journal)
        await at.take(csv_of(map(order_line, range(hubs))))
        await journal.append(*order_events(hubs=hubs)[2:])
        yield at


async def refused(asking: Any, line: str, kind: type[Refused] = Invalid) -> None:
    with pytest.raises(kind, match=line):
        await asking


async def test_a_revision_is_shown_then_signed_once_and_nobody_amends_what_nobody_saw(tmp_path: Path) -> None:
    zero, one, two, three = map(order_line, range(4))
    other_model = two.model_copy(update={"model": "0A0B0C0E"})
    async with order_of(tmp_path, 3) as at:
        await at.result(0)
        first, second = csv_of([zero, one, two]), csv_of([zero, other_model, three])
        shown = await at.compare(second)
        assert (shown.revision, shown.hubs) == (1, 3)
        assert (shown.added, shown.withdrawn) == ((str(three.chf),), (str(one.chf),))
        assert shown.changed == (f"{two.chf}: model: 0A0B0C0D to 0A0B0C0E",)
        assert [state.line for state in await at.journal.order_lines("WO-1")] == [zero, one, two]
        await refused(at.take(second), r"sign for it \(reflash orders revise order.csv\)")
        nobody = Entrance(Role.ACCOUNT, "terminal", operator=lambda: None)
        await refused(at.revise(second, entrance=nobody), "signs for it")
        folder = Entrance(Role.FOLDER, "order folder", operator=lambda: None)
        with pytest.raises(Refused, match="revise order is not for a folder"):
            await at.revise(second, entrance=folder)
        key = uuid4()
        for _ in range(2):
            amended = await at.revise(second, shown.amends, key=key)
            assert (amended.revision, amended.hubs, amended.held) == (2, 3, ())
        states = {state.line: state.outcome for state in await at.journal.order_lines("WO-1")}
        assert states == {zero: Outcome.PASSED, other_model: None, three: None}
        assert len(await at.journal.ask(revisions_of, "WO-1")) == 2
        # Somebody else saw the first, too: what they signed is not what is there now.
        third = csv_of([zero, two])
        await refused(at.revise(third, shown.amends), "amended meanwhile, by revision 2", Conflict)
        (told,) = [
            message for message in await at.journal.messages("order", 1, 9) if b"revised" in message.payload
        ]
        assert b'"hubs":3' in told.payload
        (imported,) = await at.journal.messages("order", 1, 1)
        assert at_first(first) in imported.payload.decode(), "what is sent again is what was sent"
        await refused(at.compare(first), "is revision 1 of order WO-1, which revision 2 has amended since")
        assert (await at.revise(second)).revision == 2, "with the same content nothing changes"
        assert not (await at.take(second)).new
        assert len(await at.journal.ask(revisions_of, "WO-1")) == 2
        await refused(at.compare(csv_of([zero], "WO-9")), "there is no order WO-9", NotFound)
        await refused(
            at.compare(csv_of([order_line(8)])), "lists no hub of order WO-1: it is another order's"
        )
        anothers = zero.model_copy(update={"owner": "Other Energy"})
        await refused(
            at.compare(csv_of([anothers, three])), "is for Other Energy, order WO-1 for Example Energy"
        )
        await at.take(csv_of([order_line(7)], "WO-2"))
        with pytest.raises(Conflict, match=f"open order WO-2 lists {chf(7)}"):
            await at.compare(csv_of([zero, order_line(7)]))
        numbers = second.replace(str(zero.chf).encode(), b"8.87384E+18").replace(b"00010001", b"10001")
        with pytest.raises(Invalid, match="a spreadsheet makes of 16 digits") as told_why:
            await at.compare(numbers)
        assert "leading zeros gone" in str(told_why.value.facts["problems"])
        ending = CloseOrder(order="WO-1", reason="over", incomplete_accepted=True)
        await at.orders.answer(ending, THE_ACCOUNT)
        await refused(at.compare(third), r"order WO-1 is closed \(over\)")
        with pytest.raises(NotFound):
            await at.revise(csv_of([zero], "WO-9"), "0" * 64)


def at_first(content: bytes) -> str:
    return parse_order(content, "order.csv").sha256


async def test_a_withdrawn_hub_goes_to_quarantine_also_out_of_a_carton(tmp_path: Path) -> None:
    lines = [order_line(number) for number in range(5)]
    async with order_of(tmp_path, 5) as at:
        for number in range(3):
            await at.result(number)
        await at.packing.answer(OpenCarton(order="WO-1"), THE_ACCOUNT)
        for number in (0, 1):
            await at.packing.answer(PackHub(id=gpf(number), carton=CARTON), THE_ACCOUNT)
        closing = CloseCarton(carton=CARTON, reason="short", expected_hubs=2)
        await at.packing.answer(closing, THE_ACCOUNT)
        assert (await at.compare(csv_of(lines[1:4]))).withdrawn == (
            f"{chf(0)}, in carton {CARTON}",
            str(chf(4)),
        )
        amended = await at.revise(csv_of([*lines[1:2], lines[3]]))
        assert amended.held == (CARTON,)
        held = await at.journal.ask(carton, 1)
        assert held is not None
        assert held.held == f"revision 2 of order WO-1: hub {chf(0)}: its line was withdrawn"
        release = ReleaseCarton(carton=CARTON, reason="looked")
        with pytest.raises(Conflict, match=f"holds hub {chf(0)}, which its order lists no more"):
            await at.packing.answer(release, THE_ACCOUNT)
        gone = await at.journal.ask(withdrawn_of, "WO-1")
        assert [(each.line.chf, each.outcome, each.to_put_aside) for each in gone] == [
            (chf(0), Outcome.PASSED, True),
            (chf(2), Outcome.PASSED, True),
            (chf(4), None, False),
        ]
        take_out = DecideHub(id=chf(0), place=Destination.QUARANTINE, reason="withdrawn")
        await at.packing.answer(take_out, THE_ACCOUNT)
        await at.packing.answer(release, THE_ACCOUNT)
        with pytest.raises(Conflict, match="order WO-1 does not list it: it goes to quarantine"):
            await at.packing.answer(PackHub(id=gpf(2), carton=CARTON), THE_ACCOUNT)
        with pytest.raises(Conflict, match="1 withdrawn and not in quarantine"):
            await at.orders.answer(CloseOrder(order="WO-1", reason="done"), THE_ACCOUNT)
        for number in (2, 4):
            await at.packing.answer(PutHub(id=gpf(number), place=Destination.QUARANTINE), THE_ACCOUNT)
        gone = await at.journal.ask(withdrawn_of, "WO-1")
        assert not any(each.to_put_aside for each in gone)
        # Packed between the look and the append: the append itself minds.
        await at.result(3)
        await at.packing.answer(PackHub(id=gpf(3), carton=CARTON), THE_ACCOUNT)
        (*_, now) = await at.journal.ask(revisions_of, "WO-1")
        event = OrderRevised(
            order="WO-1",
            revision=3,
            source="x",
            sha256="ab" * 32,
            amends=now.sha256,
            hubs=1,
            added=(),
            changed=(),
            withdrawn=(chf(3),),
            reason="r",
            actor=SIGNED,
        )
        with pytest.raises(
            NotAsExpected, match=f"hub {chf(3)}, which this revision .* was packed into carton"
        ):
            await at.journal.append(event)
        stale = event.model_copy(update={"amends": "00" * 32})
        with pytest.raises(NotAsExpected, match="was amended meanwhile"):
            await at.journal.append(stale)
        await at.take(csv_of([order_line(7)], "WO-2"))
        with pytest.raises(HubsOnOpenOrders):
            await at.journal.append(
                event.model_copy(update={"withdrawn": (), "added": (order_line(7),), "hubs": 3})
            )


CONTENTS = st.lists(
    st.dictionaries(st.integers(0, 4), st.sampled_from(["SBCH", "DBCH"]), min_size=1),
    min_size=1,
    max_size=5,
)
OUTCOMES = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from([Outcome.PASSED, Outcome.FAILED])), max_size=4
)


@settings(max_examples=25, deadline=None)
@given(contents=CONTENTS, outcomes=st.lists(OUTCOMES, min_size=5, max_size=5))
def test_whatever_the_revisions_the_lines_are_the_last_ones_and_no_outcome_is_lost(
    contents: list[dict[int, str]], outcomes: list[list[tuple[int, Outcome]]]
) -> None:
    counted: dict[int, Outcome] = {}
    listed = dict.fromkeys(range(3), "DBCH")
    with TemporaryDirectory() as made:
        folder = Path(made) / "journal"
        with ledger_in(folder) as ledger, JournalReader(folder) as reader:
            write(ledger, *order_events(hubs=3))
            for revision, (content, results) in enumerate(zip(contents, outcomes, strict=False), 2):
                for number, outcome in results:
                    if number in listed:
                        (attempt,) = write(ledger, opened(number))
                        write(ledger, closed(attempt.sequence, number, outcome))
                        if counted.get(number) is not Outcome.PASSED:
                            counted[number] = outcome
                lines = tuple(
                    order_line(number).model_copy(update={"variant": variant})
                    for number, variant in content.items()
                )
                file = OrderFile("WO-1", "x.csv", f"{revision:064x}", lines, ())
                before = [state.line for state in reader.ask(order_lines, "WO-1")]
                found = difference(file, before)
                event = event_of_revision(file, found, reader.ask(revisions_of, "WO-1"), "r", SIGNED)
                write(ledger, event)
                listed = content
                states = reader.ask(order_lines, "WO-1")
                assert {state.line for state in states} == set(lines)
                expected = {chf(number): counted.get(number) for number in listed}
                assert {state.line.chf: state.outcome for state in states} == expected
                (summary,) = reader.ask(orders)
                assert summary.hubs == len(lines)
                assert summary.waiting == list(expected.values()).count(None)
                gone = {each.line.chf: each.outcome for each in reader.ask(withdrawn_of, "WO-1")}
                assert not gone.keys() & expected.keys()
                assert all(gone[chf(n)] is o for n, o in counted.items() if chf(n) in gone)
        assert not rebuild(folder).differing


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("8.87384E+18", "16 digits that it takes for a number, its digits gone"),
        ("8,87E+18", "16 digits that it takes for a number, its digits gone"),
        ("88738400000001", "leading zeros gone"),
        ("no id", "is no EUI-64"),
        ("88738400000000011", "is no EUI-64"),
    ],
)
def test_an_id_that_a_spreadsheet_took_for_a_number_is_told_as_that(value: str, why: str) -> None:
    content = csv_of([order_line(0)]).replace(str(chf(0)).encode(), f'"{value}"'.encode())
    with pytest.raises(OrderFileRefused, match=why):
        parse_order(content, "WO-1.csv")
    model = csv_of([order_line(0)]).replace(b"0A0B0C0D", b"1.1E+07")
    with pytest.raises(OrderFileRefused, match=r"model: '1.1E\+07' is what a spreadsheet makes"):
        parse_order(model, "WO-1.csv")


PLACE = slot(1)


@pytest.mark.parametrize(
    ("before", "outcome", "runs"),
    [
        ("state", Outcome.REJECTED, "old"),
        ("flash", Outcome.FAILED, "old"),
        ("activate", Outcome.FAILED, "new"),
        ("verify", Outcome.FAILED, "old"),
        ("confirm", Outcome.PASSED, "new"),
    ],
)
async def test_a_hub_whose_line_is_withdrawn_in_work_gets_nothing_more_and_is_left_well(
    bench: Bench, tmp_path: Path, before: str, outcome: Outcome, runs: str
) -> None:
    hub, other = bench.hub(), bench.hub()
    lines = parse_order(order_csv(hub, other), "x").lines
    at_what: list[str] = []
    async with conducting(bench, tmp_path) as at:
        await import_order(at.journal, order_csv(hub, other), "jig1")
        await bench.seat(hub, PLACE)

        async def withdraw(call: str, _: int) -> None:
            if call == before and not at_what:
                at_what.append(call)
                file = OrderFile("WO-1", "x.csv", "ab" * 32, lines[1:], ())
                revisions = await at.journal.ask(revisions_of, "WO-1")
                found = difference(file, lines)
                await at.journal.append(event_of_revision(file, found, revisions, "r", SIGNED))

        result = await at.result(PLACE, wrap=lambda driver: Interfered(driver, withdraw))
        assert (at_what, result.outcome) == ([before], outcome)
        if outcome is not Outcome.PASSED:
            assert (result.code, result.unsettled) == (Code.NOT_ON_ORDER, None)
            assert result.detail == f"hub {hub.chf} was withdrawn from order WO-1 since it was begun with"
        (gone,) = await at.journal.ask(withdrawn_of, "WO-1")
        assert gone.outcome is (None if outcome is Outcome.REJECTED else outcome), "what was done stays done"
        assert gone.to_put_aside
        if outcome is Outcome.PASSED:
            # It is not shown as one that goes home, also not after a restart.
            again = await at.visit(PLACE)
            assert not isinstance(again, StillSeated)
    if before != "activate":
        await bench.assert_runs(hub, runs)


def test_a_hub_that_passed_is_put_aside_where_it_sits_once_its_order_lists_it_no_more() -> None:
    shown = SlotView(place=PLACE, phase=SlotPhase.PASSED, chf=chf(0), order="WO-1")
    assert withdrawn(shown, "WO-1").phase is SlotPhase.PUT_ASIDE
    assert withdrawn(shown, "WO-2") == shown
