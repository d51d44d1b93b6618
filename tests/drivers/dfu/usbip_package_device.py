"""A DFU device of the PyPI package `usbip`, as a process: prints its port, and on a line of input what it holds."""

from __future__ import annotations

import socket
import sys

from usbip import USBIP, USBDevice
from usbip.classes.device.dfu import DFU, DFUError


class Target:
    """Holds firmware in memory; `fails_at` makes a write there fail with errVERIFY."""

    i_string = 0

    def __init__(self, name: str, fails_at: int | None = None) -> None:
        self.name = name
        self.data = bytearray()
        self.fails_at = fails_at

    @property
    def length(self) -> int:
        return len(self.data)

    def begin_download(self) -> None:
        self.data.clear()

    def write(self, offset: int, data: bytes) -> None:
        if self.fails_at is not None and offset >= self.fails_at:
            raise DFUError(0x07)
        self.data[offset : offset + len(data)] = data

    def read(self, offset: int, size: int) -> bytes:
        return bytes(self.data[offset : offset + size])

    def finish_download(self) -> None:
        pass


with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
targets = [Target("worn", fails_at=2048), Target("sound")]
device = USBDevice(0x1209, 0x0005, product="DFU", manufacturer="others")
device.add(DFU(targets, transfer_size=512))
with device.plug(via=USBIP("127.0.0.1", port)):
    print(port, flush=True)
    sys.stdin.readline()
    print(targets[1].data.hex(), flush=True)
