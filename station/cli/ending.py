"""How a command that failed ends: one line that says what is so and what to do, and the exit code."""

from __future__ import annotations

import sys
from typing import Final

from pydantic import ValidationError

from drivers.descriptors import shortage_in
from firmware_catalog.errors import CatalogError
from firmware_catalog.identity import IdentityError
from firmware_catalog.release import PlanError
from station.backups.errors import BackupError
from station.cli.common import UsageError, WorkFailed, first_of
from station.control.client import ControlError
from station.desk.refusals import RefusalCode, Refused, unfit
from station.desk.rights import MAY
from station.domain.config_error import ConfigError
from station.orders.errors import OrderError
from station.records.errors import EventRefused, JournalError, JournalHeldUp
from station.unlocking.key_file import UnlockKeyError

_WRONG_INPUT: Final = (
    CatalogError,
    ConfigError,
    IdentityError,
    OrderError,
    EventRefused,
    PlanError,
    UnlockKeyError,
    UsageError,
)
"""Exit code 2: the command was not given what it needs."""
_WORK_FAILED: Final = (BackupError, ControlError, JournalError, WorkFailed)
"""Exit code 1: the command was right and its work failed."""
EXIT_CODES: Final = {
    RefusalCode.NOT_FOUND: 2,
    RefusalCode.INVALID: 2,
    RefusalCode.NOT_ALLOWED: 2,
    RefusalCode.CONFLICT: 1,
    RefusalCode.UNAVAILABLE: 1,
    RefusalCode.FAILED: 1,
}
"""The exit code of what the station refuses: 2 where it is the same at every try, 1 where another try may do."""


def told(error: Exception) -> int:
    """Say why a command failed; return its exit code. What is an error of the program itself is raised again."""
    if isinstance(error, _WRONG_INPUT):
        return _complain(error, 2)
    if isinstance(error, _WORK_FAILED):
        return _complain(error, 1)
    if isinstance(error, Refused):
        return _complain(error, EXIT_CODES[error.code])
    if isinstance(error, ValidationError) and error.title in {kind.__name__ for kind in MAY}:
        return _complain(unfit(error, "that cannot be asked"), 2)  # an empty name, say
    if isinstance(error, OSError):
        return _tell_of_the_system(error)
    if isinstance(error, ExceptionGroup):
        # Tasks that ran side by side failed together, as all of a daemon's do when its journal fails.
        known, unknown = error.split((*_WRONG_INPUT, *_WORK_FAILED))
        if unknown is None and known is not None:
            return _complain(first_of(known), 1)
    raise error


def _tell_of_the_system(error: OSError) -> int:
    if (short := shortage_in(error)) is not None:
        return _complain(short, 1)
    where = f"{error.filename}: " if error.filename else ""
    if isinstance(error, PermissionError):
        return _complain(
            f"{where}not yours to use; run it as the station's user: sudo -u reflash reflash …", 1
        )
    return _complain(f"{where}{error.strerror or error}; see what is wrong: reflash doctor", 1)


def _complain(error: Exception | str, exit_code: int) -> int:
    told = error.to_who_asked if isinstance(error, JournalHeldUp) else str(error)
    for line in told.splitlines():
        print(f"reflash: {line}", file=sys.stderr)  # noqa: T201 - a command's own voice
    return exit_code
