"""`reflash cartons`: hubs packed by a scan, cartons closed, put on pallets, taken apart again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from station.cli import papers
from station.cli.asking import ask_running, asker
from station.cli.common import DEFAULT_CONFIG, ByOption, ConfigOption, JsonOption, UsageError, print_json
from station.cli.orders import OrderArgument, require_order
from station.cli.packing import LabelsArgument, asking, bring, is_last_digits, scanned, scanned_label, tell
from station.cli.scanning import DeskOption
from station.desk.label_printing_requests import PrintLabel
from station.desk.packing_requests import (
    CloseCarton,
    ClosePallet,
    DecideHub,
    HoldCarton,
    OpenCarton,
    OpenPallet,
    PutOnPallet,
    Recall,
    ReleaseCarton,
    TakeOffPallet,
)
from station.domain.destination import Destination
from station.packing.codes import CodeError, Package, PackageCode, pallet_code
from station.records.facts.packed import Carton, Pallet, cartons_of, hubs_in, pallets_of
from station.records.reader import JournalReader
from station.settings_file import load_settings

app = typer.Typer(help="Pack hubs into cartons, and cartons on pallets.", no_args_is_help=True)
pallets = typer.Typer(help="Cartons on pallets.", no_args_is_help=True)
app.add_typer(pallets, name="pallet")

CartonArgument = Annotated[str, typer.Argument(help="The carton's code, as printed on it.")]
PalletArgument = Annotated[str, typer.Argument(help="The pallet's code, as printed on it.")]
PackageArgument = Annotated[str, typer.Argument(help="The code of a carton or pallet.")]
HubArgument = Annotated[str, typer.Argument(help="The hub's label, CHF or GPF id, or its last six digits.")]
ReasonOption = Annotated[str, typer.Option(help="Why; kept for good, so without names.")]


@app.command("open")
def open_carton(
    order: OrderArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    desk: DeskOption = None,
    as_json: JsonOption = False,
) -> None:
    """Begin a carton. The first hub that is packed says what kind of hubs it holds.

    Example: reflash cartons open WO-2031
    """
    tell(asking(config, desk)(OpenCarton(order=order)), as_json=as_json)


@app.command()
def pack(
    code: CartonArgument,
    hub: LabelsArgument = None,
    config: ConfigOption = DEFAULT_CONFIG,
    desk: DeskOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put hubs that passed into a carton, a scan each; the one that fills it closes it.

    On standard input the code of another carton, or the name of a place, says where the labels after it go.

    Example: reflash cartons pack CTN00001234 88-73-84-00-00-00-00-01
    """
    bring(asker(config, desk), _read(code, Package.CARTON), hub, as_json=as_json)


@app.command()
def close(
    code: CartonArgument,
    reason: ReasonOption,
    config: ConfigOption = DEFAULT_CONFIG,
    desk: DeskOption = None,
    hubs: Annotated[
        int | None, typer.Option(min=0, help="Only while it holds so many, as somebody counted them.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Close a carton that stays short.

    Example: reflash cartons close CTN00001234 --hubs 5 --reason "last hubs of the order"
    """
    tell(asking(config, desk)(CloseCarton(carton=code, reason=reason, expected_hubs=hubs)), as_json=as_json)


@app.command()
def hold(
    code: CartonArgument,
    reason: ReasonOption,
    config: ConfigOption = DEFAULT_CONFIG,
    desk: DeskOption = None,
    found: Annotated[str | None, typer.Option(help="The label of a hub in it that is not of it.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Say that what is in a carton is not what its books say: nobody uses it until a supervisor has looked.

    Example: reflash cartons hold CTN00001234 --found 88-73-84-00-00-00-00-01 --reason "recount"
    """
    label = None if found is None else scanned_label(found).device_id
    tell(asking(config, desk)(HoldCarton(carton=code, reason=reason, found=label)), as_json=as_json)


@app.command()
def release(
    code: CartonArgument,
    reason: ReasonOption,
    config: ConfigOption = DEFAULT_CONFIG,
    by: ByOption = None,
    desk: DeskOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say that a carton that was held was looked into, and that its books are right. For a supervisor.

    Example: reflash cartons release CTN00001234 --reason "recounted, the books are right"
    """
    release_it = ReleaseCarton(carton=code, reason=reason)
    tell(asking(config, desk, by)(release_it), as_json=as_json)


@app.command("take-out")
def take_out(
    hub: HubArgument,
    reason: ReasonOption,
    to: Annotated[str, typer.Option(help="Where it goes: rework, quarantine, …, or the code of a carton.")],
    config: ConfigOption = DEFAULT_CONFIG,
    by: ByOption = None,
    desk: DeskOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a hub out of its carton, which is open again then. For a supervisor.

    Example: reflash cartons take-out 88-73-84-00-00-00-00-01 --to quarantine --reason dropped
    """
    decide = decision(hub, to, reason).model_copy(update={"expected": "carton"})
    tell(asking(config, desk, by)(decide), as_json=as_json)


@app.command("list")
def list_cartons(
    order: OrderArgument, config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False
) -> None:
    """List the cartons and pallets of an order.

    Example: reflash cartons list WO-2031
    """
    with JournalReader(load_settings(config).journal_folder) as journal:
        require_order(journal, order)
        boxes = journal.of_order(order, cartons_of, order)
        on = journal.of_order(order, pallets_of, order)
    if as_json:
        print_json({"cartons": [_carton(each) for each in boxes], "pallets": [_pallet(each) for each in on]})
        return
    for each in (*boxes, *on):
        typer.echo(str(each))
    if not boxes:
        typer.echo(f"no carton of order {order} was opened yet")


@app.command()
def show(
    code: PackageArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Show what is in a carton, or on a pallet.

    Example: reflash cartons show CTN00001234
    """
    read = _read(code)
    with JournalReader(load_settings(config).journal_folder) as journal:
        of, boxes = papers.found(journal, read)
        if isinstance(of, Carton):
            hubs = journal.of_order(of.order, hubs_in, of.number)
            shown = _carton(of) | {"inside": [str(each.hub) for each in hubs]}
            lines = [
                f"{f'bridge {each.hub}' if each.gpf is None else f'hub {each.hub}, label {each.gpf}'}, "
                f"packed {each.placed:%Y-%m-%d %H:%M} UTC"
                for each in hubs
            ]
        else:
            shown, lines = _pallet(of) | {"on": [each.code for each in boxes]}, [str(each) for each in boxes]
    if as_json:
        print_json(shown)
        return
    for line in (str(of), *lines):
        typer.echo(line)


@app.command()
def label(
    code: PackageArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    desk: DeskOption = None,
    pdf: Annotated[Path | None, typer.Option(help="Make a page of it instead, in this file.")] = None,
    zpl: Annotated[Path | None, typer.Option(help="Or what a label printer is sent.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Print the label of a closed carton or pallet once more; it says that it is a copy.

    Example: reflash cartons label CTN00001236 --pdf label.pdf
    """
    read = _read(code)
    if pdf is None and zpl is None:
        tell(asking(config, desk)(PrintLabel(code=str(read))), as_json=as_json)
        return
    settings = load_settings(config)
    with JournalReader(settings.journal_folder) as journal:
        drawn = papers.draw_label(journal, read, settings.labels)
    papers.write_label(drawn, settings.labels.media, pdf, zpl)


@app.command("packing-list")
def packing_list(
    code: PackageArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    pdf: Annotated[Path | None, typer.Option(help="Make pages of it, in this file.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Make a spreadsheet of it, in this file.")] = None,
) -> None:
    """List what is in a carton, or on a pallet, hub by hub.

    Example: reflash cartons packing-list PLT00000013 --csv pallet.csv --pdf pallet.pdf
    """
    read = _read(code)
    with JournalReader(load_settings(config).journal_folder) as journal:
        listed = papers.list_hubs(journal, read)
    papers.write_list(listed, pdf, csv)


@app.command()
def recall(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Name the cartons and pallets that hold a release which was withdrawn since. Asks the daemon, which has the catalogue.

    Example: reflash cartons recall
    """
    recalled = ask_running(asker(config), Recall())
    if as_json:
        print_json(recalled.model_dump(mode="json"))
        return
    for line in recalled.lines or ("no carton holds a release that was withdrawn",):
        typer.echo(line)


@pallets.command("open")
def open_pallet(
    order: OrderArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    desk: DeskOption = None,
    as_json: JsonOption = False,
) -> None:
    """Begin a pallet for cartons of an order.

    Example: reflash cartons pallet open WO-2031
    """
    tell(asking(config, desk)(OpenPallet(order=order)), as_json=as_json)


@pallets.command("put")
def put_on_pallet(
    code: PalletArgument,
    carton: CartonArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    desk: DeskOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a closed carton on a pallet; the one that fills it closes it.

    Example: reflash cartons pallet put PLT00000013 CTN00001234
    """
    tell(asking(config, desk)(PutOnPallet(pallet=code, carton=carton)), as_json=as_json)


@pallets.command("close")
def close_pallet(
    code: PalletArgument,
    reason: ReasonOption,
    config: ConfigOption = DEFAULT_CONFIG,
    desk: DeskOption = None,
    cartons: Annotated[int | None, typer.Option(min=0, help="Only while so many are on it.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Close a pallet that stays short.

    Example: reflash cartons pallet close PLT00000013 --reason "goes today"
    """
    close_it = ClosePallet(pallet=code, reason=reason, expected_cartons=cartons)
    tell(asking(config, desk)(close_it), as_json=as_json)


@pallets.command("take-off")
def take_off_pallet(
    carton: CartonArgument,
    reason: ReasonOption,
    config: ConfigOption = DEFAULT_CONFIG,
    by: ByOption = None,
    desk: DeskOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a carton off its pallet, which is open again then. For a supervisor.

    Example: reflash cartons pallet take-off CTN00001234 --reason "crushed"
    """
    take_off = TakeOffPallet(carton=carton, reason=reason)
    tell(asking(config, desk, by)(take_off), as_json=as_json)


def decision(hub: str, to: str, reason: str) -> DecideHub:
    """Read what a supervisor decides: a hub by its label or last digits, to a place or into a carton. Raises UsageError."""
    where = scanned(to)
    code = str(where) if isinstance(where, PackageCode) else None
    if not isinstance(where, PackageCode | Destination):
        raise UsageError(f"{to[:40]!r} is no place ({', '.join(Destination)}) and no code of a carton")
    place = where if isinstance(where, Destination) else Destination.CARTON
    if is_last_digits(hub):
        return DecideHub(digits=hub.strip(), place=place, carton=code, reason=reason)
    label = scanned_label(hub)
    return DecideHub(id=label.device_id, role=label.role, place=place, carton=code, reason=reason)


def _read(code: str, package: Package | None = None) -> PackageCode:
    try:
        read = PackageCode.parse(code)
    except CodeError as error:
        raise UsageError(str(error)) from error
    if package not in {None, read.package}:
        raise UsageError(f"{read} is the code of a {read.package}, not of a {package}")
    return read


def _carton(each: Carton) -> dict[str, Any]:
    return {
        "carton": each.code,
        "order": each.order,
        "hubs": each.hubs,
        "capacity": each.capacity,
        "state": each.state,
        "reason": each.held or each.reason,
        "contents": None if each.contents is None else each.contents.model_dump(mode="json"),
        "pallet": None if each.pallet is None else pallet_code(each.pallet),
    }


def _pallet(each: Pallet) -> dict[str, Any]:
    return {
        "pallet": each.code,
        "order": each.order,
        "cartons": each.cartons,
        "capacity": each.capacity,
        "state": each.state,
        "reason": each.reason,
    }
