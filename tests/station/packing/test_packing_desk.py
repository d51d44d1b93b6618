"""What goes wrong at the crates, each with its own line; and books that rotation, restore and replay leave as they are."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from benches.desk_client import THE_ACCOUNT, desk_of_packing, no_check
from benches.journal_samples import (
    chf,
    closed,
    gpf,
    ledger_in,
    opened,
    order_events,
    order_line,
    rotated,
    write,
)
from benches.packing_model import Escape, model_of
from firmware_catalog.identity import FirmwareVersion
from station.bench.settings import ShiftSettings
from station.desk.act import Entrance
from station.desk.desk import Desk
from station.desk.packing_requests import (
    CloseCarton,
    ClosePallet,
    DecideHub,
    HoldCarton,
    OpenCarton,
    OpenPallet,
    PackHub,
    PutHub,
    PutOnPallet,
    Recall,
    ReleaseCarton,
    TakeOffPallet,
)
from station.desk.refusals import Conflict, Invalid, NotAllowed, NotFound, Refused, Unavailable
from station.desk.request import Request
from station.desk.rights import Role
from station.desk.shift_desk import ShiftDesk
from station.desk.shift_requests import EnrolGoldenHub
from station.domain.actor import Actor
from station.domain.destination import Destination
from station.domain.outcome import Code, Disposition, Outcome
from station.packing.codes import PackageCode, carton_code
from station.packing.settings import PackingSettings
from station.records import packing_conditions
from station.records.copies import restore
from station.records.facts.golden import GoldenHubEnrolled
from station.records.facts.known_hubs import contents_by
from station.records.facts.orders import OrderClosed, OrderImported, OrderLinesAdded
from station.records.facts.packed import carton, cartons_of, hubs_in, placed_for
from station.records.facts.packing import (
    CartonClosed,
    CartonOpened,
    CartonPutOnPallet,
    HubPlaced,
    PalletClosed,
    PalletOpened,
)
from station.records.journal import Journal
from station.records.reader import JournalReader
from station.records.rebuild import rebuild

SIZES = PackingSettings(hubs_per_carton=2, cartons_per_pallet=2)
WHO = Actor(pseudonym="op-7", role="supervisor", where="terminal")
TECHNICIAN = Entrance(Role.TECHNICIAN, "desk", operator=lambda: "op-7")
FIRST, SECOND, THIRD = "CTN00000013", "CTN00000021", "CTN00000037"


class Crates:
    """Hubs through slots, and to their crates."""

    def __init__(self, journal: Journal, desk: Desk) -> None:
        self.journal = journal
        self.desk = desk

    async def seat(self, hub: int, order: str = "WO-1", *, end: bool = True, **result: Any) -> int:
        (attempt,) = await self.journal.append(opened(hub, order=order))
        if end:
            event = closed(attempt.sequence, hub, order=order)
            await self.journal.append(event.model_copy(update=result))
        return attempt.sequence

    async def ask(self, request: Request[Any], entrance: Entrance = THE_ACCOUNT) -> Any:
        return await self.desk.answer(request, entrance)

    async def pack(self, hub: int, into: str = FIRST) -> str:
        return str((await self.ask(PackHub(id=gpf(hub), carton=into), TECHNICIAN)).line)

    async def open(self, *orders: str) -> list[str]:
        opening = (self.ask(OpenCarton(order=order)) for order in orders or ("WO-1",))
        return [opened.carton for opened in await asyncio.gather(*opening)]

    async def refused(self, request: Request[Any], line: str, kind: type[Refused] = Conflict) -> Refused:
        with pytest.raises(kind, match=line) as refusal:
            await self.ask(request)
        return refusal.value


@asynccontextmanager
async def crates(folder: Path, hubs: int = 8, **more: Any) -> AsyncIterator[Crates]:
    async with Journal.open(folder, site="leeds", station="bench-1", **more) as journal:
        if not await journal.orders():
            await journal.append(*order_events(hubs=hubs))
        yield Crates(journal, desk_of_packing(journal, SIZES))


async def test_hands_at_the_crates_are_told_what_is_wrong(tmp_path: Path) -> None:
    async with crates(tmp_path / "journal") as at:
        assert await at.open() == [FIRST]
        for hub in range(4):
            await at.seat(hub)
        assert await at.pack(0) == f"hub {chf(0)} packed into carton {FIRST}, 1 of 2"
        await at.refused(
            PackHub(id=chf(0), carton=FIRST), f"is in carton {FIRST} already; nothing was changed"
        )
        await at.refused(
            PackHub(id=chf(5), carton=FIRST), "it has no result in order WO-1: it goes into a slot"
        )
        refusal = await at.refused(PutHub(id=chf(1), place=Destination.REWORK), "it goes into a carton")
        assert refusal.facts == {"hub": str(chf(1)), "belongs": "carton"}
        await at.refused(PackHub(id=chf(77), carton=FIRST), "WO-1 does not list it: it goes to quarantine")
        await at.refused(PackHub(id=chf(1), carton="CTN00000012"), "a digit of this code is wrong", Invalid)
        await at.refused(PackHub(id=chf(1), carton="PLT00000013"), "is the code of a pallet", Invalid)
        await at.refused(PackHub(id=chf(1), carton=SECOND), f"there is no carton {SECOND}", NotFound)
        await at.refused(OpenCarton(order="WO-9"), "there is no order WO-9")
        await at.refused(
            CloseCarton(carton=FIRST, reason=" "), "has 1 of 2: it is closed short with a reason only"
        )
        await at.refused(CloseCarton(carton=FIRST, reason="r", expected_hubs=2), "has 1 hub now, not 2")
        assert (await at.pack(1)).endswith("2 of 2: it is full and closed")
        await at.refused(PackHub(id=chf(2), carton=FIRST), f"carton {FIRST} is closed: take hub .* out, open")
        await at.open()
        await at.refused(
            PackHub(id=chf(1), carton=SECOND), f"is in carton {FIRST} by the books: if you hold it"
        )
        await at.seat(2, firmware_read_back=FirmwareVersion(7))
        await at.pack(3, SECOND)
        await at.refused(
            PackHub(id=chf(2), carton=SECOND), "firmware 00000007: open a carton of its own for it"
        )
        await at.seat(4, outcome=Outcome.FAILED, disposition=Disposition.SCRAP)
        await at.refused(
            PutHub(id=chf(4), place=Destination.SCRAP), "a supervisor confirms scrap, with a reason"
        )
        with pytest.raises(NotAllowed):
            await at.ask(DecideHub(id=chf(4), place=Destination.SCRAP, reason="r"), TECHNICIAN)
        await at.ask(DecideHub(id=chf(4), place=Destination.SCRAP, reason="failed in two slots"))
        await at.refused(Recall(), "needs the station's daemon", Unavailable)
        # A hub of another open order, also once it was seated where this one is worked on.
        await at.journal.append(*order_events("WO-2", 1, "jig-2", first=50))
        theirs = f"hub {chf(50)} is of order WO-2, not of WO-1; it has no result in order WO-2: it goes into a slot"
        await at.refused(PackHub(id=gpf(50), carton=SECOND), theirs)
        await at.seat(50, outcome=Outcome.REJECTED, code=Code.NOT_ON_ORDER)
        await at.refused(PackHub(id=gpf(50), carton=SECOND), theirs)
        await at.journal.append(GoldenHubEnrolled(chf=chf(77), gpf=gpf(77), actor=WHO))
        stays = f"hub {chf(77)} does not go to quarantine: it is a golden hub: it stays at the bench"
        await at.refused(PutHub(id=gpf(77), role="GPF", place=Destination.QUARANTINE), stays)
        await at.refused(DecideHub(id=chf(77), place=Destination.QUARANTINE, reason="r"), stays)


async def test_a_hub_with_a_torn_label_is_named_by_its_last_digits(tmp_path: Path) -> None:
    async with crates(tmp_path / "journal") as at:
        await at.open()
        await at.seat(1)
        digits = str(gpf(1)).replace("-", "")[-6:]
        torn = {"place": Destination.CARTON, "carton": FIRST, "reason": "label torn"}
        await at.refused(DecideHub(digits="FFFFFF", **torn), "no hub of an order ends in FFFFFF", NotFound)
        await at.refused(DecideHub(**torn), "named by its id or", Invalid)
        await at.refused(
            DecideHub(id=chf(1), place=Destination.CARTON, reason="r"), "a carton is named", Invalid
        )
        assert (await at.ask(DecideHub(digits=digits, **torn))).hub == chf(1)
        twin = order_line(9).model_copy(update={"chf": type(chf(1))(chf(1).value | 1 << 40)})
        await at.journal.append(
            OrderImported(order="WO-2", source="s", sha256="0" * 64, hubs=1),
            OrderLinesAdded(order="WO-2", lines=(twin,)),
        )
        digits = str(chf(1)).replace("-", "")[-6:]
        await at.refused(DecideHub(digits=digits, **torn), f"2 hubs end in {digits}")


async def test_a_hub_is_taken_out_and_goes_back_only_once_it_was_read_again(tmp_path: Path) -> None:
    async with crates(tmp_path / "journal") as at:
        await at.open("WO-1", "WO-1")
        for hub in range(2):
            await at.seat(hub)
            await at.pack(hub)
        dropped = DecideHub(id=chf(0), place=Destination.QUARANTINE, reason="dropped", expected="carton")
        assert (await at.ask(dropped)).line.endswith(
            f"It was in carton {FIRST}, which is open again: take its label off."
        )
        await at.refused(dropped, "is in quarantine now: look again, then decide anew")
        box = await at.journal.ask(carton, 1)
        assert (box.hubs, box.state, box.reason) == (1, "open", None)
        into = DecideHub(id=chf(0), place=Destination.CARTON, carton=FIRST, reason="it is fine")
        await at.refused(into, "is in quarantine: seat it again, so that it is read once more")
        await at.seat(0)
        await at.pack(0)
        moved = DecideHub(id=chf(0), place=Destination.CARTON, carton=SECOND, reason="wrong carton")
        assert (await at.ask(moved)).carton == SECOND
        assert [hub.hub for hub in await at.journal.ask(hubs_in, 2)] == [chf(0)]


async def test_a_packed_hub_that_is_seated_again_leaves_its_carton_which_is_held(tmp_path: Path) -> None:
    async with crates(tmp_path / "journal") as at:
        await at.open()
        (pallet,) = [(await at.ask(OpenPallet(order="WO-1"))).pallet]
        for hub in range(2):
            await at.seat(hub)
            await at.pack(hub)
        await at.ask(PutOnPallet(pallet=pallet, carton=FIRST), TECHNICIAN)
        await at.ask(ClosePallet(pallet=pallet, reason="goes today"), TECHNICIAN)
        attempt = await at.seat(1, end=False)
        box = await at.journal.ask(carton, 1)
        assert (box.hubs, box.state, box.closed, box.pallet) == (1, "held", None, None)
        assert box.held == f"hub {chf(1)} of it was seen in jig-1 slot 1"
        *_, told = await at.journal.messages("packing", 1, 1 << 40)
        stacks = [(each["pallet"], each["cartons"]) for each in json.loads(told.payload)["data"]["pallets"]]
        assert stacks == [(pallet, 0)], "whoever takes the books over knows that the pallet lacks that carton"
        await at.refused(
            PackHub(id=chf(1), carton=FIRST), "is being worked on in jig-1 slot 1; wait for its result"
        )
        await at.journal.append(closed(attempt, 1))
        await at.refused(PackHub(id=chf(1), carton=FIRST), "is held .*: a supervisor looks into it first")
        await at.refused(CloseCarton(carton=FIRST, reason="r"), "is held")
        with pytest.raises(NotAllowed):
            await at.ask(ReleaseCarton(carton=FIRST, reason="r"), TECHNICIAN)
        released = await at.ask(ReleaseCarton(carton=FIRST, reason="counted"))
        assert (released.state, released.hubs) == ("open", 1)
        assert "full and closed" in await at.pack(1)
        await at.open()
        await at.ask(HoldCarton(carton=SECOND, reason="it was found open"), TECHNICIAN)
        await at.seat(2)
        await at.refused(PackHub(id=chf(2), carton=SECOND), "is held .it was found open.: a supervisor")


async def test_a_foreign_hub_in_a_sealed_carton_holds_both_cartons(tmp_path: Path) -> None:
    async with crates(tmp_path / "journal") as at:
        await at.open("WO-1", "WO-1")
        for hub in range(4):
            await at.seat(hub)
            await at.pack(hub, (FIRST, SECOND)[hub // 2])
        await at.refused(
            HoldCarton(carton=FIRST, found=gpf(0), reason="r"), "by the books too: it belongs there"
        )
        held = await at.ask(HoldCarton(carton=FIRST, found=gpf(2), reason="recount"), TECHNICIAN)
        assert held.line.endswith(f"(by the books it was in carton {SECOND}, which is held too)")
        one, other = await at.journal.ask(cartons_of, "WO-1")
        assert (one.held, one.hubs, other.hubs) == ("recount", 2, 1)
        assert other.held == f"hub {chf(2)}: it was found in carton {FIRST}"
        assert (await at.ask(ReleaseCarton(carton=FIRST, reason="taken out"))).state == "closed"
        await at.ask(ReleaseCarton(carton=SECOND, reason="it was missing here"))
        await at.pack(2, SECOND)
        assert [box.state for box in await at.journal.ask(cartons_of, "WO-1")] == ["closed", "closed"]


async def test_a_pallet_takes_closed_cartons_of_one_order_and_party(tmp_path: Path) -> None:
    async with crates(tmp_path / "journal") as at:
        others = tuple(order_line(20 + n).model_copy(update={"owner": f"Party {n}"}) for n in range(3))
        await at.journal.append(OrderImported(order="WO-2", source="s", sha256="0" * 64, hubs=3))
        await at.journal.append(OrderLinesAdded(order="WO-2", lines=others), *order_events("WO-3", 1)[:0])
        await at.journal.append(*order_events("WO-3", hubs=0)[:1])
        boxes = await at.open(*["WO-2"] * 3, "WO-1")
        jig_2 = order_events("WO-2", 1, "jig-2")[-1]
        await at.journal.append(jig_2)
        for hub, box in zip(range(20, 23), boxes, strict=False):
            (attempt,) = await at.journal.append(
                opened(hub, order="WO-2").model_copy(update={"place": closed(1, jig="jig-2").place})
            )
            await at.journal.append(closed(attempt.sequence, hub, order="WO-2", jig="jig-2"))
            await at.pack(hub, box)
        first, second = [(await at.ask(OpenPallet(order=order))).pallet for order in ("WO-2", "WO-1")]
        put = lambda box, pallet=first: PutOnPallet(pallet=pallet, carton=box)  # noqa: E731
        await at.refused(put(boxes[0]), "is open: only a closed carton goes on a pallet")
        for box in boxes:
            await at.ask(CloseCarton(carton=box, reason="last ones"))
        await at.refused(put(boxes[3]), "is empty")
        await at.refused(put(boxes[0], second), "is of order WO-1, carton .* of order WO-2")
        await at.ask(put(boxes[0]))
        await at.refused(put(boxes[0]), "is on pallet .* already")
        await at.refused(put(boxes[1]), "goes to Party 0, carton .* to Party 1")
        await at.refused(TakeOffPallet(carton=boxes[1], reason="r"), "is on no pallet")
        assert (await at.ask(TakeOffPallet(carton=boxes[0], reason="wrong"))).cartons == 0
        await at.refused(
            ClosePallet(pallet=first, reason=""), "has 0 of 2: it is closed short with a reason only"
        )


async def test_what_is_over_stays_findable_and_numbers_are_not_given_twice(tmp_path: Path) -> None:
    folder = tmp_path / "journal"

    async with crates(folder, segment_rows=20) as at:
        await at.open("WO-1", "WO-1")
        for hub in range(3):
            await at.seat(hub)
            await at.pack(hub, (FIRST, SECOND)[hub // 2])
        await at.journal.append(OrderClosed(order="WO-1", reason="done"))
        await rotated(at.journal, folder)
        await at.journal.append(*order_events("WO-2"))
        assert await at.journal.ask(cartons_of, "WO-1") == (await at.journal.ask(carton, 2),)
        assert await at.open("WO-2") == [THIRD]
        shift = Desk(at.journal, no_check, ShiftDesk(ShiftSettings(), at.journal).handlers(), {})
        with pytest.raises(Conflict, match=r"is a hub of order WO-1, which is closed: it belongs to a party"):
            await shift.answer(EnrolGoldenHub(chf=chf(2), gpf=gpf(2)), THE_ACCOUNT)
        # A hub that comes back for another order is no hub of a carton that has gone.
        await at.seat(0, "WO-2")
        assert (await at.journal.ask(carton, 2)).held is None
    with JournalReader(folder) as reader:
        assert [box.hubs for box in reader.of_order("WO-1", cartons_of, "WO-1")] == [2, 1]
        assert [hub.hub for hub in reader.of_order("WO-1", hubs_in, 1)] == [chf(0), chf(1)]
        assert reader.package(PackageCode.parse(FIRST)).hubs == 2
        assert len(reader.of_order("WO-1", placed_for, "WO-1")) == 3
        assert [place.stand.code for place in reader.life_of(gpf(0)).places] == [FIRST]
        assert reader.hubs_ending_in(str(gpf(2)).replace("-", "")[-6:]) == ((chf(2), gpf(2)),)
    assert rebuild(folder).differing == ()
    restore(folder, tmp_path / "restored")
    async with crates(tmp_path / "restored") as at:
        assert await at.open("WO-2", "WO-2") == [carton_code(1004), carton_code(1005)]
    assert rebuild(tmp_path / "restored").differing == ()


def placing() -> HubPlaced:
    """The first hub into the first carton."""
    return HubPlaced(
        hub=chf(0),
        gpf=gpf(0),
        scanned_id=None,
        order="WO-1",
        place=Destination.CARTON,
        carton=1,
        contents=contents_by(order_line(0), FirmwareVersion(0x0002012F)),
        taken_from=None,
        taken_from_carton=None,
        reason=None,
        actor=None,
    )


def test_the_model_tells_an_escape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the journal's conditions a failed hub gets into a carton: whoever judges these tests has to see it."""
    monkeypatch.setattr(packing_conditions, "check", lambda *_: None)
    with ledger_in(tmp_path / "journal") as ledger:
        write(ledger, *order_events())
        write(ledger, CartonOpened(carton=1, order="WO-1", capacity=2, actor=None))
        (attempt,) = write(ledger, opened(0))
        write(ledger, closed(attempt.sequence, 0, Outcome.FAILED), placing())
    with JournalReader(tmp_path / "journal") as reader, pytest.raises(Escape, match="its last result is"):
        model_of(reader.events())


@pytest.mark.parametrize(
    ("events", "line"),
    [
        (lambda placed: (placed,), "is filled by this hub, and would have to be closed"),
        (lambda placed: (placed, placed), "are put somewhere one by one"),
    ],
)
def test_the_journal_itself_keeps_cartons_right(
    tmp_path: Path, events: Callable[[HubPlaced], tuple[HubPlaced, ...]], line: str
) -> None:
    with ledger_in(tmp_path / "journal") as ledger:
        write(ledger, *order_events())
        write(ledger, CartonOpened(carton=1, order="WO-1", capacity=1, actor=None))
        (attempt,) = write(ledger, opened(0))
        write(ledger, closed(attempt.sequence, 0))
        placed = placing()
        (outcome,) = ledger.commit([events(placed)])
        assert isinstance(outcome, Exception)
        assert line in str(outcome)
        (outcome,) = ledger.commit([(placed.model_copy(update={"contents": None}),)])
        assert "is not what is said of it" in str(outcome)
        shut = CartonClosed(carton=1, hubs=1, reason=None, actor=None)
        pallets = [PalletOpened(pallet=number, order="WO-1", capacity=2, actor=None) for number in (1, 2)]
        write(ledger, placed, shut, *pallets)
        onto_one = CartonPutOnPallet(carton=1, pallet=1, actor=None)
        (outcome,) = ledger.commit(
            [(onto_one, PalletClosed(pallet=2, cartons=1, reason="the other", actor=None))]
        )
        assert "has 0 cartons now, not 1" in str(outcome)
