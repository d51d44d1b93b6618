"""`reflash inventory ssmi`: the file by which DCC Logistics updates the Smart Metering Inventory."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated

import typer

from inventory.cli.common import DEFAULT_CONFIG, ByOption, ConfigOption, acting
from inventory.errors import WrongInput
from inventory.moments import system_clock
from inventory.settings import InventorySettings
from inventory.ssmi import upload as uploading
from inventory.ssmi.file import by_file, file_of, note
from inventory.ssmi.settings import SsmiSettings
from inventory.upstream.https import NoCredentials
from inventory.upstream.releasing import reasons_of
from inventory.upstream.update import update_of
from inventory.whole_file import write_whole
from station.domain.counted import counted

app = typer.Typer(help="Files for the SSMI (Option B). Their form is provisional.", no_args_is_help=True)
_LONGEST = 64 << 20


@app.command()
def write(
    work_order: Annotated[
        str, typer.Argument(help="A work order that the bench has closed, or in part released.")
    ],
    by: ByOption,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Write an order's hubs and the versions that they said last, with count and SHA-256 beside it, for the upload to the SSMI.

    Example: reflash inventory ssmi write WO-2031 --by "A. Person"
    """
    with acting(config, by) as (settings, database, who):
        ssmi = _ssmi(settings, config)
        with database.write_alone() as connection:
            update = update_of(connection, work_order, settings.upstream)
            told = [each for each in update.told if by_file(settings.upstream, each.region)]
            file = file_of(work_order, told, update.held, ssmi)
            despite = reasons_of(connection, work_order)
            note(
                *(connection, work_order, told, update.held, file),
                by=who,
                despite=despite,
                now=system_clock(),
            )
        # The table comes last: whoever finds it has its notice.
        write_whole(ssmi.folder / f"{file.name}.json", file.notice)
        write_whole(ssmi.folder / f"{file.name}.csv", file.table)
    typer.echo(f"{ssmi.folder / file.name}.csv has {counted(len(told), 'hub')}")
    for chf, reason in update.held:
        typer.echo(f"held  {chf}  {reason}")


@app.command()
def upload(
    file: Annotated[Path, typer.Argument(help="A file that `ssmi write` wrote.")],
    by: ByOption,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Upload a file to the SSMI, in DCC Logistics' name, and put down what it answers of each hub. Exits 1 unless all are accepted.

    Example: reflash inventory ssmi upload WO-2031-ssmi-1a2b3c4d.csv --by "A. Person"
    """
    with acting(config, by) as (settings, database, who):
        ssmi = _ssmi(settings, config)
        if ssmi.upload is None:
            raise WrongInput(f"{config} has no [ssmi.upload]; see docs/inventory.md")
        with file.open("rb") as opened_file:
            table = opened_file.read(_LONGEST)
        sha256 = hashlib.sha256(table).hexdigest()
        with database.write_alone() as connection:
            made = uploading.begin(
                *(connection, table, sha256, file.name, settings.upstream), by=who, now=system_clock()
            )
        try:
            answers = uploading.send(made, ssmi, ssmi.upload, system_clock())
        except (uploading.NotUploaded, NoCredentials) as error:
            with database.write() as connection:
                uploading.ended(connection, made, "not_answered", str(error), system_clock())
            raise
        with database.write() as connection:
            silent = uploading.end(connection, made, answers, system_clock())
    refused = {chf: each.reason for chf, each in answers.items() if not each.accepted}
    typer.echo(
        f"{file.name}: {len(answers) - len(refused)} accepted, {len(refused)} refused, {len(silent)} not answered"
    )
    for chf, reason in refused.items():
        typer.echo(f"refused  {chf}  {reason}")
    if silent:
        typer.echo("the SSMI did not answer of all; upload the same file again")
    if silent or refused:
        raise typer.Exit(1)


def _ssmi(settings: InventorySettings, config: Path) -> SsmiSettings:
    if settings.ssmi is None:
        raise WrongInput(f"{config} has no [ssmi]; see docs/inventory.md")
    return settings.ssmi
