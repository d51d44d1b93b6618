"""The devices that a person flashes: at a serial port by SMP, at a USB place by DFU."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from drivers.dfu.application import NoHubCommands
from drivers.dfu.driver import DfuHubDriver
from drivers.dfu.errors import FileNotForThisDevice, NoBootableFirmware
from drivers.dfu.place import UsbPlace
from drivers.dfu.plain import PlainDfuDevice
from drivers.dfu.plugin import open_port
from drivers.dfu.port import UsbPort
from drivers.dfu.settings import DfuSettings
from drivers.errors import DriverError, HubAction, HubInSerialRecovery, NoAnswer
from drivers.hub import DeviceIdentity, HubDriver, ProgressListener
from drivers.smp.device import McubootDevice, open_device
from drivers.smp.driver import SmpHubDriver
from drivers.smp.errors import NoApplicationGroup
from drivers.smp.other_framing import WrongFraming
from drivers.smp.plain import PlainMcubootDevice
from drivers.smp.settings import SmpSettings
from firmware_catalog.dfu_suffix import DfuSuffix
from firmware_catalog.identity import FirmwareVersion
from firmware_catalog.image import FirmwareImage
from station.domain.outcome import Stage
from station.texts.texts import ENGLISH

PlainStage = tuple[Stage, Callable[[], Awaitable[object]]]
"""A stage, and what is done in it."""


class Refused(Exception):
    """The device must not be given this image. One line."""


def said_by_hand(error: DriverError) -> str:
    """Say in one line what went wrong, to one who has neither slot nor jig."""
    if isinstance(error, WrongFraming):
        return f"the device answers in {error.heard} framing: give --framing {error.heard}"
    if isinstance(error, NoAnswer):
        return f"{error.fact}: {ENGLISH.say('by_hand', 'do_no_answer')}"
    if isinstance(error, HubInSerialRecovery):
        return f"{error.fact}: {ENGLISH.say('by_hand', 'rework')}"
    return str(error)


class HandDevice(Protocol):
    """One device that a person flashes, whatever it turns out to be."""

    @property
    def place(self) -> str:
        """Where it is."""
        ...

    @property
    def hub(self) -> HubDriver:
        """The device, taken for a Communications Hub."""
        ...

    async def identify(self) -> DeviceIdentity | None:
        """Ask who it is; None for a device without the hub commands. Raises DriverError when it does not answer."""
        ...

    async def require_meant(self) -> None:
        """Raise Refused when the file says that it is for another device."""
        ...

    def plain_stages(self, image: FirmwareImage, on_progress: ProgressListener) -> Iterable[PlainStage]:
        """Return the stages of a device without the hub commands, in order."""
        ...

    def plain_version(self, image: FirmwareImage) -> FirmwareVersion | None:
        """Return what those stages have read back of the version, having all gone well."""
        ...

    async def close(self) -> None:
        """Give the place back."""
        ...


class SerialDevice:
    """A device with MCUboot at a serial port."""

    def __init__(self, device: McubootDevice) -> None:
        self._device = device
        self._plain = PlainMcubootDevice(device)
        self.hub = SmpHubDriver(device)

    @property
    def place(self) -> str:
        """The port."""
        return self._device.place

    async def identify(self) -> DeviceIdentity | None:
        """Ask who it is, or at least what it holds."""
        try:
            return await self.hub.identify()
        except NoApplicationGroup:
            await self._plain.meet()
            return None
        except NoAnswer as error:
            raise await self.hub.explain_silence() or error from error

    async def require_meant(self) -> None:
        """Nothing: an MCUboot image names no device but its model."""

    def plain_stages(self, image: FirmwareImage, on_progress: ProgressListener) -> Iterable[PlainStage]:
        """Write, test-boot, verify and confirm."""
        plain = self._plain
        return (
            (Stage.FLASH, lambda: plain.flash(image, on_progress)),
            (Stage.ACTIVATE, lambda: plain.activate(image)),
            (Stage.VERIFY, lambda: plain.verify(image)),
            (Stage.CONFIRM, lambda: plain.confirm(image)),
            (Stage.CHECK, lambda: plain.verify(image)),
        )

    def plain_version(self, image: FirmwareImage) -> FirmwareVersion | None:
        """The image's: verification read it back, or it would have failed."""
        return image.version

    async def close(self) -> None:
        """Give the port back."""
        await self._device.close()


class UsbDevice:
    """A device with DFU at a USB place, and the suffix of the file that it is to be given."""

    def __init__(self, port: UsbPort, suffix: DfuSuffix | None) -> None:
        self._port = port
        self._suffix = suffix
        self._plain = PlainDfuDevice(port)
        self.hub: HubDriver = DfuHubDriver(port)

    @property
    def place(self) -> str:
        """Bus and port chain."""
        return self.hub.place

    async def identify(self) -> DeviceIdentity | None:
        """Ask who it is."""
        try:
            return await self.hub.identify()
        except NoBootableFirmware:
            raise
        except (NoHubCommands, HubInSerialRecovery):
            await self._plain.meet(HubAction.IDENTIFY)
            return None  # a plain device, in run-time or in DFU mode

    async def require_meant(self) -> None:
        """Hold the file's suffix, if it has one, against the device."""
        if self._suffix is None:
            return
        try:
            await self._plain.require_meant(self._suffix)
        except FileNotForThisDevice as error:
            raise Refused(str(error)) from error

    def plain_stages(self, image: FirmwareImage, on_progress: ProgressListener) -> Iterable[PlainStage]:
        """Write it and, where it lets itself be read, read it back; then have it run what it holds."""
        plain = self._plain
        return (
            (Stage.FLASH, lambda: plain.flash(image.data, on_progress)),
            (Stage.ACTIVATE, plain.restart),
        )

    def plain_version(self, _: FirmwareImage) -> FirmwareVersion | None:
        """None: DFU knows no versions."""
        return None

    async def close(self) -> None:
        """Give the place back."""
        await self._port.close()


async def open_serial_device(port: str, settings: SmpSettings) -> SerialDevice:
    """Take a serial port. Raises PlaceUnavailable."""
    return SerialDevice(await open_device(port, settings))


async def open_usb_device(place: UsbPlace, settings: DfuSettings, suffix: DfuSuffix | None) -> UsbDevice:
    """Take a USB place, for a file with this suffix. Raises PlaceUnavailable."""
    return UsbDevice(await open_port(str(place), settings), suffix)
