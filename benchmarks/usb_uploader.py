"""The process measured by `benchmarks.usb`: uploads one image to every USB hub at once.

Every hub is in DFU mode and open when it begins. Both clients use the same connections: USB/IP has a device reset,
and so boot, when its host lets go of it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from pydfuutil.dfu import DfuIf
from pydfuutil.dfu_file import DfuFile, DFUFileSize
from pydfuutil.dfu_load import do_download
from pydfuutil.progress import NoProgressBarBackend, Progress

from benchmarks.clients import StationUploader, Uploader
from benchmarks.measured import upload_to_all
from benchmarks.usb_workload import PYDFUUTIL, UsbTask
from drivers.dfu.driver import DfuHubDriver
from drivers.dfu.plugin import open_port
from drivers.dfu.port import UsbPort
from drivers.dfu.settings import DfuSettings
from drivers.errors import HubAction
from firmware_catalog.image import FirmwareImage
from firmware_catalog.mcuboot import load_image
from station.unlocking.key_file import KeyFileAuthority

_INTERFACE: Final = 0
_OPEN_SECONDS: Final = 5.0


class PydfuutilUploader:
    """pydfuutil as it comes, in a thread of its own; but without its progress bar, of which 24 would fill a terminal."""

    def __init__(self, port: UsbPort) -> None:
        self._port = port
        self._thread = ThreadPoolExecutor(max_workers=1)

    async def upload(self, image: FirmwareImage) -> None:
        """Return once the hub holds the image."""
        file = DfuFile(name=None, firmware=bytes(image.data))
        file.size = DFUFileSize(total=len(image), prefix=0, suffix=0)
        device = await self._port.run(HubAction.FLASH, _OPEN_SECONDS, lambda device, _: device)

        def download() -> None:
            dif = DfuIf(dev=device.pipe.device, interface=_INTERFACE)
            do_download(dif, device.functional.block_size, file)

        await asyncio.get_running_loop().run_in_executor(self._thread, download)

    async def close(self) -> None:
        """Give the place back."""
        self._thread.shutdown()
        await self._port.close()


async def _open(task: UsbTask, place: str, authority: KeyFileAuthority) -> Uploader:
    port = await open_port(place, DfuSettings(backend="usbip", usbip_port=task.port))
    driver = DfuHubDriver(port)
    hub = (await driver.wait_for_hub()).device
    await driver.unlock(hub, authority)
    return PydfuutilUploader(port) if task.client == PYDFUUTIL else StationUploader(driver, hub)


async def _run(task: UsbTask, image: FirmwareImage) -> None:
    authority = KeyFileAuthority.load(Path(task.unlock_key))
    uploaders = await asyncio.gather(*(_open(task, place, authority) for place in task.places))
    await upload_to_all(uploaders, image, task.tick_seconds)


if __name__ == "__main__":
    logging.getLogger(PYDFUUTIL).setLevel(logging.WARNING)
    Progress.set_default_backend(NoProgressBarBackend)
    given = UsbTask(**json.loads(sys.argv[1]))
    asyncio.run(_run(given, load_image(Path(given.image).read_bytes())))
