"""An owner and two manufacturers with keys made for the test, and the catalogues they sign."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from imgtool.keys import ECDSA256P1
from securesystemslib.signer import CryptoSigner

from firmware_catalog.identity import DeviceModel, FirmwareVersion
from firmware_catalog.new_release import Statement
from firmware_catalog.release import Release
from firmware_catalog.trust.founding import delegate, found_catalog
from firmware_catalog.trust.keeper import CatalogKeeper
from firmware_catalog.trust.publishing import refresh_catalog
from firmware_catalog.trust.releasing import add_signed_release, withdraw_signed_release
from firmware_catalog.trust.signing import RoleKeys

MAKER = "10A3"
OTHER_MAKER = "0B6B"


@dataclass
class Party:
    """Someone with signing keys."""

    signers: list[CryptoSigner]
    threshold: int = 1

    @classmethod
    def of(cls, count: int, threshold: int = 1) -> Party:
        return cls([CryptoSigner.generate_ecdsa() for _ in range(count)], threshold)

    @property
    def keys(self) -> RoleKeys:
        return RoleKeys(tuple(signer.public_key for signer in self.signers), self.threshold)


@dataclass
class SignedCatalogue:
    """A catalogue in a folder, and everybody's keys."""

    folder: Path
    make_image: Callable[..., bytes]
    root: Party = field(default_factory=lambda: Party.of(3, 2))
    online: Party = field(default_factory=lambda: Party.of(1))
    targets: Party = field(default_factory=lambda: Party.of(1))
    makers: dict[str, Party] = field(default_factory=lambda: {MAKER: Party.of(1), OTHER_MAKER: Party.of(1)})
    image_key: ECDSA256P1 = field(default_factory=ECDSA256P1.generate)

    @property
    def image_public_key(self) -> ec.EllipticCurvePublicKey:
        key: ec.EllipticCurvePublicKey = self.image_key.key.public_key()
        return key

    @property
    def owner_keys(self) -> dict[str, RoleKeys]:
        return {
            "root": self.root.keys,
            "targets": self.targets.keys,
            "snapshot": self.online.keys,
            "timestamp": self.online.keys,
        }

    @property
    def owner_signers(self) -> list[CryptoSigner]:
        return [*self.root.signers, *self.targets.signers, *self.online.signers]

    def found(self, now: datetime | None = None) -> SignedCatalogue:
        found_catalog(self.folder, self.owner_keys, self.owner_signers, now=now)
        for maker, party in self.makers.items():
            delegate(self.folder, maker, party.keys, [self.image_public_key], self.targets.signers, now=now)
        return self

    def image_file(self, version: str, model: DeviceModel, **options: object) -> Path:
        path = self.folder.parent / f"{version}-{model.manufacturer}.bin"
        path.write_bytes(self.make_image(version, model=model, **{"key": self.image_key} | options))
        return path

    def add(self, version: str, maker: str = MAKER, **stated: Any) -> Release:
        return add_signed_release(
            self.folder,
            self.image_file(version, DeviceModel(maker, "0BADCAFE")),
            Statement(**stated),
            self.makers[maker].signers,
        )

    def withdraw(self, release: Release, by: Party) -> Release:
        return withdraw_signed_release(self.folder, release.model, release.version, by.signers)

    def publish(self, **options: Any) -> datetime:
        return refresh_catalog(self.folder, self.online.signers, **options)

    def trusted_root(self) -> bytes:
        return (self.folder / "metadata" / "1.root.json").read_bytes()

    def station(self, place: object = None, name: str = "station") -> CatalogKeeper:
        return CatalogKeeper(str(place or self.folder), self.trusted_root(), self.folder.parent / name)


def version(text: str) -> FirmwareVersion:
    return FirmwareVersion.parse(text)


def in_days(days: float) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)
