"""Gathers a support bundle: a compressed tar archive of texts, each with what is secret and who is who taken out."""

from __future__ import annotations

import csv
import io
import json
import os
import platform
import sqlite3
import ssl
import subprocess
import tarfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, Final

from drivers.threads import apart
from firmware_catalog.files import read_named_file
from station.control.client import ControlError
from station.desk.refusals import Refused
from station.doctor.examination import examine
from station.doctor.overview import look_over
from station.doctor.secrets import secret_files
from station.domain.config_error import ConfigError
from station.people.operators import Operators, OperatorsUnreadable
from station.places.finding import checked_driver
from station.records.errors import JournalError
from station.records.facts.journal import newest_row
from station.records.head import published_head_if_readable
from station.records.reader import JournalReader
from station.records.segments import segment_paths
from station.settings import StationSettings
from station.support.settings_shown import Shown, shown
from station.support.stations_user import as_owner_of
from station.support.withholding import WITHHELD, Withholding
from station.version import station_version

UNITS: Final = (
    *("reflash", "reflash-screen", "reflash-backup"),
    *("reflash-inventory", "reflash-inventory-web", "reflash-inventory-pages"),
)
LOG_DAYS: Final = 7
_LOG_BYTES: Final = 32 << 20
"""Of each log, its end."""
_LOG_SECONDS: Final = 60.0
_SECRET_BYTES: Final = 64 << 20
_SHORTEST_DIGEST: Final = 16

Member = tuple[str, str]
"""A file of the archive and its text."""


class BundleFailed(Exception):
    """It cannot be made so that nothing is in it that must not be. One line."""


async def write_bundle(settings: StationSettings, file: Path, logs: Sequence[Path]) -> tuple[str, ...]:
    """Gather everything into a new file of its owner's alone, and return what it holds.

    `logs` are files in which the station's output was kept, where systemd does not keep it. Raises OSError, and
    BundleFailed where it is not known what must not be in it.
    """
    configuration = shown_settings(settings)
    withholding = await apart("bundle", lambda: _withholding(settings, configuration))
    members = [member async for member in _members(settings, configuration, logs)]
    clean = [(name, withholding.text(text)) for name, text in members]
    await apart("bundle", lambda: _write(file, clean))
    return tuple(name for name, _ in clean)


def shown_settings(settings: StationSettings) -> Shown:
    """Return the configuration without its secrets, each jig's driver's by what that driver says they are."""
    jigs = tuple(jig.model_copy(update={"driver_settings": {}}) for jig in settings.jigs)
    whole = shown(settings.model_copy(update={"jigs": jigs}))
    for jig, told in zip(settings.jigs, whole.content["jigs"], strict=True):
        try:
            of_driver = shown(checked_driver(jig)[1])
        except ConfigError:  # the doctor's report says so; nobody knows what its texts are
            told["driver_settings"] = WITHHELD
            whole.withheld |= {each for each in _leaves(jig.driver_settings) if len(each) >= _SHORTEST_DIGEST}
            continue
        told["driver_settings"] = of_driver.content
        whole.withheld |= of_driver.withheld
    return whole


def _withholding(settings: StationSettings, configuration: Shown) -> Withholding:
    """Learn what must not be anywhere. Raises BundleFailed."""
    secrets = set(configuration.withheld)
    try:
        for key, path in secret_files(settings):
            with suppress(FileNotFoundError):
                content = read_named_file(path, _SECRET_BYTES).decode(errors="replace")
                secrets |= _of_tokens(content) if key == "unlock.token_file" else _texts_of(content)
        people = Operators(settings.operators_file).people().values()
    except OSError as error:
        raise BundleFailed(
            f"{error.filename}: {error.strerror}; run this as root or as the station's user: what must not be in the bundle "
            "has to be known"
        ) from error
    except OperatorsUnreadable as error:
        raise BundleFailed(str(error)) from error
    hsm = settings.unlock.hsm
    if hsm is not None and hsm.pin.variable is not None:
        secrets.add(os.environ.get(hsm.pin.variable, ""))
    return Withholding(secrets, (person.name for person in people), settings.people.badge_prefix)


def _of_tokens(content: str) -> set[str]:
    """Return what of a file of unlock tokens opens hubs: whose they are is no secret."""
    rows = csv.DictReader(io.StringIO(content))
    return {str(row[column]) for row in rows for column in ("nonce", "signature") if row.get(column)}


def _texts_of(content: str) -> set[str]:
    """Return what of a secret's file must not be told: of our own lists each text that is long enough for a digest."""
    try:
        read = json.loads(content)
    except (ValueError, RecursionError):
        return {content}
    if not isinstance(read, dict):
        return {content}  # a PIN is JSON, too
    return {each for each in _leaves(read) if len(each) >= _SHORTEST_DIGEST}


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield str(key)
            yield from _leaves(each)
    elif isinstance(value, list):
        for each in value:
            yield from _leaves(each)
    else:
        yield str(value)


async def _members(
    settings: StationSettings, configuration: Shown, logs: Sequence[Path]
) -> AsyncIterator[Member]:
    yield "versions.json", _as_text(_versions())
    yield (
        "configuration.json",
        _as_text(
            {
                "settings": configuration.content,
                "overridden": sorted(name for name in os.environ if name.startswith("REFLASH_")),
            }
        ),
    )
    for member in await _of_the_station(settings):
        yield member
    yield "sizes.json", _as_text(await apart("bundle", lambda: _sizes(settings.state_directory)))
    for unit in UNITS:
        yield f"logs/{unit}.log", await apart("bundle", lambda unit=unit: _log_of(unit))  # type: ignore[misc]
    for number, log in enumerate(logs, start=1):
        yield f"logs/{number}.log", await apart("bundle", lambda log=log: _end_of(log))  # type: ignore[misc]


async def _of_the_station(settings: StationSettings) -> list[Member]:
    """Look as the station's user: what root may do says nothing of it, and what root makes the daemon could not use."""
    with as_owner_of(settings.state_directory):
        try:
            status: object = (await look_over(settings.state_directory, settings)).as_json()
        except (ControlError, Refused, JournalError) as error:
            status = {"failed": str(error)}
        try:
            examined: object = [finding.as_json() for finding in await examine(settings)]
        except ConfigError as error:
            examined = {"failed": str(error)}
        journal = await apart("bundle", lambda: _journal(settings.journal_folder))
    return [
        ("status.json", _as_text(status)),
        ("doctor.json", _as_text(examined)),
        ("journal.json", _as_text(journal)),
    ]


def _versions() -> dict[str, Any]:
    release: dict[str, str] = {}
    with suppress(OSError):
        release = platform.freedesktop_os_release()
    return {
        "station": station_version(),
        "python": platform.python_version(),
        "system": release.get("PRETTY_NAME"),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "sqlite": sqlite3.sqlite_version,
        "tls": ssl.OPENSSL_VERSION,
        "packages": {each.metadata["Name"]: each.version for each in distributions()},
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _journal(folder: Path) -> dict[str, Any]:
    """Where it stands: whose rows it has is in none of this."""
    try:
        with JournalReader(folder) as journal:
            newest = journal.ask(newest_row)
    except JournalError as error:
        return {"failed": str(error)}
    published = published_head_if_readable(folder)
    return {
        "journal": str(newest.journal),
        "events": newest.sequence,
        "head": newest.hash.hex(),
        "vocabulary": newest.vocabulary,
        "published": None if published is None else published.sequence,
        "segments": {path.name: path.stat().st_size for path in segment_paths(folder)},
    }


def _sizes(folder: Path) -> dict[str, Any]:
    """Bytes and files of each thing in the state directory; names further down may say more than they should."""
    found: dict[str, Any] = {}
    for entry in sorted(folder.iterdir()) if folder.is_dir() else ():
        files = [entry] if entry.is_file() else [each for each in entry.rglob("*") if each.is_file()]
        found[entry.name] = {"files": len(files), "bytes": sum(each.lstat().st_size for each in files)}
    return found


def _log_of(unit: str) -> str:
    """Return what systemd kept of a unit's output, or why that is not to be had."""
    command = [
        "journalctl",
        f"--unit={unit}.service",
        f"--since=-{LOG_DAYS}d",
        "--output=short-iso",
        "--no-pager",
    ]
    try:
        said = subprocess.run(  # noqa: S603 - our own words
            command, capture_output=True, check=False, timeout=_LOG_SECONDS, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError:
        return "there is no journalctl here: name the files that keep the station's output, --log FILE\n"
    except subprocess.TimeoutExpired:
        return f"journalctl said nothing within {_LOG_SECONDS:.0f} s\n"
    told = said.stdout[-_LOG_BYTES:] + said.stderr[-4096:]
    return told.decode(errors="replace") or "nothing; other users' logs are told to root alone\n"


def _end_of(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - _LOG_BYTES))
        return file.read(_LOG_BYTES).decode(errors="replace")


def _as_text(content: object) -> str:
    return json.dumps(content, indent=1, default=str, ensure_ascii=False) + "\n"


def _write(file: Path, members: Sequence[Member]) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as out, tarfile.open(fileobj=out, mode="w:gz") as archive:  # noqa: PTH123
            for name, text in members:
                content = text.encode(errors="replace")
                about = tarfile.TarInfo(f"reflash-support/{name}")
                about.size, about.mode, about.mtime = len(content), 0o600, int(time.time())
                archive.addfile(about, io.BytesIO(content))
    except BaseException:
        file.unlink(missing_ok=True)
        raise
