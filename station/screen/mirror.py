"""Follows the daemon, and keeps the board as the bench is. Where nothing is known of the bench, it says so."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NoReturn

from station.control.client import ControlError, DaemonSilent, ask_daemon, follow_daemon
from station.desk.bench_requests import BenchNews, BenchStatus, Status, Watch
from station.desk.people_requests import SomebodyOnDuty
from station.desk.refusals import Refused
from station.domain.config_error import ConfigError
from station.domain.interlock import Notice
from station.domain.slot_name import SlotName
from station.domain.slot_view import SlotView
from station.screen.board import Board
from station.screen.tiles import comes_first, jig, of_station, tile
from station.sentences import Sentences
from station.texts.scans import scan_line
from station.texts.texts import ENGLISH, load

_AGAIN_SECONDS: Final = 0.5
"""Between two looks whether the daemon is back: nothing tells of it."""
_BEAT_SECONDS: Final = 1.0
"""Between two signs of life; what only counts on, progress say, goes out with them."""

_OF_STATION: Final = set({"broker", "faults", "people", "scans", "language"})
_DESK: Final = "desk"
"""What the daemon calls the entrance that screens come by."""


class Mirror:
    """The bench as the daemon told it last."""

    def __init__(self, place: Path, board: Board, news: Board) -> None:
        """`board` takes what pages show, `news` the same as facts."""
        self._place = place
        self._board = board
        self._news = news
        self._slots: dict[SlotName, SlotView] = {}
        self._drawn: dict[SlotName, SlotView] = {}
        """What the board shows of each slot."""
        self.sentences = Sentences(ENGLISH)
        self._language = "en"
        self.badge_prefix: str | None = None
        self.station: BenchNews | None = None
        """What was told last that is no slot's; None while the daemon is away."""
        self.is_away = True
        """Whether nothing is known of the bench now."""
        self.jigs: dict[str, tuple[int, ...]] = {}
        """Each jig with its slots' numbers, as the daemon told them last."""
        self._tell_away("")  # before anything else: a page that was open before shows nothing as known

    @property
    def slots(self) -> tuple[SlotView, ...]:
        """Each slot, as it was told last."""
        return tuple(self._slots.values())

    async def follow(self) -> NoReturn:
        """Follow the daemon, and wait for it whenever it is away."""
        while True:
            try:
                self._begin(await ask_daemon(self._place, Status()))
                async with follow_daemon(self._place, Watch()) as answers:
                    async for news in answers:
                        self._take(news)
                why = ""
            except DaemonSilent:
                why = self.sentences.texts.say("screen", "daemon_silent")
            except (ControlError, Refused, ConfigError) as error:
                why = str(error)
            self._lose(why)
            await asyncio.sleep(_AGAIN_SECONDS)

    async def beat(self) -> NoReturn:
        """Give signs of life, and let out what need not go out at once."""
        while True:
            for slot in list(self._slots.values()):
                self._draw(slot)
            for board in (self._board, self._news):
                board.put("beat", datetime.now(UTC).timestamp())
            await asyncio.sleep(_BEAT_SECONDS)

    def jig_orders(self) -> dict[str, str | None]:
        """Return which order each jig works on."""
        found: dict[str, str | None] = dict.fromkeys(self.jigs)
        for slot in self._slots.values():
            if slot.jig_order is not None:
                found[slot.place.jig] = slot.jig_order.order
        return found

    def _begin(self, status: BenchStatus) -> None:
        self.badge_prefix = status.badge_prefix
        numbers: dict[str, list[int]] = {}
        for slot in status.slots:
            numbers.setdefault(slot.place.jig, []).append(slot.place.slot)
        self.jigs = {name: tuple(sorted(each)) for name, each in numbers.items()}
        self._slots.clear()
        self._drawn.clear()
        self._board.put("layout", layout(self.jigs))
        self._news.forget("slot")
        self._news.put("layout", self.jigs)
        self._take(status)

    def _take(self, news: BenchNews) -> None:
        if news.language != self._language:
            self.sentences, self._language = Sentences(load(news.language)), news.language
            self._drawn.clear()
        for slot in news.slots:
            self._slots[slot.place] = slot
            if not _only_counts_on(self._drawn.get(slot.place), slot):
                self._draw(slot)
        self._draw_bench(news.faults, news.people)
        self._news.write("station", news.model_dump_json(include=_OF_STATION))
        for scan in news.scans:
            if scan.scanner == _DESK:
                continue  # answered on the page where it was scanned, which may have scanned on since
            said = scan_line(self.sentences.texts, scan.said)
            content = {"line": said, "refused": scan.refused, "at": scan.at.isoformat()}
            self._board.put(f"scan {scan.scanner}", content)
        self.station = news
        self._tell_away(None)

    def _lose(self, why: str) -> None:
        """Show that nothing is known of the bench now."""
        self.station = None
        self._slots.clear()
        self._drawn.clear()
        self._tell_away(why or self.sentences.texts.say("screen", "daemon_ended"))

    def _tell_away(self, why: str | None) -> None:
        self.is_away = why is not None
        for board in (self._board, self._news):
            board.put("daemon", {"away": why})

    def _draw(self, slot: SlotView) -> None:
        if self._drawn.get(slot.place) != slot:
            self._drawn[slot.place] = slot
            self._board.put(f"tile {slot.place.jig}/{slot.place.slot}", tile(slot, self.sentences))
            self._news.write(f"slot {slot.place.jig}/{slot.place.slot}", slot.model_dump_json())

    def _draw_bench(self, faults: Iterable[Notice], people: Iterable[SomebodyOnDuty]) -> None:
        slots = list(self._slots.values())
        for name in self.jigs:
            here = [slot for slot in slots if slot.place.jig == name]
            self._board.put(f"jig {name}", jig(name, here, self.sentences))
        signed_on = ", ".join(
            each.pseudonym if each.jig is None else f"{each.pseudonym} ({each.jig})" for each in people
        )
        self._board.put(
            "bench",
            {
                "first": comes_first(slots, self.sentences),
                "alarm": of_station(slots, faults, self.sentences),
                "people": signed_on,
            },
        )


def layout(jigs: dict[str, tuple[int, ...]]) -> str:
    """Tell one arrangement of jigs and slots from another: a page that was made for another is loaded anew."""
    return ";".join(f"{name}:{','.join(map(str, slots))}" for name, slots in jigs.items())


def _only_counts_on(former: SlotView | None, slot: SlotView) -> bool:
    """Whether nothing is new but how far it is, which is told once a second."""
    if former is None:
        return False
    counts = {"percent", "silent_seconds", "due", "revision"}
    return former.model_dump(exclude=counts) == slot.model_dump(exclude=counts)
