"""Releases of a model's firmware, and the way from what a hub runs to the latest of them.

A release states from which versions it may be applied, because some models take versions only in order (DCC
modification MP231). Versions only ever rise: nothing here plans a downgrade.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator
from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from firmware_catalog.bounds import UNBOUND, Bounds, read_hardware_version
from firmware_catalog.devices import DeviceKind
from firmware_catalog.identity import DeviceModel, Eui64, FirmwareVersion
from firmware_catalog.image import MAX_IMAGE_SIZE, ImageKind

ANY_LOWER: Final = "any_lower"
"""`Release.permitted_from` of a release that may be applied to every lower version."""

FileName = Annotated[
    str, StringConstraints(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
]
"""The name of a file in the catalogue's own folder: no path, nothing hidden."""

HardwareVersion = Annotated[
    str, StringConstraints(min_length=1, max_length=64, pattern=r"^[!-~](?:[ -~]*[!-~])?$")
]
"""A hub's hardware version as the hub states it: opaque, compared as it stands."""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ReleaseStatus(StrEnum):
    """Whether a release may be flashed."""

    PRODUCTION = "production"
    WITHDRAWN = "withdrawn"


class VersionRange(_Entry):
    """Versions from `lowest` to `highest`, both included."""

    lowest: FirmwareVersion
    highest: FirmwareVersion

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.lowest > self.highest:
            raise ValueError(f"lowest {self.lowest} is above highest {self.highest}")
        return self

    def __contains__(self, version: FirmwareVersion) -> bool:
        return self.lowest <= version <= self.highest

    def __str__(self) -> str:
        return f"{self.lowest} to {self.highest}"


Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256 in lower-case hex."""


class ImageReference(_Entry):
    """Which file holds a release's image, and how exactly to know it again."""

    file: FileName
    sha256: Sha256
    """SHA-256 of the whole file."""
    size: Annotated[int, Field(ge=1, le=MAX_IMAGE_SIZE)]
    """Bytes."""


class Release(_Entry):
    """One firmware version of one model, for good: its image never changes, only its status does."""

    model: DeviceModel
    version: FirmwareVersion
    status: ReleaseStatus
    permitted_from: Literal["any_lower"] | Annotated[tuple[VersionRange, ...], Field(min_length=1)]
    """The versions it may be applied to. A range that reaches its own version or above adds nothing there."""
    hardware_versions: tuple[HardwareVersion, ...] = ()
    """The hardware it may be applied to; empty when the model's hardware does not matter, or `only_for` says it all.

    Where `only_for` has a range, a wording that can be compared must lie in it. One that cannot be compared is the word
    of who added the release that the range means it.
    """
    only_for: Annotated[Bounds, Field(exclude_if=lambda bounds: bounds == UNBOUND)] = UNBOUND
    """What the image's file itself narrows it to. Left out of what is written where it does not: a station that is too
    old to know it refuses a catalogue that states it."""
    made_for: Annotated[DeviceKind, Field(strict=False, exclude_if=lambda kind: kind is DeviceKind.HUB)] = (
        DeviceKind.HUB
    )
    """Hubs, or bridges of one type: it is for nothing else, whatever its model is called. Left out of what is written
    where it is hubs, with the same consequence."""
    image: ImageReference
    kind: ImageKind = ImageKind.MCUBOOT
    """What the image's file is."""
    manufacturer_image_hash: Sha256 | None = None
    """SHA-256 over the Manufacturer Image. Never left out where the file is only its wrapping."""
    notes: Annotated[str, StringConstraints(max_length=2000)] = ""
    """For people."""

    @model_validator(mode="after")
    def _a_wrapping_states_its_content(self) -> Self:
        wrapped = self.kind in {ImageKind.ZIGBEE_OTA, ImageKind.DFU}
        if wrapped and self.manufacturer_image_hash is None:
            raise ValueError(f"an image of kind {self.kind} needs its manufacturer_image_hash")
        return self

    @model_validator(mode="after")
    def _stated_hardware_is_in_the_range(self) -> Self:
        span = self.only_for.hardware
        for stated in self.hardware_versions:
            number = read_hardware_version(stated)
            if span is not None and number is not None and number not in span:
                raise ValueError(f"hardware {stated} is not among the image's own, {span}")
        return self

    @property
    def payload_sha256(self) -> str:
        """SHA-256 of what a hub is given: of the Manufacturer Image, wherever it lies in the file."""
        return self.manufacturer_image_hash or self.image.sha256

    def permits_version(self, version: FirmwareVersion) -> bool:
        """Whether it may be applied to a hub that runs `version`."""
        return any(lowest <= version <= highest for lowest, highest in self.permitted_ranges())

    def permitted_ranges(self) -> Iterator[tuple[FirmwareVersion, FirmwareVersion]]:
        """Yield the lowest and the highest version of each range that it may be applied to, all below its own."""
        if self.version.value == 0:
            return
        below = FirmwareVersion(self.version.value - 1)
        if self.permitted_from == ANY_LOWER:
            yield FirmwareVersion(0), below
        else:
            yield from ((span.lowest, min(span.highest, below)) for span in self.permitted_from)

    def permits_hardware(self, hardware_version: str) -> bool:
        """Whether it may be applied to this hardware."""
        if self.hardware_versions:
            return hardware_version in self.hardware_versions
        return self.only_for.permit_hardware(hardware_version)

    @property
    def hardware(self) -> str:
        """The hardware that it may be applied to, in words."""
        return ", ".join(self.hardware_versions) or str(self.only_for.hardware or "any")

    def __str__(self) -> str:
        return f"{self.model} {self.version}"


class PlanError(Exception):
    """There is nothing that this hub may be given. The message names model and versions."""


class NoRelease(PlanError):
    """The catalogue has no production release for the model."""


class NewerThanRelease(PlanError):
    """The hub runs a higher version than the model's latest production release."""


class HardwareVersionMismatch(PlanError):
    """The model's latest production release is not for the hub's hardware."""


class NoPermittedPath(PlanError):
    """No chain of permitted steps leads from the hub's version to the latest."""


class PlanStep(_Entry):
    """One release to apply to a hub that runs `from_version`."""

    from_version: FirmwareVersion
    release: Release


class Plan(_Entry):
    """The steps that take a hub to the latest production release of its model; none when it runs that already."""

    target: Release
    steps: tuple[PlanStep, ...]


def latest_production(
    releases: Iterable[Release], model: DeviceModel, kind: DeviceKind, devices: Collection[Eui64] = ()
) -> Release:
    """Return the highest production release of the model for the device of this kind and these ids. Raises NoRelease.

    A release for one device is nobody else's, and one of another kind nobody's here: for them it is not there.
    """
    named = [release for release in releases if release.model == model]
    of_model = [release for release in named if release.made_for is kind]
    for_hub = [release for release in of_model if release.only_for.permit_device(devices)]
    production = [release for release in for_hub if release.status is ReleaseStatus.PRODUCTION]
    if not production:
        why = (
            "every release of it is withdrawn"
            if for_hub
            else "each of its releases is for another device alone"
            if of_model
            else f"its releases are for {named[0].made_for.plural}, not for {kind.plural}"
            if named
            else "the catalogue lists none"
        )
        raise NoRelease(f"there is no production release for model {model}: {why}")
    return max(production, key=lambda release: release.version)


def plan_upgrade(
    releases: Iterable[Release],
    model: DeviceModel,
    from_version: FirmwareVersion,
    hardware_version: str,
    kind: DeviceKind,
    devices: Collection[Eui64] = (),
) -> Plan:
    """Plan the way from `from_version` to the model's latest production release for a device of this kind and these ids.

    Of all permitted chains the shortest is taken; of several, the one whose first step leads highest, then its
    second, and so on. Raises the PlanError that says why there is none.
    """
    releases = tuple(releases)
    target = latest_production(releases, model, kind, devices)
    if from_version == target.version:
        return Plan(target=target, steps=())
    if from_version > target.version:
        raise NewerThanRelease(
            f"{model} runs {from_version}, which is newer than its latest production release {target.version}"
        )
    if not target.permits_hardware(hardware_version):
        raise HardwareVersionMismatch(_not_for(target, hardware_version))
    usable = [
        release
        for release in releases
        if release.model == model
        and release.made_for is kind
        and from_version < release.version <= target.version
        and release.status is ReleaseStatus.PRODUCTION
        and release.permits_hardware(hardware_version)
        and release.only_for.permit_device(devices)
    ]
    ways = _ways_to(target, from_version, usable)
    if from_version not in ways:
        raise NoPermittedPath(
            f"no permitted path leads {model} on hardware {hardware_version} "
            f"from {from_version} to {target.version}"
        )
    steps: list[PlanStep] = []
    version = from_version
    while version != target.version:
        steps.append(PlanStep(from_version=version, release=ways[version]))
        version = ways[version].version
    return Plan(target=target, steps=tuple(steps))


def _ways_to(
    target: Release, from_version: FirmwareVersion, usable: Iterable[Release]
) -> dict[FirmwareVersion, Release]:
    """Return the best next release from each version that leads to `target`, up to the level of `from_version`.

    Breadth first from the end, of each level the highest version first: the first release that a version is found
    under is its best one. Each version is found once, so that a long chain costs as much a step as a short one.
    """
    by_version = {release.version: release for release in usable}
    versions = sorted({from_version, *by_version})
    unfound = _Unfound(len(versions))
    ways: dict[FirmwareVersion, Release] = {}
    level = [target]
    while level and from_version not in ways:
        found = []
        for release in level:
            for lowest, highest in release.permitted_ranges():
                places = unfound.take(bisect_left(versions, lowest), bisect_right(versions, highest))
                found += [versions[place] for place in places]
                ways |= dict.fromkeys((versions[place] for place in places), release)
        level = [by_version[version] for version in sorted(found, reverse=True) if version in by_version]
    return ways


class _Unfound:
    """Places 0 to `count` - 1, each taken once. Where many are gone, what is left is found without a look at each."""

    def __init__(self, count: int) -> None:
        self._next = list(range(count + 1))
        """Where to look for a place that is left, from each place on."""

    def take(self, first: int, end: int) -> list[int]:
        """Take and return what is left from `first` to before `end`."""
        taken = []
        place = self._left_from(first)
        while place < end:
            taken.append(place)
            self._next[place] = place + 1
            place = self._left_from(place + 1)
        return taken

    def _left_from(self, place: int) -> int:
        hops = self._next
        while hops[place] != place:
            hops[place] = hops[hops[place]]
            place = hops[place]
        return place


def _not_for(release: Release, hardware_version: str) -> str:
    said = f"release {release} is for hardware {release.hardware}, not {hardware_version}"
    if release.hardware_versions or read_hardware_version(hardware_version) is not None:
        return said
    return f"{said}, which cannot be compared; have it released with --hardware in the hubs' own wording"
