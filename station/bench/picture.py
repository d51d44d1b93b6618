"""The live picture of a bench in the terminal: a line a slot, its progress, and what to do next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from station.bench.view import SlotPhase, SlotView

_STYLES: Final = {
    SlotPhase.STARTING: "dim",
    SlotPhase.NO_PORT: "bold red",
    SlotPhase.EMPTY: "dim",
    SlotPhase.WORKING: "cyan",
    SlotPhase.PASSED: "bold green",
    SlotPhase.ALREADY_CURRENT: "green",
    SlotPhase.REJECTED: "bold yellow",
    SlotPhase.FAILED: "bold red",
    SlotPhase.PUT_ASIDE: "bold yellow",
    SlotPhase.RESEAT: "bold yellow",
    SlotPhase.FIND_HUB: "bold magenta",
    SlotPhase.EMERGENCY_STOP: "bold white on red",
    SlotPhase.OUT_OF_USE: "bold red",
    SlotPhase.STOPPED: "dim",
}
_BAR_CELLS: Final = 12


class BenchPicture:
    """Draws the whole bench anew whenever rich asks for it."""

    def __init__(self, slots: Callable[[], Iterable[SlotView]]) -> None:
        self._slots = slots
        self.footer = ""
        """One line below the slots."""
        self.note = ""
        """Another one below it, of less importance."""

    def __rich__(self) -> RenderableType:
        table = Table(box=None, pad_edge=False, expand=True)
        table.add_column("slot", no_wrap=True)
        table.add_column("hub (CHF)", no_wrap=True)
        table.add_column("state", no_wrap=True)
        table.add_column("written", no_wrap=True)
        table.add_column("what to do", ratio=1, no_wrap=True, overflow="ellipsis")
        slots = tuple(self._slots())
        for slot in slots:
            style = _STYLES[slot.phase]
            table.add_row(
                str(slot.place),
                str(slot.chf or ""),
                Text(_state(slot), style=style),
                _bar(slot),
                Text(slot.line.removeprefix(f"{slot.place}: "), style=style),
            )
        for jig, alarm in {slot.place.jig: slot.alarm for slot in slots if slot.alarm}.items():
            table.add_row(jig, "", Text("ALARM", style="bold red"), "", Text(alarm, style="bold red"))
        table.add_row("", "", "", "", Text(self.footer, style="bold"))
        table.add_row("", "", "", "", Text(self.note, style="dim"))
        return table


def _state(slot: SlotView) -> str:
    if slot.phase is SlotPhase.WORKING and slot.stage is not None:
        return str(slot.stage)
    return slot.phase.replace("_", " ").upper()


def _bar(slot: SlotView) -> str:
    if slot.percent is None:
        return ""
    full = _BAR_CELLS * slot.percent // 100
    return f"{'━' * full}{' ' * (_BAR_CELLS - full)} {slot.percent:3}%"


@contextmanager
def live_picture(slots: Callable[[], Iterable[SlotView]], console: Console) -> Iterator[BenchPicture]:
    """Keep the picture on the terminal while the block lasts; draw nothing where there is no terminal."""
    picture = BenchPicture(slots)
    if not console.is_terminal:
        yield picture
        return
    with Live(picture, console=console, refresh_per_second=8):
        yield picture
