"""Packages that differ from the one that was built in what a test is about."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path


def package_version(package: Path) -> str:
    """Return the version of a Debian package file."""
    done = subprocess.run(["dpkg-deb", "-f", package, "Version"], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def older(package: Path, made: Path) -> Path:
    """Make the same package under a version before it, which is all that there was of one."""
    version = package_version(package)

    def change(tree: Path) -> None:
        home = (tree / "opt/reflash" / version).rename(tree / f"opt/reflash/{version}~before")
        for file in (*(tree / "DEBIAN").iterdir(), *(home / "bin").iterdir()):
            if not file.is_symlink():
                file.write_text(file.read_text().replace(version, f"{version}~before"))

    return _made_again(package, made, change)


def variant(package: Path, made: Path, path: str, was: str, becomes: str) -> Path:
    """Make the same package with another text in one of its files."""

    def change(tree: Path) -> None:
        file = tree / path
        content = file.read_text()
        assert was in content, f"{path} does not say {was!r}"
        file.write_text(content.replace(was, becomes))
        for compiled in file.parent.glob(f"__pycache__/{file.stem}.*.pyc"):
            compiled.unlink()

    return _made_again(package, made, change)


def _made_again(package: Path, made: Path, change: Callable[[Path], None]) -> Path:
    with tempfile.TemporaryDirectory(dir=made.parent) as name:
        tree = Path(name) / "tree"
        subprocess.run(["dpkg-deb", "-R", package, tree], check=True)
        change(tree)
        # Compressed quickly: it is unpacked once or twice.
        build = ["dpkg-deb", "--root-owner-group", "-Zzstd", "-z1", "-b", tree, made]
        subprocess.run(build, check=True, capture_output=True)
    return made
