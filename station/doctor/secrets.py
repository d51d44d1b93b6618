"""Whether each file that holds a secret is for the station alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from firmware_catalog.secret_files import SecretExposed, require_secrecy
from station.doctor.report import Finding, fault, ok
from station.domain.counted import counted
from station.settings import StationSettings


def secret_files(settings: StationSettings) -> Iterator[tuple[str, Path]]:
    """Yield each secret's file that the station has, by the key that names it."""
    unlock, mqtt = settings.unlock, settings.mqtt
    for key, path in (
        ("unlock.hsm.pin.file", unlock.hsm.pin.file if unlock.hsm else None),
        ("unlock.token_file", unlock.token_file),
        ("unlock.key_file", unlock.key_file),
        ("mqtt.password_file", mqtt.password_file),
        ("mqtt.key_file", mqtt.key_file),
    ):
        if path is not None:
            yield key, path
    if settings.operators_file.exists():
        yield "the list of operators", settings.operators_file
    if settings.bearers_file.exists():
        yield "the list of sessions and tokens", settings.bearers_file


def check_secrets(settings: StationSettings) -> list[Finding]:
    """Hold each against the rule for the station's user: whoever owns its state directory."""
    try:
        user = settings.state_directory.stat().st_uid
    except OSError:
        user = os.geteuid()  # it is made by whoever runs the station first
    findings, count = [], 0
    for key, path in secret_files(settings):
        count += 1
        try:
            require_secrecy(path.stat(), path, user)
        except SecretExposed as error:
            findings.append(fault(key, str(error)))
        except OSError as error:
            findings.append(
                fault(key, f"{path}: {error.strerror}", "put it there, or correct the configuration")
            )
    return findings or [ok("secrets", f"{counted(count, 'file')}, for the station alone")]
