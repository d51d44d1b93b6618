"""A station's TOML file: read, checked, and held against this machine's disk."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

from pydantic import ValidationError
from pydantic_settings import SettingsError

from drivers.topology import same_place
from station.domain.config_error import ConfigError, faults_of
from station.settings import StationSettings


def load_settings(path: Path, *, to_bind: bool = False) -> StationSettings:
    """Read and check a station's TOML file, of which a jig may have no slots yet if that is `to_bind` them.

    Raises ConfigError with one line for each fault.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except PermissionError as error:
        raise ConfigError(
            f"{path} is not yours to read; run it as the station's user: sudo -u reflash reflash …"
        ) from error
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; name the file with --config") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no TOML file: {error}") from error
    return parse_settings(text, path, to_bind=to_bind)


def parse_settings(text: str, path: Path, *, to_bind: bool = False) -> StationSettings:
    """Check what stands, or shall stand, in a station's TOML file, as `load_settings` does."""
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # not only its own: numbers too long, nesting too deep
        raise ConfigError(f"{path} is no TOML file: {error}") from error
    try:
        settings = StationSettings(**content)
    except SettingsError as error:
        raise ConfigError(f"{path}: environment: {error}; write the variable as JSON") from error
    except ValidationError as error:
        jigs = content.get("jigs")
        faults = faults_of(error, jigs if isinstance(jigs, list) else ())
        raise ConfigError("\n".join(f"{path}: {line}" for line in faults)) from error
    bare = [jig.name for jig in settings.jigs if not jig.slots]
    if bare and not to_bind:
        lines = (f"{path}: jig {jig} has no slots; find them with: reflash jigs bind {jig}" for jig in bare)
        raise ConfigError("\n".join(lines))
    return _as_on_this_disk(settings, path)


def _as_on_this_disk(settings: StationSettings, path: Path) -> StationSettings:
    """Follow the links once: journal and accepted catalogue must not move when one on the way does.

    Raises ConfigError where two names of a place are given to two slots.
    """
    owners: dict[str, str] = {}
    for owner, port in settings.ports():
        real = same_place(port)
        if real in owners:
            raise ConfigError(
                f"{path}: {owners[real]} and {owner} are both bound to {port}; give each slot its own"
            )
        owners[real] = owner
    folder = Path(os.path.realpath(settings.state_directory))
    return settings.model_copy(update={"state_directory": folder})
