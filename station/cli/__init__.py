"""The `reflash` program: one entry, one file a command. A command is imported when it is asked for, and no other."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import Annotated, Final

import typer
from typer._completion_classes import completion_init

_COMMANDS: Final = {
    "demo": "demo.demo",
    "run": "run.run",
    "doctor": "doctor.doctor",
    "status": "status.status",
    "support-bundle": "support.support_bundle",
    "watch": "watch.watch",
    "scan": "scan.scan",
    "screen": "screen.screen",
    "sign-on": "signing.sign_on",
    "sign-off": "signing.sign_off",
    "flash": "flash.flash",
    "benchmark": "benchmark.benchmark",
    "capacity": "capacity.capacity",
    "inventory": "inventory.inventory",
    "backup": "backup.app",
    "catalog": "catalogue.app",
    "orders": "orders.app",
    "cartons": "cartons.app",
    "hubs": "hubs.app",
    "golden": "golden.app",
    "jigs": "jigs.app",
    "journal": "journal.app",
    "operators": "operators.app",
    "pki": "pki.app",
    "report": "report.app",
    "shift": "shift.app",
    "tokens": "tokens.app",
}
"""Where in this package each command is, in the order in which help shows them."""
_HANDS_ON: Final = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
"""How a command is called that hands all its words on."""


def _tell_version(asked: bool) -> None:
    if asked:
        from station.version import station_version  # noqa: PLC0415 - no command needs it

        typer.echo(f"reflash-station {station_version()}")
        raise typer.Exit


def _program(
    _: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Say the version and end."),
    ] = False,
) -> None:
    from station.log import configure_logging  # noqa: PLC0415 - the command has imported it, and whoever asks for the version need not wait

    # What the parts log goes beside a command's answer, never into it; `run` chooses for itself.
    configure_logging("console", "error")


def program(names: Iterable[str] = _COMMANDS) -> typer.Typer:
    """Return the program with these of its commands, which are imported for it."""
    app = typer.Typer(
        help="Re-flash smart-metering Communications Hubs at the bench.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
        rich_markup_mode=None,
    )
    app.callback()(_program)
    for name in names:
        module, _, attribute = _COMMANDS[name].partition(".")
        command = getattr(import_module(f"{__name__}.{module}"), attribute)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name, context_settings=_HANDS_ON if name == "inventory" else None)(command)
    return app


def _asked_for(arguments: Sequence[str]) -> Iterable[str]:
    """Return the commands that these words can mean: help, a typing error and a shell's completion want them all."""
    if arguments and arguments[0] in _COMMANDS:
        return arguments[:1]
    return () if arguments[:1] == ["--version"] else _COMMANDS


def main(imported: Callable[[], None] = lambda: None) -> None:
    """Run the program, and call `imported` once what was asked for is. Exit code 0: done; 1: the work failed; 2: wrong use or input."""
    # Shells may ask what a line could go on with; the package brings them the script, nobody's home is written to.
    completion_init()
    _write_what_can_be_written()
    try:
        _require_text(sys.argv[1:])
        commands = program(_asked_for(sys.argv[1:]))
        imported()
        commands()
    except Exception as error:
        from station.cli.ending import told  # noqa: PLC0415 - most commands do not fail

        sys.exit(told(error))


def _write_what_can_be_written() -> None:
    """Let a terminal or file that is not in UTF-8 lose a dash, never end a program at it: stderr is so from the start."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace" if sys.stdout.isatty() else "backslashreplace")


def _require_text(arguments: Sequence[str]) -> None:
    """Raise UsageError for bytes that are no text: they could be neither kept nor shown."""
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError as error:
            from station.cli.common import UsageError  # noqa: PLC0415 - most words are text

            shown = argument.encode(errors="backslashreplace").decode()
            raise UsageError(f"{shown} is not UTF-8: write it, or rename the file, in UTF-8") from error
