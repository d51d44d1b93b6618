"""Where `reflash flash --usb` finds its device, and the file that it is given."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from drivers.dfu.place import PlaceError, UsbPlace
from drivers.dfu.plugin import PLUGIN
from drivers.dfu.settings import DfuSettings
from drivers.dfu.sights import parse_place
from drivers.topology import USB_PREFIX
from firmware_catalog.dfu_suffix import DfuSuffix, split_suffix
from firmware_catalog.files import read_named_file
from firmware_catalog.formats import read_image, recognise
from firmware_catalog.identity import FirmwareVersion
from firmware_catalog.image import MAX_IMAGE_SIZE, FirmwareImage
from station.cli.common import UsageError
from station.places.plugins import driver_settings
from station.settings import StationSettings


def parse_usb_place(text: str) -> UsbPlace:
    """Read a place as a slot has it. Raises UsageError."""
    try:
        return UsbPlace.parse(text.removeprefix(USB_PREFIX))
    except PlaceError as error:
        raise UsageError(f"--usb: {error}") from error


def is_this_place(configured: str, place: UsbPlace) -> bool:
    """Whether a slot's place is this one."""
    try:
        return parse_place(configured) == place
    except PlaceError:
        return False


def usb_settings(settings: StationSettings | None, place: UsbPlace, usbip: str | None) -> DfuSettings:
    """Return how the place is reached: by the server named, else as its jig is configured, else by libusb.

    Raises UsageError, and ConfigError for a jig whose settings are wrong.
    """
    if usbip is not None:
        host, port = _server(usbip)
        return DfuSettings(backend="usbip", usbip_host=host, usbip_port=port)
    for jig in settings.jigs if settings else ():
        if jig.driver == PLUGIN.name and any(is_this_place(one, place) for one in jig.slots.values()):
            return DfuSettings.model_validate(driver_settings(PLUGIN, jig).model_dump())
    return DfuSettings()


def read_any_image(path: Path, version: str | None) -> tuple[FirmwareImage, DfuSuffix | None]:
    """Read an image of any kind, and its DFU suffix if it has one. Raises OSError and ImageFormatError."""
    data = read_named_file(path, MAX_IMAGE_SIZE)
    suffix = split_suffix(data).suffix
    stated = FirmwareVersion.parse(version) if version else None
    return read_image(data, recognise(data), stated), suffix


def _server(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or not port or parts.netloc != text:
        raise UsageError(f"--usbip {text}: HOST:PORT is wanted, such as 127.0.0.1:3240")
    return host, port
