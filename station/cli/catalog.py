"""`reflash catalog`: what may be flashed on what."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from firmware_catalog.catalog import FolderCatalog
from firmware_catalog.editing import add_release, withdraw_release
from firmware_catalog.identity import DeviceModel, FirmwareVersion
from firmware_catalog.release import ANY_LOWER, Release, VersionRange
from station.cli.common import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    UsageError,
    WorkFailed,
    print_json,
    print_table,
)
from station.config import load_settings
from station.control import ask_daemon

app = typer.Typer(help="Manage the firmware that may be flashed.", no_args_is_help=True)

DirOption = Annotated[Path, typer.Option("--dir", help="The catalogue's folder.")]
ManufacturerOption = Annotated[str | None, typer.Option(help="DeviceManufacturer, as the hub reports it.")]
ModelOption = Annotated[str | None, typer.Option(help="DeviceModel, as the hub reports it.")]
VersionOption = Annotated[str, typer.Option("--version", help="Firmware version, 8 hex digits.")]


@app.command()
def add(
    image: Annotated[Path, typer.Argument(help="An MCUboot image file.")],
    folder: DirOption,
    manufacturer: ManufacturerOption = None,
    model: ModelOption = None,
    permit_from: Annotated[
        list[str] | None,
        typer.Option(
            help="A version, or LOWEST-HIGHEST, it may be applied to; repeat. Any lower if left out."
        ),
    ] = None,
    hardware: Annotated[
        list[str] | None, typer.Option(help="A hardware version it is for; repeat. All if left out.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Add an image as a production release.

    Example: reflash catalog add hub-0002012F.bin --dir /srv/catalogue --permit-from 00010000-000200FF
    """
    release = add_release(
        folder,
        image,
        model=_model(manufacturer, model),
        permitted_from=tuple(_version_range(text) for text in permit_from or ()) or ANY_LOWER,
        hardware_versions=tuple(hardware or ()),
    )
    if as_json:
        print_json(_as_row(release))
    else:
        typer.echo(f"added {release}")


@app.command()
def withdraw(
    manufacturer: Annotated[str, typer.Option(help="DeviceManufacturer.")],
    model: Annotated[str, typer.Option(help="DeviceModel.")],
    version: VersionOption,
    folder: DirOption,
) -> None:
    """Withdraw a release: no hub is given it any more.

    Example: reflash catalog withdraw --manufacturer 0B6B --model 00000001 --version 0002012F --dir /srv/catalogue
    """
    release = withdraw_release(folder, DeviceModel(manufacturer, model), FirmwareVersion.parse(version))
    typer.echo(f"withdrew {release}")


@app.command()
def resume(
    manufacturer: Annotated[str, typer.Option(help="DeviceManufacturer.")],
    model: Annotated[str, typer.Option(help="DeviceModel.")],
    version: VersionOption,
    reason: Annotated[str, typer.Option(help="Why it may go on; kept in the journal.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Let a release go on that the station stopped because too many hubs failed with it.

    Example: reflash catalog resume --manufacturer 10A8 --model 00000011 --version 0102012F --reason "bad adapter"
    """
    release = {"manufacturer": manufacturer, "model": model, "version": str(FirmwareVersion.parse(version))}
    settings = load_settings(config)
    asyncio.run(ask_daemon(settings.state_directory, {"do": "resume_release", **release, "reason": reason}))
    typer.echo(f"release {version} of {manufacturer}/{model} goes on")


@app.command("list")
def list_releases(folder: DirOption, as_json: JsonOption = False) -> None:
    """List every release.

    Example: reflash catalog list --dir /srv/catalogue
    """
    catalog = FolderCatalog.open(folder)
    rows = [_as_row(release) for model in catalog.models() for release in catalog.releases(model)]
    if as_json:
        print_json(rows)
    else:
        print_table(["manufacturer", "model", "version", "status", "permitted_from", "file"], rows)


@app.command()
def show(
    manufacturer: Annotated[str, typer.Option(help="DeviceManufacturer.")],
    model: Annotated[str, typer.Option(help="DeviceModel.")],
    folder: DirOption,
    from_version: Annotated[
        str | None, typer.Option("--from", help="Show the plan for a hub that runs this version.")
    ] = None,
    hardware: Annotated[str, typer.Option(help="The hub's hardware version.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Show a model's releases, or the plan for one hub.

    Example: reflash catalog show --manufacturer 0B6B --model 00000001 --from 00010000 --dir /srv/catalogue
    """
    catalog = FolderCatalog.open(folder)
    device = DeviceModel(manufacturer, model)
    if from_version is None:
        releases = catalog.releases(device)
    else:
        plan = catalog.plan(device, FirmwareVersion.parse(from_version), hardware)
        releases = tuple(step.release for step in plan.steps)
        if not releases and not as_json:
            typer.echo(f"{from_version} is the latest, nothing to do")
            return
    rows = [_as_row(release) for release in releases]
    if as_json:
        print_json(rows)
    else:
        print_table(["version", "status", "permitted_from", "hardware", "sha256"], rows)


@app.command()
def verify(folder: DirOption, as_json: JsonOption = False) -> None:
    """Read every image and hold it against its pin. Exits 1 if one is wrong.

    Example: reflash catalog verify --dir /srv/catalogue
    """
    problems = FolderCatalog.open(folder).verify()
    if as_json:
        print_json({"whole": not problems, "problems": [str(problem) for problem in problems]})
        if problems:
            raise typer.Exit(1)
    elif problems:
        raise WorkFailed("\n".join(str(problem) for problem in problems))
    else:
        typer.echo("every image is the one that was added")


def _model(manufacturer: str | None, model: str | None) -> DeviceModel | None:
    if manufacturer is None and model is None:
        return None
    if manufacturer is None or model is None:
        raise UsageError("give both --manufacturer and --model, or neither")
    return DeviceModel(manufacturer, model)


def _version_range(text: str) -> VersionRange:
    first, _, last = text.partition("-")
    lowest, highest = FirmwareVersion.parse(first), FirmwareVersion.parse(last or first)
    if highest < lowest:
        raise UsageError(f"{text} is no range: the lower version comes first")
    return VersionRange(lowest=lowest, highest=highest)


def _as_row(release: Release) -> dict[str, Any]:
    ranges = release.permitted_from
    return {
        "manufacturer": release.model.manufacturer,
        "model": release.model.model,
        "version": str(release.version),
        "status": str(release.status),
        "permitted_from": "any lower" if isinstance(ranges, str) else ", ".join(str(one) for one in ranges),
        "hardware": ", ".join(release.hardware_versions) or "any",
        "file": release.image.file,
        "sha256": release.image.sha256,
        "size": release.image.size,
    }
