"""The cells of the fault matrix: which fault strikes at which stage of which plan, and what becomes of the hub."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from chaos_books import Books, is_settled

from benches.station_bench import Bench, StockHub, import_order, journal_of, order_csv
from simulators.connection import exists_on_usb
from simulators.faults import parse_fault
from station.daemon.assembly import Daemon
from station.domain.outcome import Code, Outcome
from station.domain.phase import SlotPhase
from station.domain.slot_name import SlotName
from station.domain.slot_view import SlotView
from station.settings import StationSettings

STAGES = ("identify", "authorise", "unlock", "flash", "activate", "verify", "confirm", "check")

_FOR_GOOD: Mapping[str, Any] = MappingProxyType({"times": 99})

FAULTS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "hub taken out": {"name": "unplug_hub"},
        "hub out and in again": {"name": "unplug_hub", "seconds": 0.3},
        "adapter gone for a moment": {"name": "unplug_port", "seconds": 0.3},
        "power lost": {"name": "power_loss", "seconds": 0.2},
        "power lost in an erase": {"name": "power_loss_in_erase", "seconds": 0.2},
        "power lost in a write": {"name": "power_loss_in_write", "at": 5, "seconds": 0.2},
        "power lost in the swap": {"name": "power_loss_in_swap", "at": 7, "seconds": 0.2},
        "boots of its own accord": {"name": "reboot"},
        # Never up for long enough to hear a single question.
        "boots again and again": {"name": "reboot_loop", "seconds": 0, "times": 1_000_000},
        # Longer than one answer may take (0.5 s), and well within the three tries of a question.
        "line stalls": {"name": "stall", "seconds": 0.7},
        "bits flip on the wire": {"name": "bit_flips", "probability": 1e-4},
        "a request is lost": {"name": "lose_request"},
        "an answer is lost": {"name": "drop_reply"},
        "an answer is late": {"name": "delay_reply", "seconds": 0.8},
        "an answer comes twice": {"name": "duplicate_reply"},
        "a foreign answer": {"name": "foreign_reply"},
        "a wrong offset": {"name": "wrong_offset"},
        "unlock refused": {"name": "refuse_unlock"},
        "unlock refused always": {"name": "refuse_unlock", **_FOR_GOOD},
        "stays unlocked at one boot": {"name": "never_relocks"},
        "never locks again": {"name": "never_relocks", **_FOR_GOOD},
        "lies about its version once": {"name": "lying_version"},
        "lies about its version": {"name": "lying_version", **_FOR_GOOD},
        "lies about its hash once": {"name": "lying_hash"},
        "lies about its hash": {"name": "lying_hash", **_FOR_GOOD},
        "says the upload does not match": {"name": "lying_match"},
        "comes back as another hub": {"name": "another_hub"},
        "waits in its boot loader": {"name": "serial_recovery"},
        "can be trapped in its boot loader": {"name": "trap_in_recovery"},
        "silent until its next boot": {"name": "no_answer"},
        "silent after every boot": {"name": "no_answer", **_FOR_GOOD},
        "crashes at its start": {"name": "crash"},
        "flash fails once": {"name": "flash_fault"},
        "flash fails": {"name": "flash_fault", **_FOR_GOOD},
    }
)
"""By what a person would call it. Each is armed as its stage begins, and strikes when its occasion comes."""

_ON_RAW: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {"bits flip on the wire": {"name": "bit_flips", "probability": 1e-6}}
)
"""Where nothing finds a damaged byte but the image's hash, what console framing bears would spoil every image."""

TRANSPORTS = ("serial", "raw", "usb")
"""Raw is serial, with packets on the line as they are."""


def faults_on(transport: str) -> tuple[str, ...]:
    """Return the faults that a transport has."""
    return tuple(
        name
        for name, fault in FAULTS.items()
        if transport != "usb" or exists_on_usb(parse_fault(dict(fault), name))
    )


AT_ONCE = frozenset({"unplug_hub", "unplug_port", "power_loss", "reboot", "stall"})
PLANS: Mapping[str, str] = MappingProxyType({"one step": "old", "second of two": "chained-old"})
"""Which step of which plan the stage belongs to, and the firmware that such a hub comes with."""

CELL_SECONDS = 180.0
_RETURN_SECONDS = 1.5
"""How long the technician leaves a hub alone that the station misses."""
_NOTICE_SECONDS: Mapping[str, float] = MappingProxyType({"serial": 4.0, "raw": 4.0, "usb": 10.0})
"""After which a hub that the station takes no notice of is seated again. A device that is seen and silent is called
none by the station before that."""
MOST_SEATS = 2

BEYOND_REACH = frozenset(
    {
        Code.SERIAL_RECOVERY,
        Code.NO_ANSWER,
        Code.BOOT_LOOP,
        Code.NOT_LOCKED,
        Code.HUB_UNIDENTIFIED,
        Code.NOT_ON_ORDER,
    }
)
"""Results of hubs that do not obey, or that must not be touched: only those may be left unlocked or unsettled."""


@dataclass(frozen=True)
class Cell:
    """One fault at one stage."""

    fault: str
    stage: str
    plan: str
    transport: str = "serial"

    def __str__(self) -> str:
        return f"{self.fault}, {self.stage}, {self.plan}, {self.transport}"


@dataclass(frozen=True)
class Ending:
    """What became of the hub."""

    what: str
    """As the table has it."""
    wrong: tuple[str, ...] = ()
    """What must never be, whatever the fault."""


def _what_strikes(cell: Cell) -> Mapping[str, Any]:
    return _ON_RAW.get(cell.fault, FAULTS[cell.fault]) if cell.transport == "raw" else FAULTS[cell.fault]


def all_cells(transport: str = "serial") -> Iterator[Cell]:
    """Every fault at every stage of every plan."""
    for fault in faults_on(transport):
        for stage in STAGES:
            for plan in PLANS:
                if stage not in {"identify", "authorise", "check"} or plan == "one step":
                    yield Cell(fault, stage, plan, transport)


def pairwise_cells(transport: str = "serial") -> Iterator[Cell]:
    """Every fault at every stage, the plans by turns: each pair of two of the three occurs."""
    plans = list(PLANS)
    for row, fault in enumerate(faults_on(transport)):
        for column, stage in enumerate(STAGES):
            both = stage not in {"identify", "authorise", "check"}
            yield Cell(fault, stage, plans[(row + column) % 2] if both else plans[0], transport)


def sparse_cells(transport: str) -> Iterator[Cell]:
    """Every fault at two of the stages at which it shows most: a part of `pairwise_cells`."""
    wanted = [STAGES[2:][row % 3 :: 3] for row in range(len(faults_on(transport)))]
    chosen = {
        (fault, stage) for fault, stages in zip(faults_on(transport), wanted, strict=True) for stage in stages
    }
    return (cell for cell in pairwise_cells(transport) if (cell.fault, cell.stage) in chosen)


@dataclass
class _Watch:
    """Follows the one slot of a cell: arms the fault, and keeps what the slot shows."""

    cell: Cell
    arm: Any
    armed: bool = False
    missed: bool = False
    step: int = 1
    """Of the plan."""
    last: SlotView | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def see(self, view: SlotView) -> None:
        before, self.last = self.last, view
        at = "authorise" if view.phase is SlotPhase.WORKING and view.stage is None else view.stage
        was = before and (
            "authorise" if before.phase is SlotPhase.WORKING and before.stage is None else before.stage
        )
        if at == "unlock" and was in {"confirm", "check"}:
            self.step += 1  # and not for a stage that is tried again
        if view.phase is SlotPhase.WORKING and at == self.cell.stage and at != was:
            wanted = 2 if self.cell.plan == "second of two" else 1
            if self.step == wanted and not self.armed:
                self.armed = True
                self.arm()
        self.missed = self.missed or view.phase is SlotPhase.FIND_HUB
        self.changed.set()

    async def until_changed(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.changed.wait()
        self.changed.clear()


async def run_cell(bench: Bench, folder: Path, place: SlotName, broker_port: int, cell: Cell) -> Ending:
    """Let the fault strike, do what the slot's line says, and tell what became of the hub."""
    hub = bench.hub(PLANS[cell.plan])
    fault = {**_what_strikes(cell), "jig": int(place.jig[3:]), "slot": place.slot}
    watch = _Watch(cell, lambda: bench.do_now("fault", fault=fault))
    settings = bench.station_settings(
        folder / "state",
        {place.jig: [place.slot]},
        station=folder.name,
        mqtt={"port": broker_port},
        drain_seconds=0,
    )
    async with journal_of(settings) as journal:
        await import_order(journal, order_csv(hub), place.jig)
    if cell.stage == "identify" and fault["name"] not in AT_ONCE:
        watch.arm()
    await bench.seat(hub, place)
    if cell.stage == "identify" and fault["name"] in AT_ONCE:
        watch.arm()
    daemon = Daemon(settings, on_view=watch.see)
    async with asyncio.timeout(CELL_SECONDS), asyncio.TaskGroup() as group:
        running = group.create_task(daemon.run())
        said = await _until_result(bench, place, hub, watch, _NOTICE_SECONDS[cell.transport])
        daemon.stop()
        await running
    return await _judge(bench, cell, hub, settings, watch, said)


async def _until_result(
    bench: Bench, place: SlotName, hub: StockHub, watch: _Watch, notice_seconds: float
) -> list[str]:
    """Be the technician until the slot shows a result. Returns what had to be done on the way."""
    said: list[str] = []
    while True:
        view = watch.last
        if view is not None and view.outcome is not None:
            return said
        if view is None or view.phase in {SlotPhase.WORKING, SlotPhase.STARTING, SlotPhase.NO_PORT}:
            await watch.until_changed(CELL_SECONDS)
            continue
        missing = view.phase is SlotPhase.FIND_HUB
        await watch.until_changed(_RETURN_SECONDS if missing else notice_seconds)
        if watch.last is view:
            said.append("found" if missing else "seated again")
            if len(said) > MOST_SEATS:
                return said
            if any(
                slot["occupied"]
                for slot in (await bench.do("slots"))["slots"]
                if (slot["jig"], slot["slot"]) == (int(place.jig[3:]), place.slot)
            ):
                await bench.unseat(place)
            await bench.seat(hub, place)


async def _judge(
    bench: Bench, cell: Cell, hub: StockHub, settings: StationSettings, watch: _Watch, said: list[str]
) -> Ending:
    inside = await bench.look(hub)
    books = Books(settings.journal_folder)
    books.against_hubs([hub], {str(hub.chf): inside})
    wrong = [*books.findings.lost, *books.findings.unbootable]
    final = books.last_result
    if not (FAULTS[cell.fault]["name"] == "lying_version" and final and final.outcome is Outcome.FAILED):
        wrong += books.findings.contradictory  # what a liar said of itself stands there as said
    # A device on USB that comes back by itself may have been missed for a moment, or not: that is the machine's pace.
    fleeting = cell.transport == "usb" and not said and final and final.outcome is Outcome.PASSED
    words = (["open"] if watch.missed and not fleeting else []) + ([said[-1]] if said else [])
    if final is None:
        words.append("stays open" if books.findings.open else "never seen")
    else:
        words.append(str(final.outcome))
        if final.code is not None:
            words.append(f"{final.code} ({final.disposition or 'put aside'})")
        if not is_settled(inside):
            words.append("unsettled")
            if final.code not in BEYOND_REACH:
                wrong.append(f"the hub is left unlocked, unconfirmed or with something pending: {inside}")
    return Ending(", ".join(words), tuple(wrong))
