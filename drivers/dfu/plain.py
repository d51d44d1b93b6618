"""A plain DFU device at a USB place, without the hub's own commands: what a person flashes by hand.

Such a device has no ids. What is held on to is its appearance on the bus: as long as it does not leave, it is the same
one. Where it is told to leave, by DETACH or a reset, only its vendor id and its serial number, if it has one in both
modes, tell it from another that is plugged in meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from drivers.dfu.bus import Sighting
from drivers.dfu.device import DfuDevice
from drivers.dfu.errors import FileNotForThisDevice
from drivers.dfu.port import UsbPort
from drivers.dfu.progress import throttled
from drivers.dfu.work import Work
from drivers.errors import (
    AnotherHub,
    DriverError,
    HubAction,
    NotAHub,
    TransferIncomplete,
    UploadRejected,
    after_a_change,
)
from drivers.hub import FlashProgress, ProgressListener
from firmware_catalog.dfu_suffix import DfuSuffix, split_suffix
from firmware_catalog.image import ImageFormatError


class _Told(NamedTuple):
    """What a device tells without hub commands."""

    sighting: Sighting
    serial_number: str | None


class PlainDfuDevice:
    """Flashes one DFU device: the one that sits at the place when it is first asked anything."""

    def __init__(self, port: UsbPort) -> None:
        self._port = port
        self._told: _Told | None = None

    async def meet(self, action: HubAction) -> None:
        """See which device sits here; from now on no other is meant. Raises AnotherHub if one was met already."""
        await self._port.run(action, self._port.settings.command_seconds, self._require)

    async def flash(self, file: bytes, on_progress: ProgressListener) -> None:
        """Write a file's firmware, and read it back where the device lets itself be read.

        A DFU suffix is checked against the device, and is not sent. Raises FileNotForThisDevice for one that names
        another device, UploadRejected for one that is damaged, TransferIncomplete when other bytes are read back,
        AnotherHub for a device that was not met.
        """
        try:
            parts = split_suffix(file)
        except ImageFormatError as error:
            raise UploadRejected(str(error), action=HubAction.FLASH, state_known=True) from error
        firmware, size = parts.firmware, len(parts.firmware)
        if parts.suffix is not None:
            await self.require_meant(parts.suffix)
        await self._enter_dfu_mode()
        report = throttled(asyncio.get_running_loop(), on_progress, size)

        def write(device: DfuDevice, work: Work) -> bytes | None:
            self._require(device, work)
            work.writes = True
            device.become_idle(work)
            device.download(firmware, report, work)
            device.manifest(size, work)
            readable = device.functional.can_upload and device.functional.manifestation_tolerant
            return device.upload(size, work) if readable else None

        settings = self._port.settings
        seconds = settings.download_seconds(2 * size) + settings.manifestation_seconds
        read_back = await self._port.run(HubAction.FLASH, seconds, write)
        on_progress(FlashProgress(size, size))
        if read_back is not None and read_back[:size] != firmware:
            raise TransferIncomplete(
                f"the device at {self._port.place} holds other bytes than it was sent",
                action=HubAction.FLASH,
                state_known=False,
                advice="flash it again",
            )

    async def require_meant(self, suffix: DfuSuffix) -> None:
        """Raise FileNotForThisDevice when a file's suffix names another device than the one at the place.

        The suffix may name either of a device's two products, so one that does not match is looked at in DFU mode,
        too; if it is the wrong one, it is left as it was found.
        """
        seen = [await self._port.look(HubAction.FLASH)]
        detached = False
        if not _is_among(suffix, seen):
            detached = await self._enter_dfu_mode()
            seen.append(await self._port.look(HubAction.FLASH))
        if _is_among(suffix, seen):
            return
        if detached:
            with suppress(DriverError):  # what is wrong with the file is what counts
                await self.restart()
        ids = " or ".join(str(sighting) for sighting in dict.fromkeys(seen) if sighting is not None)
        raise FileNotForThisDevice(
            f"the file is for {suffix}, not for {ids}",
            action=HubAction.FLASH,
            state_known=True,
            advice="get the right file",
        )

    async def restart(self) -> None:
        """Have the device leave DFU mode and run what it holds. Raises HubDidNotReturn and AnotherHub."""
        with suppress(NotAHub):  # what it runs need not speak DFU
            await self._port.leave_dfu_mode(HubAction.REBOOT, self._require)
        # It was told to leave, so what is there now is another appearance.
        self._told = None

    async def close(self) -> None:
        """Give the place back."""
        await self._port.close()

    async def _enter_dfu_mode(self) -> bool:
        """Detach the device unless it is in DFU mode, and hold on to it as it comes back; return whether it had to."""
        detached = await self._port.enter_dfu_mode(HubAction.FLASH, self._require)
        if detached:
            with after_a_change():
                await self._port.run(HubAction.FLASH, self._port.settings.command_seconds, self._follow)
        return detached

    def _require(self, device: DfuDevice, work: Work) -> None:
        """Raise AnotherHub unless the device is the one that was met, never off the bus since; else meet it."""
        if self._told is None:
            self._told = _tell(device)
        elif device.sighting != self._told.sighting:
            raise self._another(device, work, "it has been unplugged since it was looked at")

    def _follow(self, device: DfuDevice, work: Work) -> None:
        """Take a device for the one that was detached, unless it tells something else."""
        before, now = self._told, _tell(device)
        if before is not None:
            if now.sighting.vendor != before.sighting.vendor:
                raise self._another(device, work, f"before was {before.sighting}")
            serials = {before.serial_number, now.serial_number} - {None}
            if len(serials) > 1:
                raise self._another(device, work, f"its serial number was {before.serial_number}")
        self._told = now

    def _another(self, device: DfuDevice, work: Work, why: str) -> AnotherHub:
        return AnotherHub(
            f"{device.sighting} may be another one, {why}",
            action=work.action,
            state_known=not work.writes,
            advice="find the first and begin anew",
        )


def _tell(device: DfuDevice) -> _Told:
    return _Told(device.sighting, device.pipe.text(device.pipe.device.iSerialNumber))


def _is_among(suffix: DfuSuffix, seen: Iterable[Sighting | None]) -> bool:
    return any(suffix.is_for(one.vendor, one.product) for one in seen if one is not None)
