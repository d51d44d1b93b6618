"""Changes to a station's TOML file that keep its comments, its order, its owner and its mode."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT

from firmware_catalog.files import replace_file
from station.domain.config_error import ConfigError
from station.settings_file import parse_settings


def bind_slots(path: Path, jig: str, places: Mapping[int, str]) -> None:
    """Bind slots of a jig to places, all or none, and write the file in one step.

    Raises ConfigError, having written nothing, when the file cannot be read or written or the result cannot be used:
    a place that belongs to another slot, a jig that is not there.
    """
    path = Path(os.path.realpath(path))  # Path.resolve has an error of its own for loops
    try:
        text = path.read_text(encoding="utf-8")
        document = tomlkit.parse(text)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; name the file with --config") from error
    except (TOMLKitError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is no TOML file: {error}") from error
    jigs = document.get("jigs")
    tables = jigs.body if isinstance(jigs, AoT) else []
    table = next((table for table in tables if table.get("name") == jig), None)
    if table is None:
        raise ConfigError(f"{path} has no table [[jigs]] with the name {jig}; add one")
    slots = table.setdefault("slots", tomlkit.table())
    for number, place in sorted(places.items()):
        slots[str(number)] = place
    changed = tomlkit.dumps(document)
    parse_settings(changed, path, to_bind=True)
    try:
        about = path.stat()
        replace_file(path, changed.encode(), about.st_mode & 0o777)
        os.chown(path, about.st_uid, about.st_gid)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}; run it as its owner") from error
