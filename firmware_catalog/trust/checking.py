"""Checking signed metadata by python-tuf, and reading out what it says once it is trusted."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from tuf.api.exceptions import DownloadError, RepositoryError
from tuf.api.metadata import Metadata, Root, Signed, Snapshot, Targets, Timestamp
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from firmware_catalog.errors import CatalogError
from firmware_catalog.mcuboot_signature import MakerKey
from firmware_catalog.release import Release
from firmware_catalog.trust.delegations import manufacturers
from firmware_catalog.trust.errors import explain
from firmware_catalog.trust.fetchers import StoredTimestampFetcher
from firmware_catalog.trust.listing import releases_of, with_withdrawals
from firmware_catalog.trust.names import METADATA, plain
from firmware_catalog.trust.store import Accepted, TrustStore

SignedKind = TypeVar("SignedKind", Root, Timestamp, Snapshot, Targets)

_LIMITS = UpdaterConfig(
    max_root_rotations=256,
    root_max_length=512_000,
    timestamp_max_length=16_384,
    snapshot_max_length=2_000_000,
    targets_max_length=32_000_000,
)
"""Sizes in bytes. Tens of thousands of releases fit."""


@dataclass(frozen=True, slots=True)
class TrustedState:
    """What checked metadata says, at one version of the catalogue."""

    version: int
    """Of the snapshot: rises with each change."""
    releases: tuple[Release, ...]
    maker_keys: Mapping[str, tuple[MakerKey, ...]]
    terms: Mapping[str, datetime]
    """When each of its roles expires."""

    @property
    def expires(self) -> datetime:
        """When the first of its roles expires."""
        return min(self.terms.values())


@dataclass(frozen=True, slots=True)
class CheckedUpdate:
    """What a source has now: checked whole, held against what was accepted, and not accepted yet."""

    state: TrustedState
    files: Mapping[str, bytes]
    since: Accepted
    at: datetime

    def accept(self, store: TrustStore) -> int:
        """Have the store keep it; return its generation. Raises CatalogSuperseded or CatalogError: nothing changed."""
        return store.accept(self.files, self.since, self.at)


def check(source: FetcherInterface, name: str, root: bytes, store: TrustStore) -> CheckedUpdate:
    """Fetch what is new at the source called `name` and check all of it. Blocks; goes out to the source.

    `root` is the root metadata that is trusted from the start. Raises CatalogError. Changes nothing.
    """
    since, now = store.accepted(), datetime.now(UTC)
    since.check_clock(now, store.folder)
    state, files = _update(source, name, root, since.files)
    return CheckedUpdate(state, files, since, now)


def reopen(root: bytes, accepted: Accepted, store: Path) -> TrustedState | None:
    """Check again what was accepted before, without its source; None when nothing was.

    Raises CatalogError. Changes nothing.
    """
    if accepted.generation == 0:
        return None
    accepted.check_clock(datetime.now(UTC), store)
    source = StoredTimestampFetcher(accepted.files)
    return _update(source, "the catalogue that was accepted last", root, accepted.files)[0]


def _update(
    source: FetcherInterface, name: str, root: bytes, accepted: Mapping[str, bytes]
) -> tuple[TrustedState, Mapping[str, bytes]]:
    """Have python-tuf work on a copy, which it changes also where it ends by refusing."""
    try:
        with tempfile.TemporaryDirectory(prefix="reflash-") as copy:
            folder = Path(copy)
            for path, content in accepted.items():
                (folder / path).parent.mkdir(exist_ok=True)
                (folder / path).write_bytes(content)
            state = _check(source, name, root, folder)
            files = {
                str(path.relative_to(folder)): path.read_bytes()
                for path in folder.rglob("*")
                if path.is_file() and not path.is_symlink()
            }
    except OSError as error:
        raise CatalogError(
            f"the catalogue cannot be checked: {error.strerror or error}",
            "make room in the folder for temporary files",
        ) from error
    return state, files


def _check(source: FetcherInterface, name: str, root: bytes, folder: Path) -> TrustedState:
    try:
        updater = Updater(str(folder), METADATA, fetcher=source, config=_LIMITS, bootstrap=root)
        updater.refresh()
        snapshot = _read(folder, Snapshot)
        owner = _read(folder, Targets)
        owners: list[Signed] = [_read(folder, Root), _read(folder, Timestamp), snapshot, owner]
        terms = {role.type: role.expires for role in owners}
        releases: dict[str, Release] = {}
        maker_keys = {}
        for manufacturer in manufacturers(owner):
            maker_keys[manufacturer.name] = manufacturer.image_keys
            if f"{manufacturer.role.name}.json" not in snapshot.meta:
                continue  # has signed nothing yet
            # Looking anything up under its paths makes the updater fetch, check and keep the role's metadata.
            updater.get_targetinfo(f"{plain(manufacturer.name)}/-/-")
            signed = _read(folder, Targets, manufacturer.role.name)
            releases |= releases_of(manufacturer, signed)
            terms[manufacturer.role.name] = signed.expires
    except (RepositoryError, DownloadError) as error:
        raise explain(error, name) from error
    return TrustedState(
        version=snapshot.version,
        releases=with_withdrawals(owner, releases),
        maker_keys=maker_keys,
        terms=terms,
    )


def _read(folder: Path, kind: type[SignedKind], role: str | None = None) -> SignedKind:
    """Read what the updater has checked and kept."""
    return Metadata[SignedKind].from_file(str(folder / f"{role or kind.type}.json")).signed
