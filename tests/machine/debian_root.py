"""Debian on a small disk in memory, without a kernel of its own: what dpkg does, in seconds where a virtual PC takes minutes."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from debian_image import DISK_MEBIBYTES, DebianImage, ImageUnavailable, make_disk

_ENVIRONMENT: Final = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}
_MEBIBYTE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class DebianRoot:
    """A root to change into."""

    place: Path

    def start(self, script: str) -> subprocess.Popen[str]:
        """Begin a shell's script there, in a process group of its own, with nobody to answer what it asks."""
        # systemd-tmpfiles asks the kernel about the files that it makes.
        inside = f"mount -t proc proc /proc && {script}"
        return subprocess.Popen(
            ["unshare", "--mount", "chroot", self.place, "/bin/sh", "-c", inside],
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, script: str) -> str:
        """Run a script to its end and return what it says. Raises AssertionError unless it ends with 0."""
        code, out = self.try_out(script)
        assert code == 0, f"{script} ended with {code}: {out}"
        return out

    def try_out(self, script: str) -> tuple[int, str]:
        """Run a script, however it ends."""
        with self.start(script) as process:
            out, _ = process.communicate(timeout=300)
        return process.returncode, out

    def leave_free(self, mebibytes: int) -> None:
        """Make its disk so small that no more is free."""
        used = int(_said("df", "--output=used", "--block-size=1", self.place).split()[-1])
        _said("mount", "-o", f"remount,size={used + mebibytes * _MEBIBYTE}", self.place)


@contextmanager
def debian_root(image: DebianImage, place: Path) -> Iterator[DebianRoot]:
    """Have what stands on the image's disk. Raises ImageUnavailable."""
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2g", "tmpfs", place], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        raise ImageUnavailable(f"no disk in memory can be mounted here: {mounted.stderr.strip()}")
    try:
        _said("cp", "--archive", f"{image.root}/.", place)
        yield DebianRoot(place)
    finally:
        subprocess.run(["umount", place], check=True)


def installed(image: DebianImage, package: Path, folder: Path) -> DebianImage:
    """Return the image with the package installed, for the tests of what comes after."""
    with debian_root(image, folder / "installed") as root:
        shutil.copy(package, root.place / "srv")
        root.run(f"dpkg -i /srv/{package.name} && rm /srv/{package.name}")
        make_disk(root.place, folder / "installed.ext4", DISK_MEBIBYTES)
    return replace(image, disk=folder / "installed.ext4")


def _said(*command: str | Path) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
