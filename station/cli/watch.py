"""`reflash watch`: the bench as it is, live, with a keyboard scanner at hand."""

from __future__ import annotations

import asyncio
import os
import sys
import termios
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Annotated, Final

import typer
from rich.console import Console

from station.bench.labels import ScanRefused
from station.bench.scan_session import ScanSession
from station.bench.view import ScanView
from station.cli.common import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    print_json,
    run_to_its_end,
)
from station.cli.scanning import Desk, DeskOption, find_desk, jig_of_scanner, scan_session
from station.control.client import ConnectionLost, DaemonSilent, NoDaemon, follow_daemon
from station.control.frames import CROWD
from station.desk.bench_requests import Watch
from station.desk.people_requests import SomebodyOnDuty
from station.desk.refusals import Unavailable
from station.domain.interlock import Notice
from station.domain.scan_said import ScanSaid
from station.domain.slot_name import SlotName
from station.domain.slot_view import SlotView
from station.picture import BenchPicture, live_picture
from station.sentences import Sentences
from station.texts.scans import scan_line
from station.texts.texts import ENGLISH, load

_AGAIN_SECONDS: Final = 1.0
"""Between two looks whether the daemon is back: nothing tells of it."""

_HANGS: Final = "the daemon runs, and has not answered for some seconds; it is waited for (Ctrl+C to end)"


def watch(
    config: ConfigOption = DEFAULT_CONFIG,
    jig: Annotated[
        str | None, typer.Option(help="Show this jig only; labels scanned here are for it.")
    ] = None,
    desk: DeskOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show every slot of the running daemon until Ctrl+C; where there is no terminal, a line a change.

    A scanner that types may be used meanwhile: a slot's code (`jig1/3`), then the label of its hub; `undo` takes the
    last label back. When the daemon stops, or hangs, nothing is shown as known, and it is waited for.

    Example: reflash watch --jig jig1
    """
    at = find_desk(config, desk)
    only = jig_of_scanner(at, jig) if jig is not None else None
    console = Console()
    with suppress(KeyboardInterrupt):
        if as_json or not console.is_terminal:
            run_to_its_end(_tell(at, only, as_json=as_json))
        else:
            run_to_its_end(_show(at, only, scan_session(at, jig), console))


async def _tell(desk: Desk, jig: str | None, *, as_json: bool) -> None:
    told: set[str] = set()
    orders: dict[str, str] = {}
    async for news in _news(desk, jig):
        if news.waiting is not None:
            typer.echo(f"reflash: {news.waiting}", err=True)
        for slot in news.slots:
            typer.echo(news.sentences.line(slot)) if not as_json else print_json(slot.model_dump(mode="json"))
        if not as_json:
            sentences = news.sentences
            for jig_name, line in sentences.orders(news.slots).items():
                if orders.get(jig_name) != line:
                    typer.echo(line)
                    orders[jig_name] = line
            lines = [*map(sentences.notice, news.faults), *map(sentences.scan, news.scans)]
            for line in lines:
                if line not in told:
                    typer.echo(line)
            told = {*lines}


async def _show(desk: Desk, jig: str | None, session: ScanSession, console: Console) -> None:
    seen: dict[SlotName, SlotView] = {}
    faults: list[Notice] = []
    scans: list[ScanView] = []
    typed: list[ScanSaid] = []
    picture = BenchPicture(
        seen.values,
        Sentences(ENGLISH),
        lambda: faults,
        lambda: [scan for scan in scans if scan.said not in typed],
    )

    def show_answer(said: ScanSaid) -> None:
        typed[:] = [said]
        picture.footer = scan_line(picture.sentences.texts, said)

    with live_picture(picture, console):
        async with _scans_typed(session, show_answer):
            async for news in _news(desk, jig):
                if news.waiting is not None:
                    seen.clear()  # nothing is known of them now
                seen.update((slot.place, slot) for slot in news.slots)
                picture.sentences, picture.note = news.sentences, news.broker
                picture.waiting = news.waiting or ""
                faults[:] = news.faults
                scans[:] = news.scans


@dataclass(frozen=True, slots=True)
class _News:
    """What has changed at the bench."""

    sentences: Sentences
    slots: list[SlotView] = field(default_factory=list)
    broker: str = ""
    faults: list[Notice] = field(default_factory=list)
    scans: list[ScanView] = field(default_factory=list)
    waiting: str | None = None
    """Why no daemon tells anything."""


async def _news(desk: Desk, jig: str | None) -> AsyncIterator[_News]:
    """Tell what changes, for ever: a daemon that ends, hangs, or has no room, is waited for. Raises ControlError where none may be asked."""
    told: str | None = None
    sentences = Sentences(ENGLISH)
    language = ""
    while True:
        try:
            async with follow_daemon(desk.place, Watch()) as answers:
                async for answer in answers:
                    told = None
                    if answer.language != language:
                        sentences, language = Sentences(load(answer.language)), answer.language
                    yield _News(
                        sentences,
                        [slot for slot in answer.slots if jig in {None, slot.place.jig}],
                        "; ".join((answer.broker.line, *_signed_on(answer.people, jig, sentences))),
                        list(answer.faults),
                        [scan for scan in answer.scans if jig in {None, scan.jig}],
                    )
            waiting = "the daemon has stopped; it is waited for (Ctrl+C to end)"
        except NoDaemon as absent:
            waiting = f"{absent}; it is waited for (Ctrl+C to end)"
        except DaemonSilent:
            waiting = _HANGS
        except ConnectionLost:
            waiting = "the daemon has ended; it is waited for (Ctrl+C to end)"
        except Unavailable as refused:
            if CROWD not in refused.facts:
                raise
            waiting = f"{refused}; room is waited for (Ctrl+C to end)"
        if told is None or (waiting != told and _HANGS in {told, waiting}):
            told = waiting
            yield _News(sentences, waiting=waiting)
        await asyncio.sleep(_AGAIN_SECONDS)


def _signed_on(people: Iterable[SomebodyOnDuty], jig: str | None, sentences: Sentences) -> Iterator[str]:
    """Say who works at the jig that is shown, or at each, if anybody does."""
    shown = [
        each.pseudonym if each.jig is None else f"{each.pseudonym} ({each.jig})"
        for each in people
        if jig is None or each.jig in {None, jig}
    ]
    if shown:
        yield f"{sentences.texts.say('picture', 'signed_on')}: {', '.join(shown)}"


@asynccontextmanager
async def _scans_typed(session: ScanSession, show: Callable[[ScanSaid], None]) -> AsyncIterator[None]:
    """Take the lines that are typed while the block lasts, and show what becomes of them."""
    if not sys.stdin.isatty():
        yield
        return
    lines: asyncio.Queue[str] = asyncio.Queue()
    with _typed_lines(lines.put_nowait):
        taking = asyncio.create_task(_take(lines, session.read, show))
        try:
            yield
        finally:
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)


async def _take(
    lines: asyncio.Queue[str],
    read: Callable[[str], Awaitable[ScanSaid | None]],
    show: Callable[[ScanSaid], None],
) -> None:
    while True:
        try:
            answer = await read(await lines.get())
        except ScanRefused as refusal:
            answer = refusal.said
        if answer is not None:
            show(answer)


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
