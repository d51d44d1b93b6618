"""`reflash watch`: the bench as it is, live, with a keyboard scanner at hand."""

from __future__ import annotations

import asyncio
import os
import sys
import termios
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.console import Console

from station.bench.labels import ScanRefused
from station.bench.picture import BenchPicture, live_picture
from station.bench.scans import ScanSession
from station.bench.view import SlotView
from station.cli.common import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    WorkFailed,
    print_json,
    run_to_its_end,
)
from station.cli.scanning import jig_of_scanner, to_daemon
from station.config import StationSettings, load_settings
from station.control import follow_daemon
from station.records.events import Place


def watch(
    config: ConfigOption = DEFAULT_CONFIG,
    jig: Annotated[
        str | None, typer.Option(help="Show this jig only; labels scanned here are for it.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show every slot of the running daemon until Ctrl+C; where there is no terminal, a line a change.

    A scanner that types may be used meanwhile: a slot's code (`jig1/3`), then the label of its hub.

    Example: reflash watch --jig jig1
    """
    settings = load_settings(config)
    only = jig_of_scanner(settings, jig) if jig is not None else None
    console = Console()
    try:
        if as_json or not console.is_terminal:
            run_to_its_end(_tell(settings, only, as_json=as_json))
        else:
            run_to_its_end(_show(settings, only, console))
    except KeyboardInterrupt:
        return
    raise WorkFailed("the daemon has stopped; start it and watch again")


async def _tell(settings: StationSettings, jig: str | None, *, as_json: bool) -> None:
    async with _views(settings, jig) as each:
        async for news in each:
            for slot in news.slots:
                if as_json:
                    print_json(slot.model_dump(mode="json"))
                else:
                    typer.echo(slot.line)
            if not as_json:
                for fault in news.new_faults:
                    typer.echo(fault)


async def _show(settings: StationSettings, jig: str | None, console: Console) -> None:
    seen: dict[Place, SlotView] = {}
    session = ScanSession(jig_of_scanner(settings, jig), to_daemon(settings.state_directory))
    faults: list[str] = []
    async with _views(settings, jig) as each:
        with live_picture(seen.values, console, lambda: faults) as picture:
            async with _scans_typed(session, picture):
                async for news in each:
                    seen.update((slot.place, slot) for slot in news.slots)
                    faults[:] = news.faults
                    picture.note = news.broker


@dataclass(frozen=True, slots=True)
class _News:
    """What has changed at the bench."""

    slots: list[SlotView]
    broker: str
    faults: list[str]
    new_faults: list[str]


@asynccontextmanager
async def _views(settings: StationSettings, jig: str | None) -> AsyncIterator[AsyncIterator[_News]]:
    async def views() -> AsyncIterator[_News]:
        told: list[str] = []
        async for answer in answers:
            slots = [SlotView.model_validate(slot) for slot in answer["slots"]]
            faults = answer["faults"]
            yield _News(
                [slot for slot in slots if jig in {None, slot.place.jig}],
                answer["broker"]["line"],
                faults,
                [fault for fault in faults if fault not in told],
            )
            told = faults

    async with follow_daemon(settings.state_directory, {"do": "watch"}) as answers:
        yield views()


@asynccontextmanager
async def _scans_typed(session: ScanSession, picture: BenchPicture) -> AsyncIterator[None]:
    """Take the lines that are typed while the block lasts, and show what becomes of them."""
    if not sys.stdin.isatty():
        yield
        return
    lines: asyncio.Queue[str] = asyncio.Queue()
    with _typed_lines(lines.put_nowait):
        taking = asyncio.create_task(_take(lines, session.read, picture))
        try:
            yield
        finally:
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)


async def _take(
    lines: asyncio.Queue[str], read: Callable[[str], Awaitable[str | None]], picture: BenchPicture
) -> None:
    while True:
        try:
            answer = await read(await lines.get())
        except ScanRefused as refusal:
            answer = str(refusal)
        if answer is not None:
            picture.footer = answer


@contextmanager
def _typed_lines(take: Callable[[str], None]) -> Iterator[None]:
    """Hand over the lines typed on the terminal, which shows none of them, lest the picture be torn."""
    keyboard = sys.stdin.fileno()
    before = termios.tcgetattr(keyboard)
    silent = termios.tcgetattr(keyboard)
    silent[3] &= ~termios.ECHO
    loop = asyncio.get_running_loop()

    def readable() -> None:
        line = os.read(keyboard, 4096)
        if line:
            take(line.decode(errors="replace"))
        else:
            loop.remove_reader(keyboard)

    termios.tcsetattr(keyboard, termios.TCSANOW, silent)
    loop.add_reader(keyboard, readable)
    try:
        yield
    finally:
        loop.remove_reader(keyboard)
        termios.tcsetattr(keyboard, termios.TCSANOW, before)
