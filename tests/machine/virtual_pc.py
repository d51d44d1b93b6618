"""A virtual bench PC: Debian with systemd in qemu, no network, a USB stick, and a serial adapter on USB for each slot."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from debian_image import DebianImage

BOOT_SECONDS: Final = 600.0
"""Without hardware virtualisation, on a busy machine."""
PORT_NAMES: Final = "/dev/serial/by-path/pci-0000:00:03.0-usb-0:{}:1.0-port0"
"""How udev names the adapter in the n-th socket of this PC's USB."""
STICK: Final = "/media/stick"


class GuestFailed(Exception):
    """A command on the virtual PC did not end as it has to. With what it said."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command on the virtual PC ended."""

    code: int | None
    """None: it was stopped because it took too long."""
    out: str


class VirtualPc:
    """One PC: a disk that outlives its boots, and at most one boot at a time."""

    def __init__(self, image: DebianImage, folder: Path, stick: Path, ports: Sequence[Path]) -> None:
        """Prepare a PC with a new disk in `folder`; `ports` are the ptys behind its adapters."""
        folder.mkdir(parents=True)
        self.disk: Final = folder / "disk"
        self._folder = folder
        self._image = image
        self._stick = stick
        self._ports = ports
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._process: asyncio.subprocess.Process | None = None
        self._writer: asyncio.StreamWriter
        self._listening: asyncio.Task[None] | None = None

    async def install_disk(self) -> None:
        """Put Debian on the disk."""
        copy = ("cp", "--sparse=always", str(self._image.disk), str(self.disk))
        process = await asyncio.create_subprocess_exec(*copy)
        assert await process.wait() == 0

    async def boot(self) -> None:
        """Switch it on and wait until systemd has started what it starts."""
        address = self._folder / "agent"
        address.unlink(missing_ok=True)
        self._process = await asyncio.create_subprocess_exec(
            *self._command(address), stdin=asyncio.subprocess.DEVNULL
        )
        async with asyncio.timeout(BOOT_SECONDS):
            while True:
                self._must_run()
                with suppress(OSError):
                    reader, self._writer = await asyncio.open_unix_connection(address, limit=1 << 26)
                    break
                await asyncio.sleep(0.1)
            self._listening = asyncio.create_task(self._listen(reader))
            await self.run("systemctl is-system-running --wait || true", seconds=BOOT_SECONDS)
            await self.run(f"mkdir -p {STICK} && mount -o ro /dev/vdb {STICK}")

    async def run(self, script: str, *, seconds: float = 300.0) -> str:
        """Run a shell's script as root and return what it says. Raises GuestFailed unless it ends with 0."""
        ran = await self.try_out(script, seconds=seconds)
        if ran.code != 0:
            raise GuestFailed(f"{script} ended with {ran.code}: {ran.out[-3000:]}")
        return ran.out

    async def try_out(self, script: str, *, seconds: float = 300.0) -> Ran:
        """Run a shell's script as root, however it ends."""
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        request = {"id": number, "run": ["/bin/sh", "-c", script], "seconds": seconds}
        self._writer.write(json.dumps(request).encode() + b"\n")
        async with asyncio.timeout(seconds + 60):
            reply = await answer
        return Ran(reply["code"], reply["out"])

    async def cut_power(self) -> None:
        """Take the power away: what its kernel had not written is gone."""
        self._must_run()
        assert self._process is not None
        self._process.kill()
        await self._gone()

    async def shut_down(self) -> None:
        """Switch it off in good order."""
        with suppress(GuestFailed, ConnectionError, TimeoutError):
            await self.run("systemctl poweroff --no-block")
        assert self._process is not None
        async with asyncio.timeout(BOOT_SECONDS):
            await self._process.wait()
        await self._gone()

    async def close(self) -> None:
        """Leave nothing running."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
        await self._gone()

    @property
    def console(self) -> str:
        """What its kernel and systemd have said since it was switched on."""
        return (self._folder / "console").read_text(errors="replace")

    async def _gone(self) -> None:
        if self._process is not None:
            await self._process.wait()
            self._process = None
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait([self._listening])
            self._listening = None
            self._writer.close()
        for answer in self._waiting.values():
            answer.cancel()
        self._waiting.clear()

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            reply = json.loads(line)
            self._waiting.pop(reply["id"]).set_result(reply)

    def _must_run(self) -> None:
        assert self._process is not None
        if self._process.returncode is not None:
            raise AssertionError(f"the virtual PC went off by itself: {self.console[-2000:]}")

    def _command(self, agent: Path) -> list[str]:
        adapters = ["-device", "qemu-xhci,id=usb,addr=3,p2=8,p3=1"]
        for number, port in enumerate(self._ports, 1):
            adapters += ["-chardev", f"serial,id=slot{number},path={port}"]
            adapters += ["-device", f"usb-serial,bus=usb.0,port={number},chardev=slot{number}"]
        return [
            "qemu-system-x86_64",
            *("-M", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "1536"),
            *("-kernel", str(self._image.kernel), "-initrd", str(self._image.initrd)),
            *("-append", "root=/dev/vda rw console=ttyS0 quiet mitigations=off panic=-1"),
            # What the guest has written is in the host's memory at once, which outlives the guest: no flush is waited for.
            *("-drive", f"file={self.disk},format=raw,if=virtio,cache=unsafe"),
            *("-drive", f"file={self._stick},format=raw,if=virtio,readonly=on"),
            *("-device", "virtio-serial", "-chardev", f"socket,id=agent,path={agent},server=on,wait=off"),
            *("-device", "virtserialport,chardev=agent,name=agent"),
            *("-nic", "none", "-display", "none", "-monitor", "none", "-no-reboot"),
            *("-serial", f"file:{self._folder / 'console'}"),
            *adapters,
        ]


@asynccontextmanager
async def virtual_pc(
    image: DebianImage, folder: Path, stick: Path, ports: Sequence[Path] = ()
) -> AsyncIterator[VirtualPc]:
    """Have a PC with Debian on its disk, switched off at first, for the length of the block."""
    pc = VirtualPc(image, folder, stick, ports)
    await pc.install_disk()
    try:
        yield pc
    finally:
        await pc.close()
