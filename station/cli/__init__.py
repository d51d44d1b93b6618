"""The `reflash` program: one entry, one file a command. Heavy libraries are imported by the commands that need them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Final

import typer
from pydantic import ValidationError
from typer._completion_classes import completion_init

from drivers.descriptors import shortage_in
from firmware_catalog.errors import CatalogError
from firmware_catalog.identity import IdentityError
from firmware_catalog.release import PlanError
from station.cli import (
    benchmark,
    capacity,
    cartons,
    catalogue,
    demo,
    doctor,
    flash,
    golden,
    hubs,
    inventory,
    jigs,
    journal,
    operators,
    orders,
    report,
    run,
    scan,
    screen,
    shift,
    signing,
    tokens,
    watch,
)
from station.cli.common import UsageError, WorkFailed, first_of
from station.control.client import ControlError
from station.desk.refusals import RefusalCode, Refused, unfit
from station.desk.rights import MAY
from station.domain.config_error import ConfigError
from station.log import configure_logging
from station.orders.errors import OrderError
from station.records.errors import EventRefused, JournalError
from station.unlocking.key_file import UnlockKeyError
from station.version import station_version

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
_WORK_FAILED: Final = (ControlError, JournalError, WorkFailed)
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


def _tell_version(asked: bool) -> None:
    if asked:
        typer.echo(f"reflash-station {station_version()}")
        raise typer.Exit


app = typer.Typer(
    help="Re-flash smart-metering Communications Hubs at the bench.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)


@app.callback()
def _program(
    _: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Say the version and end."),
    ] = False,
) -> None:
    # What the parts log goes beside a command's answer, never into it; `run` chooses for itself.
    configure_logging("console", "error")


app.command("demo")(demo.demo)
app.command("run")(run.run)
app.command("doctor")(doctor.doctor)
app.command("watch")(watch.watch)
app.command("scan")(scan.scan)
app.command("screen")(screen.screen)
app.command("sign-on")(signing.sign_on)
app.command("sign-off")(signing.sign_off)
app.command("flash")(flash.flash)
app.command("benchmark")(benchmark.benchmark)
app.command("capacity")(capacity.capacity)
app.command(
    "inventory",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
)(inventory.inventory)
app.add_typer(catalogue.app, name="catalog")
app.add_typer(orders.app, name="orders")
app.add_typer(cartons.app, name="cartons")
app.add_typer(hubs.app, name="hubs")
app.add_typer(golden.app, name="golden")
app.add_typer(jigs.app, name="jigs")
app.add_typer(journal.app, name="journal")
app.add_typer(operators.app, name="operators")
app.add_typer(report.app, name="report")
app.add_typer(shift.app, name="shift")
app.add_typer(tokens.app, name="tokens")


def main() -> None:
    """Run the program. Exit code 0: done; 1: the work failed; 2: wrong use or input."""
    # Shells may ask what a line could go on with; the package brings them the script, nobody's home is written to.
    completion_init()
    try:
        _require_text(sys.argv[1:])
        app()
    except _WRONG_INPUT as error:
        sys.exit(_complain(error, 2))
    except _WORK_FAILED as error:
        sys.exit(_complain(error, 1))
    except Refused as refused:
        sys.exit(_complain(refused, EXIT_CODES[refused.code]))
    except ValidationError as error:
        if error.title not in {kind.__name__ for kind in MAY}:
            raise
        sys.exit(_complain(unfit(error, "that cannot be asked"), 2))  # an empty name, say
    except OSError as error:
        if (short := shortage_in(error)) is not None:
            sys.exit(_complain(short, 1))
        where = f"{error.filename}: " if error.filename else ""
        if isinstance(error, PermissionError):
            sys.exit(
                _complain(
                    f"{where}not yours to use; run it as the station's user: sudo -u reflash reflash …", 1
                )
            )
        sys.exit(_complain(f"{where}{error.strerror or error}; see what is wrong: reflash doctor", 1))
    except ExceptionGroup as group:
        # Tasks that ran side by side failed together, as all of a daemon's do when its journal fails.
        known, unknown = group.split((*_WRONG_INPUT, *_WORK_FAILED))
        if unknown is not None or known is None:
            raise
        sys.exit(_complain(first_of(known), 1))


def _require_text(arguments: Sequence[str]) -> None:
    """Raise UsageError for bytes that are no text: they could be neither kept nor shown."""
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError as error:
            shown = argument.encode(errors="backslashreplace").decode()
            raise UsageError(f"{shown} is not UTF-8: write it, or rename the file, in UTF-8") from error


def _complain(error: Exception | str, exit_code: int) -> int:
    for line in str(error).splitlines():
        print(f"reflash: {line}", file=sys.stderr)  # noqa: T201 - a command's own voice
    return exit_code
