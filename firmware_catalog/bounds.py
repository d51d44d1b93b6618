"""What a ZigBee OTA file may narrow its firmware to: one device, and a range of hardware versions.

Source: ZigBee Cluster Library, "OTA Upgrade" cluster, header fields "upgrade file destination" and "minimum" and
"maximum hardware version": 16 bits, of which the high byte is the version and the low byte the revision.

How the makers' hubs word their hardware version is not published. A wording of the form `VERSION.REVISION`, two decimal
numbers of at most 255, is read as those two bytes; no other is guessed at.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler
from pydantic_core import core_schema

from firmware_catalog.identity import Eui64, IdentityError, text_schema

_NUMBER: Final = r"(?:0|[1-9][0-9]{0,2})"
_WORDING: Final = re.compile(rf"({_NUMBER})\.({_NUMBER})")
_RANGE_PATTERN: Final = rf"^{_NUMBER}\.{_NUMBER}-{_NUMBER}\.{_NUMBER}$"


def read_hardware_version(text: str) -> int | None:
    """Return the 16 bits that a hub's `VERSION.REVISION` stands for; None for a wording that is not compared."""
    match = _WORDING.fullmatch(text)
    if match is None:
        return None
    version, revision = (int(part) for part in match.groups())
    return version << 8 | revision if version < 256 and revision < 256 else None


@dataclass(frozen=True, slots=True)
class HardwareRange:
    """Hardware versions from `lowest` to `highest`, both included, as 16-bit numbers. Its text is `1.0-1.3`."""

    lowest: int
    highest: int

    def __post_init__(self) -> None:
        if not 0 <= self.lowest <= self.highest < 1 << 16:
            raise IdentityError(
                f"hardware versions {self.lowest:#06x} to {self.highest:#06x} are no range of 16-bit numbers"
            )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `1.0-1.3`. Raises IdentityError for everything else, an inverted range included."""
        lowest, highest = (read_hardware_version(part) for part in text.partition("-")[::2])
        if lowest is None or highest is None:
            raise IdentityError(f"{text[:40]!r} is no range of hardware versions (such as 1.0-1.3)")
        return cls(lowest, highest)

    def __contains__(self, number: int) -> bool:
        return self.lowest <= number <= self.highest

    def __str__(self) -> str:
        return "-".join(f"{number >> 8}.{number & 0xFF}" for number in (self.lowest, self.highest))

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return text_schema(cls, _RANGE_PATTERN)


class Bounds(BaseModel):
    """To what a file narrows its firmware. None: not at all."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    device: Eui64 | None = None
    """The one device that the firmware is for: of a hub its CHF or its GPF."""
    hardware: HardwareRange | None = None

    def permit_device(self, devices: Collection[Eui64]) -> bool:
        """Whether the hub that is these devices may be given it."""
        return self.device is None or self.device in devices

    def permit_hardware(self, hardware_version: str) -> bool:
        """Whether a hub that words its hardware version so may be given it. What cannot be compared may not."""
        if self.hardware is None:
            return True
        number = read_hardware_version(hardware_version)
        return number is not None and number in self.hardware

    def __str__(self) -> str:
        device = f"device {self.device} alone" if self.device is not None else "any device"
        return f"{device} on hardware {self.hardware or 'of any version'}"


UNBOUND: Final = Bounds()
