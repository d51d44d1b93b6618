"""A disk with Debian 12 as its installer leaves it on a PC, made from Debian's packages and kept for the next time."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SUITE: Final = "bookworm"
PACKAGES: Final = (
    # What makes it boot.
    *("systemd", "systemd-sysv", "udev", "dbus", "kmod", "linux-image-amd64", "initramfs-tools", "e2fsprogs"),
    # Of what the installer's standard task brings, what the station or its documents use.
    *("bash-completion", "libusb-1.0-0", "man-db", "procps", "python3", "sudo"),
    # The broker of a bench alone, and the hands of whoever listens there.
    *("mosquitto", "mosquitto-clients"),
)
UNIT: Final = """[Unit]
Description=What the test asks of this machine

[Service]
ExecStart=/usr/bin/python3 /usr/local/lib/guest_agent.py
Restart=always
StandardOutput=journal+console

[Install]
WantedBy=multi-user.target
"""
DISK_MEBIBYTES: Final = 3072
NEEDED: Final = "mmdebstrap qemu-system-x86 e2fsprogs help2man python3-venv"
_AGENT: Final = Path(__file__).with_name("guest_agent.py")


class ImageUnavailable(Exception):
    """The disk cannot be made here. The message says what is missing."""


@dataclass(frozen=True, slots=True)
class DebianImage:
    """What a virtual PC boots from. Nothing here is written to: whoever boots takes a copy of the disk."""

    root: Path
    """What stands on the disk, as a folder."""
    disk: Path
    kernel: Path
    initrd: Path


def debian_image() -> DebianImage:
    """Return the image, made if what this file and the agent say has none yet. Raises ImageUnavailable."""
    for tool in ("mmdebstrap", "mke2fs", "qemu-system-x86_64"):
        if shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None:
            raise ImageUnavailable(f"{tool} is missing: apt-get install {NEEDED}")
    if os.geteuid() != 0:
        raise ImageUnavailable("an image's files are root's: run it as root")
    wanted = hashlib.sha256(Path(__file__).read_bytes() + _AGENT.read_bytes()).hexdigest()
    kept = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "reflash-station"
    folder = kept / f"machine-{wanted[:16]}"
    if not folder.exists():
        kept.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept, prefix="machine-") as name:
            made = Path(name) / "made"
            made.mkdir()
            _make(Path(name) / "root", made)
            made.rename(folder)
    return DebianImage(folder / "root", folder / "disk", folder / "vmlinuz", folder / "initrd")


def _make(root: Path, made: Path) -> None:
    command = [
        "mmdebstrap",
        "--quiet",
        "--variant=minbase",
        f"--include={','.join(PACKAGES)}",
        SUITE,
        str(root),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ImageUnavailable(f"mmdebstrap failed: {done.stderr.strip()[-500:]}")
    (root / "etc/fstab").write_text("/dev/vda / ext4 defaults 0 1\n")
    (root / "etc/hostname").write_text("bench-pc\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n127.0.1.1 bench-pc\n")
    shutil.copy(_AGENT, root / "usr/local/lib" / _AGENT.name)
    units = root / "etc/systemd/system"
    (units / "guest-agent.service").write_text(UNIT)
    (units / "multi-user.target.wants/guest-agent.service").symlink_to("../guest-agent.service")
    (kernel,) = (root / "boot").glob("vmlinuz-*")
    (initrd,) = (root / "boot").glob("initrd.img-*")
    shutil.copy(kernel, made / "vmlinuz")
    shutil.copy(initrd, made / "initrd")
    make_disk(root, made / "disk", DISK_MEBIBYTES)
    root.rename(made / "root")


def make_disk(folder: Path, disk: Path, mebibytes: int) -> None:
    """Write a file system that holds a folder's content."""
    command = ["/sbin/mke2fs", "-q", "-F", "-t", "ext4", "-d", folder, disk, f"{mebibytes}M"]
    subprocess.run(command, check=True, capture_output=True)


def folder_from_disk(disk: Path, path: str, into: Path) -> Path:
    """Copy a folder out of a disk that nothing has mounted; return where it is now."""
    subprocess.run(["/sbin/debugfs", "-R", f"rdump {path} {into}", disk], check=True, capture_output=True)
    return into / Path(path).name
