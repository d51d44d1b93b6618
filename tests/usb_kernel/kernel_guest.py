"""A real Linux kernel for tests: Debian's, in qemu, with this machine's file system shared read-only.

The same virtual environment and Debian's own tools run inside. The guest sees this machine's loopback as 10.0.2.2.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOST_IN_GUEST = "10.0.2.2"
QEMU = "qemu-system-x86_64"
BUSYBOX = "/bin/busybox"
BOOT_SECONDS = 180.0
"""Without hardware virtualisation, on a busy machine."""
PACKAGES = "qemu-system-x86 linux-image-amd64 busybox-static cpio kmod udev usbip dfu-util libusb-1.0-0"
NEEDED_TO_BOOT = ("virtio_pci", "9p", "9pnet_virtio", "virtio_net")
INIT = """#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /host
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
for module in {modules}; do /bin/busybox insmod /modules/$module; done
/bin/busybox ifconfig lo 127.0.0.1 up
/bin/busybox ifconfig eth0 10.0.2.15 netmask 255.255.255.0 up
/bin/busybox mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=262144,cache=loose host /host
for folder in {kept}; do /bin/busybox mkdir -p /kept$folder; /bin/busybox mount -o bind /host$folder /kept$folder; done
for folder in tmp run; do /bin/busybox mount -t tmpfs tmpfs /host/$folder; done
for folder in {kept}; do /bin/busybox mkdir -p /host$folder; /bin/busybox mount --move /kept$folder /host$folder; done
for folder in proc sys dev; do /bin/busybox mount --move /$folder /host/$folder; done
exec /bin/busybox switch_root /host {python} {agent} {host}:{port}
"""


class GuestUnavailable(Exception):
    """The guest cannot be started here. The message says what is missing."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command in the guest ended."""

    code: int | None
    """None: it was stopped because it took too long."""
    out: str


class Guest:
    """A running guest."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._listening = asyncio.create_task(self._listen())

    async def run(self, *command: str, seconds: float = 120.0, env: dict[str, str] | None = None) -> Ran:
        """Run a command in the guest."""
        reply = await self._ask({"run": list(command), "seconds": seconds, "env": env or {}}, seconds + 30)
        return Ran(reply["code"], reply["out"])

    async def use_server(self, port: int) -> None:
        """Say where the USB/IP server is, on this machine's loopback."""
        await self._ask({"server": [HOST_IN_GUEST, port]})

    async def keep_attached(self, bus_ids: dict[int, str]) -> None:
        """Keep these devices of the server attached, each to a port of the guest's controller."""
        await self._ask({"attach": bus_ids})

    async def detach(self, port: int) -> None:
        """Pull a device out, and leave it out."""
        await self._ask({"detach": port})

    async def close(self) -> None:
        """Let the guest end."""
        self._listening.cancel()
        await asyncio.wait([self._listening])
        self._writer.close()
        await self._writer.wait_closed()

    async def _ask(self, request: dict[str, Any], seconds: float = 60.0) -> dict[str, Any]:
        number = next(self._numbers)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        self._writer.write(json.dumps({"id": number, **request}).encode() + b"\n")
        async with asyncio.timeout(seconds):
            return await self._waiting[number]

    async def _listen(self) -> None:
        while line := await self._reader.readline():
            reply = json.loads(line)
            self._waiting.pop(reply["id"]).set_result(reply)


def require_tools() -> None:
    """Raise GuestUnavailable when one of the programs is missing."""
    for tool in (QEMU, BUSYBOX, "cpio", "dfu-util", "usbip"):
        if shutil.which(tool) is None:
            raise GuestUnavailable(f"{tool} is missing: apt-get install {PACKAGES}")


def newest_kernel() -> tuple[Path, Path]:
    """Return the newest installed kernel that has modules, and their folder. Raises GuestUnavailable."""
    for kernel in sorted(Path("/boot").glob("vmlinuz-*-amd64"), reverse=True):
        modules = Path("/lib/modules") / kernel.name.removeprefix("vmlinuz-")
        if (modules / "modules.dep").exists():
            return kernel, modules
    raise GuestUnavailable(f"no Debian kernel is installed: apt-get install {PACKAGES}")


def modules_in_order(folder: Path) -> list[Path]:
    """Return the files of the modules that the root file system needs, each after those it depends on."""
    depends = {}
    for line in (folder / "modules.dep").read_text().splitlines():
        name, _, needs = line.partition(":")
        depends[name] = needs.split()
    by_name = {Path(name).name.partition(".")[0].replace("-", "_"): name for name in depends}
    ordered: list[str] = []

    def add(name: str) -> None:
        for need in depends[name]:
            add(need)
        if name not in ordered:
            ordered.append(name)

    for wanted in NEEDED_TO_BOOT:
        if wanted in by_name:
            add(by_name[wanted])
    return [folder / name for name in ordered]


def folders_to_keep() -> list[str]:
    """Return what is needed of the folders that the guest has of its own: a clone below /tmp, say."""
    needed = sorted({str(Path(__file__).resolve().parents[2]), sys.prefix})
    hidden = [folder for folder in needed if folder.startswith(("/tmp/", "/run/"))]
    return [folder for folder in hidden if not any(folder.startswith(f"{other}/") for other in hidden)]


def build_initramfs(folder: Path, modules: list[Path], port: int) -> Path:
    """Pack busybox, the modules and the first script. Returns the archive."""
    root = folder / "root"
    (root / "bin").mkdir(parents=True)
    (root / "modules").mkdir()
    shutil.copy2(BUSYBOX, root / "bin" / "busybox")
    for module in modules:
        shutil.copy2(module, root / "modules" / module.name)
    init = root / "init"
    init.write_text(
        INIT.format(
            modules=" ".join(module.name for module in modules),
            kept=" ".join(folders_to_keep()),
            python=sys.executable,
            agent=Path(__file__).with_name("guest_agent.py"),
            host=HOST_IN_GUEST,
            port=port,
        )
    )
    init.chmod(0o755)
    names = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
    archive = folder / "initramfs"
    with archive.open("wb") as file:
        subprocess.run(
            ["cpio", "--create", "--format=newc", "--quiet"],
            cwd=root,
            input=names.encode(),
            stdout=file,
            check=True,
        )
    return archive


@asynccontextmanager
async def running_guest() -> AsyncIterator[Guest]:
    """Boot the guest, and end it when the block is left. Raises GuestUnavailable."""
    require_tools()
    kernel, modules = newest_kernel()
    arrived: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]]
    arrived = asyncio.get_running_loop().create_future()
    listener = await asyncio.start_server(lambda r, w: arrived.set_result((r, w)), "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="usb-kernel-") as name:
        folder = Path(name)
        initramfs = build_initramfs(folder, modules_in_order(modules), port)
        console = folder / "console"
        machine = await asyncio.create_subprocess_exec(
            QEMU,
            *("-M", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "1024"),
            *("-kernel", str(kernel), "-initrd", str(initramfs)),
            *("-append", "console=ttyS0 quiet panic=-1 mitigations=off"),
            *("-fsdev", "local,id=host,path=/,security_model=none,readonly=on,multidevs=remap"),
            *("-device", "virtio-9p-pci,fsdev=host,mount_tag=host"),
            *("-nic", "user,model=virtio-net-pci"),
            *("-display", "none", "-no-reboot", "-serial", f"file:{console}", "-monitor", "none"),
            stdin=asyncio.subprocess.DEVNULL,
        )
        try:
            ended = asyncio.create_task(machine.wait())
            await asyncio.wait([arrived, ended], timeout=BOOT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if not arrived.done():
                tail = console.read_text(errors="replace")[-2000:] if console.exists() else ""
                raise GuestUnavailable(f"the guest did not start; its console says:\n{tail}")
            guest = Guest(*arrived.result())
            try:
                yield guest
            finally:
                await guest.close()
        finally:
            if machine.returncode is None:
                machine.kill()
            await ended
            listener.close()
            await listener.wait_closed()
