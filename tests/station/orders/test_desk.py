"""The order desk on a real journal: the same answers whether the daemon gives them or a command."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest
from station_bench import Bench, conducting, import_order, order_csv, slot

from station.attempt.outcome import Code, Disposition, Outcome
from station.attempt.sequence import LeftOpen
from station.control import ControlError
from station.orders.desk import OrderDesk
from station.records.events import AttemptClosed
from station.records.journal import Journal


class Desk:
    """Puts requests to a desk as the control socket does."""

    def __init__(self, journal: Journal, *, seated: bool = False) -> None:
        self._handlers = OrderDesk(journal, is_seated=lambda _: seated).handlers()

    async def ask(self, what: str, **fields: Any) -> dict[str, Any]:
        return dict(await self._handlers[what](fields))

    async def take(self, content: bytes, number: str | None = None) -> dict[str, Any]:
        text = base64.b64encode(content).decode()
        return await self.ask("import_order", content=text, source="WO-1.csv", number=number)

    async def close(self, *, incomplete: bool) -> dict[str, Any]:
        return await self.ask("close_order", order="WO-1", reason="done", incomplete_accepted=incomplete)


def test_an_order_is_taken_once_assigned_and_closed(bench: Bench, tmp_path: Path) -> None:
    content = order_csv(bench.hub(), bench.hub())

    async def work() -> None:
        async with Journal.open(tmp_path, site="site", station="bench") as journal:
            desk = Desk(journal)
            assert await desk.take(content) == {"order": "WO-1", "hubs": 2, "new": True}
            assert await desk.take(content) == {"order": "WO-1", "hubs": 2, "new": False}
            with pytest.raises(
                ControlError, match=r"^order WO-1 was imported from WO-1.csv with other content"
            ):
                await desk.take(content.replace(b"Central", b"South"))
            with pytest.raises(ControlError, match=r"^WO-1.csv: a problem on line 1: the file is empty"):
                await desk.take(b"")
            assert await journal.jig_order("jig1") is None
            for _ in range(2):
                assert await desk.ask("assign_order", order="WO-1", jig="jig1") == {
                    "order": "WO-1",
                    "jig": "jig1",
                }
            assert await journal.jig_order("jig1") == "WO-1"
            with pytest.raises(ControlError, match="there is no order WO-2"):
                await desk.ask("assign_order", order="WO-2", jig="jig1")
            with pytest.raises(ControlError, match="not complete"):
                await desk.close(incomplete=False)
            assert (await desk.close(incomplete=True))["standing"].endswith("2 never seen")
            assert await journal.jig_order("jig1") is None
            with pytest.raises(ControlError, match=r"closed \(done\)"):
                await desk.close(incomplete=True)
            with pytest.raises(ControlError, match=r"closed \(done\)"):
                await desk.ask("assign_order", order="WO-1", jig="jig1")

    asyncio.run(work())


def test_what_is_open_when_an_order_is_closed_ends_as_never_come_back(bench: Bench, tmp_path: Path) -> None:
    hub = bench.hub()

    async def work() -> None:
        async with conducting(bench, tmp_path) as at:
            await import_order(at.journal, order_csv(hub), "jig1")
            await bench.seat(hub, slot(1))
            pulled = {"name": "unplug_hub", "on": "upload", "at_byte": 12_000}
            assert isinstance(await at.visit(slot(1), pulled), LeftOpen)

            with pytest.raises(ControlError, match="not complete"):
                await Desk(at.journal).close(incomplete=False)
            with pytest.raises(
                ControlError, match="a hub is being worked on in jig1 slot 1; wait for its result"
            ):
                await Desk(at.journal, seated=True).close(incomplete=True)
            assert not at.of(AttemptClosed)

            await Desk(at.journal).close(incomplete=True)
            (closed,) = at.of(AttemptClosed)
            assert (closed.outcome, closed.code, closed.disposition) == (
                Outcome.FAILED,
                Code.HUB_GONE,
                Disposition.RETRY_HERE,
            )
            assert (closed.chf, closed.order, closed.firmware_read_back) == (hub.chf, "WO-1", None)
            assert closed.image_sha256 is not None
            assert await at.journal.open_attempts() == ()
            assert len(await at.journal.outbox_batch(9)) == 1
            # The hub turns up after all: the order is closed, so it is left alone.
            await bench.seat(hub, slot(1))
            late = await at.result(slot(1))
            assert (late.outcome, late.code, late.order) == (Outcome.REJECTED, Code.NO_OPEN_ORDER, None)
        await bench.assert_runs(hub, "old")

    asyncio.run(work())
