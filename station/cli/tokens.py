"""`reflash tokens`: what lets programs ask at the screen's address. Of each only a digest is kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from station.cli.common import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    UsageError,
    WorkFailed,
    print_json,
    print_table,
    require_stations_user,
)
from station.people.bearers import Bearers, BearersUnreadable, NameTaken, ProgramName, ProgramRole
from station.people.operators import Operators
from station.settings_file import load_settings

_NAME: TypeAdapter[str] = TypeAdapter(ProgramName)

app = typer.Typer(help="Let programs ask at the screen's address.", no_args_is_help=True)


@app.command()
def make(
    name: Annotated[
        str, typer.Argument(help="What the program is called: small letters, digits and hyphens.")
    ],
    role: Annotated[
        ProgramRole, typer.Option("--as", help="What it may: look, bring orders, or what a technician may.")
    ],
    config: ConfigOption = DEFAULT_CONFIG,
    days: Annotated[
        int | None, typer.Option(min=1, max=3660, help="After so many days it counts no more.")
    ] = None,
) -> None:
    """Print a new token for a program, this once. In the journal its acts are those of program-NAME.

    Example: reflash tokens make prometheus --as viewer --days 365
    """
    try:
        _NAME.validate_python(name)
    except ValidationError:
        raise UsageError(
            f"{name}: a program's name is 1 to 40 small letters, digits and hyphens between them"
        ) from None
    now = datetime.now(UTC)
    with _bearers(config) as bearers:
        try:
            secret = bearers.make_token(name, role, now, None if days is None else now + timedelta(days=days))
        except NameTaken as error:
            raise UsageError(str(error)) from error
    typer.echo(secret)


@app.command()
def revoke(
    name: Annotated[str, typer.Argument(help="Whose token.")], config: ConfigOption = DEFAULT_CONFIG
) -> None:
    """Let a program's token count no more, at once.

    Example: reflash tokens revoke prometheus
    """
    with _bearers(config) as bearers:
        if not bearers.revoke_token(name):
            raise UsageError(f"no program called {name} has a token; see: reflash tokens list")
    typer.echo(f"the token of {name} counts no more")


@app.command("list")
def list_tokens(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List which programs have tokens, what each may, and until when. The tokens themselves are kept nowhere.

    Example: reflash tokens list
    """
    with _bearers(config) as bearers:
        rows = [
            {
                "program": name,
                "may": token.role.value,
                "made": token.made.isoformat(timespec="seconds"),
                "until": None if token.until is None else token.until.isoformat(timespec="seconds"),
            }
            for name, token in sorted(bearers.tokens().items())
        ]
    if as_json:
        print_json(rows)
        return
    print_table(
        ["program", "may", "made", "until"],
        [{**row, "until": row["until"] or "no end"} for row in rows],
    )


@contextmanager
def _bearers(config: Path) -> Iterator[Bearers]:
    settings = load_settings(config)
    require_stations_user(settings)
    try:
        yield Bearers(settings.bearers_file, Operators(settings.operators_file))
    except BearersUnreadable as error:
        raise WorkFailed(str(error)) from error
    except OSError as error:
        raise WorkFailed(
            f"{settings.bearers_file}: {error.strerror}; run this as the station's user, on its PC"
        ) from error
