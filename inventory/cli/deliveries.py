"""`reflash inventory deliveries`: what parties announce and send, and what of it goes back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from firmware_catalog.devices import Family
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
from inventory.csv_text import csv_text
from inventory.delivery import book, rejecting, returns
from inventory.delivery.goods import (
    BRIDGES_COLUMNS,
    BRIDGES_TEMPLATE,
    GOODS_COLUMNS,
    GOODS_TEMPLATE,
    PACKING_COLUMNS,
    PACKING_TEMPLATE,
    UnitKind,
    read_goods,
    read_packing_list,
    units_of,
)
from inventory.delivery.name import delivery_name, delivery_number
from inventory.moments import system_clock
from inventory.requests.book import number_of
from inventory.requests.extract import look_up
from inventory.requests.request_file import write_table
from inventory.requests.sheet import read_sheet
from station.domain.counted import counted

app = typer.Typer(help="What parties announce and send, and what of it goes back.", no_args_is_help=True)
_FOUND = "CODE=finding, or CODE=finding=detail; more than once."
_UNIT = "CODE, CODE=finding, or CODE=finding=detail; more than once."


@app.command("template")
def write_template(
    path: Annotated[Path, typer.Argument(help="A file that is not there yet: .xlsx, or .csv.")],
    goods: Annotated[bool, typer.Option("--goods", help="The list for goods-in, not the party's.")] = False,
    family: Annotated[Family, typer.Option(help="What the party sends.")] = Family.HUB,
) -> None:
    """Write the packing list that a party fills in, or the list that goods-in scans into. Both are provisional.

    Example: reflash inventory deliveries template packing.xlsx
    """
    if goods:
        write_table(path, [GOODS_COLUMNS, (GOODS_TEMPLATE, "carton", "C-0001", "", "")])
    elif family is Family.BRIDGE:
        example = (BRIDGES_TEMPLATE, "P-01", "C-0001", "88-73-84-00-00-00-0B-01")
        write_table(path, [BRIDGES_COLUMNS, example])
    else:
        hub = ("88-73-84-00-00-00-00-01", "88-73-84-00-00-00-01-01")
        write_table(path, [PACKING_COLUMNS, (PACKING_TEMPLATE, "P-01", "C-0001", *hub)])
    typer.echo(f"{path} is written; its second line is an example to be replaced")


@app.command()
def announce(
    request: RequestArgument,
    path: Annotated[Path, typer.Argument(help="The party's packing list, on the template.")],
    by: ByOption,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Take in what a party says it sends, and in what; of a hub that was announced before, this counts.

    Example: reflash inventory deliveries announce RQ-000001 packing.xlsx --by "A. Person"
    """
    number, sheet = number_of(request), read_sheet(path)
    packed = read_packing_list(sheet)
    with acting(config, by) as (_, database, who), database.write_alone() as connection:
        strange = book.announce(connection, number, packed, sheet, by=who, now=system_clock())
    typer.echo(f"{counted(len(packed), 'bridge' if sheet.template == BRIDGES_TEMPLATE else 'hub')} announced")
    for hub in strange:
        typer.echo(f"not on the order: {hub}")


@app.command()
def receive(
    request: RequestArgument,
    delivery_note: Annotated[str, typer.Option("--delivery-note", help="The carrier's or party's number.")],
    by: ByOption,
    goods: Annotated[Path | None, typer.Option("--list", help="What was scanned, on the template.")] = None,
    pallet: Annotated[list[str] | None, typer.Option("--pallet", help=_UNIT)] = None,
    carton: Annotated[list[str] | None, typer.Option("--carton", help=_UNIT)] = None,
    hub: Annotated[list[str] | None, typer.Option("--hub", "--bridge", help=_UNIT)] = None,
    extract: Annotated[Path | None, typer.Option("--extract", help="What the inventory holds now.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Receive goods against an order, by pallet, carton or hub, and say hub by hub what is accepted.

    Example: reflash inventory deliveries receive RQ-000001 --delivery-note DN-7 --pallet P-01 --carton C-0009=seal_broken --by "A. Person"
    """
    number, note = number_of(request), said(delivery_note, "--delivery-note")
    units = [] if goods is None else read_goods(read_sheet(goods))
    given = {UnitKind.PALLET: pallet, UnitKind.CARTON: carton, UnitKind.HUB: hub}
    for kind, words in given.items():
        units += units_of(words or [], kind)
    with acting(config, by) as (configured, database, who):
        settings, held = requests_of(configured, config), None
        if extract is not None:
            sheet = read_sheet(extract)
            with database.read() as connection:
                wanted = book.ids_of_order(connection, number)
            held = sheet, look_up(sheet, settings.extract_columns, wanted)
        with database.write_alone() as connection:
            receipt = book.receive(
                connection,
                number,
                units,
                delivery_note=note,
                extract=held,
                limits=settings.limits,
                by=who,
                now=system_clock(),
            )
    for warning in receipt.warnings:
        typer.echo(f"warning: {warning}", err=True)
    if as_json:
        print_json({"delivery": receipt.name, "accepted": receipt.accepted, "rejected": receipt.rejected})
        return
    rejected = "".join(f", {number} {reason}" for reason, number in sorted(receipt.rejected.items()))
    typer.echo(f"{receipt.name}: {counted(receipt.accepted, receipt.family)} accepted{rejected}")


@app.command()
def show(
    request: RequestArgument, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False
) -> None:
    """Show how far an order's hubs have come, and which have not.

    Example: reflash inventory deliveries show RQ-000001
    """
    with opened(config) as (_, database), database.read() as connection:
        progress = book.progress(connection, number_of(request))
    if as_json:
        print_json(
            {
                "ordered": progress.ordered,
                "accepted": progress.accepted,
                "rejected": progress.rejected,
                "outstanding": progress.outstanding,
                "receipts": progress.receipts,
            }
        )
        return
    typer.echo(
        f"{progress.accepted} accepted of {counted(progress.ordered, progress.family)} on the order; "
        f"{progress.rejected} rejected have to go back"
    )
    for receipt in progress.receipts:
        numbers = ", ".join(f"{value} {name}" for name, value in receipt.items() if isinstance(value, int))
        typer.echo(
            f"{receipt['delivery']}  {receipt['received']:%Y-%m-%d}  {receipt['delivery_note']}: {numbers}"
        )
    for chf in progress.outstanding[:20]:
        typer.echo(f"not accepted yet: {chf}")
    if len(progress.outstanding) > 20:
        typer.echo(f"and {len(progress.outstanding) - 20} more; see --json")


@app.command()
def rejected(
    request: Annotated[str | None, typer.Argument(help="The request, as RQ-000001; else all.")] = None,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="Write them to this new file.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """List what was rejected and has to go back to its party.

    Example: reflash inventory deliveries rejected --csv back.csv
    """
    number = None if request is None else number_of(request)
    with opened(config) as (_, database), database.read() as connection:
        rows = [
            {**row._mapping, "delivery": delivery_name(row.delivery)}  # noqa: SLF001 - its public name
            for row in returns.to_go_back(connection, number)
        ]
    columns = ("delivery", "party", "work_order", "pallet", "carton", "hub", "rejected", "detail")
    if csv_file is None:
        print_table(columns, rows)
        return
    table = csv_text(columns, [[row[name] for name in columns] for row in rows])
    with csv_file.open("xb") as file:
        file.write(table.encode())
    typer.echo(f"{csv_file} is written: {counted(len(rows), 'line')}")


@app.command()
def reject(
    delivery: Annotated[str, typer.Argument(help="The delivery with which it was accepted, as DL-000001.")],
    reason: ReasonOption,
    by: ByOption,
    pallet: Annotated[list[str] | None, typer.Option("--pallet", help=_FOUND)] = None,
    carton: Annotated[list[str] | None, typer.Option("--carton", help=_FOUND)] = None,
    hub: Annotated[list[str] | None, typer.Option("--hub", "--bridge", help=_FOUND)] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Reject what was accepted, and turns out to be none that may be, before the bench has begun with it; its party is told.

    Example: reflash inventory deliveries reject DL-000001 --carton C-0009=damaged_packaging --reason "seen when opened" --by "A. Person"
    """
    number, why = delivery_number(delivery), said(reason, "--reason")
    units = units_of(pallet or [], UnitKind.PALLET) + units_of(carton or [], UnitKind.CARTON)
    units += units_of(hub or [], UnitKind.HUB)
    with acting(config, by) as (_, database, who), database.write_alone() as connection:
        hubs = rejecting.reject(connection, number, units, reason=why, by=who, now=system_clock())
    typer.echo(f"{counted(hubs, 'hub')} of {delivery_name(number)} {'is' if hubs == 1 else 'are'} rejected")


@app.command("return")
def give_back(
    delivery: Annotated[str, typer.Argument(help="The delivery, as DL-000001.")],
    note: Annotated[str, typer.Option("--note", help="By which carrier, under which number.")],
    by: ByOption,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Record that what was rejected of a delivery went back to its party.

    Example: reflash inventory deliveries return DL-000001 --note "carrier 4711" --by "A. Person"
    """
    number, what = delivery_number(delivery), said(note, "--note")
    with acting(config, by) as (_, database, who), database.write_alone() as connection:
        gone = returns.give_back(connection, number, note=what, by=who, now=system_clock())
    typer.echo(f"{counted(gone, 'rejected line')} of {delivery_name(number)} went back")
