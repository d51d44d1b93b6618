"""The live picture of a bench in the terminal: what to do next at each slot, its progress, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.table import Table
from rich.text import Text

from station.bench.phase import SlotPhase
from station.bench.view import SlotView

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
        faults: Callable[[], Iterable[str]] = tuple,
        scans: Callable[[], Iterable[object]] = tuple,
    ) -> None:
        """`scans` are the answers to the jigs' own scanners."""
        self._slots = slots
        self._faults = faults
        self._scans = scans
        self.footer = ""
        """One line below the slots: what was answered to whoever types here."""
        self.note = ""
        """Another one below it, of less importance."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        slots = tuple(self._slots())
        alarms = {slot.place.jig: slot.alarm for slot in slots if slot.alarm}
        notes = [
            Text(line, style=style)
            for line, style in (
                (self.footer, "bold"),
                *((str(scan), "bold") for scan in self._scans()),
                (self.note, "dim"),
            )
            if line
        ]
        faults = tuple(self._faults())
        rows_besides = 1 + len(faults) + len(alarms) + len(notes)
        low = options.size.height < len(slots) + rows_besides
        groups = _alike(
            slots, lambda slot: (low and slot.silent_seconds is None) or slot.phase is SlotPhase.SEATED
        )
        with_hubs = options.max_width >= _COLUMNS_FOR_HUBS and not low
        with_bars = options.max_width >= _COLUMNS_FOR_BARS and not low
        table = Table(box=None, pad_edge=False, expand=True)
        table.add_column("slot", no_wrap=True)
        if with_hubs:
            table.add_column("hub (CHF)", no_wrap=True)
        table.add_column("state", no_wrap=True)
        if with_bars:
            table.add_column("written", no_wrap=True)
        table.add_column("do", no_wrap=True)
        table.add_column("what to do", ratio=1, no_wrap=True, overflow="ellipsis")
        rows = [
            (where, "", Text("ALARM", style="bold red"), "", Text(), Text(line, style="bold red"))
            for where, line in (*(("station", fault) for fault in faults), *alarms.items())
        ]
        rows += [_row(group, with_percent=not with_bars) for group in groups]
        rows += [("", "", Text(), "", Text(), note) for note in notes]
        for where, hub, state, bar, word, what in rows:
            table.add_row(
                where, *([hub] if with_hubs else []), state, *([bar] if with_bars else []), word, what
            )
        yield table


def _alike(slots: Iterable[SlotView], shared: Callable[[SlotView], bool]) -> list[tuple[SlotView, ...]]:
    """Gather the slots of a jig that are in one phase and ask for the same, in the order of the first of each.

    Only those that may share a row; what a whole jig waits for is said once, however high the terminal is.
    """
    groups: dict[tuple[str, SlotPhase, str, int], list[SlotView]] = {}
    for slot in slots:
        own = 0 if shared(slot) else slot.place.slot
        groups.setdefault((slot.place.jig, slot.phase, _action_and_reason(slot)[0], own), []).append(slot)
    return [tuple(group) for group in groups.values()]


def _row(group: tuple[SlotView, ...], *, with_percent: bool) -> tuple[str, str, Text, str, Text, Text]:
    """Return where, hub, state, bar and what to do, as a word and in words, of one slot or of several that ask for the same."""
    slot = group[0]
    style = _STYLES[slot.phase]
    word = Text(slot.to_do.upper(), style=style)
    action, reason = _action_and_reason(slot)
    stages = {each.stage for each in group}
    state = (
        str(slot.stage)
        if slot.phase is SlotPhase.WORKING and len(stages) == 1 and slot.stage
        else _phase(slot)
    )
    percents = [each.percent for each in group if each.percent is not None]
    if with_percent and percents:
        state += f" {min(percents)}%"
    if len(group) > 1:
        numbers = ", ".join(str(each.place.slot) for each in group)
        what = Text(f"slots {numbers}: {action}", style=style)
        return slot.place.jig, "", Text(state, style=style), "", word, what
    what = Text(action, style=style)
    if reason and (slot.phase not in _SAYS_IT_ALL or slot.silent_seconds is not None):
        what.append(f" \N{EN DASH} {reason}", style="not bold")
    return str(slot.place), str(slot.chf or ""), Text(state, style=style), _bar(slot), word, what


def _action_and_reason(slot: SlotView) -> tuple[str, str]:
    """Take the operator's line apart: what to do next is its last part."""
    reason, _, action = slot.line.removeprefix(f"{slot.place}: ").rpartition("; ")
    return action, reason


def _phase(slot: SlotView) -> str:
    return slot.phase.replace("_", " ").upper()


def _bar(slot: SlotView) -> str:
    if slot.percent is None:
        return ""
    full = _BAR_CELLS * slot.percent // 100
    return f"{'━' * full}{' ' * (_BAR_CELLS - full)} {slot.percent:3}%"


@contextmanager
def live_picture(
    slots: Callable[[], Iterable[SlotView]],
    console: Console,
    faults: Callable[[], Iterable[str]] = tuple,
    scans: Callable[[], Iterable[object]] = tuple,
) -> Iterator[BenchPicture]:
    """Keep the picture on the terminal while the block lasts; draw nothing where there is no terminal."""
    picture = BenchPicture(slots, faults, scans)
    if not console.is_terminal:
        yield picture
        return
    with Live(picture, console=console, refresh_per_second=8):
        yield picture
