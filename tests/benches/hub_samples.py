"""What one hub says of itself, an image for it, and one who signs for it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from drivers.hub import UnlockChallenge
from drivers.hub_answers import IdentityAnswer
from firmware_catalog.identity import FirmwareVersion
from firmware_catalog.image import FirmwareImage, ImageKind

HUB: dict[str, Any] = {
    "chf": bytes.fromhex("8873840000000001"),
    "gpf": bytes.fromhex("8873840000000002"),
    "manufacturer": "10C4",
    "model": "0000A001",
    "hw": "1.2",
    "variant": "DBCH",
    "fw": 0x0002012F,
    "locked": True,
    "boots": 7,
}
MEANT = IdentityAnswer(**HUB).identity().device
OLD, NEW = bytes(32), bytes(range(32))
"""The hashes of the image that runs, and of the one that `image_of` makes."""


def image_of(data: bytes) -> FirmwareImage:
    return FirmwareImage(
        data=data,
        kind=ImageKind.MCUBOOT,
        version=FirmwareVersion.from_image_version(0, 2, 303),
        version_text="0.2.303",
        image_hash=NEW,
        file_sha256=hashlib.sha256(data).digest(),
        model=None,
    )


class Signer:
    """Signs, and has something done meanwhile."""

    def __init__(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        self.signed: list[UnlockChallenge] = []
        self._meanwhile = meanwhile

    async def sign(self, challenge: UnlockChallenge) -> bytes:
        self.signed.append(challenge)
        self._meanwhile()
        return bytes(64)
