"""`reflash scan`: hubs' labels, typed or read by a scanner that types."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from typing import Annotated

import typer

from station.bench.labels import ScanRefused, ScanUnreadable
from station.cli.common import DEFAULT_CONFIG, ConfigOption, UsageError, WorkFailed
from station.cli.scanning import DeskOption, find_desk, scan_session
from station.domain.counted import counted
from station.places.settings import MAX_SLOTS
from station.texts.scans import scan_line
from station.texts.texts import load


def scan(
    label: Annotated[
        str | None, typer.Argument(help="The label's id; lines of standard input unless given.")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    jig: Annotated[
        str | None, typer.Option(help="Where it is scanned; may be left out with one jig.")
    ] = None,
    desk: DeskOption = None,
    slot: Annotated[
        int | None,
        typer.Option(min=1, max=MAX_SLOTS, help="Whose label it is; the expected one unless given."),
    ] = None,
) -> None:
    """Give labels to the daemon, which holds each against its hub.

    A label without a slot goes to the first empty slot, where its hub is to be seated. Lines of standard input may
    name the slot of the next label: `jig1/3`, or `3` with --jig. `undo` takes the last label back, or with a slot the
    one that waits there. A badge signs its holder on; `sign off` ends that.

    Example: reflash scan --jig jig1 --slot 3 88-73-84-00-00-00-00-01
    """
    at = find_desk(config, desk)
    session, texts = scan_session(at, jig), load(at.language)

    async def take(lines: Iterator[str]) -> None:
        refused = 0
        for line in lines:
            try:
                answer = await session.read(line)
            except ScanRefused as refusal:
                refused += 1
                typer.echo(f"reflash: {scan_line(texts, refusal.said)}", err=True)
            else:
                if answer is not None:
                    typer.echo(scan_line(texts, answer))
        if refused:
            raise WorkFailed(f"{counted(refused, 'scan')} refused")

    async def take_one(text: str) -> None:
        try:
            if slot is not None:
                await session.read(str(slot) if jig is None else f"{jig}/{slot}")
            answer = await session.read(text)
        except ScanUnreadable as error:
            raise UsageError(scan_line(texts, error.said)) from error
        except ScanRefused as refusal:
            raise WorkFailed(scan_line(texts, refusal.said)) from refusal
        typer.echo("" if answer is None else scan_line(texts, answer))

    if label is not None:
        if at.badge_prefix is not None and label.upper().startswith(at.badge_prefix):
            raise UsageError(
                "a badge on the command line is there for every user of this PC to read: scan it into `reflash scan`"
            )
        asyncio.run(take_one(label))
    elif slot is not None:
        raise UsageError("--slot is for one label on the command line; lines name their slots themselves")
    else:
        asyncio.run(take(iter(sys.stdin)))
