"""A station that is all desk and slots: it serves the desk's socket, and lets hubs go through slots as it is told.

`packing_station.py FOLDER HUBS` makes orders of HUBS hubs each if there are none, says `ready`, and then reads lines:
`{"seat": 17, "slot": 3, "end": {...}}` has hub 17 work in that slot until its result, which is printed as
`{"done": 17, "outcome": ..., "code": ...}` once it is durable.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from benches.desk_client import THE_ACCOUNT, desk_of_packing
from benches.journal_samples import chf, closed, hub_facts, order_line
from station.control.server import serve_control
from station.domain.outcome import Code, Disposition, Outcome, Stage
from station.domain.slot_name import SlotName
from station.packing.settings import PackingSettings
from station.records.facts.attempts import AttemptOpened, AttemptResumed, StageEnded, StageStarted
from station.records.facts.orders import OrderAssigned, OrderImported, OrderLinesAdded
from station.records.journal import Journal

ORDERS = ("WO-1", "WO-2")
SIZES = PackingSettings(hubs_per_carton=16, cartons_per_pallet=4)
STAGES = (Stage.UNLOCK, Stage.FLASH, Stage.ACTIVATE, Stage.VERIFY, Stage.CONFIRM, Stage.CHECK)


def order_of(hub: int, hubs: int) -> str | None:
    """Hubs beyond both orders are strangers."""
    return ORDERS[hub // hubs] if hub < 2 * hubs else None


async def make_orders(journal: Journal, hubs: int) -> None:
    known = {order.order for order in await journal.orders()}
    for number, order in enumerate(ORDERS):
        if order in known:
            continue
        lines = tuple(order_line(hub) for hub in range(number * hubs, (number + 1) * hubs))
        await journal.append(OrderImported(order=order, source="s", sha256="0" * 64, hubs=hubs))
        for first in range(0, hubs, 1000):
            await journal.append(OrderLinesAdded(order=order, lines=lines[first : first + 1000]))
    for number, order in enumerate(ORDERS):
        await journal.append(OrderAssigned(order=order, jig=f"jig-{number + 1}"))


async def work(journal: Journal, told: dict[str, Any], hubs: int) -> None:
    """One hub in one slot, from its opening, or from where a death left it, to its result."""
    hub, order = told["seat"], order_of(told["seat"], hubs)
    jig = f"jig-{1 + (order == ORDERS[1])}"
    place = SlotName(jig=jig, slot=told["slot"])
    before = await journal.open_attempt_of(chf(hub))
    if before is not None:
        attempt = before.attempt
        await journal.append(
            AttemptResumed(attempt=attempt, place=place, stage=Stage.FLASH, step=0, why="it answers")
        )
    else:
        at = order or ORDERS[0]
        (opened,) = await journal.append(AttemptOpened(place=place, order=at, hub=hub_facts(hub), number=1))
        attempt = opened.sequence
    end = told["end"]
    history = await journal.hub_history(chf(hub))
    if order is None:
        end = {"outcome": Outcome.REJECTED, "code": Code.NOT_ON_ORDER}
    elif history.passed_in(order) is not None:
        end = {"outcome": Outcome.REJECTED, "code": Code.ALREADY_PASSED}
    else:
        for stage in STAGES:
            await journal.append(StageStarted(attempt=attempt, stage=stage))
            await journal.append(StageEnded(attempt=attempt, stage=stage, seconds=0.1))
    sample = closed(attempt, hub, slot=told["slot"], order=order or ORDERS[0], jig=jig)
    said = {
        "outcome": Outcome(end["outcome"]),
        "code": Code(end["code"]) if "code" in end else None,
        "disposition": Disposition(end["disposition"]) if "disposition" in end else None,
    }
    event = sample.model_copy(update=said)
    await journal.append(event)
    print(json.dumps({"done": hub, "outcome": event.outcome, "code": event.code}), flush=True)


async def main(folder: Path, hubs: int) -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with Journal.open(
        folder / "journal", site="leeds", station="bench-1", segment_rows=20_000
    ) as journal:
        await make_orders(journal, hubs)
        desk = desk_of_packing(journal, SIZES)
        async with serve_control(folder, desk, THE_ACCOUNT), asyncio.TaskGroup() as slots:
            print(json.dumps({"ready": True}), flush=True)
            while line := await reader.readline():
                slots.create_task(work(journal, json.loads(line), hubs))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
