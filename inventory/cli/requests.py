"""`reflash inventory requests`: from a party's list to a work order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from inventory.cli.common import (
    DEFAULT_CONFIG,
    ByOption,
    ConfigOption,
    JsonOption,
    ReasonOption,
    opened,
    print_json,
    print_table,
    said,
)
from inventory.database.engine import Database
from inventory.errors import WrongInput
from inventory.moments import system_clock
from inventory.requests import book
from inventory.requests.extract import look_up
from inventory.requests.request_file import read_request
from inventory.requests.request_file import write_template as write_empty
from inventory.requests.settings import RequestSettings
from inventory.requests.sheet import read_sheet
from inventory.whole_file import write_whole
from station.domain.counted import counted

app = typer.Typer(help="Parties' requests, and the work orders made of them.", no_args_is_help=True)
RequestArgument = Annotated[str, typer.Argument(help="The request, as RQ-000001.")]


@contextmanager
def _taking_requests(config: Path) -> Iterator[tuple[RequestSettings, Database]]:
    with opened(config) as (settings, database):
        if settings.requests is None:
            raise WrongInput(f"{config} has no [requests]; see docs/inventory.md")
        yield settings.requests, database


@app.command("template")
def write_template(
    path: Annotated[Path, typer.Argument(help="A file that is not there yet: .xlsx, or .csv.")],
) -> None:
    """Write the list that a party fills in. Provisional: what DCC specifies is unpublished.

    Example: reflash inventory requests template hubs.xlsx
    """
    write_empty(path)
    typer.echo(f"{path} is written; its second line is an example to be replaced")


@app.command("import")
def import_list(
    path: Annotated[Path, typer.Argument(help="The party's list, on the template.")],
    party: Annotated[str, typer.Option("--party", help="Whose list it is, as the extract calls it.")],
    extract: Annotated[Path, typer.Option("--extract", help="What the inventory holds of these hubs.")],
    by: ByOption,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Take a party's list in and judge it hub by hub against an extract of the Smart Metering Inventory.

    Example: reflash inventory requests import hubs.xlsx --party PARTY --extract smi.csv --by "A. Person"
    """
    whose, who = said(party, "--party"), said(by, "--by")
    with _taking_requests(config) as (settings, database):
        files = read_sheet(path), read_sheet(extract)
        asked = read_request(files[0])
        wanted = {each for line in asked for each in (line.chf, line.gpf) if each is not None}
        registered = look_up(files[1], settings.extract_columns, wanted)
        with database.write_alone() as connection:
            verdict = book.take_in(
                connection,
                party=whose,
                asked=asked,
                registered=registered,
                files=files,
                settings=settings,
                by=who,
                now=system_clock(),
            )
    if as_json:
        answer = {"accepted": verdict.accepted, "refused": verdict.refused}
        print_json({"request": verdict.name, "verdict": verdict.whole, **answer})
        return
    refused = "".join(f", {number} {reason}" for reason, number in sorted(verdict.refused.items()))
    typer.echo(f"{verdict.name}: {verdict.whole}: {counted(verdict.accepted, 'hub')} accepted{refused}")


@app.command("list")
def list_requests(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List the requests, newest first.

    Example: reflash inventory requests list
    """
    with opened(config) as (_, database), database.read() as connection:
        rows = [
            {"request": book.name_of(row.id), **{k: v for k, v in row._mapping.items() if k != "id"}}  # noqa: SLF001 - its public name
            for row in book.every(connection)
        ]
    if as_json:
        print_json(rows)
    else:
        print_table(("request", "party", "state", "accepted", "work_order"), rows)


@app.command()
def show(
    request: RequestArgument, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False
) -> None:
    """Show where a request stands, and why which of its hubs were refused.

    Example: reflash inventory requests show RQ-000001
    """
    number = book.number_of(request)
    with opened(config) as (_, database), database.read() as connection:
        row, lines, told = book.shown(connection, number)
    if as_json:
        hubs = [dict(line._mapping) for line in lines]  # noqa: SLF001 - the same
        print_json({**row._mapping, "request": book.name_of(number), "hubs": hubs, "bench": told})  # noqa: SLF001 - the same
        return
    typer.echo(
        f"{book.name_of(number)} of {row.party}: {row.state}{f' by {row.decided_by}' if row.decided_by else ''}"
    )
    if row.work_order:
        bench = ", ".join(told) or "the bench has said nothing of it yet"
        typer.echo(f"work order {row.work_order}, purchase order {row.purchase_order}: {bench}")
    refused = [line for line in lines if line.refused]
    typer.echo(f"{counted(len(lines) - len(refused), 'hub')} accepted, {len(refused)} refused")
    for line in refused:
        typer.echo(f"line {line.line}  {line.ids}  {line.refused}: {line.detail}")


@app.command()
def authorise(
    request: RequestArgument,
    work_order: Annotated[str, typer.Option("--work-order", help="The work order's number.")],
    purchase_order: Annotated[
        str, typer.Option("--purchase-order", help="DCC's, without which no work begins.")
    ],
    by: ByOption,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Authorise a request in somebody's name, and write its work order.

    Example: reflash inventory requests authorise RQ-000001 --work-order WO-2031 --purchase-order PO-7 --by "A. Person"
    """
    number, order = book.number_of(request), said(work_order, "--work-order")
    purchase, who = said(purchase_order, "--purchase-order"), said(by, "--by")
    with _taking_requests(config) as (settings, database):
        path = _order_path(settings, order)
        with database.write_alone() as connection:
            data, warnings = book.authorise(
                connection,
                number,
                work_order=order,
                purchase_order=purchase,
                by=who,
                limits=settings.limits,
                now=system_clock(),
            )
        for warning in warnings:
            typer.echo(f"warning: {warning}", err=True)
        # If this fails the request is authorised all the same, and `order` writes the same file.
        write_whole(path, data)
    typer.echo(f"{book.name_of(number)} is authorised; {path} is its work order")


@app.command()
def order(request: RequestArgument, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Write the work order of an authorised request again: the same file.

    Example: reflash inventory requests order RQ-000001
    """
    with _taking_requests(config) as (settings, database):
        with database.read() as connection:
            work_order, data = book.order_file(connection, book.number_of(request))
        path = _order_path(settings, work_order)
        write_whole(path, data)
    typer.echo(f"{path} is written")


@app.command()
def refuse(
    request: RequestArgument, by: ByOption, reason: ReasonOption, config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Refuse a request in somebody's name; its hubs may be asked for again.

    Example: reflash inventory requests refuse RQ-000001 --by "A. Person" --reason "no purchase order"
    """
    _decide(config, request, "refused", by, reason)


@app.command()
def close(
    request: RequestArgument, by: ByOption, reason: ReasonOption, config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Close an authorised request in somebody's name; its hubs may be asked for again.

    Example: reflash inventory requests close RQ-000001 --by "A. Person" --reason "all came back"
    """
    _decide(config, request, "closed", by, reason)


def _decide(config: Path, request: str, state: str, by: str, reason: str) -> None:
    number, who, why = book.number_of(request), said(by, "--by"), said(reason, "--reason")
    with opened(config) as (_, database), database.write_alone() as connection:
        book.decide(connection, number, state, by=who, reason=why, now=system_clock())
    typer.echo(f"{book.name_of(number)} is {state}")


def _order_path(settings: RequestSettings, work_order: str) -> Path:
    if any(each in work_order for each in '/\\:*?"<>|') or work_order.startswith((".", "~")):
        raise WrongInput(f"--work-order {work_order!r} cannot be a file's name")
    return settings.orders_folder / f"{work_order}.csv"
