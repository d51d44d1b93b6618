"""The owner's word that a set of metadata is the catalogue now: snapshot and timestamp, after every check."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from securesystemslib.signer import Signer
from tuf.api.metadata import Metadata, MetaFile, Root, Signed, Snapshot, Targets, Timestamp

from firmware_catalog.checks import ImageChecks, read_release_image
from firmware_catalog.cpl import CentralProductsList
from firmware_catalog.release import Release, ReleaseStatus
from firmware_catalog.trust.delegations import Manufacturer, manufacturers
from firmware_catalog.trust.draft import Draft, Lifetimes
from firmware_catalog.trust.errors import CatalogExpired, CatalogUntrusted
from firmware_catalog.trust.facts import to_target
from firmware_catalog.trust.listing import releases_of, with_withdrawals
from firmware_catalog.trust.names import image_path
from firmware_catalog.trust.signing import is_signed, suffices


def refresh_catalog(
    folder: Path,
    signers: Collection[Signer],
    *,
    lifetimes: Lifetimes | None = None,
    products: CentralProductsList | None = None,
    now: datetime | None = None,
) -> datetime:
    """Publish what has been signed since, and give the catalogue a new term; return when it expires.

    New images are read and checked, with the Central Products List too if there is one. Metadata whose term is
    half over is signed anew where the keys are at hand. Raises CatalogError, and publishes nothing then.
    """
    with Draft.editing(folder, now) as draft:
        return publish(draft, signers, lifetimes or Lifetimes(), products)


def publish(
    draft: Draft, signers: Collection[Signer], lifetimes: Lifetimes, products: CentralProductsList | None
) -> datetime:
    """Do so in a draft. Raises CatalogError."""
    root = draft.root().signed
    _check_term(Root.type, root, draft)
    targets = draft.targets()
    _check_signatures(Targets.type, root, targets)
    targets = _renewed(Targets.type, targets, root, signers, lifetimes.targets, draft)
    before = draft.published_snapshot()
    # TUF lets no role vanish from a snapshot: that would hide a rollback.
    meta = dict(before.signed.meta) if before else {}
    meta[f"{Targets.type}.json"] = _meta_file(targets)
    terms = [root.expires, targets.signed.expires]
    releases: dict[str, Release] = {}
    for manufacturer in manufacturers(targets.signed):
        role = manufacturer.role.name
        signed = draft.newest(Targets, role)
        if signed is None:
            continue  # has signed nothing yet
        _check_signatures(role, targets.signed, signed)
        signed = _renewed(role, signed, targets.signed, signers, lifetimes.manufacturer, draft)
        listed = releases_of(manufacturer, signed.signed)
        _check_new_images(draft, manufacturer, listed, meta.get(f"{role}.json"), products)
        meta[f"{role}.json"] = _meta_file(signed)
        releases |= listed
        terms.append(signed.signed.expires)
    with_withdrawals(targets.signed, releases)
    snapshot = before
    if (
        snapshot is None
        or meta != snapshot.signed.meta
        or _half_over(snapshot, lifetimes.snapshot, draft)
        or not is_signed(Snapshot.type, root, snapshot)
    ):
        snapshot = draft.sign_next(
            Snapshot.type, Snapshot(meta=meta), root.roles[Snapshot.type], signers, lifetimes.snapshot
        )
    timestamp = draft.sign_next(
        Timestamp.type,
        Timestamp(snapshot_meta=_meta_file(snapshot)),
        root.roles[Timestamp.type],
        signers,
        lifetimes.timestamp,
    )
    return min(*terms, snapshot.signed.expires, timestamp.signed.expires)


def _check_new_images(
    draft: Draft,
    manufacturer: Manufacturer,
    listed: Mapping[str, Release],
    published: MetaFile | None,
    products: CentralProductsList | None,
) -> None:
    """Read and check each image that was not published before as it is now."""
    role = manufacturer.role.name
    old = draft.version(Targets, published.version, role) if published else None
    known = old.signed.targets if old else {}
    checks = ImageChecks({manufacturer.name: manufacturer.image_keys}, products)
    for path, release in listed.items():
        if release.status is ReleaseStatus.PRODUCTION and known.get(path) != to_target(release):
            file = draft.image(image_path(release.model, release.version, release.image.sha256))
            read_release_image(file.parent, release, checks)


def _renewed(
    role: str,
    metadata: Metadata[Targets],
    authority: Root | Targets,
    signers: Collection[Signer],
    term: timedelta,
    draft: Draft,
) -> Metadata[Targets]:
    """Sign anew what is half over, where the keys are at hand. Raises CatalogExpired for what is over."""
    keys = authority.get_delegated_role(role)
    if _half_over(metadata, term, draft) and suffices(keys, signers):
        return draft.sign_next(role, metadata.signed, keys, signers, term)
    _check_term(role, metadata.signed, draft)
    return metadata


def _half_over(metadata: Metadata[Targets] | Metadata[Snapshot], term: timedelta, draft: Draft) -> bool:
    return metadata.signed.expires - draft.now < term / 2


def _check_term(role: str, signed: Signed, draft: Draft) -> None:
    if signed.is_expired(draft.now):
        remedy = "rotate-root" if role == Root.type else "refresh"
        raise CatalogExpired(
            f"the catalogue's {role} metadata expired at {signed.expires:%Y-%m-%d %H:%M} UTC",
            f"sign it anew by 'reflash catalog {remedy}' with the keys of {role}",
        )


def _check_signatures(role: str, authority: Root | Targets, metadata: Metadata[Targets]) -> None:
    if not is_signed(role, authority, metadata):
        raise CatalogUntrusted(
            f"version {metadata.signed.version} of {role} is not signed by enough of its keys",
            "have it signed anew, or put back the version before",
        )


def _meta_file(metadata: Metadata[Targets] | Metadata[Snapshot]) -> MetaFile:
    return MetaFile.from_data(metadata.signed.version, metadata.to_bytes(), ["sha256"])
