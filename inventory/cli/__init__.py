"""`reflash inventory`: its commands, and how they end. Exit code 0: done; 1: the work failed; 2: wrong use or input."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Final

import typer

from firmware_catalog.identity import IdentityError
from inventory.errors import InventoryError, WrongInput
from inventory.log import LogSettings, configure_logging

_COMMANDS: Final = {
    "run": "run.run",
    "serve": "serve.serve",
    "pages": "pages.pages",
    "database": "database.app",
    "requests": "requests.app",
    "forecasts": "forecasts.app",
    "deliveries": "deliveries.app",
    "notices": "notices.app",
    "redelivery": "redelivery.app",
    "charge": "charge.app",
    "results": "results.app",
    "hubs": "hubs.app",
    "ssmi": "ssmi.app",
    "upstream": "upstream.app",
    "findings": "findings.app",
    "people": "people.app",
}
"""Where in this package each command is, in the order in which help shows them."""


def program(names: Iterable[str] = _COMMANDS) -> typer.Typer:
    """Return the program with these of its commands, which are imported for it."""
    app = typer.Typer(
        name="inventory",
        help="From the stations' results to asset records.\n\nExample: reflash inventory run --config inventory.toml",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
        rich_markup_mode=None,
    )
    app.callback()(lambda: None)  # else one command alone would be the whole program
    for name in names:
        module, _, attribute = _COMMANDS[name].partition(".")
        command = getattr(import_module(f"{__name__}.{module}"), attribute)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app


def main(arguments: Sequence[str]) -> None:
    """Run one command, as `reflash inventory` followed by these would."""
    # What the parts log goes beside a command's answer, never into it; `run` chooses for itself.
    configure_logging(LogSettings(level="error"))
    # Help and a typing error want every command.
    asked = arguments[:1] if arguments and arguments[0] in _COMMANDS else _COMMANDS
    try:
        program(asked)(list(arguments), prog_name="reflash inventory")
    except (WrongInput, IdentityError) as error:
        sys.exit(_complain(str(error), 2))
    except InventoryError as error:
        sys.exit(_complain(str(error), 1))
    except FileExistsError as error:
        sys.exit(_complain(f"{error.filename} is there already; name another file", 2))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        sys.exit(_complain(f"{where}{error.strerror or error}", 1))


def _complain(text: str, exit_code: int) -> int:
    for line in text.splitlines():
        print(f"reflash inventory: {line}", file=sys.stderr)  # noqa: T201 - a command's own voice
    return exit_code
