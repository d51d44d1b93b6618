"""The image that is uploaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from simulators.firmware import FirmwareSpec, make_firmware
from simulators.keys import generate_key
from simulators.population import MANUFACTURER, MODEL


@dataclass(frozen=True, slots=True)
class ImageFile:
    """The image that is uploaded."""

    path: Path
    size: int
    """Bytes of the whole file."""


def make_image(kibibytes: int, folder: Path, maker: ec.EllipticCurvePrivateKey | None = None) -> ImageFile:
    """Make an image with a body of this size, signed by anyone unless `maker` is given.

    Its file is some 700 bytes longer.
    """
    path = folder / "image.bin"
    spec = FirmwareSpec("1.2.303", MANUFACTURER, MODEL, kibibytes * 1024)
    return ImageFile(path, path.write_bytes(make_firmware(spec, maker or generate_key())))
