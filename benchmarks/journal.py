"""The row `journal`: how long a fact takes to be durable beside a bare group fsync, and how a long journal fares."""

from __future__ import annotations

import asyncio
import os
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final

from benchmarks.report import Figures
from firmware_catalog.devices import gpf_of
from firmware_catalog.identity import Eui64, FirmwareVersion
from station.domain.hub_facts import HubFacts
from station.domain.outcome import Outcome, Stage
from station.domain.slot_name import SlotName
from station.records.facts.attempts import (
    AttemptClosed,
    AttemptOpened,
    AttemptPlanned,
    StageEnded,
    StageStarted,
    StepTarget,
)
from station.records.facts.events import Event
from station.records.journal import SEGMENT_ROWS, Journal
from station.records.verify import verify
from station.throughput.lag import percentile

SITE, STATION = "bench", "station"
_SLOTS: Final = 24
_ROUNDS: Final = 4
"""Journal and bare file take turns, so that both meet the same disk."""
_APPENDS_A_ROUND: Final = 50
"""Of each slot."""
_BARE_BYTES: Final = 512
"""About what one event takes in the journal."""
_WORKING_STAGES: Final = (
    Stage.UNLOCK,
    Stage.FLASH,
    Stage.ACTIVATE,
    Stage.VERIFY,
    Stage.CONFIRM,
    Stage.CHECK,
)
EVENTS_AN_ATTEMPT: Final = 3 + 2 * len(_WORKING_STAGES)
_ATTEMPTS_AN_APPEND: Final = 50
_TARGET: Final = StepTarget(version=FirmwareVersion(0x0102012F), image_sha256="ab" * 32, image_hash="cd" * 32)


async def journal_row(events: int) -> Figures:
    """Measure appends from 24 slots at once, then fill a journal with so many events, verify and open it."""
    with tempfile.TemporaryDirectory(prefix="reflash-bench-") as name:
        folder = Path(name)
        durable, bare = await appends_beside_bare(folder / "journal", folder / "bare")
        written, fill_seconds = await fill(folder / "long", events)
        begun = time.monotonic()
        found = await asyncio.to_thread(verify, folder / "long")
        verify_seconds = time.monotonic() - begun
        begun = time.monotonic()
        async with Journal.open(folder / "long", site=SITE, station=STATION) as journal:
            await journal.open_attempts()
            start_seconds = time.monotonic() - begun
    durable_p99, bare_p99 = percentile(durable, 0.99), percentile(bare, 0.99)
    faults = [] if found.events >= written else [f"{found.events} events were found, {written} were written"]
    return {
        "row": "journal",
        "slots": _SLOTS,
        "appends": len(durable),
        "append_p99_ms": round(durable_p99 * 1e3, 2),
        "bare_fsync_p99_ms": round(bare_p99 * 1e3, 2),
        "append_ratio_to_bare_fsync": round(durable_p99 / bare_p99, 2),
        "append_p50_ms": round(percentile(durable, 0.5) * 1e3, 2),
        "bare_fsync_p50_ms": round(percentile(bare, 0.5) * 1e3, 2),
        "events": found.events,
        "written_events_a_second": round(written / fill_seconds),
        "verified_events_a_second": round(found.events / verify_seconds),
        "start_seconds": round(start_seconds, 2),
        "valid": not faults,
        "void_because": faults,
    }


async def appends_beside_bare(
    folder: Path, bare_file: Path, segment_rows: int = SEGMENT_ROWS, rounds: int = _ROUNDS
) -> tuple[list[float], list[float]]:
    """Return the seconds of each append to the journal in `folder`, and of each to a bare file, round by round.

    24 slots append at once; the journal begins a new segment after so many rows of the newest.
    """
    durable: list[float] = []
    bare: list[float] = []
    async with Journal.open(folder, site=SITE, station=STATION, segment_rows=segment_rows) as journal:
        attempts = [(await journal.append(opened_attempt(slot)))[0].sequence for slot in range(_SLOTS)]

        def append(slot: int, turn: int) -> Awaitable[object]:
            kind = StageStarted if turn % 2 == 0 else ended
            return journal.append(kind(attempt=attempts[slot], stage=Stage.FLASH))

        async with _bare_log(bare_file) as write:
            for _ in range(rounds):
                durable += await _from_all_slots(append)
                bare += await _from_all_slots(lambda _slot, _turn: write(bytes(_BARE_BYTES)))
    return durable, bare


def p99_at_its_worst(seconds: list[float]) -> float:
    """Return the highest p99 of a round of `appends_beside_bare`."""
    a_round = _SLOTS * _APPENDS_A_ROUND
    return max(percentile(seconds[at : at + a_round], 0.99) for at in range(0, len(seconds), a_round))


async def _from_all_slots(append: Callable[[int, int], Awaitable[object]]) -> list[float]:
    """Have every slot append one thing after the other, all slots at once."""
    seconds: list[float] = []

    async def work(slot: int) -> None:
        for turn in range(_APPENDS_A_ROUND):
            begun = time.monotonic()
            await append(slot, turn)
            seconds.append(time.monotonic() - begun)

    async with asyncio.TaskGroup() as group:
        for slot in range(_SLOTS):
            group.create_task(work(slot))
    return seconds


@asynccontextmanager
async def _bare_log(path: Path) -> AsyncIterator[Callable[[bytes], Awaitable[None]]]:
    """The control: a thread that writes what has come together to a plain file and syncs it once."""
    loop = asyncio.get_running_loop()
    queue: SimpleQueue[tuple[bytes, asyncio.Future[None]] | None] = SimpleQueue()

    def settle(group: list[asyncio.Future[None]]) -> None:
        for future in group:
            future.set_result(None)

    def run() -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            while (item := queue.get()) is not None:
                group = [item, *_waiting(queue)]
                os.write(descriptor, b"".join(data for data, _ in group))
                os.fdatasync(descriptor)
                loop.call_soon_threadsafe(settle, [future for _, future in group])
        finally:
            os.close(descriptor)

    async def write(data: bytes) -> None:
        future = loop.create_future()
        queue.put((data, future))
        await future

    thread = threading.Thread(target=run, name="bare log")
    thread.start()
    try:
        yield write
    finally:
        queue.put(None)
        await asyncio.to_thread(thread.join)


def _waiting(
    queue: SimpleQueue[tuple[bytes, asyncio.Future[None]] | None],
) -> Iterator[tuple[bytes, asyncio.Future[None]]]:
    try:
        while (item := queue.get_nowait()) is not None:
            yield item
        queue.put(None)
    except Empty:
        return


async def fill(folder: Path, events: int) -> tuple[int, float]:
    """Write whole attempts until there are so many events; return how many, and the seconds it took."""
    written = 0
    begun = time.monotonic()
    async with Journal.open(folder, site=SITE, station=STATION, segment_rows=2 * events) as journal:
        hub = 0
        next_sequence = 2
        while written < events:
            batch: list[Event] = []
            for _ in range(_ATTEMPTS_AN_APPEND):
                batch += _attempt(hub, next_sequence + len(batch))
                hub += 1
            recorded = await journal.append(*batch)
            next_sequence = recorded[-1].sequence + 1
            written += len(recorded)
    return written, time.monotonic() - begun


def _attempt(hub: int, sequence: int) -> Iterator[Event]:
    """Every event of an attempt that passes, the first of which will get this sequence."""
    opened = opened_attempt(hub)
    yield opened
    yield AttemptPlanned(attempt=sequence, steps=(_TARGET,))
    for stage in _WORKING_STAGES:
        yield StageStarted(attempt=sequence, stage=stage)
        yield ended(attempt=sequence, stage=stage)
    yield closed_attempt(opened, sequence)


def closed_attempt(opened: AttemptOpened, attempt: int) -> AttemptClosed:
    """Return the result of an attempt that passed."""
    facts = opened.hub
    if facts is None:
        raise AssertionError("it has just been given")
    return AttemptClosed(
        attempt=attempt,
        place=opened.place,
        order=opened.order,
        number=opened.number,
        chf=facts.device_id,
        gpf=gpf_of(facts.ids),
        manufacturer=facts.manufacturer,
        model=facts.model,
        hardware_version=facts.hardware_version,
        firmware_recorded=None,
        firmware_before=facts.firmware,
        firmware_target=_TARGET.version,
        firmware_read_back=_TARGET.version,
        image_sha256=_TARGET.image_sha256,
        outcome=Outcome.PASSED,
        stage=Stage.CHECK,
        code=None,
        disposition=None,
        message=f"{opened.place}: passed; take the hub out",
        started=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        finished=datetime(2026, 1, 2, 3, 14, 5, tzinfo=UTC),
        seconds=dict.fromkeys(_WORKING_STAGES, 35.5),
        operator="op-1",
        station_version="1.0",
    )


def opened_attempt(hub: int, order: str | None = None) -> AttemptOpened:
    """Return the beginning of an attempt on one of many hubs, for this order."""
    return AttemptOpened(
        place=SlotName(jig=f"jig{hub % _SLOTS // 8 + 1}", slot=hub % 8 + 1),
        order=order,
        hub=HubFacts(
            chf=Eui64(0x8873840000000000 | 2 * hub),
            gpf=Eui64(0x8873840000000000 | 2 * hub + 1),
            manufacturer="10A8",
            model="00000011",
            hardware_version="1.2",
            variant="DBCH",
            firmware=FirmwareVersion(0x01020100),
            locked=True,
            boots=3,
        ),
        number=1,
    )


def ended(attempt: int, stage: Stage) -> StageEnded:
    """Return the good end of a stage."""
    return StageEnded(attempt=attempt, stage=stage, seconds=35.5)
