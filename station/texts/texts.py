"""The texts of one language: a TOML file, whole or refused."""

from __future__ import annotations

import string
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Final

from firmware_catalog.devices import Family
from station.domain.config_error import ConfigError
from station.texts.needed import DEVICE, NEEDED

_SHIPPED: Final = resources.files("station.texts")


class Texts:
    """Finds a line and fills it in."""

    def __init__(self, lines: Mapping[str, Mapping[str, str]], family: Family = Family.HUB) -> None:
        """Take lines that were checked: `load` and `parse` are how texts are had."""
        self._lines = lines
        self._device = lines[DEVICE][family]

    def of(self, family: Family) -> Texts:
        """Return the same for a device of this family, which they call by its name."""
        return Texts(self._lines, family)

    def has(self, table: str, key: str) -> bool:
        """Whether there is such a line."""
        return key in self._lines[table]

    def say(self, table: str, key: str, **values: object) -> str:
        """Return a line, filled in with those of the values that it names."""
        shown = {name: _shown(value) for name, value in values.items()}
        return self._lines[table][key].format_map({DEVICE: self._device, **shown})


def load(language: str) -> Texts:
    """Return the texts of a language that is shipped (`en`), or those of a file, named by its whole path.

    Raises ConfigError with one line for each fault, and has read nothing into anything then.
    """
    if "/" not in language:
        shipped = sorted(
            each.name.removesuffix(".toml") for each in _SHIPPED.iterdir() if _is_texts(each.name)
        )
        if language not in shipped:
            raise ConfigError(
                f"language {language!r} is not known: name {' or '.join(shipped)}, or the whole path of a file of texts"
            )
        return parse((_SHIPPED / f"{language}.toml").read_bytes(), language)
    if not Path(language).is_absolute():
        raise ConfigError(
            f"language {language}: another file wherever a command is run; write its whole path, from /"
        )
    try:
        content = Path(language).read_bytes()
    except OSError as error:
        raise ConfigError(
            f"language {language}: {error.strerror}; name a file of texts that is there"
        ) from error
    return parse(content, language)


def parse(content: bytes, name: str) -> Texts:
    """Check what is in a file of texts. Raises ConfigError with one line for each fault."""
    try:
        tables = tomllib.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError among them
        raise ConfigError(f"texts {name}: no TOML file: {error}") from error
    faults = list(_faults(tables))
    if faults:
        raise ConfigError("\n".join(f"texts {name}: {fault}" for fault in faults))
    return Texts(tables)


def _is_texts(name: str) -> bool:
    return name.endswith(".toml")


def _faults(tables: Mapping[str, Any]) -> Iterator[str]:
    for table in tables:
        if table not in NEEDED:
            yield f"[{table}] is no part of it; it has: {', '.join(NEEDED)}"
    for table, needed in NEEDED.items():
        lines = tables.get(table)
        if not isinstance(lines, dict):
            yield f"[{table}] is missing; translate it whole"
            continue
        yield from (f"{table}.{key} is no line of it; take it out" for key in lines if key not in needed)
        for key, names in needed.items():
            if key not in lines:
                yield f"{table}.{key} is missing; translate it"
            elif (fault := _fault(lines[key], names)) is not None:
                yield f"{table}.{key} {fault}"


def _fault(line: object, names: frozenset[str]) -> str | None:
    """Say what is wrong with a line into which these are to be filled; None if nothing is."""
    if not isinstance(line, str):
        return "is no text; put it in quotes"
    if len(line.splitlines()) > 1:
        return "has more than one line; write it in one"
    try:
        parts = list(string.Formatter().parse(line))
    except ValueError as error:
        return f"has braces that do not match ({error}); write {{{{ and }}}} for braces that are to be shown"
    found = [name for _, name, _, _ in parts if name is not None]
    if any(form or conversion for _, _, form, conversion in parts):
        return f"fills in otherwise than by a name alone; write {_listed(names)}"
    if {*found} - {DEVICE} != names:
        unknown, left_out = sorted({*found} - names - {DEVICE}), sorted(names - {*found})
        what = [f"fills in {_listed(unknown)}, which is not told there"] if unknown else []
        what += [f"leaves out {_listed(left_out)}"] if left_out else []
        return f"{' and '.join(what)}; it needs {_listed(sorted(names)) or 'nothing filled in'}"
    return None


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in names)


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value)


ENGLISH: Final = load("en")
"""For what is written for programs and into records, whatever language the bench speaks."""
