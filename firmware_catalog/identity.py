"""Names of devices and of what they run: EUI-64, device model, firmware version.

Text forms follow DCC's public DUIS 5.4 schema. Each type parses what people and machines really hand over,
and has exactly one canonical text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, Self

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, StringConstraints
from pydantic_core import core_schema

if TYPE_CHECKING:
    from pydantic.json_schema import JsonSchemaValue

EUI64_PATTERN: Final = r"^([A-F0-9]{2}-){7}[A-F0-9]{2}$"
"""The canonical text of an EUI-64: upper case, hyphens, 23 characters."""

FIRMWARE_VERSION_PATTERN: Final = r"^[0-9A-F]{8}$"
"""The canonical text of a firmware version."""

_EUI64_INPUT: Final = re.compile(
    r"[0-9A-Fa-f]{16}|[0-9A-Fa-f]{2}(?:([-:])[0-9A-Fa-f]{2})(?:\1[0-9A-Fa-f]{2}){6}"
)
_FIRMWARE_VERSION_INPUT: Final = re.compile(r"[0-9A-Fa-f]{8}")


class IdentityError(ValueError):
    """A text or number is no identifier of the kind asked for; the message says what was found."""


def text_schema(cls: type[Any], pattern: str) -> core_schema.CoreSchema:
    """Accept an instance or its text, and write the canonical text to JSON."""
    from_text = core_schema.no_info_after_validator_function(cls.parse, core_schema.str_schema())
    return core_schema.json_or_python_schema(
        json_schema=from_text,
        python_schema=core_schema.union_schema([core_schema.is_instance_schema(cls), from_text]),
        serialization=core_schema.plain_serializer_function_ser_schema(
            str, return_schema=core_schema.str_schema(pattern=pattern), when_used="json"
        ),
    )


@dataclass(frozen=True, slots=True, order=True)
class Eui64:
    """A Device ID ("GUID"): an IEEE EUI-64, held as a 64-bit number."""

    value: int

    def __post_init__(self) -> None:
        if not 0 <= self.value < 1 << 64:
            raise IdentityError(f"{self.value} is not a 64-bit number, so no EUI-64")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `88-73-84-…`, `88:73:84:…` or 16 bare hex digits, in either case.

        Raises IdentityError for everything else, mixed separators included.
        """
        stripped = text.strip()
        if not _EUI64_INPUT.fullmatch(stripped):
            raise IdentityError(
                f"{text[:40]!r} is no EUI-64 (8 bytes as hex, such as 88-73-84-00-00-00-00-01)"
            )
        return cls(int(stripped.replace("-", "").replace(":", ""), 16))

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Read the 8 bytes, most significant first. Raises IdentityError for another length."""
        if len(raw) != 8:
            raise IdentityError(f"{len(raw)} bytes are no EUI-64, 8 are needed")
        return cls(int.from_bytes(raw, "big"))

    def to_bytes(self) -> bytes:
        """Return the 8 bytes, most significant first."""
        return self.value.to_bytes(8, "big")

    @property
    def oui(self) -> str:
        """The manufacturer's 24 bits, such as `88-73-84`."""
        return str(self)[:8]

    def __str__(self) -> str:
        return self.to_bytes().hex("-").upper()

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return text_schema(cls, EUI64_PATTERN)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "pattern": EUI64_PATTERN, "description": "EUI-64, upper case, hyphens"}


@dataclass(frozen=True, slots=True, order=True)
class FirmwareVersion:
    """A hub's firmware version: 4 bytes on the wire, ordered as an unsigned 32-bit number."""

    value: int

    def __post_init__(self) -> None:
        if not 0 <= self.value < 1 << 32:
            raise IdentityError(f"{self.value} is not a 32-bit number, so no firmware version")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read 8 hex digits in either case (`0002012F`). Raises IdentityError for everything else."""
        stripped = text.strip()
        if not _FIRMWARE_VERSION_INPUT.fullmatch(stripped):
            raise IdentityError(f"{text[:40]!r} is no firmware version (8 hex digits, such as 0002012F)")
        return cls(int(stripped, 16))

    @classmethod
    def from_image_version(cls, major: int, minor: int, revision: int) -> Self:
        """Pack an MCUboot image version into the 4 bytes: major, minor, revision (16 bits).

        Provisional: the makers' own mapping is unpublished. MCUboot's build number has no room in it.
        Raises IdentityError for a part out of range.
        """
        if not (0 <= major < 256 and 0 <= minor < 256 and 0 <= revision < 65536):
            raise IdentityError(f"image version {major}.{minor}.{revision} does not fit 4 bytes")
        return cls(major << 24 | minor << 16 | revision)

    def __str__(self) -> str:
        return f"{self.value:08X}"

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return text_schema(cls, FIRMWARE_VERSION_PATTERN)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {
            "type": "string",
            "pattern": FIRMWARE_VERSION_PATTERN,
            "description": "8 hex digits, upper case",
        }


_OPAQUE_NAME: Final = r"^[!-~](?:[ -~]*[!-~])?$"

OpaqueName = Annotated[str, StringConstraints(min_length=1, max_length=30, pattern=_OPAQUE_NAME)]
"""A manufacturer's or model's name: up to 30 printable ASCII characters, compared as they stand."""


@dataclass(frozen=True, slots=True, order=True)
class DeviceModel:
    """What firmware is made for: DeviceManufacturer and DeviceModel, both opaque (DUIS 5.4).

    Raises IdentityError for a name that DUIS has no room for, whoever states it.
    """

    manufacturer: OpaqueName
    model: OpaqueName

    def __post_init__(self) -> None:
        for name in (self.manufacturer, self.model):
            if len(name) > 30 or not re.fullmatch(_OPAQUE_NAME, name):
                raise IdentityError(
                    f"{name[:40]!r} names no manufacturer or model (1 to 30 printable ASCII characters)"
                )

    def __str__(self) -> str:
        return f"{self.manufacturer}/{self.model}"
