"""MCUboot images: reads one, and refuses what a hub's boot loader would refuse or could not take back.

Layout and numbers are those of MCUboot's `docs/design.md` ("Image format") and `bootutil/image.h`: a header of
32 bytes or more, the body, an optional area of protected TLVs, and the area of TLVs that holds hash and signature.
All integers are little endian. The hash covers header, body and protected TLVs.

The signature is not checked here but in `mcuboot_signature`, whose caller knows the maker's key.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass
from typing import Final

from firmware_catalog.identity import DeviceModel, FirmwareVersion, IdentityError
from firmware_catalog.image import MAX_IMAGE_SIZE, FirmwareImage, ImageFormatError, ImageKind

IMAGE_MAGIC: Final = 0x96F3B83D
HEADER_SIZE: Final = 32
TLV_INFO_MAGIC: Final = 0x6907
PROTECTED_TLV_INFO_MAGIC: Final = 0x6908
TLV_SHA256: Final = 0x10
TLV_ECDSA_SIGNATURE: Final = 0x22

TLV_MANUFACTURER: Final = 0x00A0
"""Protected, ASCII: DeviceManufacturer that the image is for. Provisional: the makers' own marking is unpublished.

0x00A0 is the first of the types that MCUboot leaves to vendors (`--custom-tlv 0xA0 TEXT` of imgtool).
"""
TLV_MODEL: Final = 0x00A1
"""Protected, ASCII: DeviceModel that the image is for. Provisional, as is `TLV_MANUFACTURER`."""

_FLAGS_ENCRYPTED: Final = 0x0000_000C
_FLAG_NON_BOOTABLE: Final = 0x0000_0010
_FLAGS_COMPRESSED: Final = 0x0000_0E00
_FLAGS_ACCEPTED: Final = 0x0000_0120
"""RAM_LOAD and ROM_FIXED: they say where the image runs."""

# magic, load address, header size, protected TLV size, body size, flags, version (major, minor, revision, build),
# padding
_HEADER: Final = struct.Struct("<IIHHIIBBHII")
_TLV_INFO: Final = struct.Struct("<HH")
_TLV: Final = struct.Struct("<HH")


@dataclass(frozen=True, slots=True, order=True)
class ImageVersion:
    """MCUboot's version: 8, 8, 16 and 32 bits."""

    major: int
    minor: int
    revision: int
    build: int

    def __str__(self) -> str:
        """Write it as Zephyr's image management reports it: the build number only where it is not zero."""
        text = f"{self.major}.{self.minor}.{self.revision}"
        return f"{text}.{self.build}" if self.build else text


@dataclass(frozen=True, slots=True)
class Tlv:
    """One record of a TLV area."""

    type: int
    value: bytes


@dataclass(frozen=True, slots=True)
class ImageLayout:
    """What the header and the TLV areas of one image say. Sizes and offsets are in bytes."""

    load_address: int
    header_size: int
    body_size: int
    flags: int
    version: ImageVersion
    hashed_size: int
    """How much of the file, from its start, the hash covers."""
    protected: tuple[Tlv, ...]
    unprotected: tuple[Tlv, ...]


def parse_layout(data: bytes) -> ImageLayout:
    """Read header and TLVs. Time and memory are bounded by the two TLV areas (64 KiB each).

    Raises ImageFormatError for bytes that are not one whole image and nothing else. Hash and flags are not judged.
    """
    if len(data) < HEADER_SIZE:
        raise ImageFormatError(
            f"{len(data)} bytes are no MCUboot image, whose header alone has {HEADER_SIZE}; "
            "get the file that imgtool signed"
        )
    if len(data) > MAX_IMAGE_SIZE:
        raise ImageFormatError(
            f"{len(data)} bytes are more than an image may have ({MAX_IMAGE_SIZE}); check that this is the image"
        )
    (magic, load_address, header_size, protected_size, body_size, flags, *version, _padding) = (
        _HEADER.unpack_from(data)
    )
    if magic != IMAGE_MAGIC:
        raise ImageFormatError(
            f"this is no MCUboot image: it starts with {data[:4].hex()} instead of "
            f"{struct.pack('<I', IMAGE_MAGIC).hex()}; get the binary file that imgtool signed"
        )
    if header_size < HEADER_SIZE:
        raise ImageFormatError(
            f"the image's header claims {header_size} bytes of at least {HEADER_SIZE}; get the image again"
        )
    if body_size == 0:
        raise ImageFormatError("the image has a header but no firmware in it; get the image again")
    body_end = header_size + body_size
    hashed_size = body_end + protected_size
    protected: tuple[Tlv, ...] = ()
    if protected_size:
        protected, end = _read_area(data, body_end, PROTECTED_TLV_INFO_MAGIC, "protected TLV area")
        if end != hashed_size:
            raise ImageFormatError(
                f"the image is damaged: its header gives the protected TLV area {protected_size} bytes, "
                f"the area itself {end - body_end}; get the image again"
            )
    unprotected, end = _read_area(data, hashed_size, TLV_INFO_MAGIC, "TLV area")
    surplus = len(data) - end
    if surplus:
        # A padded image carries a swap trailer, by which a boot loader may take it for confirmed: no way back.
        raise ImageFormatError(
            f"{surplus} bytes follow the end of the image; sign it without padding (imgtool's --pad, --test, --confirm)"
        )
    return ImageLayout(
        load_address=load_address,
        header_size=header_size,
        body_size=body_size,
        flags=flags,
        version=ImageVersion(*version),
        hashed_size=hashed_size,
        protected=protected,
        unprotected=unprotected,
    )


def load_image(data: bytes) -> FirmwareImage:
    """Check a whole image file and return it. The bytes are kept as they are, not copied.

    Raises ImageFormatError when it is no image, is cut short or altered, or is of a kind that a hub is not given:
    encrypted, compressed, not bootable, padded for a programmer, hashed by anything but SHA-256.
    """
    layout = parse_layout(data)
    _check_flags(layout.flags)
    image_hash = _single(layout.unprotected, TLV_SHA256, "SHA-256 hash")
    if image_hash is None:
        raise ImageFormatError("the image holds no SHA-256 hash; sign it with imgtool's --sha 256")
    with memoryview(data) as view:
        computed = hashlib.sha256(view[: layout.hashed_size]).digest()
    if not hmac.compare_digest(computed, image_hash):
        raise ImageFormatError(
            "the image's content does not match its own SHA-256 hash: it was altered; get it again"
        )
    version = layout.version
    return FirmwareImage(
        data=data,
        kind=ImageKind.MCUBOOT,
        version=FirmwareVersion.from_image_version(version.major, version.minor, version.revision),
        version_text=str(version),
        image_hash=image_hash,
        file_sha256=hashlib.sha256(data).digest(),
        model=_claimed_model(layout.protected),
    )


def _read_area(data: bytes, start: int, magic: int, area: str) -> tuple[tuple[Tlv, ...], int]:
    """Read the records of the area at `start`; return them and where the area ends."""
    position = start + _TLV_INFO.size
    if position > len(data):
        raise ImageFormatError(
            f"the image is cut short: its {area} should start at byte {start}, "
            f"the file ends at {len(data)}; get it again"
        )
    found, size = _TLV_INFO.unpack_from(data, start)
    if found != magic:
        raise ImageFormatError(
            f"the image is damaged: byte {start} should start the {area} with {magic:#06x}, "
            f"it holds {found:#06x}; get the image again"
        )
    end = start + size
    if end > len(data):
        raise ImageFormatError(
            f"the image is cut short: its {area} should end at byte {end}, "
            f"the file ends at {len(data)}; get it again"
        )
    records: list[Tlv] = []
    while position < end:
        value_at = value_end = position + _TLV.size
        if value_at <= end:
            kind, length = _TLV.unpack_from(data, position)
            value_end = value_at + length
        if value_end > end:
            raise ImageFormatError(
                f"the image is damaged: the record at byte {position} runs over the end of the {area}; "
                "get the image again"
            )
        records.append(Tlv(kind, data[value_at:value_end]))
        position = value_end
    if position != end:
        raise ImageFormatError(
            f"the image is damaged: its {area} is shorter than its own head; get the image again"
        )
    return tuple(records), end


def _check_flags(flags: int) -> None:
    if flags & _FLAGS_ENCRYPTED:
        raise ImageFormatError(
            "the image is encrypted, so what it holds cannot be checked; sign it without --encrypt"
        )
    if flags & _FLAGS_COMPRESSED:
        raise ImageFormatError(
            "the image is compressed, so its hash is not the one a hub reports; sign it without --compression"
        )
    if flags & _FLAG_NON_BOOTABLE:
        raise ImageFormatError(
            "the image is marked as not bootable; get the application's image, signed without --non-bootable"
        )
    if unknown := flags & ~_FLAGS_ACCEPTED:
        raise ImageFormatError(
            f"the image's header sets flags {unknown:#x}, whose meaning is not known here; ask its maker for a plain image"
        )


def _single(records: tuple[Tlv, ...], kind: int, name: str) -> bytes | None:
    """Return the value of the one record of this kind, None where there is none."""
    values = [record.value for record in records if record.type == kind]
    if len(values) > 1:
        raise ImageFormatError(f"the image names its {name} {len(values)} times; ask its maker for another")
    return values[0] if values else None


def _claimed_model(protected: tuple[Tlv, ...]) -> DeviceModel | None:
    manufacturer = _single(protected, TLV_MANUFACTURER, "manufacturer")
    model = _single(protected, TLV_MODEL, "model")
    if manufacturer is None and model is None:
        return None
    if manufacturer is None or model is None:
        raise ImageFormatError(
            "the image names a manufacturer or a model but not both; sign it with custom TLVs 0xA0 and 0xA1"
        )
    try:
        return DeviceModel(manufacturer.decode("ascii"), model.decode("ascii"))
    except (UnicodeDecodeError, IdentityError):
        raise ImageFormatError(
            f"the image's manufacturer {manufacturer[:40]!r} or model {model[:40]!r} is not 1 to 30 printable ASCII "
            "characters; sign it again"
        ) from None
