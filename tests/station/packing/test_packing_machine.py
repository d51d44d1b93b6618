"""Random hands at the crates: whatever is scanned where, no carton holds a hub without its durable pass, and nothing is lost."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import uuid4

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from benches.desk_client import THE_ACCOUNT, desk_of_packing
from benches.journal_samples import chf, closed, gpf, opened, order_line
from benches.packing_model import PackingModel, books_from_messages, books_of_model
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
    ReleaseCarton,
    TakeOffPallet,
)
from station.desk.refusals import Conflict, Refused
from station.desk.request import Answer, Command
from station.domain.destination import Destination
from station.domain.outcome import Code, Disposition, Outcome, Stage
from station.packing.codes import PackageCode
from station.packing.settings import PackingSettings
from station.records.chain import RecordedEvent
from station.records.errors import EventRefused
from station.records.facts.attempts import HubLost
from station.records.facts.orders import OrderAssigned, OrderImported, OrderLinesAdded
from station.records.facts.packed import cartons_of, hubs_in, pallets_of, placed_for
from station.records.journal import Journal
from station.records.reader import JournalReader
from station.records.rebuild import rebuild

HUBS = 8
SIZES = PackingSettings(hubs_per_carton=2, cartons_per_pallet=2)
ENDS = (
    {"outcome": Outcome.PASSED},
    {"outcome": Outcome.ALREADY_CURRENT},
    {"outcome": Outcome.FAILED},
    {"outcome": Outcome.FAILED, "disposition": Disposition.REWORK},
    {"outcome": Outcome.FAILED, "disposition": Disposition.SCRAP},
    {"outcome": Outcome.REJECTED, "code": Code.ALREADY_PASSED},
    {"outcome": Outcome.REJECTED, "code": Code.ALREADY_PASSED, "unsettled": "is unlocked"},
    {"outcome": Outcome.REJECTED, "code": Code.NOT_PENDING},
    {"outcome": Outcome.PASSED, "scanned_id": chf(77), "scanned_role": None},
)
"""How attempts end; passes the most often."""

hubs = st.integers(0, HUBS)
"""The last of them is on no order."""
orders = st.sampled_from(("WO-1", "WO-2"))


class PackingMachine(RuleBasedStateMachine):
    cartons = Bundle("cartons")
    pallets = Bundle("pallets")

    @initialize(target=cartons)
    def begin(self) -> object:
        self.top = Path(
            tempfile.mkdtemp(prefix="packing-machine-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
        )
        self.loop = asyncio.new_event_loop()
        self.model = PackingModel()
        self.escapes: list[AssertionError] = []
        self.refused = 0
        self.loop.run_until_complete(self.open())
        for order, jig, numbers in (
            ("WO-1", "jig-1", range(HUBS - 3)),
            ("WO-2", "jig-2", range(HUBS - 3, HUBS)),
        ):
            lines = tuple(
                order_line(number).model_copy(update={"owner": f"Party {number % 3 // 2}"})
                for number in numbers
            )
            self.append(OrderImported(order=order, source="s", sha256="00" * 32, hubs=len(lines)))
            self.append(OrderLinesAdded(order=order, lines=lines), OrderAssigned(order=order, jig=jig))
        for hub in range(HUBS):
            self.seat(hub, ENDS[0], 1)
        answers = self.ask(*(OpenCarton(order=order) for order in ("WO-1", "WO-2", "WO-1")))
        return multiple(*(answer.carton for answer in answers))  # type: ignore[union-attr]

    async def open(self) -> None:
        self.stack = AsyncExitStack()
        opening = Journal.open(self.top / "journal", site="leeds", station="bench-1", segment_rows=40)
        self.journal = await self.stack.enter_async_context(opening)
        self.journal.subscribe(self.hear)
        self.desk = desk_of_packing(self.journal, SIZES)

    def hear(self, recorded: RecordedEvent) -> None:
        try:
            self.model.hear(recorded)
        except AssertionError as escape:  # the journal lets no listener stop it
            self.escapes.append(escape)

    def append(self, *events: object) -> int:
        return self.loop.run_until_complete(self.journal.append(*events))[0].sequence  # type: ignore[arg-type]

    def ask(self, *commands: Command[Answer]) -> list[Answer | BaseException]:
        """All at once, each with a key, and each sent twice."""

        async def both(command: Command[Answer]) -> Answer:
            key = uuid4()
            answer = await self.desk.answer(command, THE_ACCOUNT, key=key)
            assert await self.desk.answer(command, THE_ACCOUNT, key=key) == answer
            return answer

        async def at_once() -> list[Answer | BaseException]:
            return await asyncio.gather(*map(both, commands), return_exceptions=True)

        answers = self.loop.run_until_complete(at_once())
        for answer in answers:
            if isinstance(answer, BaseException):
                assert isinstance(answer, Refused), answer
                assert isinstance(answer, Conflict), answer
                assert "\n" not in str(answer)
                self.refused += 1
        return answers

    @rule(hub=hubs, end=st.sampled_from(ENDS) | st.just(ENDS[0]) | st.just(None), firmware=st.integers(1, 2))
    def seat(self, hub: int, end: dict[str, object] | None, firmware: int) -> None:
        """A hub goes through a slot of its order's jig, or another's where it is on none; or leaves it too early."""
        order = "WO-2" if HUBS - 3 <= hub < HUBS else "WO-1"
        jig = f"jig-{order[-1]}"
        at_work = [attempt for attempt, (of, _) in self.model.open.items() if of == chf(hub)]
        if at_work:
            attempt = at_work[0]
        else:
            event = opened(hub, order=order)
            event = event.model_copy(update={"place": event.place.model_copy(update={"jig": jig})})
            try:
                attempt = self.append(event)
            except EventRefused:
                assert order in self.model.closed_orders
                return
        if end is None:
            self.append(HubLost(attempt=attempt, stage=Stage.FLASH))
            return
        result = closed(attempt, hub, order=order, jig=jig).model_copy(
            update={
                "code": None,
                "disposition": None,
                "firmware_read_back": firmware_version(firmware),
                **end,
            }
        )
        self.append(result)

    @rule(target=cartons, order=orders)
    def open_carton(self, order: str) -> object:
        (answer,) = self.ask(OpenCarton(order=order))
        return multiple() if isinstance(answer, BaseException) else answer.carton  # type: ignore[attr-defined]

    @rule(carton=cartons, first=st.integers(0, HUBS - 1), by=st.sampled_from((chf, gpf)))
    def fill(self, carton: str, first: int, by: object) -> None:
        """Whatever may go into a carton is scanned into it, until it is full."""
        for hub in (*range(first, HUBS), *range(first)):
            self.pack(carton, hub, hub, by)

    @rule(carton=cartons, hub=hubs, other=hubs, by=st.sampled_from((chf, gpf)))
    def pack(self, carton: str, hub: int, other: int, by: object) -> None:
        """Two people scan into one carton at once: what the model lets in is let in, and nothing else."""
        number = PackageCode.parse(carton).number
        why = self.model.why_not(chf(hub), number)
        first, second = self.ask(
            PackHub(id=by(hub), carton=carton),  # type: ignore[operator]
            PackHub(id=by(other), carton=carton),  # type: ignore[operator]
        )
        assert isinstance(first, Refused) == (why is not None), (first, why)
        if hub == other:
            assert isinstance(second, Refused)

    @rule(
        hub=hubs, place=st.sampled_from([place for place in Destination if place is not Destination.CARTON])
    )
    def put(self, hub: int, place: Destination) -> None:
        # Of a hub on no order that was never seen in a slot nobody knows that its two ids are one hub's.
        placed = hub < HUBS and chf(hub) in self.was_placed
        (answer,) = self.ask(PutHub(id=gpf(hub), role="GPF", place=place))
        if place is Destination.SCRAP or placed:
            assert isinstance(answer, Refused)

    @rule(hub=hubs, place=st.sampled_from(Destination), carton=cartons)
    def decide(self, hub: int, place: Destination, carton: str) -> None:
        into = carton if place is Destination.CARTON else None
        (answer,) = self.ask(DecideHub(id=chf(hub), place=place, carton=into, reason="dropped"))
        if isinstance(answer, BaseException) and into is None and place is not Destination.PARTY:
            at_work = any(of == chf(hub) for of, _ in self.model.open.values())
            assert at_work or "already" in str(answer), answer

    @rule(carton=cartons)
    def close(self, carton: str) -> None:
        self.ask(CloseCarton(carton=carton, reason="end of the shift"))

    @rule(carton=cartons, found=st.none() | hubs)
    def hold(self, carton: str, found: int | None) -> None:
        self.ask(HoldCarton(carton=carton, found=None if found is None else gpf(found), reason="recounted"))

    @rule(carton=cartons)
    def release(self, carton: str) -> None:
        self.ask(ReleaseCarton(carton=carton, reason="as it should be"))

    @rule(target=pallets, order=orders)
    def open_pallet(self, order: str) -> object:
        (answer,) = self.ask(OpenPallet(order=order))
        return multiple() if isinstance(answer, BaseException) else answer.pallet  # type: ignore[attr-defined]

    @rule(pallet=pallets, carton=cartons, other=cartons)
    def put_on_pallet(self, pallet: str, carton: str, other: str) -> None:
        self.ask(PutOnPallet(pallet=pallet, carton=carton), PutOnPallet(pallet=pallet, carton=other))

    @rule(carton=cartons)
    def take_off(self, carton: str) -> None:
        self.ask(TakeOffPallet(carton=carton, reason="it was the wrong one"))

    @rule(pallet=pallets)
    def close_pallet(self, pallet: str) -> None:
        self.ask(ClosePallet(pallet=pallet, reason="goes today"))

    @rule()
    def restart(self) -> None:
        self.loop.run_until_complete(self.stack.aclose())
        self.loop.run_until_complete(self.open())

    @property
    def was_placed(self) -> set[object]:
        return {
            hub for hub, placed in self.model.places.items() if placed.order not in self.model.closed_orders
        }

    @invariant()
    def the_tables_say_what_the_model_says(self) -> None:
        assert not self.escapes
        self.model.check()
        ask = lambda *query: self.loop.run_until_complete(self.journal.ask(*query))  # noqa: E731 - four times
        for order in ("WO-1", "WO-2"):
            for carton in ask(cartons_of, order):
                box = self.model.cartons[carton.number]
                inside = {placing.hub for placing in ask(hubs_in, carton.number)}
                assert (inside, carton.hubs) == (box.inside, len(box.inside)), carton
                assert (carton.closed is not None, carton.held is not None) == (box.closed, box.held), carton
                assert carton.pallet == box.on
            for pallet in ask(pallets_of, order):
                books = self.model.pallets[pallet.number]
                assert (pallet.cartons, pallet.closed is not None) == (len(books.inside), books.closed)
            placed = {placing.hub: placing.stand.place for placing in ask(placed_for, order)}
            told = {hub: each.place for hub, each in self.model.places.items() if each.order == order}
            assert placed == told

    def teardown(self) -> None:
        if not hasattr(self, "stack"):
            return
        self.loop.run_until_complete(self.stack.aclose())
        self.loop.close()
        assert rebuild(self.top / "journal").differing == ()
        with JournalReader(self.top / "journal") as reader:
            told = [message.payload for message in reader.messages("packing", 1, 1 << 40)]
        assert books_from_messages(told) == books_of_model(self.model)
        shutil.rmtree(self.top)


def firmware_version(number: int) -> object:
    return closed(1).firmware_read_back.__class__(number)  # type: ignore[union-attr]


PackingMachine.TestCase.settings = hypothesis_settings(
    max_examples=8, stateful_step_count=30, deadline=None, print_blob=True
)
TestPackingMachine = PackingMachine.TestCase
