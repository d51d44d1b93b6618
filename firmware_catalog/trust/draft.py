"""The owner's side of the catalogue's files: reads the newest of each role, and writes a set of changes as one act.

A role's metadata is numbered and never written over. What counts is what the timestamp leads to, and the timestamp
is replaced last: a change that dies half way leaves files behind that nothing refers to.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from securesystemslib.signer import Signer
from tuf.api.exceptions import RepositoryError, StorageError
from tuf.api.metadata import Metadata, Role, Root, Snapshot, Targets, Timestamp

from firmware_catalog.files import replace_file
from firmware_catalog.locking import locked
from firmware_catalog.trust.errors import RepositoryFault
from firmware_catalog.trust.names import METADATA, TARGETS
from firmware_catalog.trust.signing import sign

SignedKind = TypeVar("SignedKind", Root, Timestamp, Snapshot, Targets)

_WRITTEN_LAST: Final = (Snapshot.type, Root.type, Timestamp.type)


class Lifetimes(BaseModel):
    """How long each role's metadata is good for after it was signed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    root: timedelta = Field(timedelta(days=365), description="the root role")
    targets: timedelta = Field(timedelta(days=365), description="the owner's delegations and withdrawals")
    manufacturer: timedelta = Field(timedelta(days=365), description="each manufacturer's releases")
    snapshot: timedelta = Field(timedelta(days=30), description="which versions belong together")
    timestamp: timedelta = Field(
        timedelta(days=7), description="how long a station works on without hearing of a refresh"
    )


class Draft:
    """The catalogue in a folder, and changes to it that are not written yet."""

    def __init__(self, folder: Path, now: datetime) -> None:
        self._folder = folder
        self._metadata = folder / METADATA
        self._changed: dict[str, Metadata[Any]] = {}
        """By role, whose name says what kind of metadata it is."""
        self.now = now

    @classmethod
    @contextmanager
    def editing(cls, folder: Path, now: datetime | None = None) -> Iterator[Self]:
        """Lock the folder and yield a draft, which is written if the block ends well.

        Raises CatalogBusy when another program edits it, CatalogError when it cannot be written.
        """
        with locked(folder):
            draft = cls(folder, now or datetime.now(UTC))
            yield draft
            draft._write()

    def root(self) -> Metadata[Root]:
        """Return the newest root. Raises RepositoryFault."""
        return self._required(Root.type, self.newest(Root))

    def targets(self) -> Metadata[Targets]:
        """Return the owner's newest targets. Raises RepositoryFault."""
        return self._required(Targets.type, self.newest(Targets))

    def timestamp(self) -> Metadata[Timestamp] | None:
        """Return the timestamp that was published last, None in a catalogue that is being founded."""
        return self._read(self._metadata / f"{Timestamp.type}.json", Timestamp)

    def published_snapshot(self) -> Metadata[Snapshot] | None:
        """Return the snapshot that the timestamp leads to, None in a catalogue that is being founded."""
        timestamp = self.timestamp()
        if timestamp is None:
            return None
        version = timestamp.signed.snapshot_meta.version
        return self._required(Snapshot.type, self.version(Snapshot, version))

    def newest(self, kind: type[SignedKind], role: str | None = None) -> Metadata[SignedKind] | None:
        """Return a role's newest metadata, published or not."""
        name = role or kind.type
        if (changed := self._changed.get(name)) is not None:
            return changed
        number = self._last_number(name)
        return self.version(kind, number, name) if number else None

    def version(
        self, kind: type[SignedKind], version: int, role: str | None = None
    ) -> Metadata[SignedKind] | None:
        """Return one version of a role's metadata."""
        return self._read(self._metadata / f"{version}.{role or kind.type}.json", kind)

    def sign_next(
        self,
        role: str,
        signed: SignedKind,
        authority: Role,
        signers: Collection[Signer],
        term: timedelta,
    ) -> Metadata[SignedKind]:
        """Make `signed` a role's next version, good for `term`, signed by `authority`'s keys. Raises CatalogError."""
        signed.version = self._last_number(role) + 1
        signed.expires = self.now + term
        metadata = Metadata(signed)
        sign(metadata, role, authority, signers)
        self._changed[role] = metadata
        return metadata

    def countersign(self, role: str, authority: Role, signers: Collection[Signer]) -> None:
        """Add the signatures of another authority's keys to a changed role. Raises CatalogError."""
        sign(self._changed[role], role, authority, signers)

    def put_image(self, path: str, data: bytes) -> None:
        """Write an image under `targets/` at once: metadata never names a file that is not there."""
        target = self.image(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_file(target, data)

    def image(self, path: str) -> Path:
        """Return where an image lies."""
        return self._folder / TARGETS / path

    def _last_number(self, role: str) -> int:
        """Return the highest version that was written of a role, 0 if there is none."""
        if role == Timestamp.type:
            timestamp = self._read(self._metadata / f"{role}.json", Timestamp)
            return timestamp.signed.version if timestamp else 0
        numbers = (path.name.partition(".")[0] for path in self._metadata.glob(f"*.{role}.json"))
        return max((int(number) for number in numbers if number.isdecimal()), default=0)

    def _write(self) -> None:
        self._metadata.mkdir(exist_ok=True)
        order = [role for role in self._changed if role not in _WRITTEN_LAST]
        order += [role for role in _WRITTEN_LAST if role in self._changed]
        for role in order:
            metadata = self._changed[role]
            number = "" if role == Timestamp.type else f"{metadata.signed.version}."
            replace_file(self._metadata / f"{number}{role}.json", metadata.to_bytes())

    def _read(self, path: Path, kind: type[SignedKind]) -> Metadata[SignedKind] | None:
        if not path.exists():
            return None
        try:
            metadata = Metadata[SignedKind].from_file(str(path))
        except (RepositoryError, StorageError) as error:
            raise RepositoryFault(f"{path} cannot be read: {error}", "restore it from a copy") from error
        if not isinstance(metadata.signed, kind):
            raise RepositoryFault(f"{path} is {metadata.signed.type} metadata", "restore it from a copy")
        return metadata

    def _required(self, role: str, metadata: Metadata[SignedKind] | None) -> Metadata[SignedKind]:
        if metadata is None:
            raise RepositoryFault(
                f"{self._metadata} has no {role} metadata",
                "name the catalogue's folder, or found a catalogue with 'reflash catalog init'",
            )
        return metadata
