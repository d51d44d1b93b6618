"""A signed catalogue of the simulated bench's firmware."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from securesystemslib.signer import CryptoSigner

from benches.station_bench import MODEL, Bench, version
from firmware_catalog.mcuboot_signature import read_maker_key
from firmware_catalog.new_release import Statement
from firmware_catalog.trust.founding import OWNER_ROLES, delegate, found_catalog
from firmware_catalog.trust.publishing import refresh_catalog
from firmware_catalog.trust.releasing import add_signed_release, withdraw_signed_release
from firmware_catalog.trust.signing import RoleKeys


@dataclass
class Signed:
    """A signed catalogue of the bench's firmware; one key for each party."""

    folder: Path
    bench: Bench
    owner: CryptoSigner
    maker: CryptoSigner

    @property
    def root(self) -> Path:
        return self.folder.parent / "root.json"

    @property
    def settings(self) -> dict[str, Any]:
        """The station's section about it."""
        return {"place": str(self.folder), "root": str(self.root), "refresh_seconds": 3600}

    def found(self) -> None:
        keys = dict.fromkeys(OWNER_ROLES, RoleKeys((self.owner.public_key,)))
        self.root.write_bytes(found_catalog(self.folder, keys, [self.owner]).read_bytes())
        image_keys = [read_maker_key(self.bench.folder / "maker.pub")]
        maker_keys = RoleKeys((self.maker.public_key,))
        delegate(self.folder, MODEL.manufacturer, maker_keys, image_keys, [self.owner])
        add_signed_release(self.folder, self.bench.firmware("new"), Statement(), [self.maker])

    def publish(self, **options: Any) -> None:
        refresh_catalog(self.folder, [self.owner], **options)

    def withdraw(self) -> None:
        withdraw_signed_release(self.folder, MODEL, version("new"), [self.owner])
        self.publish()
