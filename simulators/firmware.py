"""Makes firmware images with imgtool, MCUboot's own tool, so that no format here is judged by its author."""

from __future__ import annotations

import contextlib
import io
import random
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from simulators.image import TLV_MANUFACTURER, TLV_MODEL

_HEADER_SIZE = 0x200
"""MCUboot's usual header room on Cortex-M, so that the vector table behind it is aligned."""


@dataclass(frozen=True, slots=True)
class FirmwareSpec:
    """What an image is to be."""

    version: str
    """As imgtool takes it: `1.2.303` or `1.2.303+4`."""
    manufacturer: str | None
    model: str | None
    """None for an image that names no model."""
    size: int = 128 * 1024
    """Bytes of body; the file is about 700 bytes longer."""
    seed: int = 0
    """Decides the body's bytes."""


class FirmwareError(Exception):
    """An image cannot be made as asked. One line."""


def make_firmware(spec: FirmwareSpec, maker: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a signed image file. The same arguments give the same body and hash, with a new signature.

    Raises FirmwareError for a version that imgtool does not take.
    """
    from imgtool import keys, version  # noqa: PLC0415 - slow to import, and an extra
    from imgtool.image import Image  # noqa: PLC0415

    try:
        decoded = version.decode_version(spec.version)
    except ValueError as error:
        raise FirmwareError(f"{spec.version!r} is no image version (such as 1.2.303)") from error
    image = Image(version=decoded, header_size=_HEADER_SIZE, pad_header=True)
    body = random.Random(f"{spec.seed} {spec.version} {spec.model}").randbytes(spec.size)
    claims = {TLV_MANUFACTURER: spec.manufacturer, TLV_MODEL: spec.model}
    custom_tlvs = {kind: text.encode("ascii") for kind, text in claims.items() if text is not None}
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        source, target = Path(folder, "body.bin"), Path(folder, "image.bin")
        source.write_bytes(body)
        image.load(str(source))
        image.create(keys.ECDSA256P1(maker), "hash", None, custom_tlvs=custom_tlvs or None)
        image.save(str(target))
        return target.read_bytes()
