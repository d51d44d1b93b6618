"""`reflash cartons` and `hubs`: a shift at the crates without a daemon, to the reconciled end of its order."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from benches.journal_samples import chf, closed, gpf, opened, order_events
from benches.station_bench import MODEL, journal_of, slot, version
from benches.station_daemon import events_of, running_daemon
from firmware_catalog.catalog import FolderCatalog
from station.desk.act import Act
from station.desk.count_desk import CountDesk
from station.desk.count_requests import CountResults
from station.desk.looking_desk import LookingDesk
from station.desk.looking_requests import FindHub, HubGroup, ListBoxes, ListOrders, ShowBox, ShowOrder
from station.desk.looks import Looks
from station.desk.refusals import Invalid, NotFound, Unavailable
from station.desk.request import A, Question
from station.desk.standing_desk import StandingDesk
from station.desk.standing_requests import ListPeople, ListReleases, ShowShift, ShowUpkeep
from station.domain.actor import Actor
from station.domain.outcome import Code, Disposition, Outcome
from station.domain.phase import SlotPhase
from station.people.operators import Operators, PersonRole
from station.records.facts.packing import HubPlaced
from station.settings_file import load_settings

T = TypeVar("T")
FIRST, PALLET = "CTN00000013", "PLT00000013"
OF_MODEL = {"manufacturer": MODEL.manufacturer, "model": MODEL.model}
RUNS = {**OF_MODEL, "firmware_read_back": version("new")}
"""What the bench's catalogue lists: a daemon lets nothing else go home."""
ENDS = (
    {"outcome": Outcome.PASSED},
    {"outcome": Outcome.PASSED},
    {"outcome": Outcome.FAILED, "disposition": Disposition.REWORK, "code": Code.NOT_LOCKED},
    {"outcome": Outcome.REJECTED, "code": Code.NOT_PENDING},
)


@pytest.fixture
def shift(config: Path) -> Path:
    """An order of five hubs, of which four have results."""
    settings = load_settings(config)

    async def work() -> None:
        opening = journal_of(settings)
        async with opening as journal:
            imported, added, assigned = order_events(hubs=5)
            lines = tuple(line.model_copy(update=OF_MODEL) for line in added.lines)
            await journal.append(imported, added.model_copy(update={"lines": lines}), assigned)
            for hub, end in enumerate(ENDS):
                (attempt,) = await journal.append(opened(hub))
                await journal.append(closed(attempt.sequence, hub).model_copy(update=RUNS | end))

    asyncio.run(work())
    return config


def test_hubs_are_packed_and_their_order_is_reconciled(
    reflash: Any, shift: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = ("--config", shift)
    assert reflash("cartons", "list", "WO-1", *at).out == "no carton of order WO-1 was opened yet\n"
    assert reflash("cartons", "open", "WO-1", "--json", *at).json["carton"] == FIRST
    lines = (
        "",
        str(gpf(0)),
        "CTN00000012",
        f"CHF {chf(2)}",
        "REWORK",
        str(chf(2)),
        "party",
        str(gpf(3)),
        "jig1/3",
    )
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines)))
    packed = reflash("cartons", "pack", FIRST, *at)
    assert packed.code == 1
    assert packed.out.splitlines() == [
        f"hub {chf(0)} packed into carton {FIRST}, 1 of 16",
        "rework: scan what goes there",
        f"hub {chf(2)} put to rework",
        "party: scan what goes there",
        f"hub {chf(3)} put with those that go back to their party",
    ]
    wrong, refused, slot, how_many = packed.err.splitlines()
    assert wrong == "reflash: 'CTN00000012': a digit of this code is wrong; scan it again"
    assert refused.endswith(
        "does not go into a carton: its last result is failed (not locked): it goes to rework"
    )
    assert (
        slot == "reflash: this is a slot's code; here labels are scanned, and the codes of cartons and places"
    )
    assert how_many == "reflash: 3 scans refused"
    torn = ("hubs", "put", FIRST, str(gpf(1)).replace("-", "")[-6:])
    assert reflash(*torn, "--reason", "label torn", "--json", *at).json["hub"] == str(chf(1))
    shown = reflash("cartons", "show", FIRST, "--json", *at).json
    assert (shown["inside"], shown["state"]) == ([str(chf(0)), str(chf(1))], "open")

    early = reflash("orders", "close", "WO-1", "--reason", "done", *at)
    standing = "2 passed, 1 rejected, 1 failed, 0 open, 1 never seen; 2 in cartons, 1 in rework, 1 back to their party"
    assert early.code == 1
    assert f"({standing}, 1 in no place, not finished: {FIRST})" in early.complaint
    assert reflash("cartons", "close", FIRST, "--reason", "last ones", "--hubs", "2", *at).code == 0
    assert reflash("cartons", "pallet", "open", "WO-1", *at).code == 0
    assert reflash("cartons", "pallet", "put", PALLET, FIRST, *at).code == 0
    assert reflash("cartons", "show", PALLET, *at).out.splitlines()[1].endswith(f", on pallet {PALLET}")
    out = reflash("cartons", "take-out", chf(1), "--to", "quarantine", "--reason", "dropped", *at)
    then = f"which is open again: take its label off, and it off pallet {PALLET}"
    assert out.out == f"hub {chf(1)} put into quarantine. It was in carton {FIRST}, {then}.\n"
    again = reflash("cartons", "take-out", chf(1), "--to", "scrap", "--reason", "dropped", *at)
    assert again.code == 1
    assert again.complaint.endswith("is in quarantine now: look again, then decide anew")
    assert reflash("cartons", "close", FIRST, "--reason", "last one", *at).code == 0
    assert reflash("cartons", "pallet", "put", PALLET, FIRST, *at).code == 0
    assert reflash("cartons", "pallet", "take-off", FIRST, "--reason", "crushed", *at).code == 0
    assert reflash("cartons", "pallet", "close", PALLET, "--reason", "not needed", *at).code == 0
    boxes = reflash("cartons", "list", "WO-1", "--json", *at).json
    assert [(box["carton"], box["hubs"]) for box in boxes["cartons"]] == [(FIRST, 1)]
    assert [(box["pallet"], box["state"]) for box in boxes["pallets"]] == [(PALLET, "closed")]
    assert reflash("cartons", "hold", FIRST, "--found", gpf(3), "--reason", "recount", *at).code == 0
    assert "held (recount)" in reflash("cartons", "list", "WO-1", *at).out
    assert reflash("cartons", "release", FIRST, "--reason", "counted", *at).code == 0

    standing = reflash("orders", "show", "WO-1", "--json", *at).json
    assert standing["missing"] == [str(chf(3)), str(chf(4))], "the one that was found is in a hand now"
    assert (standing["places"]["carton"], standing["places"]["quarantine"]) == ([str(chf(0))], [str(chf(1))])
    assert standing["why"] == {str(chf(2)): "not_locked", str(chf(3)): "not_pending"}
    told = reflash("orders", "show", "WO-1", *at).out.splitlines()
    assert (
        f"missing: {chf(3)}, rejected (the inventory does not hold the hub as Pending), is in no place"
        in told
    )
    assert f"rework: {chf(2)} (the hub did not lock itself again)" in told
    assert told[-1] == f"never seen: {chf(4)}"
    signed = reflash("orders", "close", "WO-1", "--reason", "signed", "--incomplete", *at)
    assert signed.code == 0


async def test_a_badge_says_whose_the_scans_after_it_are(
    reflash: Any, shift: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REFLASH_PEOPLE__BADGE_PREFIX", "BADGE-")
    settings = load_settings(shift).model_copy(update={"operator": "op-7"})
    operators = Operators(settings.operators_file)
    ann, bob = (operators.pseudonym_of(name) for name in ("Ann", "Bob"))
    operators.set_badge(ann, "4711AB42")
    operators.set_badge(bob, "0815CD77")
    badges = ("BADGE-4711AB42", "BADGE-0815CD77", "BADGE-9999ZZZZ", "BADGE?4711AB42")
    lines = (badges[0], str(gpf(0)), badges[1], *badges[2:], str(gpf(1)), "sign off", "REWORK", str(gpf(2)))
    async with running_daemon(settings) as station:
        await station.until(slot(1), SlotPhase.EMPTY)
        await asyncio.to_thread(reflash, "cartons", "open", "WO-1", "--config", shift)
        monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines)))
        packed = await asyncio.to_thread(reflash, "cartons", "pack", FIRST, "--config", shift)
    placed = {placed.hub: placed.actor.pseudonym for placed in events_of(settings, HubPlaced)}
    assert placed == {chf(0): ann, chf(1): bob, chf(2): "op-7"}
    assert "reflash: this badge is nobody's here" in packed.err
    assert not any(badge[6:] in packed.out + packed.err for badge in badges)


def test_a_hubs_whole_story_by_any_name(reflash: Any, shift: Path) -> None:
    at = ("--config", shift)
    reflash("cartons", "open", "WO-1", *at)
    reflash("cartons", "pack", FIRST, gpf(1), *at)
    story = reflash("hubs", "find", gpf(1), "--json", *at).json
    for name in (chf(1), str(gpf(1)).lower(), f"GPF {gpf(1)}", str(chf(1))[-8:]):
        found = reflash("hubs", "find", name, "--json", *at).json
        assert (found[0]["places"], found[0]["results"]) == (story[0]["places"], story[0]["results"])
    assert (story[0]["line"], story[0]["places"][0]["carton"]) == (f"in carton {FIRST}", FIRST)
    first, order, seen, result, put = reflash("hubs", "find", chf(1), *at).out.splitlines()
    assert first == f"hub {chf(1)}: in carton {FIRST}"
    assert order.startswith(f"order WO-1: CHF {chf(1)}, GPF {gpf(1)}, of Example Energy")
    assert seen.endswith("UTC seen in jig-1 slot 1, order WO-1")
    assert put.endswith(f"UTC put in carton {FIRST}")
    assert "passed" in result
    for wrong, why in (
        ("FFFFFF", "no order lists"),
        ("xyzxyz", "neither an id"),
        ("hello", "neither an id"),
    ):
        assert why in reflash("hubs", "find", wrong, *at).complaint


async def test_the_desk_tells_of_orders_hubs_and_boxes_what_the_commands_tell(
    reflash: Any, shift: Path
) -> None:
    at = ("--config", shift)
    for hub in (1, 0):
        await asyncio.to_thread(reflash, "cartons", "open", "WO-1", *at)
        await asyncio.to_thread(reflash, "cartons", "pack", FIRST, gpf(hub), *at)
    told = (await asyncio.to_thread(reflash, "orders", "show", "WO-1", "--json", *at)).json
    handlers = LookingDesk(Looks(load_settings(shift).journal_folder), "BADGE-").handlers()

    async def ask(request: Question[A]) -> A:
        act = Act(Actor(pseudonym=None, where="desk"), journal=None)  # nothing is recorded
        return request.answer.model_validate_json(
            (await handlers[type(request)](request, act)).model_dump_json()
        )

    (row,) = (await ask(ListOrders())).orders
    assert (row.order, row.hubs, row.done, row.closed) == ("WO-1", told["hubs"], told["done"], None)
    shown = await ask(ShowOrder(order="WO-1"))
    hubs = [hub for group in shown.groups for hub in group.hubs]
    assert sorted(str(hub.chf) for hub in hubs if hub.place is None) == sorted(told["missing"])
    assert {str(hub.chf): hub.code for hub in hubs if hub.code is not None} == told["why"]
    assert sum(each.hubs for each in shown.counts) == len(hubs) == told["hubs"]
    first = await ask(ShowOrder(order="WO-1", group=HubGroup.TO_DO, limit=1))
    (page,) = first.groups
    following = await ask(ShowOrder(order="WO-1", group=HubGroup.TO_DO, after=first.next, limit=1))
    assert [*page.hubs, *following.groups[0].hubs] == [hub for hub in hubs if hub.group is HubGroup.TO_DO]
    assert (page.in_all, following.next) == (2, None)
    assert [(each.carton, each.hubs) for each in shown.cartons] == [(FIRST, 2), ("CTN00000021", 0)]
    assert not shown.complete
    (story,) = (await ask(FindHub(hub=str(chf(1))[-8:]))).hubs
    assert (story.now, [each.order for each in story.orders]) == (f"in carton {FIRST}", ["WO-1"])
    assert story.moments[-1].line == f"put in carton {FIRST}"
    boxes = await ask(ListBoxes())
    assert boxes.cartons == shown.cartons[::-1]
    first = await ask(ListBoxes(limit=1))
    assert first.cartons + (await ask(ListBoxes(after=first.next, limit=1))).cartons == boxes.cartons
    box = await ask(ShowBox(code=FIRST))
    assert [each.hub for each in box.hubs] == [chf(1), chf(0)]
    for question, refusal in (
        (ShowOrder(order="WO-9"), NotFound),
        (ShowOrder(order="WO-1", after=str(chf(0))), Invalid),
        (FindHub(hub="FFFFFF"), NotFound),
        (FindHub(hub="hello"), Invalid),
        (FindHub(hub="BADGE-4711AB42"), Invalid),
        (FindHub(hub="BADGEß4711AB42"), Invalid),
        (ShowBox(code=PALLET), NotFound),
        (ShowBox(code="CTN1"), Invalid),
        (ListBoxes(after="?"), NotFound),
    ):
        with pytest.raises(refusal) as refused:
            await ask(question)
        assert "4711" not in str(refused.value)


class NotedLooks(Looks):
    """Notes what was read in its room."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.threads: list[str] = []

    async def apart(self, thread: str, work: Callable[[], T]) -> T:
        self.threads.append(thread)
        return await super().apart(thread, work)


async def test_the_desk_tells_of_the_bench_itself_what_the_commands_tell(reflash: Any, shift: Path) -> None:
    settings = load_settings(shift)
    operators = Operators(settings.operators_file)
    ann, sue = operators.pseudonym_of("Ann"), operators.pseudonym_of("Sue", PersonRole.SUPERVISOR)
    operators.set_pin(sue, "24681357")
    catalogue = FolderCatalog.open(settings.catalogue.folder)
    looks = NotedLooks(settings.journal_folder)
    desk = StandingDesk(looks, lambda: settings, lambda: catalogue)
    handlers = desk.handlers()

    async def ask(request: Question[A]) -> A:
        answer = await handlers[type(request)](
            request, Act(Actor(pseudonym=None, where="desk"), journal=None)
        )
        return request.answer.model_validate_json(answer.model_dump_json())

    async def command(*arguments: str) -> Any:
        return (await asyncio.to_thread(reflash, *arguments, "--json", "--config", shift)).json

    with pytest.raises(Unavailable, match="no reports"):
        await ask(ShowUpkeep())
    assert set(looks.threads) == {"upkeep"}
    counts = CountDesk(looks, settings.reports_folder).handlers()
    with pytest.raises(Unavailable, match="no reports"):
        await counts[CountResults](CountResults(), Act(Actor(pseudonym=None, where="desk"), journal=None))
    assert set(looks.threads) == {"upkeep", "counts"}, "what is costly has one room"
    told = await command("jigs", "upkeep")
    upkeep = await ask(ShowUpkeep())
    assert [each.model_dump() for each in upkeep.slots] == told["slots"]
    assert len(upkeep.rates) == len(told["rates"])
    today = await ask(ShowShift())
    assert (str(today.day), today.signed) == ((told := await command("shift", "show"))["day"], told["signed"])
    assert [str(each.place) for each in today.slots] == [each["slot"] for each in told["slots"]]
    first = await ask(ListPeople(limit=1))
    people = first.people + (await ask(ListPeople(after=first.next))).people
    assert {each.pseudonym: (each.role, each.pin) for each in people} == {
        ann: ("technician", False),
        sue: ("supervisor", True),
    }
    releases = await ask(ListReleases())
    assert {(each.model, str(each.version)) for each in releases.releases} == {
        (release.model.model, str(release.version))
        for model in catalogue.models()
        for release in catalogue.releases(model)
    }
    for question in (ListPeople(after="op-nobody"), ListReleases(after="?")):
        with pytest.raises(NotFound):
            await ask(question)


def test_what_is_named_wrongly_is_told_in_one_line(reflash: Any, shift: Path) -> None:
    for arguments, complaint in (
        (("cartons", "open", "WO-9"), "there is no order WO-9"),
        (("cartons", "list", "WO-9"), "there is no order WO-9"),
        (("cartons", "pack", "rework", "x"), "is no code of a carton or pallet"),
        (("cartons", "pack", PALLET, "x"), "is the code of a pallet, not of a carton"),
        (
            ("cartons", "pack", FIRST, FIRST),
            f"{FIRST} is the code of a carton, not a label; scan what is to be put there",
        ),
        (("cartons", "pack", FIRST, PALLET), f"{PALLET} is the code of a pallet, not a label"),
        (("cartons", "pack", FIRST, "rework"), "rework is a place where hubs are put, not a label"),
        (("cartons", "pack", FIRST, "00012F"), f"with a reason (reflash hubs put {FIRST} 00012F --reason"),
        (
            ("cartons", "take-out", FIRST, "--to", "rework", "--reason", "r"),
            "is the code of a carton, not a ",
        ),
        (("cartons", "hold", FIRST, "--found", FIRST, "--reason", "r"), "is the code of a carton, not a "),
        (("hubs", "find", FIRST), f"{FIRST} is the code of a carton, not a hub's id or label"),
        (("cartons", "show", FIRST), f"there is no carton {FIRST}"),
        (("cartons", "take-out", "00012F", "--to", "x", "--reason", "r"), "neither an id on a label nor"),
        (("cartons", "take-out", "00012F", "--to", "jig1/3", "--reason", "r"), "is no place"),
        (("cartons", "recall"), "no daemon"),
        (("hubs", "put", "carton", "x"), "neither an id on a label nor"),
        (("hubs", "put", FIRST, "x"), f"reflash cartons pack {FIRST} takes hubs that passed"),
        (("hubs", "put", "jig1/3", "x"), "is no place: rework, scrap"),
        (("hubs", "put", "rework", "00012F"), "with a reason (reflash hubs put rework 00012F --reason"),
        (("hubs", "put", "rework", "--reason", "r"), "decides about one hub: name it"),
    ):
        said = reflash(*arguments, "--config", shift)
        assert said.code in {1, 2}
        assert complaint in said.complaint
