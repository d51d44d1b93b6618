"""Adding a release in its manufacturer's name, and withdrawing one. Stations learn of either by the next refresh."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from securesystemslib.signer import Signer
from tuf.api.metadata import Targets

from firmware_catalog.checks import ImageChecks, check_release_image
from firmware_catalog.cpl import CentralProductsList
from firmware_catalog.errors import ReleaseExists, ReleaseUnknown
from firmware_catalog.identity import DeviceModel, FirmwareVersion
from firmware_catalog.new_release import Statement, read_new_release
from firmware_catalog.release import Release, ReleaseStatus
from firmware_catalog.trust.delegations import Manufacturer, manufacturers
from firmware_catalog.trust.draft import Draft, Lifetimes
from firmware_catalog.trust.errors import RepositoryFault
from firmware_catalog.trust.facts import from_target, to_target
from firmware_catalog.trust.names import image_file, image_path, target_path
from firmware_catalog.trust.signing import suffices


def add_signed_release(
    folder: Path,
    image: Path,
    statement: Statement,
    signers: Collection[Signer],
    *,
    lifetimes: Lifetimes | None = None,
    products: CentralProductsList | None = None,
    now: datetime | None = None,
) -> Release:
    """Copy an image into the catalogue and sign it with its manufacturer's keys as a production release.

    Raises CatalogError, and changes nothing then but for an image file that nothing refers to.
    """
    release, data = read_new_release(image, statement, image_file)
    with Draft.editing(folder, now) as draft:
        manufacturer = _delegated(draft, release.model.manufacturer)
        checks = ImageChecks({manufacturer.name: manufacturer.image_keys}, products)
        check_release_image(data, release, str(image), checks)
        newest = draft.newest(Targets, manufacturer.role.name)
        signed = newest.signed if newest else Targets()
        path = target_path(release.model, release.version)
        if path in signed.targets:
            raise ReleaseExists(
                f"{folder} lists release {release} already", "give another image another version"
            )
        signed.targets[path] = to_target(release)
        draft.sign_next(
            manufacturer.role.name,
            signed,
            manufacturer.role,
            signers,
            (lifetimes or Lifetimes()).manufacturer,
        )
        draft.put_image(image_path(release.model, release.version, release.image.sha256), data)
    return release


def withdraw_signed_release(
    folder: Path,
    model: DeviceModel,
    version: FirmwareVersion,
    signers: Collection[Signer],
    *,
    lifetimes: Lifetimes | None = None,
    now: datetime | None = None,
) -> Release:
    """Mark a release as withdrawn; its image stays. Withdrawing it again changes nothing.

    Signed by the owner's targets keys where they are at hand: the manufacturer cannot undo that. Otherwise by the
    manufacturer's. Raises ReleaseUnknown or another CatalogError, and changes nothing then.
    """
    terms = lifetimes or Lifetimes()
    path = target_path(model, version)
    with Draft.editing(folder, now) as draft:
        manufacturer = _delegated(draft, model.manufacturer)
        role = manufacturer.role.name
        newest = draft.newest(Targets, role)
        if newest is None or path not in newest.signed.targets:
            raise ReleaseUnknown(f"{folder} lists no release {model} {version}", "see 'reflash catalog list'")
        release = from_target(newest.signed.targets[path], role)
        withdrawn = release.model_copy(update={"status": ReleaseStatus.WITHDRAWN})
        owner = draft.targets().signed
        owner_keys = draft.root().signed.roles[Targets.type]
        if path in owner.targets:
            return withdrawn
        if suffices(owner_keys, signers):
            owner.targets[path] = to_target(withdrawn)
            draft.sign_next(Targets.type, owner, owner_keys, signers, terms.targets)
        elif release != withdrawn:
            newest.signed.targets[path] = to_target(withdrawn)
            draft.sign_next(role, newest.signed, manufacturer.role, signers, terms.manufacturer)
    return withdrawn


def _delegated(draft: Draft, name: str) -> Manufacturer:
    for manufacturer in manufacturers(draft.targets().signed):
        if manufacturer.name == name:
            return manufacturer
    raise RepositoryFault(
        f"the catalogue delegates nothing to manufacturer {name}", "do so with 'reflash catalog delegate'"
    )
