"""`reflash operators`: who stands behind a pseudonym. Kept apart from the journal, so that it can be erased."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

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
from station.people.operators import Operators, OperatorsUnreadable
from station.settings_file import load_settings

app = typer.Typer(help="Keep apart who the operators' pseudonyms stand for.", no_args_is_help=True)


@app.command()
def add(
    person: Annotated[str, typer.Argument(help="A name, as the site writes it.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Print a person's pseudonym, a new one for somebody new: for `operator` in the configuration, and --supervisor.

    Example: reflash operators add NAME
    """
    if not person.strip():
        raise UsageError("nobody is named; give the person's name, as the site writes it")
    require_stations_user(load_settings(config))
    with _operators(config) as operators:
        typer.echo(operators.pseudonym_of(person))


@app.command("list")
def list_operators(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List pseudonyms and people.

    Example: reflash operators list
    """
    with _operators(config) as operators:
        people = operators.people()
    if as_json:
        print_json(people)
    else:
        rows = [{"pseudonym": pseudonym, "person": person} for pseudonym, person in people.items()]
        print_table(["pseudonym", "person"], rows)


@app.command()
def erase(
    pseudonym: Annotated[str, typer.Argument(help="Whom to forget.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Forget who stands behind a pseudonym. Journal and results keep the pseudonym alone.

    Example: reflash operators erase op-1a2b3c4d
    """
    settings = load_settings(config)
    if settings.operator == pseudonym:
        raise UsageError(f"{pseudonym} is the `operator` in {config}; set another there first, and reload")
    require_stations_user(settings)
    with _operators(config) as operators:
        erased = operators.erase(pseudonym)
    if not erased:
        raise UsageError(f"nobody stands behind {pseudonym}; see: reflash operators list")
    typer.echo(f"{pseudonym} stands for nobody any more")


@contextmanager
def _operators(config: Path) -> Iterator[Operators]:
    """Yield the list of operators, and word what is wrong with its file."""
    file = load_settings(config).operators_file
    try:
        yield Operators(file)
    except OperatorsUnreadable as error:
        raise WorkFailed(str(error)) from error
    except PermissionError as error:
        raise WorkFailed(
            f"{file}: {error.strerror}; run this as the station's user: sudo -u reflash reflash ..."
        ) from error
    except OSError as error:
        raise WorkFailed(f"{file}: {error.strerror}; see what is wrong: reflash doctor") from error
