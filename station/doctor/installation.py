"""Whether the program that runs is the one that was installed, and its drivers load."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final

import station
from drivers.hub import ENTRY_POINT_GROUP
from station.doctor.report import Finding, fault, ok, warning
from station.domain.config_error import ConfigError
from station.places.plugins import load_plugin
from station.version import station_version

PACKAGES: Final = ("station", "drivers", "firmware_catalog")
"""The import packages that the station needs. Their names are common words, so others may take them."""


def check_installation(state_directory: Path) -> list[Finding]:
    """Look for shadowed packages, drivers that do not load, and a user that is not the daemon's."""
    home = Path(station.__file__).resolve().parents[1]
    return [
        ok("version", f"reflash-station {station_version()}, Python {platform.python_version()}"),
        *shadows(home, [Path(entry or ".") for entry in sys.path]),
        *_drivers(),
        *_user(state_directory),
    ]


def shadows(home: Path, search_path: Sequence[Path]) -> Iterator[Finding]:
    """Compare where Python looks for each package with where the running program lies."""
    clear = True
    for package in PACKAGES:
        for folder in dict.fromkeys(entry.resolve() for entry in search_path):
            if folder == home or not _holds(folder, package):
                continue
            clear = False
            yield warning(
                f"package {package}",
                f"{folder} also has a package of that name, the station's is in {home}",
                "use a virtual environment of the station's own, and do not start it in a folder with that name",
            )
    if clear:
        yield ok("packages", f"all from {home}")


def _holds(folder: Path, package: str) -> bool:
    return (folder / package / "__init__.py").is_file() or (folder / f"{package}.py").is_file()


def _drivers() -> Iterator[Finding]:
    names = sorted(entry_points(group=ENTRY_POINT_GROUP).names)
    if not names:
        yield fault("drivers", "none is installed", "install the station anew: pip install reflash-station")
    for name in names:
        try:
            load_plugin(name)
        except ConfigError as error:
            yield warning(f"driver {name}", str(error))
        else:
            yield ok(f"driver {name}", "loads")


def _user(state_directory: Path) -> Iterator[Finding]:
    try:
        owner = state_directory.stat()
    except OSError:
        return  # the disk's check has something to say about it
    if owner.st_uid != os.geteuid():
        yield warning(
            "user",
            f"{state_directory} belongs to {_name(state_directory)}, and this check runs as another user, who may be"
            " allowed more or less",
            f"run it as that user: sudo -u {_name(state_directory)} reflash doctor",
        )


def _name(path: Path) -> str:
    try:
        return path.owner()
    except KeyError:
        return str(path.stat().st_uid)
