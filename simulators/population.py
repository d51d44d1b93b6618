"""The hubs that a rig is given: read from a file, or made up from a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from simulators.firmware import FirmwareSpec, make_firmware
from simulators.hub import Hub, HubBuild, Nameplate

MANUFACTURER: Final = "10A8"
MODEL: Final = "00000011"
FACTORY_VERSION: Final = "0.1.288"
_HUB_OUI: Final = bytes.fromhex("887384")


class HubFileError(Exception):
    """A file of hubs cannot be used. One line: what, where."""


def _eui64(text: object) -> object:
    """Accept `88-73-84-…`, `88:73:84:…` and bare hex."""
    if not isinstance(text, str):
        return text
    raw = bytes.fromhex(text.replace("-", "").replace(":", ""))
    if len(raw) != 8:
        raise ValueError("an EUI-64 has 8 bytes")
    return raw


class HubEntry(BaseModel):
    """One hub or bridge of a file, and where it begins."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    chf: Annotated[bytes, BeforeValidator(_eui64)]
    """Of a bridge its one id."""
    gpf: Annotated[bytes | None, BeforeValidator(_eui64)] = None
    """Of a hub."""
    bridge_type: Literal["B1", "B2", "B3", "B4"] | None = None
    """Of a bridge."""
    manufacturer: str
    model: str
    hw: str = "1.0"
    variant: str = "SBCH"
    firmware: Path
    """The image that it leaves the factory with; relative to the file."""
    jig: int = Field(ge=1)
    slot: int | None = Field(default=None, ge=1)
    """None: it waits in the jig's queue."""

    @model_validator(mode="after")
    def _is_of_one_family(self) -> Self:
        if (self.gpf is None) == (self.bridge_type is None):
            raise ValueError("a hub has a gpf, a bridge a bridge_type, and nothing has both")
        return self

    @property
    def plate(self) -> Nameplate:
        """Who it is."""
        return Nameplate(
            self.chf, self.gpf, self.manufacturer, self.model, self.hw, self.variant, self.bridge_type
        )


_ENTRIES: Final = TypeAdapter(list[HubEntry])


def _make_hub(plate: Nameplate, image: bytes, build: HubBuild, seed: str) -> Hub:
    hub = Hub(plate, build, random.Random(seed).getrandbits(64))
    if len(image) > hub.layout.image_room:
        raise HubFileError(
            f"hub {plate.chf.hex('-').upper()}: its firmware has {len(image)} bytes, "
            f"a slot takes {hub.layout.image_room}"
        )
    hub.load_factory_image(image)
    return hub


def load_hubs(path: Path, build: HubBuild, seed: int) -> list[tuple[HubEntry, Hub]]:
    """Read a JSON array of hubs and make them. Raises HubFileError."""
    try:
        entries = _ENTRIES.validate_json(path.read_bytes())
    except OSError as error:
        raise HubFileError(f"{path}: cannot be read ({error.strerror})") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise HubFileError(f"{path}: hub {where}: {first['msg']}") from error
    images: dict[Path, bytes] = {}
    hubs = []
    for entry in entries:
        image_path = path.parent / entry.firmware
        try:
            image = images.setdefault(image_path, image_path.read_bytes())
        except OSError as error:
            raise HubFileError(f"{path}: firmware {image_path}: {error.strerror}") from error
        hubs.append((entry, _make_hub(entry.plate, image, build, f"{seed} {entry.chf.hex()}")))
    return hubs


def make_hubs(
    jigs: Iterator[int] | range, slots: int, build: HubBuild, maker: ec.EllipticCurvePrivateKey, seed: int
) -> list[tuple[HubEntry, Hub]]:
    """Make one hub for each slot, all of one model and on the same old firmware."""
    image = make_firmware(FirmwareSpec(FACTORY_VERSION, MANUFACTURER, MODEL, seed=seed), maker)
    hubs = []
    for jig in jigs:
        for slot in range(1, slots + 1):
            serial = random.Random(f"{seed} {jig} {slot}").randrange(1 << 39)
            # Two devices, two ids; nothing about one follows from the other.
            chf = _HUB_OUI + (serial * 2).to_bytes(5, "big")
            gpf = _HUB_OUI + random.Random(f"{seed} {jig} {slot} gas").randbytes(5)
            plate = Nameplate(chf, gpf, MANUFACTURER, MODEL, "1.0", "SBCH")
            entry = HubEntry(
                chf=chf, gpf=gpf, manufacturer=MANUFACTURER, model=MODEL, firmware=Path(), jig=jig, slot=slot
            )
            hubs.append((entry, _make_hub(plate, image, build, f"{seed} {chf.hex()}")))
    return hubs
