"""Hubs, images and plans for tests of the attempt. Plain values; nothing pretends to be a device."""

from __future__ import annotations

import hashlib

from drivers.hub import HubIdentity, HubState, ImageSlot
from firmware_catalog.identity import DeviceModel, Eui64, FirmwareVersion
from firmware_catalog.image import FirmwareImage, ImageKind
from station.attempt.plan import AttemptPlan, PlannedStep

MODEL = DeviceModel("0B6B", "00000001")
CHF = Eui64.parse("88-73-84-00-00-00-00-01")
GPF = Eui64.parse("88-73-84-00-00-00-01-01")
OLD = FirmwareVersion.parse("00010000")


def image(version: str) -> FirmwareImage:
    data = version.encode()
    return FirmwareImage(
        data=data,
        kind=ImageKind.MCUBOOT,
        version=FirmwareVersion.parse(version),
        version_text=version,
        image_hash=hashlib.sha256(b"image" + data).digest(),
        file_sha256=hashlib.sha256(data).digest(),
        model=MODEL,
    )


FIRST, SECOND = image("00020000"), image("00030000")
OTHER = image("00010000")


def plan(*images: FirmwareImage) -> AttemptPlan:
    return AttemptPlan(tuple(PlannedStep(one) for one in images))


def hub(firmware: FirmwareVersion = OLD, *, locked: bool = True, **changes: object) -> HubIdentity:
    facts: dict[str, object] = {
        "chf": CHF,
        "gpf": GPF,
        "model": MODEL,
        "hardware_version": "1",
        "variant": "DBCH",
        "firmware": firmware,
        "locked": locked,
        "boots": 1,
    }
    return HubIdentity(**{**facts, **changes})  # type: ignore[arg-type]


def slot(
    number: int,
    held: FirmwareImage,
    *,
    active: bool = False,
    confirmed: bool = False,
    pending: bool = False,
    bootable: bool = True,
) -> ImageSlot:
    return ImageSlot(
        slot=number,
        version=held.version_text,
        image_hash=held.image_hash,
        bootable=bootable,
        pending=pending,
        confirmed=confirmed,
        active=active,
        permanent=False,
    )


def state(*slots: ImageSlot) -> HubState:
    return HubState(slots)
