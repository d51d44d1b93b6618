"""`reflash inventory`: its commands, and how they end. Exit code 0: done; 1: the work failed; 2: wrong use or input."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from firmware_catalog.identity import IdentityError
from inventory.cli import (
    charge,
    database,
    deliveries,
    findings,
    forecasts,
    hubs,
    notices,
    pages,
    people,
    redelivery,
    requests,
    results,
    run,
    serve,
    ssmi,
    upstream,
)
from inventory.errors import InventoryError, WrongInput
from inventory.log import LogSettings, configure_logging

app = typer.Typer(
    name="inventory",
    help="From the stations' results to asset records.\n\nExample: reflash inventory run --config /etc/reflash-inventory/inventory.toml",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
app.command("run")(run.run)
app.command("serve")(serve.serve)
app.command("pages")(pages.pages)
app.add_typer(database.app, name="database")
app.add_typer(requests.app, name="requests")
app.add_typer(forecasts.app, name="forecasts")
app.add_typer(deliveries.app, name="deliveries")
app.add_typer(notices.app, name="notices")
app.add_typer(redelivery.app, name="redelivery")
app.add_typer(charge.app, name="charge")
app.add_typer(results.app, name="results")
app.add_typer(hubs.app, name="hubs")
app.add_typer(ssmi.app, name="ssmi")
app.add_typer(upstream.app, name="upstream")
app.add_typer(findings.app, name="findings")
app.add_typer(people.app, name="people")


def main(arguments: Sequence[str]) -> None:
    """Run one command, as `reflash inventory` followed by these would."""
    # What the parts log goes beside a command's answer, never into it; `run` chooses for itself.
    configure_logging(LogSettings(level="error"))
    try:
        app(list(arguments), prog_name="reflash inventory")
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
