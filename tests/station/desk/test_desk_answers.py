"""The desk: who may, once for each key, and six ways of saying no."""

from __future__ import annotations

import asyncio
import errno
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import structlog.testing

from benches.desk_client import THE_ACCOUNT, desk_of_orders, no_check, request
from benches.station_bench import Bench, import_order, order_csv
from station.cli.ending import EXIT_CODES
from station.desk.act import Act, Entrance
from station.desk.bench_requests import EnableSlot, ResetJig, Status, Stop, Watch
from station.desk.desk import Desk
from station.desk.order_requests import AssignOrder, CloseOrder, WorksOn
from station.desk.refusals import (
    Conflict,
    Failed,
    Invalid,
    NotAllowed,
    NotFound,
    Refusal,
    RefusalCode,
    Refused,
    Unavailable,
)
from station.desk.request import Done
from station.desk.rights import MAY, Role
from station.domain.actor import Actor
from station.records.errors import EventRefused, JournalFailed, JournalFull
from station.records.facts.bench import SlotEnabled
from station.records.facts.commands import CommandAnswered
from station.records.facts.events import Event
from station.records.facts.orders import OrderAssigned, OrderClosed
from station.records.journal import Journal

AT_THE_BENCH = Entrance(Role.TECHNICIAN, "desk", operator=lambda: None)
SLOT = {"jig": "jig1", "slot": 1}


def opened(folder: Path) -> Any:
    return Journal.open(folder, site="site", station="bench")


def facts(journal: Journal, *kinds: type[Event]) -> list[Any]:
    """What is told of these kinds from now on."""
    heard: list[Any] = []
    journal.subscribe(
        lambda recorded: heard.append(recorded.event) if isinstance(recorded.event, kinds) else None
    )
    return heard


def desk_with(journal: Any, handler: Callable[..., Awaitable[Any]], *kinds: Any) -> Desk:
    return Desk(journal, no_check, dict.fromkeys(kinds or (EnableSlot,), handler), {})


async def enable(asked: EnableSlot, act: Act) -> Done:
    await act.recording(Done()).append(
        SlotEnabled(place=asked.model_dump(include={"jig", "slot"}), actor=act.actor)
    )
    return Done()


@pytest.mark.parametrize(
    ("fault", "kind", "says"),
    [
        (NotFound("there is no such thing"), NotFound, "there is no such thing"),
        (EventRefused("it contradicts"), Conflict, "it contradicts"),
        (JournalFull(Path("/j")), Unavailable, "no room for the journal /j: free some disk space"),
        (OSError(errno.EMFILE, "too many"), Unavailable, "file descriptor"),
        (
            KeyError("what"),
            Failed,
            "a fault of the station's own in status (KeyError); its log has the traceback",
        ),
        (Conflict("two\nlines"), Conflict, "two lines"),
    ],
)
def test_whatever_goes_wrong_is_one_of_six_refusals_in_one_line(
    fault: Exception, kind: type[Refused], says: str
) -> None:
    async def trip(_: Status, __: Act) -> Any:
        raise fault

    async def follow(_: Watch, __: Act) -> AsyncGenerator[Any, None]:
        yield Done()
        raise fault

    async def work() -> None:
        desk = Desk(None, no_check, {Status: trip}, {Watch: follow})  # type: ignore[arg-type]
        with pytest.raises(kind) as told:
            await desk.answer(Status(), THE_ACCOUNT)
        assert type(told.value) is kind
        assert says in str(told.value)
        assert "\n" not in str(told.value)
        each = desk.follow(Watch(), THE_ACCOUNT)
        assert await anext(each) == Done()
        with pytest.raises(kind):
            await anext(each)

    with structlog.testing.capture_logs() as log:
        asyncio.run(work())
    traced = [line for line in log if line.get("exc_info") is fault]
    assert len(traced) == (2 if kind is Failed else 0)


async def test_a_journal_that_fails_for_good_is_told_to_whoever_waits_for_it() -> None:
    async def trip(_: Status, __: Act) -> Any:
        raise JournalFailed("gone")

    desk = Desk(None, no_check, {Status: trip}, {})  # type: ignore[arg-type]
    with pytest.raises(Unavailable, match="gone"):
        await desk.answer(Status(), THE_ACCOUNT)
    with pytest.raises(JournalFailed):
        await desk.until_journal_fails()


def test_what_the_code_of_a_refusal_is_survives_the_way_to_a_client() -> None:
    for kind in (NotFound, Conflict, NotAllowed, Invalid, Unavailable, Failed):
        told = Refusal.model_validate_json(Refusal.of(kind("why", jig="jig1")).model_dump_json()).error()
        assert (type(told), str(told), told.facts) == (kind, "why", {"jig": "jig1"})
    assert {kind.code for kind in Refused.__subclasses__()} >= set(RefusalCode)


async def test_who_may_is_asked_before_anything_else_and_who_it_was_is_recorded(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        heard, desk = facts(journal, SlotEnabled), desk_with(journal, enable)
        with pytest.raises(
            NotAllowed,
            match="enable slot is not for a technician, but for a supervisor: have a supervisor give",
        ) as refused:
            await desk.answer(EnableSlot(**SLOT), AT_THE_BENCH, key=uuid4())
        assert refused.value.facts == {"request": "enable_slot", "role": "technician"}
        assert heard == []
        await desk.answer(EnableSlot(**SLOT), THE_ACCOUNT)
        await desk.answer(EnableSlot(**SLOT), THE_ACCOUNT, by="op-9")
        assert [event.actor for event in heard] == [
            Actor(pseudonym=pseudonym, role=None, where="terminal") for pseudonym in ("op-7", "op-9")
        ]


async def test_whoever_is_named_has_to_be_known() -> None:
    async def unknown(pseudonym: str) -> None:
        raise NotFound(f"{pseudonym} stands for nobody")

    desk = Desk(None, unknown, {}, {})  # type: ignore[arg-type]
    with pytest.raises(NotFound, match="op-9 stands for nobody"):
        await desk.answer(EnableSlot(**SLOT), THE_ACCOUNT, by="op-9")


async def test_a_key_has_a_command_done_once_also_while_it_is_being_done_and_after_a_restart(
    tmp_path: Path,
) -> None:
    key, reached, go_on = UUID(int=7), asyncio.Event(), asyncio.Event()

    async def slowly(asked: EnableSlot, act: Act) -> Done:
        reached.set()
        await go_on.wait()
        return await enable(asked, act)

    async with opened(tmp_path) as journal:
        heard, desk = facts(journal, SlotEnabled, CommandAnswered), desk_with(journal, slowly)
        sent = [asyncio.create_task(desk.answer(EnableSlot(**SLOT), THE_ACCOUNT, key=key)) for _ in range(5)]
        await reached.wait()
        with pytest.raises(Invalid, match="this key was another command's"):
            await desk.answer(EnableSlot(jig="jig1", slot=2), THE_ACCOUNT, key=key)
        go_on.set()
        assert await asyncio.gather(*sent) == [Done()] * 5
        assert await desk.answer(EnableSlot(**SLOT), THE_ACCOUNT, key=key) == Done()
        assert [type(event) for event in heard] == [SlotEnabled, CommandAnswered]
    async with opened(tmp_path) as journal:
        heard, desk = facts(journal, SlotEnabled, CommandAnswered), desk_with(journal, enable)
        assert await desk.answer(EnableSlot(**SLOT), THE_ACCOUNT, key=key) == Done()
        with pytest.raises(Invalid, match="this key was another command's"):
            await desk.answer(EnableSlot(jig="jig1", slot=2), THE_ACCOUNT, key=key)
        assert heard == []
        await desk.answer(EnableSlot(**SLOT), THE_ACCOUNT, key=uuid4())
        await desk.answer(EnableSlot(**SLOT), THE_ACCOUNT)
        assert [type(event) for event in heard] == [SlotEnabled, CommandAnswered, SlotEnabled]


async def test_what_was_refused_is_judged_anew_and_what_changed_nothing_changes_nothing_later(
    bench: Bench, tmp_path: Path
) -> None:
    key, other = uuid4(), uuid4()
    assign = AssignOrder(order="WO-1", jig="jig1")

    async with opened(tmp_path) as journal:
        desk = desk_of_orders(journal, "jig1")
        with pytest.raises(NotFound):
            await desk.answer(assign, THE_ACCOUNT, key=key)
        await import_order(journal, order_csv(bench.hub()), "jig1")
        await import_order(journal, order_csv(bench.hub(), order="WO-2"))
        assert await desk.answer(assign, THE_ACCOUNT, key=key) == WorksOn(order="WO-1", jig="jig1")
        await desk.answer(AssignOrder(order="WO-2", jig="jig1"), THE_ACCOUNT, key=other)
        assert await desk.answer(assign, THE_ACCOUNT, key=key) == WorksOn(order="WO-1", jig="jig1")
        assert await journal.jig_order("jig1") == "WO-2", "sent again, it takes no effect"


async def test_a_command_that_has_nothing_to_record_is_remembered_all_the_same(tmp_path: Path) -> None:
    asked: list[ResetJig] = []

    async def nothing_to_do(request: ResetJig, _: Act) -> Done:
        asked.append(request)
        return Done()

    async with opened(tmp_path) as journal:
        desk, key = desk_with(journal, nothing_to_do, ResetJig), uuid4()
        for _ in range(2):
            assert await desk.answer(ResetJig(jig="jig1"), THE_ACCOUNT, key=key) == Done()
        assert len(asked) == 1, "its emergency stop may have been pressed since, and nobody has seen that yet"
        for _ in range(2):
            await desk.answer(ResetJig(jig="jig1"), THE_ACCOUNT)
        assert len(asked) == 3


async def test_of_two_who_decide_on_the_same_state_the_second_is_told_what_is(
    bench: Bench, tmp_path: Path
) -> None:
    async with opened(tmp_path) as journal:
        for order in ("WO-1", "WO-2"):
            await import_order(journal, order_csv(bench.hub(), order=order))
        heard, desk = (
            facts(journal, OrderAssigned, OrderClosed, CommandAnswered),
            desk_of_orders(journal, "jig1"),
        )
        both = [
            desk.answer(
                request("assign_order", order=order, jig="jig1", expected={"order": None}),
                THE_ACCOUNT,
                key=uuid4(),
            )
            for order in ("WO-1", "WO-2")
        ]
        first, second = await asyncio.gather(*both, return_exceptions=True)
        assert first == WorksOn(order="WO-1", jig="jig1")
        assert isinstance(second, Conflict)
        assert str(second).startswith("jig1 works on order WO-1 now, not on no order as was expected")
        assert second.facts == {"jig": "jig1", "order": "WO-1"}
        close = {"order": "WO-1", "reason": "done", "incomplete_accepted": True}
        with pytest.raises(Conflict, match="has 1 hubs without a result now, not 0 as was expected"):
            await desk.answer(CloseOrder(**close, expected_waiting=0), THE_ACCOUNT, key=uuid4())
        assert [type(event) for event in heard] == [OrderAssigned, CommandAnswered]
        key = uuid4()
        ended = [
            await desk.answer(CloseOrder(**close, expected_waiting=1), THE_ACCOUNT, key=key) for _ in "ab"
        ]
        assert ended[0] == ended[1]
        with pytest.raises(Invalid, match=r"order WO-1 is closed \(done\)"):
            await desk.answer(CloseOrder(**close), THE_ACCOUNT, key=uuid4())
        assert [event.actor for event in heard if isinstance(event, OrderClosed)] == [
            Actor(pseudonym="op-7", where="terminal")
        ]


def test_every_request_has_its_place_in_the_table_its_name_and_its_answer() -> None:
    assert sorted(kind.name for kind in MAY) == [
        "assign_order",
        "close_carton",
        "close_order",
        "close_pallet",
        "close_session",
        "compare_order",
        "count_results",
        "decide_hub",
        "enable_slot",
        "enrol_golden_hub",
        "find_hub",
        "hold_carton",
        "import_order",
        "lift_pin_lock",
        "list_boxes",
        "list_orders",
        "list_people",
        "list_releases",
        "open_carton",
        "open_pallet",
        "open_session",
        "pack_hub",
        "print_label",
        "put_hub",
        "put_on_pallet",
        "recall",
        "release_carton",
        "republish",
        "reset_jig",
        "resume_release",
        "retire_golden_hub",
        "revise_order",
        "scan_label",
        "service_jig",
        "show_bearer",
        "show_box",
        "show_health",
        "show_order",
        "show_right",
        "show_shift",
        "show_upkeep",
        "sign_check_list",
        "sign_off",
        "sign_on",
        "status",
        "stop",
        "take_back_label",
        "take_off_pallet",
        "unassign_order",
        "watch",
    ]
    assert (Stop.answer, AssignOrder.answer, Status.answer.__name__) == (Done, WorksOn, "BenchStatus")
    assert all(Role.ACCOUNT in roles for roles in MAY.values())
    assert ResetJig(jig="j").fingerprint() != EnableSlot(jig="j", slot=1).fingerprint()


def test_the_table_of_requests_for_people_is_the_one_of_the_code() -> None:
    page = (Path(__file__).parents[3] / "docs" / "desk.md").read_text(encoding="utf-8")
    rows = re.findall(r"(?m)^\| `(\w+)` \| [^|]+ \| ([^|]*) ?\| ([a-z, ]+) \|$", page)
    told = {name: (re.findall(r"`(\w+)`", carries), who) for name, carries, who in rows}
    assert told == {
        kind.name: (
            list(kind.model_fields),
            ", ".join(["everybody", *(each for each in ("viewer", "planner") if each in roles)])
            if Role.TECHNICIAN in roles
            else ", ".join(sorted(roles)),
        )
        for kind, roles in MAY.items()
    }
    codes = dict(re.findall(r"(?m)^\| `(\w+)` \| [^|]+ \| ([12]) \|$", page))
    assert codes == {code.value: str(exit_code) for code, exit_code in EXIT_CODES.items()}
