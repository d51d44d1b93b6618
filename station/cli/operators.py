"""`reflash operators`: who stands behind a pseudonym, in which role, with which badge and PIN.

Kept apart from the journal, so that it can be erased. Badge and PIN are read from the terminal or a pipe, never from the
command line, where every user of the PC could read them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from station.bench.labels import ScanUnreadable, read_badge, read_scan
from station.cli.asking import ask_running, asker
from station.cli.common import (
    DEFAULT_CONFIG,
    ByOption,
    ConfigOption,
    JsonOption,
    UsageError,
    WorkFailed,
    ask_unseen,
    print_json,
    print_table,
    require_stations_user,
)
from station.cli.scanning import DeskOption
from station.control.client import ControlError, NoDaemon
from station.desk.bench_requests import Status
from station.desk.people_requests import ExpectedPerson, LiftPinLock, SignOff
from station.desk.refusals import Refused
from station.domain.actor import PersonRole
from station.domain.pin import ProofUnfit, require_pin
from station.people.operators import BadgeTaken, Operators, OperatorsUnreadable, UnknownPseudonym
from station.people.proofs import require_badge
from station.settings_file import load_settings

Pseudonym = Annotated[str, typer.Argument(help="Whose, as `reflash operators add` printed it.")]

app = typer.Typer(help="Keep apart who the operators' pseudonyms stand for.", no_args_is_help=True)


@app.command()
def add(
    person: Annotated[str, typer.Argument(help="A name, as the site writes it.")],
    config: ConfigOption = DEFAULT_CONFIG,
    role: Annotated[
        PersonRole | None, typer.Option(help="What the person is here; somebody new is a technician.")
    ] = None,
) -> None:
    """Print a person's pseudonym, a new one for somebody new: for `operator` in the configuration, and --supervisor.

    Example: reflash operators add NAME --role supervisor
    """
    if not person.strip():
        raise UsageError("nobody is named; give the person's name, as the site writes it")
    require_stations_user(load_settings(config))
    with _operators(config) as operators:
        typer.echo(operators.pseudonym_of(person, role))


@app.command()
def role(pseudonym: Pseudonym, role: PersonRole, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Make somebody a technician or a supervisor (docs/desk.md says who may do what).

    Example: reflash operators role op-1a2b3c4d supervisor
    """
    require_stations_user(load_settings(config))
    with _operators(config) as operators:
        operators.set_role(pseudonym, role)
    typer.echo(f"{pseudonym} is a {role}")


@app.command()
def badge(
    pseudonym: Pseudonym,
    config: ConfigOption = DEFAULT_CONFIG,
    remove: Annotated[bool, typer.Option("--remove", help="Take the badge away.")] = False,
) -> None:
    """Give somebody the badge that is scanned next, instead of an earlier one. Only a hash of it is kept.

    Example: reflash operators badge op-1a2b3c4d
    """
    settings = load_settings(config)
    require_stations_user(settings)
    prefix, code = settings.people.badge_prefix, None
    if not remove:
        if prefix is None:
            raise UsageError(f"no badge is known by its form: set [people] badge_prefix in {config}")
        code = _scanned_badge(prefix)
    with _operators(config) as operators:
        operators.set_badge(pseudonym, code)
    typer.echo(f"{pseudonym} has {'no badge any more' if remove else 'this badge'}")


@app.command()
def pin(
    pseudonym: Pseudonym,
    config: ConfigOption = DEFAULT_CONFIG,
    remove: Annotated[bool, typer.Option("--remove", help="Take the PIN away.")] = False,
) -> None:
    """Give somebody the PIN that is typed, twice, instead of an earlier one. Only a hash of it is kept.

    Example: reflash operators pin op-1a2b3c4d
    """
    require_stations_user(load_settings(config))
    chosen = None
    if not remove:
        chosen = ask_unseen("the new PIN")
        try:
            require_pin(chosen)
        except ProofUnfit as error:
            raise UsageError(str(error)) from error
        if ask_unseen("the same once more") != chosen:
            raise UsageError("these were two different PINs, and nothing was changed")
    with _operators(config) as operators:
        operators.set_pin(pseudonym, chosen)
    typer.echo(f"{pseudonym} has {'no PIN any more' if remove else 'a new PIN'}")


@app.command()
def unlock(
    pseudonym: Pseudonym,
    config: ConfigOption = DEFAULT_CONFIG,
    by: ByOption = None,
    desk: DeskOption = None,
) -> None:
    """Let somebody's PIN be tried again at once that was wrong too often. It stands in the journal with who did it.

    Example: reflash operators unlock op-1a2b3c4d --by op-5e6f7a8b
    """
    ask_running(asker(config, desk, by), LiftPinLock(pseudonym=pseudonym))
    typer.echo(f"the PIN of {pseudonym} may be tried again")


@app.command("list")
def list_operators(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List pseudonyms, people, their roles, and whether they have badge and PIN.

    Example: reflash operators list
    """
    with _operators(config) as operators:
        rows = [
            {
                "pseudonym": pseudonym,
                "person": person.name,
                "role": person.role.value,
                "badge": person.badge is not None,
                "pin": person.pin is not None,
            }
            for pseudonym, person in operators.people().items()
        ]
    if as_json:
        print_json(rows)
    else:
        yes = {True: "yes", False: "-"}
        table = [{**row, "badge": yes[bool(row["badge"])], "pin": yes[bool(row["pin"])]} for row in rows]
        print_table(["pseudonym", "person", "role", "badge", "pin"], table)


@app.command()
def erase(
    pseudonym: Annotated[str, typer.Argument(help="Whom to forget.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Forget who stands behind a pseudonym, with badge and PIN, and sign them off. Journal and results keep the pseudonym alone.

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
    try:
        _sign_off(config, pseudonym)
    except NoDaemon:
        pass  # the next one does it when it starts
    except (ControlError, Refused) as error:
        raise WorkFailed(
            f"{pseudonym} stands for nobody any more, and may be signed on still: {error}"
        ) from error
    typer.echo(f"{pseudonym} stands for nobody any more")


def _sign_off(config: Path, pseudonym: str) -> None:
    """Have nobody work anywhere under a pseudonym."""
    asking = asker(config)
    for each in ask_running(asking, Status()).people:
        if each.pseudonym == pseudonym:
            ask_running(asking, SignOff(jig=each.jig, expected=ExpectedPerson(pseudonym=pseudonym)))


@contextmanager
def _operators(config: Path) -> Iterator[Operators]:
    """Yield the list of operators, and word what is wrong with its file."""
    file = load_settings(config).operators_file
    try:
        yield Operators(file)
    except (UnknownPseudonym, BadgeTaken) as error:
        raise UsageError(str(error)) from error
    except OperatorsUnreadable as error:
        raise WorkFailed(str(error)) from error
    except PermissionError as error:
        raise WorkFailed(
            f"{file}: {error.strerror}; run this as the station's user: sudo -u reflash reflash ..."
        ) from error
    except OSError as error:
        raise WorkFailed(f"{file}: {error.strerror}; see what is wrong: reflash doctor") from error


def _scanned_badge(prefix: str) -> str:
    """Return the code of the badge that is scanned. Raises UsageError for anything else, and says what it is."""
    scanned = ask_unseen("scan the badge")
    try:
        if (badge := read_badge(scanned, prefix)) is not None:
            require_badge(badge.code)
            return badge.code
    except (ScanUnreadable, ProofUnfit) as error:
        raise UsageError(str(error)) from error
    try:
        read_scan(scanned)
    except ScanUnreadable:
        what = "this is no badge"
    else:
        what = "this is the code of a hub or a slot, and no badge"
    raise UsageError(f"{what}: a badge begins with {prefix}; scan it again")
