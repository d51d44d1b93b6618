"""The live picture of a bench in the terminal: what to do next at each slot, its progress, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Final, TextIO

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.table import Table
from rich.text import Text

from station.bench.view import ScanView
from station.domain.interlock import Interlock, Notice
from station.domain.phase import SlotPhase
from station.domain.reason import Reason
from station.domain.slot_view import SlotView
from station.sentences import Sentences
from station.texts.results import Said
from station.texts.texts import Texts

_STYLES: Final = {
    SlotPhase.STARTING: "dim",
    SlotPhase.NO_PORT: "bold red",
    SlotPhase.EMPTY: "dim",
    SlotPhase.UNATTENDED: "bold",
    SlotPhase.SEATED: "bold",
    SlotPhase.BOOTING: "cyan",
    SlotPhase.WORKING: "cyan",
    SlotPhase.PASSED: "bold green",
    SlotPhase.ALREADY_CURRENT: "green",
    SlotPhase.PASSED_BEFORE: "green",
    SlotPhase.REJECTED: "bold yellow",
    SlotPhase.FAILED: "bold red",
    SlotPhase.PUT_ASIDE: "bold yellow",
    SlotPhase.RESEAT: "bold yellow",
    SlotPhase.LOOKING: "bold yellow",
    SlotPhase.FIND_HUB: "bold magenta",
    SlotPhase.EMERGENCY_STOP: "bold white on red",
    SlotPhase.OUT_OF_USE: "bold red",
    SlotPhase.STOPPED: "dim",
}
_SAYS_IT_ALL: Final = {
    SlotPhase.EMPTY,
    SlotPhase.SEATED,
    SlotPhase.BOOTING,
    SlotPhase.WORKING,
    SlotPhase.PASSED,
    SlotPhase.ALREADY_CURRENT,
}
"""Phases after whose name only the next action is news."""
_SHARED: Final = frozenset({SlotPhase.SEATED, SlotPhase.UNATTENDED})
"""Phases of slots of a jig that all wait for the same: they share a row."""
_BAR_CELLS: Final = 12
_COLUMNS_FOR_HUBS: Final = 100
_COLUMNS_FOR_BARS: Final = 120
"""Narrower terminals are left to what has to be done."""


class BenchPicture:
    """Draws the whole bench anew whenever rich asks for it, what to do always in sight.

    In a narrow terminal the hubs' ids and the bars give way; in a low one a jig's slots that ask for the same share
    a row.
    """

    def __init__(
        self,
        slots: Callable[[], Iterable[SlotView]],
        sentences: Sentences,
        faults: Callable[[], Iterable[Notice]] = tuple,
        scans: Callable[[], Iterable[ScanView]] = tuple,
    ) -> None:
        """`scans` are the answers to scans made elsewhere than here."""
        self._slots = slots
        self.sentences = sentences
        """In the language of who looks at it."""
        self._faults = faults
        self._scans = scans
        self.footer = ""
        """One line below the slots: what was answered to whoever types here."""
        self.note = ""
        """Another one below it, of less importance."""
        self.waiting = ""
        """Why nothing is known of the bench just now."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        slots, sentences = tuple(self._slots()), self.sentences
        heading = partial(sentences.texts.say, "picture")
        alarms = list(_alarms(slots, self._faults(), sentences))
        if self.waiting:
            alarms.insert(0, (heading("station"), self.waiting))
        notes = [
            Text(line, style=style)
            for line, style in (
                (self.footer, "bold"),
                *((sentences.scan(scan), "bold") for scan in self._scans()),
                ("; ".join(sentences.orders(slots).values()), "dim"),
                (self.note, "dim"),
            )
            if line
        ]
        rows_besides = 1 + len(alarms) + len(notes)
        low = options.size.height < len(slots) + rows_besides
        said = {slot.place: _said(slot, sentences) for slot in slots}
        groups = _alike(
            slots,
            lambda slot: said[slot.place].do,
            lambda slot: (low and slot.silent_seconds is None) or slot.phase in _SHARED,
        )
        with_hubs = options.max_width >= _COLUMNS_FOR_HUBS and not low
        with_bars = options.max_width >= _COLUMNS_FOR_BARS and not low
        table = Table(box=None, pad_edge=False, expand=True)
        table.add_column(heading("slot"), no_wrap=True)
        if with_hubs:
            table.add_column(heading("hub"), no_wrap=True)
        table.add_column(heading("state"), no_wrap=True)
        if with_bars:
            table.add_column(heading("written"), no_wrap=True)
        table.add_column(heading("word"), no_wrap=True)
        table.add_column(heading("do"), ratio=1, no_wrap=True, overflow="ellipsis")
        rows = [
            (where, "", Text(heading("alarm"), style="bold red"), "", Text(), Text(line, style="bold red"))
            for where, line in alarms
        ]
        rows += [
            _row(group, said[group[0].place], sentences.texts, with_percent=not with_bars) for group in groups
        ]
        rows += [("", "", Text(), "", Text(), note) for note in notes]
        for where, hub, state, bar, word, what in rows:
            table.add_row(
                where, *([hub] if with_hubs else []), state, *([bar] if with_bars else []), word, what
            )
        yield table


def _alarms(
    slots: Iterable[SlotView], faults: Iterable[Notice], sentences: Sentences
) -> Iterator[tuple[str, str]]:
    """Say where something is wrong, and what, each thing once: not what a slot itself says."""
    station = sentences.texts.say("picture", "station")
    yield from ((station, sentences.notice(fault)) for fault in faults)
    own = {(slot.place.jig, slot.place.slot, slot.reason) for slot in slots}
    unattended = {(slot.place.jig, None, Reason.UNATTENDED) for slot in slots}  # says it once a jig itself
    told: dict[Interlock, None] = dict.fromkeys(each for slot in slots for each in slot.interlocks)
    for interlock in sorted(told, key=lambda each: each.jig or ""):
        if (interlock.jig, interlock.slot, interlock.reason) not in own | unattended:
            yield interlock.jig or station, sentences.interlock(interlock)


def _said(slot: SlotView, sentences: Sentences) -> Said:
    """Say what a slot shows; what the whole jig or station waits for stands above and is not said again."""
    shared = {each.reason for each in slot.interlocks if each.scope != "slot"}
    if slot.reason in shared and slot.phase not in _SHARED:
        return Said("", sentences.texts.of(slot.family).say("do", slot.to_do))
    said = sentences.of_slot(slot)
    return said if said.do else Said("", said.what)


def _alike(
    slots: Iterable[SlotView], do: Callable[[SlotView], str], shared: Callable[[SlotView], bool]
) -> list[tuple[SlotView, ...]]:
    """Gather the slots of a jig that are in one phase and ask for the same, in the order of the first of each.

    Only those that may share a row; what a whole jig waits for is said once, however high the terminal is.
    """
    groups: dict[tuple[str, SlotPhase, str, int], list[SlotView]] = {}
    for slot in slots:
        own = 0 if shared(slot) else slot.place.slot
        groups.setdefault((slot.place.jig, slot.phase, do(slot), own), []).append(slot)
    return [tuple(group) for group in groups.values()]


def _row(
    group: tuple[SlotView, ...], said: Said, texts: Texts, *, with_percent: bool
) -> tuple[str, str, Text, str, Text, Text]:
    """Return where, hub, state, bar and what to do, as a word and in words, of one slot or of several that ask for the same."""
    slot = group[0]
    style = _STYLES[slot.phase]
    word = Text(texts.say("word", slot.to_do), style=style)
    stages = {each.stage for each in group}
    at_work = slot.phase is SlotPhase.WORKING and len(stages) == 1 and slot.stage
    state = texts.say("stage", slot.stage) if at_work and slot.stage else texts.say("phase", slot.phase)
    percents = [each.percent for each in group if each.percent is not None]
    if with_percent and percents:
        state = texts.say("line", "percent", what=state, percent=min(percents))
    if len(group) > 1:
        numbers = ", ".join(str(each.place.slot) for each in group)
        what = Text(texts.say("line", "of_slots", slots=numbers, do=said.do), style=style)
        return slot.place.jig, "", Text(state, style=style), "", word, what
    what = Text(said.do, style=style)
    if said.what and (slot.phase not in _SAYS_IT_ALL or slot.silent_seconds is not None):
        what.append(f" \N{EN DASH} {said.what}", style="not bold")
    return str(slot.place), str(slot.chf or ""), Text(state, style=style), _bar(slot), word, what


def _bar(slot: SlotView) -> str:
    if slot.percent is None:
        return ""
    full = _BAR_CELLS * slot.percent // 100
    return f"{'━' * full}{' ' * (_BAR_CELLS - full)} {slot.percent:3}%"


class UnheardTerminal:
    """A terminal's file that goes on in silence once the terminal is closed: whoever works behind the picture does, too."""

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal

    def write(self, text: str) -> int:
        """Write what can still be."""
        with suppress(OSError):
            self._terminal.write(text)
        return len(text)

    def flush(self) -> None:
        """Send what can still be."""
        with suppress(OSError):
            self._terminal.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._terminal, name)


@contextmanager
def live_picture(picture: BenchPicture, console: Console) -> Iterator[BenchPicture]:
    """Keep the picture on the terminal while the block lasts; draw nothing where there is no terminal."""
    if not console.is_terminal:
        yield picture
        return
    with Live(picture, console=console, refresh_per_second=8):
        yield picture
