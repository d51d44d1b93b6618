"""A plain DFU device at a USB place, without the hub's own commands: what a person flashes by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from drivers.dfu.bus import Sighting
from drivers.dfu.device import DfuDevice
from drivers.dfu.errors import FileNotForThisDevice
from drivers.dfu.port import UsbPort
from drivers.dfu.progress import throttled
from drivers.dfu.work import Work
from drivers.errors import DriverError, HubAction, NotAHub, TransferIncomplete, UploadRejected
from drivers.hub import FlashProgress, ProgressListener
from firmware_catalog.dfu_suffix import DfuSuffix, split_suffix
from firmware_catalog.image import ImageFormatError


class PlainDfuDevice:
    """Flashes whatever DFU device sits at the place."""

    def __init__(self, port: UsbPort) -> None:
        self._port = port

    async def flash(self, file: bytes, on_progress: ProgressListener) -> None:
        """Write a file's firmware, and read it back where the device lets itself be read.

        A DFU suffix is checked against the device, and is not sent. Raises FileNotForThisDevice for one that names
        another device, UploadRejected for one that is damaged, TransferIncomplete when other bytes are read back.
        """
        try:
            parts = split_suffix(file)
        except ImageFormatError as error:
            raise UploadRejected(str(error), action=HubAction.FLASH, state_known=True) from error
        firmware, size = parts.firmware, len(parts.firmware)
        if parts.suffix is not None:
            await self.require_meant(parts.suffix)
        await self._port.enter_dfu_mode(HubAction.FLASH)
        report = throttled(asyncio.get_running_loop(), on_progress, size)

        def write(device: DfuDevice, work: Work) -> bytes | None:
            device.become_idle(work)
            device.download(firmware, report, work)
            device.manifest(size, work)
            readable = device.functional.can_upload and device.functional.manifestation_tolerant
            return device.upload(size, work) if readable else None

        settings = self._port.settings
        seconds = settings.download_seconds(2 * size) + settings.manifestation_seconds
        read_back = await self._port.run(HubAction.FLASH, seconds, write, writes=True)
        on_progress(FlashProgress(size, size))
        if read_back is not None and read_back[:size] != firmware:
            raise TransferIncomplete(
                f"the device at {self._port.place} holds other bytes than it was sent: flash it again",
                action=HubAction.FLASH,
                state_known=False,
            )

    async def require_meant(self, suffix: DfuSuffix) -> None:
        """Raise FileNotForThisDevice when a file's suffix names another device than the one at the place.

        The suffix may name either of a device's two products, so one that does not match is looked at in DFU mode,
        too; if it is the wrong one, it is left as it was found.
        """
        seen = [await self._port.look(HubAction.FLASH)]
        detached = False
        if not _is_among(suffix, seen):
            detached = await self._port.enter_dfu_mode(HubAction.FLASH)
            seen.append(await self._port.look(HubAction.FLASH))
        if _is_among(suffix, seen):
            return
        if detached:
            with suppress(DriverError):  # what is wrong with the file is what counts
                await self.restart()
        ids = " or ".join(str(sighting) for sighting in dict.fromkeys(seen) if sighting is not None)
        raise FileNotForThisDevice(
            f"the file is for {suffix}, not for {ids}: get the right file",
            action=HubAction.FLASH,
            state_known=True,
        )

    async def restart(self) -> None:
        """Have the device leave DFU mode and run what it holds. Raises HubDidNotReturn."""
        with suppress(NotAHub):  # what it runs need not speak DFU
            await self._port.leave_dfu_mode(HubAction.REBOOT)

    async def close(self) -> None:
        """Give the place back."""
        await self._port.close()


def _is_among(suffix: DfuSuffix, seen: Iterable[Sighting | None]) -> bool:
    return any(suffix.is_for(one.vendor, one.product) for one in seen if one is not None)
