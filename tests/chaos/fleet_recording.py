"""What a real station makes of its hubs, taken from its journal life by life, so that others can play it again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from chaos_station import StationProcess
from pydantic import TypeAdapter

from benches.looking import until
from benches.station_bench import StockHub, import_order, order_csv, running_bench, slot
from firmware_catalog.identity import Eui64
from station.domain.slot_name import SlotName
from station.records.chain import RecordedEvent
from station.records.derive import all_events
from station.records.facts.attempts import AttemptClosed, AttemptOpened
from station.records.facts.events import Event
from station.records.journal import Journal
from station.records.reader import JournalReader
from station.records.segments import open_for_reading, segment_paths

JIGS, SLOTS = 3, 8
LISTED = {"old": 19, "new": 2}
"""Hubs of the order, by firmware: some run the release already."""
STRANGERS = {"unlisted-old": 1, "newer": 1, "old": 1}
"""Hubs of no order that are seated all the same."""


@dataclass(frozen=True)
class Life:
    """A hub, and all that was recorded of each of its attempts."""

    firmware: str
    """By the name that the bench has for it."""
    is_listed: bool
    """Its order has it."""
    attempts: Sequence[Sequence[Event]]


@dataclass(frozen=True)
class Played:
    """Whose life it is this time."""

    chf: Eui64
    gpf: Eui64
    order: str
    place: SlotName


def opening_of(life: Life, number: int, by: Played) -> Event:
    """Return the fact that this attempt of the life begins with."""
    return _of(life.attempts[number][0], by, {})


def rest_of(life: Life, number: int, by: Played, attempt: int) -> tuple[Event, ...]:
    """Return what was recorded of this attempt after its opening, as if it came to its end now."""
    end = life.attempts[number][-1]
    assert isinstance(end, AttemptClosed)
    now = datetime.now(UTC)
    times = {"attempt": attempt, "started": now - (end.finished - end.started), "finished": now}
    return tuple(_of(each, by, times) for each in life.attempts[number][1:])


def _of(recorded: Event, by: Played, more: Mapping[str, object]) -> Event:
    hub = {"chf": by.chf, "gpf": by.gpf}
    ours = {**hub, "order": by.order, "place": by.place, **more}
    told = {name: value for name, value in ours.items() if getattr(recorded, name, None) is not None}
    for name in ("hub", "line"):
        if (about := getattr(recorded, name, None)) is not None:
            told[name] = about.model_copy(update=hub)
    return recorded.model_copy(update=told)


async def record(folder: Path, site: str, station: str, order: str) -> tuple[Path, Sequence[Life]]:
    """Have a real station work on its slots' fill of simulated hubs, then kill it; return its state's folder and the lives."""
    places = {f"jig{jig}": list(range(1, SLOTS + 1)) for jig in range(1, JIGS + 1)}
    every = [slot(number, jig) for jig in range(1, JIGS + 1) for number in range(1, SLOTS + 1)]
    stock = {name: LISTED.get(name, 0) + STRANGERS.get(name, 0) for name in {**LISTED, **STRANGERS}}
    with running_bench(folder, stock=stock, jigs=JIGS, slots=SLOTS) as bench:
        listed = [bench.hub(name) for name, count in LISTED.items() for _ in range(count)]
        hubs = [*listed, *(bench.hub(name) for name, count in STRANGERS.items() for _ in range(count))]
        settings = bench.settings(
            folder / "state",
            places,
            site=site,
            station=station,
            unlock={"key_file": str(bench.unlock_key), "rate": {"signatures": 1_000, "seconds": 60}},
        )
        process = StationProcess(folder, settings)
        async with Journal.open(process.state / "journal", site=site, station=station) as journal:
            await import_order(journal, order_csv(*listed, order=order), *places)
        refused, other = every[0], every[-1]
        await bench.fault(refused, "refuse_unlock")
        for hub, place in zip(hubs, every, strict=True):
            await bench.seat(hub, place)
        try:
            await process.start()
            await process.until_ready()
            await until(lambda: _results(process.state) == len(hubs))
            # The one whose unlocking was refused has its second try in another slot.
            await bench.unseat(refused)
            await bench.unseat(other)
            await bench.seat(hubs[0], other)
            await until(lambda: _results(process.state) == len(hubs) + 1)
            await process.kill()
        finally:
            await process.end()
    return process.state, _lives(process.state / "journal", hubs, listed)


def _lives(journal: Path, hubs: Sequence[StockHub], listed: Collection[StockHub]) -> Sequence[Life]:
    attempts: defaultdict[Eui64, list[list[Event]]] = defaultdict(list)
    at_work: dict[int, list[Event]] = {}
    for recorded in events_of(journal):
        event = recorded.event
        if isinstance(event, AttemptOpened) and event.hub is not None:
            at_work[recorded.sequence] = [event]
            attempts[event.hub.chf].append(at_work[recorded.sequence])
        elif (attempt := getattr(event, "attempt", None)) in at_work:
            at_work[attempt].append(event)
    return [Life(hub.firmware, hub in listed, attempts[hub.chf]) for hub in hubs]


def _results(state: Path) -> int:
    with JournalReader(state / "journal") as journal:
        return int(
            journal.ask(lambda tables: tables.execute("SELECT count(closed) FROM attempts").fetchone()[0])
        )


def events_of(journal: Path) -> Sequence[RecordedEvent]:
    """Read a whole journal that nobody writes any more."""
    newest = segment_paths(journal)[-1]
    with closing(open_for_reading(newest, finished=False)) as segment:
        return tuple(all_events(segment, newest))


_LIVES: TypeAdapter[list[Life]] = TypeAdapter(list[Life])


def write(path: Path, lives: Sequence[Life]) -> None:
    """Keep lives for other processes."""
    path.write_bytes(_LIVES.dump_json(list(lives)))


def read(path: Path) -> Sequence[Life]:
    """Return the lives that were written there."""
    return _LIVES.validate_json(path.read_bytes())
