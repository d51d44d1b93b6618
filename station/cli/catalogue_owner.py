"""`reflash catalog`, for the owner of a signed catalogue: founding it, delegating, publishing, changing keys."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated

import typer

from station.cli.catalogue_keys import (
    KEY_FORMS,
    DaysOption,
    KeyRing,
    MakeKeysOption,
    PinFileOption,
    SigningKeysOption,
    lifetimes,
)
from station.cli.common import DEFAULT_CONFIG, ConfigOption, JsonOption, UsageError, print_json
from station.domain.counted import counted
from station.settings_file import load_settings

DirOption = Annotated[Path, typer.Option("--dir", help="The catalogue's folder.")]
ManufacturerOption = Annotated[str, typer.Option(help="DeviceManufacturer, as its hubs report it.")]
_PUBLISH = "publish it with 'reflash catalog refresh'"


def init(
    folder: DirOption,
    root_key: Annotated[list[str], typer.Option(help=f"A key of the root role: {KEY_FORMS}; repeat.")],
    targets_key: Annotated[list[str], typer.Option(help="A key of the targets role, likewise.")],
    snapshot_key: Annotated[list[str], typer.Option(help="A key of the snapshot role, likewise.")],
    timestamp_key: Annotated[list[str], typer.Option(help="A key of the timestamp role, likewise.")],
    root_threshold: Annotated[int, typer.Option(min=1, help="So many of the root keys have to sign.")] = 1,
    make_keys: MakeKeysOption = False,
    pin_file: PinFileOption = None,
    days: DaysOption = None,
) -> None:
    """Found an empty signed catalogue. Of a root key that is elsewhere name the .pub.pem file.

    Example: reflash catalog init --dir DIR --root-key r1.pem --root-key r2.pem --root-threshold 2 --targets-key t.pem
    --snapshot-key online.pem --timestamp-key online.pem --make-keys
    """
    from firmware_catalog.trust.founding import found_catalog  # noqa: PLC0415 - python-tuf takes its time

    ring = KeyRing(pin_file, make=make_keys)
    keys = {
        "root": ring.role(root_key, root_threshold),
        "targets": ring.role(targets_key, 1),
        "snapshot": ring.role(snapshot_key, 1),
        "timestamp": ring.role(timestamp_key, 1),
    }
    root = found_catalog(folder, keys, ring.signers, lifetimes=lifetimes(days))
    digest = hashlib.sha256(root.read_bytes()).hexdigest()
    typer.echo(f"catalogue founded; bring {root} to each station on a way of its own (SHA-256 {digest})")


def delegate(
    folder: DirOption,
    manufacturer: ManufacturerOption,
    maker_key: Annotated[
        list[str], typer.Option(help="A key with which it signs releases, usually its .pub.pem file; repeat.")
    ],
    image_key: Annotated[
        list[Path] | None,
        typer.Option(
            help="A public key (PEM) by which its MCUboot images are known; repeat. Without any it releases no MCUboot image."
        ),
    ] = None,
    maker_threshold: Annotated[int, typer.Option(min=1, help="So many of its keys have to sign.")] = 1,
    key: SigningKeysOption = None,
    pin_file: PinFileOption = None,
    days: DaysOption = None,
) -> None:
    """Let a manufacturer sign for its own models. Signed by the owner's targets keys.

    Example: reflash catalog delegate --dir DIR --manufacturer 10A8 --maker-key maker.pub.pem --image-key image.pub.pem
    --key targets.pem
    """
    from firmware_catalog.mcuboot_signature import MakerKeyError, read_maker_key  # noqa: PLC0415 - cryptography
    from firmware_catalog.trust.founding import delegate as delegate_to  # noqa: PLC0415 - python-tuf

    try:
        image_keys = [read_maker_key(path) for path in image_key or ()]
    except MakerKeyError as error:
        raise UsageError(str(error)) from error
    ring = KeyRing(pin_file)
    keys = ring.role(maker_key, maker_threshold)
    ring.add(key)
    delegate_to(folder, manufacturer, keys, image_keys, ring.signers, lifetimes=lifetimes(days))
    typer.echo(f"manufacturer {manufacturer} may sign for its models; {_PUBLISH}")


def revoke(
    folder: DirOption,
    manufacturer: ManufacturerOption,
    key: SigningKeysOption = None,
    pin_file: PinFileOption = None,
    days: DaysOption = None,
) -> None:
    """Take a manufacturer's right away, and its releases with it. Signed by the owner's targets keys.

    Example: reflash catalog revoke --dir DIR --manufacturer 10A8 --key targets.pem
    """
    from firmware_catalog.trust.founding import revoke as revoke_from  # noqa: PLC0415 - python-tuf

    ring = KeyRing(pin_file)
    ring.add(key)
    revoke_from(folder, manufacturer, ring.signers, lifetimes=lifetimes(days))
    typer.echo(f"manufacturer {manufacturer} may sign no more; {_PUBLISH}")


def rotate_root(
    folder: DirOption,
    new_root_key: Annotated[
        list[str] | None, typer.Option(help="A root key from now on, all of them; repeat.")
    ] = None,
    root_threshold: Annotated[int, typer.Option(min=1, help="So many of the new root keys sign.")] = 1,
    new_targets_key: Annotated[list[str] | None, typer.Option(help="Likewise for targets.")] = None,
    new_snapshot_key: Annotated[list[str] | None, typer.Option(help="Likewise for snapshot.")] = None,
    new_timestamp_key: Annotated[list[str] | None, typer.Option(help="Likewise for timestamp.")] = None,
    make_keys: MakeKeysOption = False,
    key: SigningKeysOption = None,
    pin_file: PinFileOption = None,
    days: DaysOption = None,
) -> None:
    """Give the owner's roles other keys; with no new key, give the root a new term. Publishes it too.

    Signed by enough root keys from before and after, and by the keys of snapshot and timestamp.

    Example: reflash catalog rotate-root --dir DIR --new-root-key r3.pem --key r1.pem --key r2.pem --key online.pem
    """
    from firmware_catalog.trust.founding import rotate_root as rotate  # noqa: PLC0415 - python-tuf

    ring = KeyRing(pin_file, make=make_keys)
    new = {
        "root": (new_root_key, root_threshold),
        "targets": (new_targets_key, 1),
        "snapshot": (new_snapshot_key, 1),
        "timestamp": (new_timestamp_key, 1),
    }
    changes = {role: ring.role(names, threshold) for role, (names, threshold) in new.items() if names}
    ring.add(key)
    version = rotate(folder, changes, ring.signers, lifetimes=lifetimes(days))
    typer.echo(f"root version {version} published; stations follow by themselves")


def refresh(
    folder: DirOption,
    products: Annotated[
        Path | None, typer.Option(help="Imported Central Products List to hold new images against.")
    ] = None,
    key: SigningKeysOption = None,
    pin_file: PinFileOption = None,
    days: DaysOption = None,
    as_json: JsonOption = False,
) -> None:
    """Publish what has been signed since, and give the catalogue a new term. Signed by snapshot and timestamp.

    Example: reflash catalog refresh --dir DIR --key online.pem
    """
    from firmware_catalog.cpl import CentralProductsList  # noqa: PLC0415 - only here
    from firmware_catalog.trust.publishing import refresh_catalog  # noqa: PLC0415 - python-tuf

    ring = KeyRing(pin_file)
    ring.add(key)
    listed = CentralProductsList.load(products) if products else None
    expires = refresh_catalog(folder, ring.signers, lifetimes=lifetimes(days), products=listed)
    if as_json:
        print_json({"expires": expires.isoformat()})
    else:
        typer.echo(f"published; good until {expires:%Y-%m-%d %H:%M} UTC")


def import_cpl(
    file: Annotated[Path, typer.Argument(help="The Central Products List as CSV.")],
    products: Annotated[
        Path | None, typer.Option(help="Where to write it; the configured catalogue.products unless given.")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Import the Central Products List. Its columns are mapped in the configuration, if there is one.

    A running station finds it within catalogue.refresh_seconds, or when its configuration is reloaded (SIGHUP).

    Example: reflash catalog import-cpl cpl.csv --products /var/lib/reflash/products.json
    """
    from firmware_catalog.cpl import ProductColumns, import_products  # noqa: PLC0415 - only here

    chosen = load_settings(config).catalogue if config != DEFAULT_CONFIG or config.exists() else None
    place = products or (chosen.products if chosen else None)
    if place is None:
        raise UsageError("it is not said where to keep the list; give --products or set catalogue.products")
    listed = import_products(file, chosen.product_columns if chosen else ProductColumns.model_validate({}))
    listed.save(place)
    if as_json:
        print_json({"products": len(listed.products), "file": str(place)})
    else:
        typer.echo(f"{counted(len(listed.products), 'product')} imported into {place}")
