"""`reflash backup`: what the bench PC must not lose, copied, checked, kept for a while, and brought back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from station.backups.making import Source, backups_in, make_backup
from station.backups.manifest import check_backup
from station.backups.restoring import restore_backup
from station.backups.settings import BackupSettings
from station.cli.common import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    UsageError,
    print_json,
    print_table,
    require_stations_user,
)
from station.domain.actor import Actor
from station.domain.counted import counted
from station.messages.topics import Topics
from station.settings import StationSettings
from station.settings_file import load_settings

app = typer.Typer(help="Make, list, check and bring back backups.", no_args_is_help=True)

_PRIVATE_KEY = b"PRIVATE KEY-----"
"""Ends the first line of each kind of private key in PEM (RFC 7468)."""

Backup = Annotated[Path, typer.Argument(help="A folder that `reflash backup make` made.")]


@app.command()
def make(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Copy journal, configuration and the catalogue's memory into [backup] folder, check the copy, then let old ones go.

    Secrets and people are not in it. The daemon may run. reflash-backup.timer does this each night.

    Example: reflash backup make
    """
    settings = load_settings(config)
    require_stations_user(settings)
    chosen = _chosen(settings)
    source = Source(
        settings.site, settings.station, settings.state_directory, tuple(_configuration(config, settings))
    )
    made = make_backup(source, chosen.folder, chosen.keep, lambda: datetime.now(UTC))
    if as_json:
        print_json(
            {
                "backup": str(made.folder),
                "events": made.manifest.events,
                "head": made.manifest.head,
                "removed": list(map(str, made.removed)),
                "kept": list(map(str, made.kept)),
            }
        )
        return
    typer.echo(f"{made.folder} holds {counted(made.manifest.events, 'event')}, checked")
    for removed in made.removed:
        typer.echo(f"removed: {removed}")
    for kept in made.kept:
        typer.echo(f"kept: {kept} holds what this journal does not")


@app.command("list")
def list_(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List the backups in [backup] folder, the newest first.

    Example: reflash backup list
    """
    settings = load_settings(config)
    rows = [
        {
            "backup": str(backup),
            "station": f"{manifest.site}/{manifest.station}",
            "at": manifest.at.isoformat(timespec="seconds"),
            "events": manifest.events,
            "program": manifest.program,
        }
        for backup, manifest in backups_in(_chosen(settings).folder)
    ]
    if as_json:
        print_json(rows)
    else:
        print_table(["at", "station", "events", "program", "backup"], rows)


@app.command()
def check(backup: Backup, as_json: JsonOption = False) -> None:
    """Check a backup anew, wherever it lies: each row of its journal against the one before, each file.

    Example: reflash backup check /var/backups/reflash/bench-1-20261130T020000Z
    """
    manifest, found = check_backup(backup)
    if as_json:
        print_json({"backup": str(backup), "events": found.events, "head": found.head.hex()})
        return
    typer.echo(
        f"whole: {counted(found.events, 'event')} of {manifest.station} at {manifest.site}, head {found.head.hex()}"
    )


@app.command()
def restore(backup: Backup, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Make a backup this station's. The daemon is stopped, and the present journal set aside first.

    What is recorded keeps its ids; from here on the journal is known by a new one. The configuration is not touched.

    Example: reflash backup restore /var/backups/reflash/bench-1-20261130T020000Z
    """
    settings = load_settings(config)
    require_stations_user(settings)
    restored = restore_backup(
        backup,
        settings.state_directory,
        Topics(settings.site, settings.station),
        Actor(pseudonym=settings.operator, where="terminal"),
    )
    typer.echo(
        f"the journal has {counted(restored.journal.events, 'event')}, checked, and goes on as journal "
        f"{restored.journal.journal}"
    )
    for brought in restored.brought:
        typer.echo(f"brought in: {brought}")
    for left in restored.left:
        typer.echo(f"left as it is here: {left}")
    if restored.configuration is not None:
        typer.echo(f"the configuration of then lies in {restored.configuration}")
    typer.echo("unlock answers since the backup are not known: each hub has one left, until it is opened")


def _chosen(settings: StationSettings) -> BackupSettings:
    if settings.backup is None:
        raise UsageError(
            "no folder is configured for backups: name one, [backup] folder = … (docs/operating.md)"
        )
    return settings.backup


def _configuration(config: Path, settings: StationSettings) -> Iterator[Path]:
    """Yield the station's file, and what it names that is no secret and no catalogue."""
    yield _whole(config)
    catalogue, mqtt = settings.catalogue, settings.mqtt
    named = [catalogue.root, catalogue.products, mqtt.ca_file, mqtt.revoked_file, mqtt.certificate_file]
    if settings.language.startswith("/"):
        named.append(Path(settings.language))
    for file in dict.fromkeys(named):
        # A certificate's file may have its key in it, too.
        if file is not None and file.is_file() and _PRIVATE_KEY not in file.read_bytes():
            yield _whole(file)


def _whole(file: Path) -> Path:
    """Return its path from / without `..`, which has no place in a backup."""
    return Path(os.path.abspath(file))  # noqa: PTH100 - a link is kept by its own name
