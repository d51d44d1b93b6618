from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benches.journal_samples import hub_facts, order_line
from firmware_catalog.identity import Eui64, FirmwareVersion
from station.domain.destination import Destination
from station.domain.hub_facts import HubFacts
from station.domain.order_line import OrderLine
from station.domain.outcome import Outcome, Stage
from station.domain.slot_name import SlotName
from station.orders.csv_import import OrderFile
from station.orders.errors import OrderRefused
from station.orders.life_cycle import (
    events_for_assignment,
    events_for_closing,
    events_for_import,
    find_order,
)
from station.orders.reconcile import Reconciliation, reconcile, standing_of
from station.packing.belonging import Stand
from station.records.facts.attempts import AttemptClosed, AttemptOpened, HubLost
from station.records.facts.events import EVENT
from station.records.facts.history import OpenAttempt
from station.records.facts.orders import OrderImported, OrderLinesAdded, OrderLineState, OrderSummary
from station.records.facts.packed import Placing
from station.records.journal import Journal

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PLACE = SlotName(jig="jig1", slot=3)


def file(hubs: int, *, number: str = "WO-1", sha256: str = "aa") -> OrderFile:
    lines = tuple(order_line(index) for index in range(hubs))
    return OrderFile(number=number, source="order.csv", sha256=sha256, lines=lines, ignored_columns=())


def known(
    number: str = "WO-1", *, sha256: str = "aa", closed: str | None = None, jigs: tuple[str, ...] = ()
) -> OrderSummary:
    return OrderSummary(
        order=number,
        imported=NOON,
        source="first.csv",
        sha256=sha256,
        hubs=2,
        closed=closed,
        jigs=jigs,
        outcomes={},
    )


def facts(of: OrderLine) -> HubFacts:
    return hub_facts(0).model_copy(update={"chf": of.chf, "gpf": of.gpf})


def attempt(
    number: int,
    on: OrderLine | None,
    *,
    order: str = "WO-1",
    lost: bool = False,
    scanned: Eui64 | None = None,
) -> OpenAttempt:
    return OpenAttempt(
        attempt=number,
        opened=NOON,
        order=order,
        place=PLACE,
        hub=on and facts(on),
        scanned_id=scanned,
        scanned_role=None,
        number=1,
        operator=None,
        steps=(),
        stage=None,
        step=0,
        running=False,
        failures={},
        seconds={},
        lost=lost,
        interrupted=None,
    )


def placing(hub: OrderLine, place: Destination) -> Placing:
    return Placing(
        sequence=1,
        hub=hub.chf,
        gpf=hub.gpf,
        order="WO-1",
        stand=Stand(place, 1 if place is Destination.CARTON else None),
        placed=datetime(2026, 1, 1, tzinfo=UTC),
        actor=None,
        reason=None,
        left=None,
        left_for=None,
    )


def states(*outcomes: Outcome | None) -> list[OrderLineState]:
    return [OrderLineState("WO-1", order_line(index), outcome) for index, outcome in enumerate(outcomes)]


@given(st.integers(1, 4000))
def test_an_import_gives_the_whole_order_in_pieces_a_journal_takes(hubs: int) -> None:
    order = file(hubs)
    first, *rest = events_for_import(order, [])
    assert first == OrderImported(order="WO-1", source="order.csv", sha256="aa", hubs=hubs)
    assert all(isinstance(event, OrderLinesAdded) and 1 <= len(event.lines) <= 1000 for event in rest)
    assert tuple(each for event in rest for each in event.lines) == order.lines


def test_events_survive_the_journal() -> None:
    events = events_for_import(file(2), [])
    assert tuple(EVENT.validate_json(EVENT.dump_json(event)) for event in events) == events


def test_the_same_file_again_changes_nothing_and_another_is_refused() -> None:
    assert events_for_import(file(2), [known("WO-0", sha256="bb"), known()]) == ()
    assert events_for_import(file(2), [known(closed="done")]) == ()
    with pytest.raises(OrderRefused, match=r"WO-1 was imported from first.csv with other content"):
        events_for_import(file(2, sha256="cc"), [known()])
    with pytest.raises(
        OrderRefused, match=r"other content, and is closed \(done\): give order.csv a number of its own"
    ):
        events_for_import(file(2, sha256="cc"), [known(closed="done")])


def test_a_jig_takes_an_open_order() -> None:
    (assigned,) = events_for_assignment(known(jigs=("jig2",)), "jig1")
    assert (assigned.order, assigned.jig) == ("WO-1", "jig1")
    assert events_for_assignment(known(jigs=("jig1",)), "jig1") == ()
    with pytest.raises(OrderRefused, match=r"WO-1 is closed \(done\)"):
        events_for_assignment(known(closed="done"), "jig1")


def test_an_order_is_found_by_its_number() -> None:
    assert find_order([known("WO-2"), known()], "WO-1").order == "WO-1"
    with pytest.raises(OrderRefused, match="there is no order WO-3"):
        find_order([known()], "WO-3")


def test_an_order_is_closed_when_complete_or_when_a_person_says_so() -> None:
    both = [placing(order_line(0), Destination.CARTON), placing(order_line(1), Destination.REWORK)]
    complete = reconcile("WO-1", states(Outcome.PASSED, Outcome.FAILED), [], both).standing
    (closed,) = events_for_closing(known(), complete, " delivered ", incomplete_accepted=False)
    assert (closed.order, closed.reason) == ("WO-1", "delivered")
    incomplete = reconcile("WO-1", states(Outcome.PASSED, None), []).standing
    with pytest.raises(
        OrderRefused, match=r"not complete \(1 passed, 0 open, 1 never seen; 2 in no place\): find those"
    ):
        events_for_closing(known(), incomplete, "delivered", incomplete_accepted=False)
    assert events_for_closing(known(), incomplete, "delivered", incomplete_accepted=True) == (closed,)
    with pytest.raises(OrderRefused, match="state one"):
        events_for_closing(known(), complete, " ", incomplete_accepted=False)
    with pytest.raises(OrderRefused, match="is closed"):
        events_for_closing(known(closed="done"), complete, "again", incomplete_accepted=False)


@given(
    outcomes=st.lists(st.none() | st.sampled_from(Outcome), min_size=1, max_size=5),
    hubs=st.lists(st.tuples(st.integers(0, 6), st.booleans()), max_size=6),
)
def test_where_an_order_stands_is_known_without_a_look_at_each_hub(
    outcomes: list[Outcome | None], hubs: list[tuple[int, bool]]
) -> None:
    lines = states(*outcomes)
    attempts = [
        attempt(
            number, None if by_label else order_line(hub), scanned=order_line(hub).gpf if by_label else None
        )
        for number, (hub, by_label) in enumerate(hubs)
    ]
    about = [
        (made, lines[hub] if hub < len(lines) else None)
        for made, (hub, _) in zip(attempts, hubs, strict=True)
    ]
    order = replace(known(), hubs=len(lines), outcomes=Counter(outcome for outcome in outcomes if outcome))
    assert standing_of(order, about, {}, ()) == reconcile("WO-1", lines, attempts).standing


def test_where_every_hub_stands() -> None:
    found = reconcile(
        "WO-1",
        states(Outcome.PASSED, None, None, Outcome.FAILED, Outcome.FAILED, Outcome.ALREADY_CURRENT),
        [
            attempt(10, order_line(1), lost=True),
            attempt(11, order_line(3)),
            attempt(12, order_line(2), order="WO-2"),
            attempt(13, order_line(99)),
            attempt(14, None),
        ],
    )
    assert {
        outcome: [each.chf.value >> 1 & 0x7F for each in lines] for outcome, lines in found.results.items()
    } == {
        Outcome.PASSED: [0],
        Outcome.ALREADY_CURRENT: [5],
        Outcome.FAILED: [4],
    }
    assert [str(each) for each in found.open] == [
        f"find hub {order_line(1).chf}: it left jig1 slot 3 before it was done",
        f"hub {order_line(3).chf} is being worked on in jig1 slot 3",
    ]
    assert found.never_seen == (order_line(2),)
    assert [each.attempt for each in found.unattributed] == [13, 14]
    assert not found.complete
    assert str(found) == (
        "1 passed, 1 already current, 1 failed, 2 open, 1 never seen, 2 open on what the order does not list; 6 in no place"
    )


def test_a_hub_that_told_nothing_is_known_by_its_label() -> None:
    by_gpf = attempt(7, None, scanned=order_line(1).gpf, lost=True)
    found = reconcile("WO-1", states(None, None), [by_gpf])
    assert [(each.line, each.attempt) for each in found.open] == [(order_line(1), by_gpf)]
    assert found.unattributed == ()


@given(
    st.lists(st.none() | st.sampled_from(Outcome), max_size=12),
    st.sets(st.integers(0, 14), max_size=8),
)
def test_every_line_stands_in_exactly_one_place(outcomes: list[Outcome | None], opened: set[int]) -> None:
    put = [placing(order_line(index), Destination.QUARANTINE) for index in range(15)]
    found: Reconciliation = reconcile(
        "WO-1", states(*outcomes), [attempt(100 + index, order_line(index)) for index in opened], put
    )
    places = [each.line for each in found.open] + list(found.never_seen)
    places += [each for lines in found.results.values() for each in lines]
    assert sorted(each.chf for each in places) == [order_line(index).chf for index in range(len(outcomes))]
    assert len(found.open) + len(found.unattributed) == len(opened)
    assert found.complete == (not opened)
    assert len(found.placed) == len(outcomes)
    assert found.strangers == tuple(put[len(outcomes) :])


def closed(attempt_id: int, hub: OrderLine) -> AttemptClosed:
    return AttemptClosed(
        attempt=attempt_id,
        place=PLACE,
        order="WO-1",
        number=1,
        chf=hub.chf,
        gpf=hub.gpf,
        manufacturer="10A3",
        model="0BADCAFE",
        hardware_version="1",
        firmware_recorded=hub.recorded_firmware,
        firmware_before=hub.recorded_firmware,
        firmware_target=FirmwareVersion(2),
        firmware_read_back=FirmwareVersion(2),
        image_sha256="00" * 32,
        outcome=Outcome.PASSED,
        stage=Stage.CHECK,
        code=None,
        disposition=None,
        message="passed",
        started=NOON,
        finished=NOON,
        seconds={},
        operator=None,
        station_version="0",
    )


async def test_an_order_through_a_real_journal_from_import_to_close(tmp_path: Path) -> None:
    async with Journal.open(tmp_path, site="site", station="station") as journal:
        order_file = file(1001)
        await journal.append(*events_for_import(order_file, await journal.orders()))
        assert events_for_import(order_file, await journal.orders()) == ()
        assert {state.line for state in await journal.order_lines("WO-1")} == set(order_file.lines)

        order = find_order(await journal.orders(), "WO-1")
        await journal.append(*events_for_assignment(order, "jig1"))
        assert events_for_assignment(find_order(await journal.orders(), "WO-1"), "jig1") == ()

        hub = facts(order_line(0))
        (opened,) = await journal.append(AttemptOpened(place=PLACE, order="WO-1", hub=hub, number=1))
        await journal.append(HubLost(attempt=opened.sequence, stage=Stage.FLASH))
        found = reconcile("WO-1", await journal.order_lines("WO-1"), await journal.open_attempts())
        assert str(found) == "1 open, 1000 never seen; 1001 in no place"
        assert str(found.open[0]).startswith(f"find hub {hub.chf}: it left jig1 slot 3")

        await journal.append(closed(opened.sequence, order_line(0)))
        found = reconcile("WO-1", await journal.order_lines("WO-1"), await journal.open_attempts())
        assert str(found) == "1 passed, 0 open, 1000 never seen; 1001 in no place"
        await journal.append(*events_for_closing(order, found.standing, "stopped", incomplete_accepted=True))
        with pytest.raises(OrderRefused, match=r"closed \(stopped\)"):
            events_for_assignment(find_order(await journal.orders(), "WO-1"), "jig2")
