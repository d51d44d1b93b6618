"""`reflash inventory requests`: from a party's list to a work order."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from firmware_catalog.devices import Family
from firmware_catalog.identity import Eui64
from inventory.cli.common import (
    DEFAULT_CONFIG,
    ByOption,
    ConfigOption,
    JsonOption,
    ReasonOption,
    RequestArgument,
    acting,
    opened,
    print_json,
    print_table,
    requests_of,
    said,
)
from inventory.errors import WrongInput
from inventory.moments import system_clock
from inventory.requests import book, bridge_list, forecasts, revising
from inventory.requests.extract import look_up, moment_of
from inventory.requests.listed import BridgeList, HubList, Listed
from inventory.requests.request_file import read_request, write_table
from inventory.requests.request_file import write_template as write_empty
from inventory.requests.settings import RequestSettings
from inventory.requests.sheet import read_sheet
from inventory.whole_file import write_whole
from station.domain.counted import counted

app = typer.Typer(help="Parties' requests, and the work orders made of them.", no_args_is_help=True)
TakenOption = Annotated[
    str | None,
    typer.Option(
        "--taken", help="When the extract was taken, as 2026-11-02T08:00Z; unless it says so itself."
    ),
]


@app.command("template")
def write_template(
    path: Annotated[Path, typer.Argument(help="A file that is not there yet: .xlsx, or .csv.")],
    family: Annotated[Family, typer.Option(help="Of what it is a list.")] = Family.HUB,
) -> None:
    """Write the list that a party fills in. Provisional: what DCC specifies is unpublished.

    Example: reflash inventory requests template hubs.xlsx
    """
    if family is Family.BRIDGE:
        write_table(path, [bridge_list.COLUMNS, *bridge_list.EXAMPLE])
        typer.echo(f"{path} is written; its other lines are an example to be replaced")
        return
    write_empty(path)
    typer.echo(f"{path} is written; its second line is an example to be replaced")


@app.command("import")
def import_list(
    path: Annotated[Path, typer.Argument(help="The party's list, on the template.")],
    party: Annotated[str, typer.Option("--party", help="Whose list it is, as the extract calls it.")],
    by: ByOption,
    extract: Annotated[
        Path | None,
        typer.Option("--extract", help="What the inventory holds of these hubs; of bridges, none."),
    ] = None,
    taken: TakenOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Take a party's list in and judge it hub by hub against an extract of the Smart Metering Inventory; of bridges, set by set.

    Example: reflash inventory requests import hubs.xlsx --party PARTY --extract smi.csv --by "A. Person"
    """
    whose = said(party, "--party")
    with acting(config, by) as (configured, database, who):
        settings = requests_of(configured, config)
        listed = _read(path, extract, settings, taken)
        with database.write_alone() as connection:
            verdict = book.take_in(
                connection,
                party=whose,
                listed=listed,
                settings=settings,
                by=who,
                now=system_clock(),
            )
            # Parties forecast hubs; a recall is nobody's forecast.
            unlike = None
            if listed.family is Family.HUB:
                unlike = forecasts.warning(connection, whose, system_clock())
    if as_json:
        answer = {"accepted": verdict.accepted, "refused": verdict.refused, "warning": unlike}
        print_json({"request": verdict.name, "verdict": verdict.whole, **answer})
        return
    if unlike is not None:
        typer.echo(f"warning: {unlike}", err=True)
    typer.echo(f"{verdict.name}: {verdict.whole}: {_counted(verdict)}")


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
        print_table(("request", "party", "family", "state", "accepted", "work_order"), rows)


@app.command()
def show(
    request: RequestArgument, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False
) -> None:
    """Show where a request stands, and why which of its hubs were refused.

    Example: reflash inventory requests show RQ-000001
    """
    number = book.number_of(request)
    with opened(config) as (_, database), database.read() as connection:
        found = book.shown(connection, number)
    row, lines = found.row, found.lines
    if as_json:
        hubs = [dict(line._mapping) for line in lines]  # noqa: SLF001 - the same
        print_json({**row._mapping, "request": book.name_of(number), "hubs": hubs, "bench": found.bench})  # noqa: SLF001 - the same
        return
    typer.echo(f"{book.name_of(number)} of {row.party}: {book.state_of(row)}")
    if row.closed_by and row.decided_by:
        typer.echo(f"authorised by {row.decided_by}")
    if row.work_order:
        bench = ", ".join(found.bench) or "the bench has said nothing of it yet"
        if found.bench and not found.bench_has_it:
            bench += f"; it has not taken in revision {row.revision} of the file"
        typer.echo(f"work order {row.work_order}, purchase order {row.purchase_order}: {bench}")
    refused = [line for line in lines if line.refused]
    cancelled = sum(1 for line in lines if line.cancelled and not line.refused)
    accepted = len(lines) - len(refused) - cancelled
    typer.echo(f"{counted(accepted, row.family)} accepted, {len(refused)} refused, {cancelled} cancelled")
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
    purchase = said(purchase_order, "--purchase-order")
    with acting(config, by) as (configured, database, who):
        settings = requests_of(configured, config)
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
    with opened(config) as (settings, database):
        with database.read() as connection:
            name, data = book.order_file(connection, book.number_of(request))
        path = _order_path(requests_of(settings, config), name)
        write_whole(path, data)
    typer.echo(f"{path} is written")


@app.command()
def revise(
    request: RequestArgument,
    by: ByOption,
    reason: ReasonOption,
    add: Annotated[Path | None, typer.Option("--add", help="A list of what joins, on the template.")] = None,
    extract: Annotated[Path | None, typer.Option("--extract", help="What they are judged by.")] = None,
    taken: TakenOption = None,
    cancel: Annotated[
        list[str] | None,
        typer.Option("--cancel", help="A hub's CHF or GPF id, or a bridge's id; more than once."),
    ] = None,
    cancel_list: Annotated[
        Path | None, typer.Option("--cancel-list", help="A list of what to cancel, on the template.")
    ] = None,
    cancel_rejected: Annotated[
        bool,
        typer.Option(
            "--cancel-rejected",
            help="Cancel each hub, and each set of a bridge, that was rejected at delivery.",
        ),
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Add and cancel lines of an authorised order, in somebody's name, and write its new revision for `reflash orders revise`.

    Example: reflash inventory requests revise RQ-000001 --cancel-rejected --reason "damaged" --by "A. Person"
    """
    number, why = book.number_of(request), said(reason, "--reason")
    hubs = [Eui64.parse(each) for each in cancel or []]
    if cancel_list is not None:
        hubs += _ids_of(cancel_list)
    if add is None and extract is not None:
        raise WrongInput("--extract goes with --add")
    with acting(config, by) as (configured, database, who):
        settings, joining = requests_of(configured, config), None
        if add is not None:
            joining = _read(add, extract, settings, taken)
        with database.write_alone() as connection:
            if cancel_rejected:
                hubs += revising.standing_and_rejected(connection, number)
            revised = revising.revise(
                connection,
                number,
                add=joining,
                cancel=hubs,
                settings=settings,
                by=who,
                reason=why,
                now=system_clock(),
            )
        for warning in revised.warnings:
            typer.echo(f"warning: {warning}", err=True)
        path = _order_path(settings, revised.name)
        write_whole(path, revised.data)
    joined = _counted(revised.verdict) if revised.verdict else "none joined"
    typer.echo(f"{path} is revision {revised.revision}: {joined}, {revised.cancelled} cancelled")
    typer.echo(f"at the station, run: reflash orders revise {path.name}")


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
    number, why = book.number_of(request), said(reason, "--reason")
    with acting(config, by) as (_, database, who), database.write_alone() as connection:
        book.decide(connection, number, state, by=who, reason=why, now=system_clock())
    typer.echo(f"{book.name_of(number)} is {state}")


def _order_path(settings: RequestSettings, work_order: str) -> Path:
    if any(each in work_order for each in '/\\:*?"<>|') or work_order.startswith((".", "~")):
        raise WrongInput(f"--work-order {work_order!r} cannot be a file's name")
    return settings.orders_folder / f"{work_order}.csv"


def _read(path: Path, extract: Path | None, settings: RequestSettings, taken: str | None) -> Listed:
    """Read a party's list, and what the extract holds of its hubs."""
    sheet = read_sheet(path)
    if sheet.template == bridge_list.TEMPLATE:
        if extract is not None or taken is not None:
            raise WrongInput(
                f"{sheet.name} lists bridges, which are in no extract: leave out --extract, --taken"
            )
        return BridgeList(bridge_list.read_bridges(sheet), sheet)
    asked = read_request(sheet)
    if extract is None:
        raise WrongInput(
            f"{sheet.name} lists hubs, which are judged by an extract: name it, --extract smi.csv"
        )
    held = read_sheet(extract)
    wanted = {each for line in asked for each in (line.chf, line.gpf) if each is not None}
    try:
        when = None if taken is None else moment_of(taken.strip())
    except ValueError as error:
        raise WrongInput(f"--taken: {error}") from error
    return HubList(asked, look_up(held, settings.extract_columns, wanted, when), sheet, held)


def _ids_of(path: Path) -> list[Eui64]:
    """Return an id of each hub or bridge of a list. Raises WrongInput for a line that cannot be read."""
    ids, sheet = [], read_sheet(path)
    of_bridges = sheet.template == bridge_list.TEMPLATE
    for line in bridge_list.read_bridges(sheet) if of_bridges else read_request(sheet):
        each = line.either_id
        if line.fault is not None or each is None:
            raise WrongInput(f"{path.name}, line {line.line}: {line.fault}")
        ids.append(each)
    return ids


def _counted(verdict: book.Verdict) -> str:
    refused = "".join(f", {number} {reason}" for reason, number in sorted(verdict.refused.items()))
    return f"{counted(verdict.accepted, verdict.family)} accepted{refused}"
