"""The packing table by scans alone, before a desk with its journal: what is chosen, what is answered, what stands in the books."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from benches.desk_client import no_check
from benches.journal_samples import closed, gpf, opened, order_events
from station.bench.labels import ScanRefused
from station.desk.act import Entrance
from station.desk.desk import Desk
from station.desk.label_printing_desk import LabelPrintingDesk
from station.desk.looking_desk import LookingDesk
from station.desk.looks import Looks
from station.desk.packing_desk import PackingDesk
from station.desk.pallet_desk import PalletDesk
from station.desk.refusals import Conflict, Invalid, NotAllowed, NotFound
from station.desk.request import Request
from station.desk.rights import Role
from station.desk.session_desk import SessionDesk
from station.domain.destination import Destination
from station.domain.outcome import Disposition, Outcome
from station.domain.shift_day import ShiftDays
from station.packing.settings import PackingSettings
from station.people.bearers import Bearers
from station.people.identification import Identification
from station.people.operators import Operators
from station.printing.due import LabelsDue
from station.printing.settings import LabelSettings
from station.records.facts.packed import cartons_of, pallets_of, placed_for
from station.records.journal import Journal
from station.screen.packing import Packed, PackingTable
from station.texts.texts import ENGLISH

BADGE = "4711AB42"
SIZES = PackingSettings(hubs_per_carton=2, cartons_per_pallet=2)
ENTRANCE = Entrance(Role.TECHNICIAN, "desk", operator=lambda: "op-7")
FIRST, SECOND, PALLET = "CTN00000013", "CTN00000021", "PLT00000013"


def say(key: str, **values: object) -> str:
    return ENGLISH.say("screen", key, **values)


class Table:
    def __init__(self, journal: Journal, folder: Path) -> None:
        due = LabelsDue(LabelSettings(folder=folder / "labels"))
        operators = Operators(folder / "operators.json")
        self.ann = operators.pseudonym_of("Ann Example")
        operators.set_badge(self.ann, BADGE)
        self.bearers = Bearers(folder / "bearers.json", operators)
        self.days_pass = timedelta()

        def now() -> datetime:
            return datetime.now(UTC) + self.days_pass

        self.desk = Desk(
            journal,
            no_check,
            {
                **PackingDesk(journal, lambda: SIZES, due.when_closed).handlers(),
                **PalletDesk(journal, lambda: SIZES, closing=due.when_closed).handlers(),
                **LookingDesk(Looks(folder / "journal"), "BADGE-").handlers(),
                **LabelPrintingDesk(journal, due).handlers(),
                **SessionDesk(self.bearers, ShiftDays(time(6), "UTC"), 12.0, now).handlers(),
            },
            {},
            Identification(operators, self.bearers, journal, now),
        )
        self.orders: dict[str, str | None] = {"jig1": "WO-1", "jig2": None}
        self.table = PackingTable(self.ask, say, lambda: self.orders)

    async def ask(self, request: Request[Any], **how: Any) -> Any:
        return await self.desk.answer(request, ENTRANCE, **how)

    async def scan(self, text: object) -> Packed:
        return await self.table.read(str(text), "BADGE-")


@asynccontextmanager
async def packing_table(tmp_path: Path) -> AsyncIterator[tuple[Table, Journal]]:
    async with Journal.open(tmp_path / "journal", site="leeds", station="bench-1") as journal:
        await journal.append(*order_events(hubs=5))
        for hub in range(5):
            (attempt,) = await journal.append(opened(hub))
            end = closed(attempt.sequence, hub)
            failed = {"outcome": Outcome.FAILED, "disposition": Disposition.REWORK}
            await journal.append(end.model_copy(update=failed) if hub == 4 else end)
        yield Table(journal, tmp_path), journal


async def test_hubs_reach_a_closed_pallet_by_scans_alone(tmp_path: Path) -> None:
    async with packing_table(tmp_path) as (table, journal):
        assert "is open, with room for 2" in (await table.scan("new carton")).line
        assert (await table.scan(gpf(0))).line.endswith(f"packed into carton {FIRST}, 1 of 2")
        assert table.table.chosen is not None
        assert (table.table.chosen.name, table.table.chosen.inside) == (FIRST, 1)
        with pytest.raises(Conflict, match="supervisor"):
            await table.scan("undo")  # by the books it is in the carton
        full = await table.scan(gpf(1))
        assert full.closed
        assert table.table.chosen is None, "the next hub must not be packed into what is full"
        with pytest.raises(Invalid, match="first scan where it goes"):
            await table.scan(gpf(2))
        assert FIRST in (await table.scan("print")).line

        await table.scan("NEW CARTON WO-1")
        await table.scan(gpf(2))
        assert (await table.scan("done")).closed
        await table.scan("new pallet")
        with pytest.raises(Invalid, match="takes cartons"):
            await table.scan(gpf(3))
        assert not (await table.scan(FIRST)).closed
        assert (await table.scan(SECOND)).closed
        await table.scan("rework")
        assert (await table.scan(gpf(4))).line.endswith("put to rework")
        called = await table.scan("supervisor")
        assert (called.call, called.hub) == (True, gpf(4))
        cartons = await journal.ask(cartons_of, "WO-1")
        (pallet,) = await journal.ask(pallets_of, "WO-1")
        places = [placing.stand.place for placing in await journal.ask(placed_for, "WO-1")]
    assert [(each.hubs, each.state, each.pallet) for each in cartons] == [(2, "closed", 1), (1, "closed", 1)]
    assert cartons[1].reason == say("pack_done_reason")
    assert (pallet.cartons, pallet.state) == (2, "closed")
    assert places.count(Destination.CARTON) == 3


async def test_what_was_chosen_stays_chosen_over_refused_scans_until_it_is_left(tmp_path: Path) -> None:
    async with packing_table(tmp_path) as (table, _):
        for text, refusal, why in (
            ("done", Invalid, "nothing is chosen"),
            ("undo", Invalid, "nothing is chosen"),
            ("print", Invalid, "nothing is chosen"),
            ("jig1/3", Invalid, "is for the bench"),
            (FIRST, NotFound, "there is no carton"),
            ("rubbish", ScanRefused, "neither"),
        ):
            with pytest.raises(refusal, match=why):
                await table.scan(text)
        await table.scan("new carton")
        with pytest.raises(Conflict, match="rework"):
            await table.scan(gpf(4))  # it failed
        assert table.table.chosen is not None
        assert table.table.chosen.inside == 0
        assert (await table.scan("undo")).line == say("pack_left")
        assert table.table.chosen is None
        await table.scan(FIRST)
        table.orders["jig2"] = "WO-2"
        with pytest.raises(Invalid, match="not all jigs"):
            await table.scan("new carton")
        assert table.table.chosen is not None


def acted_by(event: Any) -> list[str]:
    actor = getattr(event, "actor", None)
    return [] if actor is None else [actor.pseudonym]


async def test_a_badge_counts_at_the_table_until_the_shift_is_over_and_no_scan_is_somebody_elses_then(
    tmp_path: Path,
) -> None:
    async with packing_table(tmp_path) as (table, journal):
        heard: list[str] = []
        journal.subscribe(lambda recorded: heard.extend(acted_by(recorded.event)))
        await table.scan(f"BADGE-{BADGE}")
        await table.scan("new carton")
        table.days_pass = timedelta(days=1)
        for _ in range(2):
            with pytest.raises(NotAllowed, match="this session has ended"):
                await table.scan(gpf(0))
        await table.scan("sign off")
        await table.scan(gpf(0))
        table.days_pass = timedelta()
        await table.scan(f"BADGE-{BADGE}")
        await table.scan(f"BADGE-{BADGE}")
        await table.scan(gpf(1))
        assert heard == [table.ann, "op-7", table.ann, table.ann], "the second hub closes the carton"
        await table.scan("sign off")
        assert b"sessions" not in (tmp_path / "bearers.json").read_bytes().replace(b'"sessions":{}', b"")


async def test_of_two_tables_the_second_is_told_that_its_count_is_old(tmp_path: Path) -> None:
    async with packing_table(tmp_path) as (table, _):
        other = PackingTable(table.ask, say, lambda: table.orders)
        await table.scan("new carton")
        await other.read(FIRST, None)
        await other.read(str(gpf(0)), None)
        with pytest.raises(Conflict, match="1 hub now, not 0"):
            await table.scan("done")
        assert (await table.scan("done")).closed, "now it was seen"
