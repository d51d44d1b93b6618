"""`reflash catalog`: what may be flashed on what, in a signed catalogue or in a plain folder."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from firmware_catalog.catalog import Catalog, FolderCatalog
from firmware_catalog.devices import DeviceKind
from firmware_catalog.editing import add_release, withdraw_release
from firmware_catalog.errors import CatalogError, ManifestError
from firmware_catalog.files import read_regular_file
from firmware_catalog.identity import DeviceModel, Eui64, FirmwareVersion
from firmware_catalog.manifest import MANIFEST_NAME
from firmware_catalog.new_release import Statement
from firmware_catalog.release import ANY_LOWER, Release, VersionRange
from firmware_catalog.trust.names import is_signed_catalogue
from station.cli import catalogue_owner
from station.cli.asking import ask_running, asker
from station.cli.catalogue_keys import DaysOption, KeyRing, PinFileOption, SigningKeysOption, lifetimes
from station.cli.catalogue_owner import DirOption
from station.cli.common import (
    DEFAULT_CONFIG,
    ByOption,
    ConfigOption,
    JsonOption,
    UsageError,
    WorkFailed,
    print_json,
    print_table,
)
from station.cli.scanning import DeskOption
from station.desk.record_requests import ResumeRelease

app = typer.Typer(help="Manage the firmware that may be flashed.", no_args_is_help=True)
app.command()(catalogue_owner.init)
app.command()(catalogue_owner.delegate)
app.command()(catalogue_owner.revoke)
app.command("rotate-root")(catalogue_owner.rotate_root)
app.command()(catalogue_owner.refresh)
app.command("import-cpl")(catalogue_owner.import_cpl)

_MAX_ROOT_SIZE = 512_000

ManufacturerOption = Annotated[str | None, typer.Option(help="DeviceManufacturer, as the hub reports it.")]
ModelOption = Annotated[str | None, typer.Option(help="DeviceModel, as the hub reports it.")]
VersionOption = Annotated[str, typer.Option("--version", help="Firmware version, 8 hex digits.")]


@app.command()
def add(
    image: Annotated[Path, typer.Argument(help="An image: MCUboot, ZigBee OTA, DFU or raw.")],
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
    made_for: Annotated[
        DeviceKind, typer.Option("--for", help="What it is for: hubs, or bridges of one type.")
    ] = DeviceKind.HUB,
    version: Annotated[
        str | None,
        typer.Option("--version", help="Of a raw image, 8 hex digits; the others state their own."),
    ] = None,
    notes: Annotated[str, typer.Option(help="For people.")] = "",
    key: SigningKeysOption = None,
    pin_file: PinFileOption = None,
    days: DaysOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add an image as a production release. A signed catalogue takes it with its manufacturer's keys.

    Example: reflash catalog add hub.bin --dir /srv/catalogue --permit-from 00010000-000200FF --key maker.pem
    """
    statement = Statement(
        model=_model(manufacturer, model),
        version=FirmwareVersion.parse(version) if version else None,
        permitted_from=tuple(_version_range(text) for text in permit_from or ()) or ANY_LOWER,
        hardware_versions=tuple(hardware or ()),
        made_for=made_for,
        notes=notes,
    )
    if is_signed_catalogue(folder):
        from firmware_catalog.trust.releasing import add_signed_release  # noqa: PLC0415 - python-tuf

        signers = _ring(key, pin_file).signers
        release = add_signed_release(folder, image, statement, signers, lifetimes=lifetimes(days))
    else:
        _refuse_keys(folder, key)
        release = add_release(
            folder,
            image,
            model=statement.model,
            version=statement.version,
            permitted_from=statement.permitted_from,
            hardware_versions=statement.hardware_versions,
            made_for=statement.made_for,
            notes=statement.notes,
        )
    if as_json:
        print_json(_as_json(release))
    else:
        typer.echo(f"added {release}{_still_to_publish(folder)}")


@app.command()
def withdraw(
    manufacturer: Annotated[str, typer.Option(help="DeviceManufacturer.")],
    model: Annotated[str, typer.Option(help="DeviceModel.")],
    version: VersionOption,
    folder: DirOption,
    key: SigningKeysOption = None,
    pin_file: PinFileOption = None,
    days: DaysOption = None,
) -> None:
    """Withdraw a release: no hub is given it any more. In a signed catalogue with the owner's or its maker's keys.

    Example: reflash catalog withdraw --manufacturer 0B6B --model 00000001 --version 0002012F --dir /srv/catalogue
    """
    device, number = DeviceModel(manufacturer, model), FirmwareVersion.parse(version)
    if is_signed_catalogue(folder):
        from firmware_catalog.trust.releasing import withdraw_signed_release  # noqa: PLC0415 - python-tuf

        signers = _ring(key, pin_file).signers
        release = withdraw_signed_release(folder, device, number, signers, lifetimes=lifetimes(days))
    else:
        _refuse_keys(folder, key)
        release = withdraw_release(folder, device, number)
    typer.echo(f"withdrew {release}{_still_to_publish(folder)}")


@app.command()
def resume(
    manufacturer: Annotated[str, typer.Option(help="DeviceManufacturer.")],
    model: Annotated[str, typer.Option(help="DeviceModel.")],
    version: VersionOption,
    reason: Annotated[str, typer.Option(help="Why it may go on; kept for good, so without names.")],
    config: ConfigOption = DEFAULT_CONFIG,
    by: ByOption = None,
    desk: DeskOption = None,
) -> None:
    """Let a release go on that the station stopped because too many hubs failed with it.

    Example: reflash catalog resume --manufacturer 10A8 --model 00000011 --version 0102012F --reason "bad adapter"
    """
    parsed = FirmwareVersion.parse(version)
    resume_it = ResumeRelease(manufacturer=manufacturer, model=model, version=parsed, reason=reason)
    ask_running(asker(config, desk, by), resume_it)
    typer.echo(f"release {version} of {manufacturer}/{model} goes on")


@app.command("list")
def list_releases(folder: DirOption, as_json: JsonOption = False) -> None:
    """List every release; of a signed catalogue what is published.

    Example: reflash catalog list --dir /srv/catalogue
    """
    with _opened(folder) as catalogue:
        releases = [release for model in catalogue.models() for release in catalogue.releases(model)]
    if as_json:
        print_json([_as_json(release) for release in releases])
    else:
        columns = ["manufacturer", "model", "made_for", "version", "status", "permitted_from", "file"]
        print_table(columns, [_as_row(release) for release in releases])


@app.command()
def show(
    manufacturer: Annotated[str, typer.Option(help="DeviceManufacturer.")],
    model: Annotated[str, typer.Option(help="DeviceModel.")],
    folder: DirOption,
    from_version: Annotated[
        str | None, typer.Option("--from", help="Show the plan for a hub that runs this version.")
    ] = None,
    hardware: Annotated[str, typer.Option(help="The hub's hardware version.")] = "",
    made_for: Annotated[
        DeviceKind, typer.Option("--for", help="What the plan is for: a hub, or a bridge of one type.")
    ] = DeviceKind.HUB,
    hub: Annotated[
        list[str] | None,
        typer.Option(
            help="An id of the hub, CHF or GPF, or of the bridge; repeat. For what is for one device alone."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show a model's releases, or the plan for one hub.

    Example: reflash catalog show --manufacturer 0B6B --model 00000001 --from 00010000 --dir /srv/catalogue
    """
    device = DeviceModel(manufacturer, model)
    devices = [Eui64.parse(text) for text in hub or ()]
    with _opened(folder) as catalogue:
        if from_version is None:
            releases = catalogue.releases(device)
        else:
            plan = catalogue.plan(device, FirmwareVersion.parse(from_version), hardware, made_for, devices)
            releases = tuple(step.release for step in plan.steps)
    if from_version is not None and not releases and not as_json:
        typer.echo(f"{from_version} is the latest, nothing to do")
        return
    if as_json:
        print_json([_as_json(release) for release in releases])
    elif not releases:
        raise UsageError(
            f"the catalogue has no release for {device}; see: reflash catalog list --dir {folder}"
        )
    else:
        columns = ["version", "made_for", "status", "permitted_from", "hardware", "device", "sha256"]
        print_table(columns, [_as_row(release) for release in releases])


@app.command()
def verify(
    folder: DirOption,
    root: Annotated[
        Path | None,
        typer.Option(help="The root metadata that stations start from; the catalogue's own unless given."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check every signature and every image as a station does. Exits 1 if anything is wrong.

    Example: reflash catalog verify --dir /srv/catalogue --root /etc/reflash/catalogue-root.json
    """
    signed = is_signed_catalogue(folder)
    if root is not None and not signed:
        raise UsageError(f"{folder} is no signed catalogue, so no root can vouch for it")
    problems: tuple[CatalogError, ...]
    if signed:
        trusted = _read_root(folder, root)
        good = (
            f"every signature and every image is good by root SHA-256 {hashlib.sha256(trusted).hexdigest()}"
        )
        good += "" if root else ", the catalogue's own: hold that against what the stations have"
        try:
            with _opened(folder, trusted) as catalogue:
                problems = catalogue.verify()
        except CatalogError as error:
            problems = (error,)
    else:
        good = "every image is the one that was added"
        try:
            problems = FolderCatalog.open(folder).verify()
        except ManifestError as error:
            if not (folder / MANIFEST_NAME).exists():
                raise  # no catalogue was named: that is wrong use
            problems = (error,)
    if as_json:
        print_json({"whole": not problems, "signed": signed, "problems": [str(each) for each in problems]})
        if problems:
            raise typer.Exit(1)
    elif problems:
        raise WorkFailed("\n".join(str(problem) for problem in problems))
    else:
        typer.echo(good)


@contextmanager
def _opened(folder: Path, root: bytes | None = None) -> Iterator[Catalog]:
    """Yield a catalogue of either kind as it is now: nothing is remembered of it. Raises CatalogError."""
    if not is_signed_catalogue(folder):
        yield FolderCatalog.open(folder)
        return
    from firmware_catalog.trust.keeper import CatalogKeeper  # noqa: PLC0415 - python-tuf

    with tempfile.TemporaryDirectory(prefix="reflash-") as store:
        yield CatalogKeeper(str(folder), root or _read_root(folder, None), Path(store)).refresh()


def _read_root(folder: Path, root: Path | None) -> bytes:
    from firmware_catalog.trust.keeper import read_first_root  # noqa: PLC0415 - python-tuf

    if root is None:
        return read_first_root(str(folder))
    try:
        return read_regular_file(root, _MAX_ROOT_SIZE)
    except OSError as error:
        raise UsageError(f"{root}: {error.strerror}; name the root metadata that the owner gave") from error


def _ring(key: list[str] | None, pin_file: Path | None) -> KeyRing:
    ring = KeyRing(pin_file)
    ring.add(key)
    return ring


def _refuse_keys(folder: Path, key: list[str] | None) -> None:
    if key:
        raise UsageError(
            f"{folder} is no signed catalogue; found one with 'reflash catalog init', or leave --key out"
        )


def _still_to_publish(folder: Path) -> str:
    return "; publish it with 'reflash catalog refresh'" if is_signed_catalogue(folder) else ""


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
    """Word a release for a table."""
    ranges = release.permitted_from
    return {
        **_as_json(release),
        "permitted_from": "any lower" if isinstance(ranges, str) else ", ".join(str(one) for one in ranges),
        "hardware": release.hardware,
        "device": str(release.only_for.device or "any"),
    }


def _as_json(release: Release) -> dict[str, Any]:
    """Give a release to a script: what has no value is null, what has several is a list."""
    ranges, device = release.permitted_from, release.only_for.device
    return {
        "manufacturer": release.model.manufacturer,
        "model": release.model.model,
        "made_for": release.made_for,
        "version": str(release.version),
        "status": str(release.status),
        "permitted_from": ranges
        if isinstance(ranges, str)
        else [f"{one.lowest}-{one.highest}" for one in ranges],
        "hardware": release.hardware,
        "device": None if device is None else str(device),
        "file": release.image.file,
        "sha256": release.image.sha256,
        "size": release.image.size,
    }
