"""`reflash orders revise`: what a new revision of an order's file changes, and the signature under it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated

import typer

from station.cli.asking import ask_station, asker
from station.cli.common import DEFAULT_CONFIG, ByOption, ConfigOption, JsonOption, UsageError, print_json
from station.cli.order_files import brought
from station.cli.scanning import DeskOption
from station.desk.order_requests import CompareOrder, OrderCompared, ReviseOrder
from station.domain.counted import counted

_CODE_LENGTH = 8


def revise(
    file: Annotated[Path, typer.Argument(help="The new revision of the order's CSV file.")],
    config: ConfigOption = DEFAULT_CONFIG,
    order: Annotated[
        str | None, typer.Option(help="The order's number, if the file has no such column.")
    ] = None,
    sign: Annotated[
        str | None,
        typer.Option(help="Amend the order, as it was shown under this code; without it nothing changes."),
    ] = None,
    reason: Annotated[
        str | None, typer.Option(help="Why it is amended; kept for good, so without names.")
    ] = None,
    as_json: JsonOption = False,
    by: ByOption = None,
    desk: DeskOption = None,
) -> None:
    """Show which lines a new file adds to its order, withdraws and changes; amend the order once that is signed for.

    Example: reflash orders revise WO-2031.csv
    """
    asking = asker(config, desk, by)
    with brought(file) as came:
        about = {"source": came.source, "size": came.size, "sha256": came.sha256, "number": order}
        shown = ask_station(asking, CompareOrder.model_validate(about), file=came.file)
        code = hashlib.sha256(f"{shown.amends} {came.sha256}".encode()).hexdigest()[:_CODE_LENGTH]
        if sign is None:
            _show(shown, code, file, as_json=as_json)
            return
        if sign != code:
            raise UsageError(
                f"what is signed under {sign} is not what {file} changes in order {shown.order} now: look again "
                "(the same command without --sign)"
            )
        if reason is None:
            raise UsageError("an order is amended with a reason only: --reason")
        amending = ReviseOrder.model_validate({**about, "amends": shown.amends, "reason": reason})
        amended = ask_station(asking, amending, file=came.file)
    if as_json:
        print_json(amended.model_dump())
        return
    typer.echo(f"order {amended.order} is revision {amended.revision} now: {counted(amended.hubs, 'hub')}")
    for carton in amended.held:
        typer.echo(f"carton {carton} is held: take out what does not belong into it any more")


def _show(shown: OrderCompared, code: str, file: Path, *, as_json: bool) -> None:
    is_same = not (shown.added or shown.withdrawn or shown.changed)
    if as_json:
        print_json({**shown.model_dump(), "code": None if is_same else code})
        return
    for what, lines in (("added", shown.added), ("withdrawn", shown.withdrawn), ("changed", shown.changed)):
        for line in lines:
            typer.echo(f"{what}: {line}")
    if is_same:
        typer.echo(f"order {shown.order} says the same as {file}; there is nothing to amend")
        return
    counts = f"{len(shown.added)} added, {len(shown.withdrawn)} withdrawn, {len(shown.changed)} changed"
    typer.echo(
        f"order {shown.order}, revision {shown.revision}: {counts}, {counted(shown.hubs, 'hub')} then; nothing was "
        f'changed; to sign: reflash orders revise {file} --sign {code} --reason "..."'
    )
