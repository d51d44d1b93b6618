"""`reflash sign-on` and `sign-off`: who works at a jig from now on, by name and PIN. A badge is scanned instead."""

from __future__ import annotations

import asyncio
from typing import Annotated, TypeVar
from uuid import uuid4

import typer

from station.cli.common import DEFAULT_CONFIG, ConfigOption, JsonOption, ask_unseen, print_json
from station.cli.scanning import DeskOption, find_desk, known_jig
from station.control.client import ask_daemon
from station.desk.act import Pin
from station.desk.people_requests import ExpectedPerson, Left, SignOff, SignOn, TakenOver
from station.desk.request import Answer

A = TypeVar("A", bound=Answer)

JigOption = Annotated[str | None, typer.Option(help="At which jig; for the whole bench unless given.")]
InsteadOfOption = Annotated[
    str | None,
    typer.Option(
        "--instead-of", help="Who is signed on there now, a pseudonym; refused where that is another."
    ),
]


def sign_on(
    name: Annotated[str, typer.Argument(help="Your name, as it was added, or your pseudonym.")],
    config: ConfigOption = DEFAULT_CONFIG,
    jig: JigOption = None,
    instead_of: InsteadOfOption = None,
    desk: DeskOption = None,
    as_json: JsonOption = False,
) -> None:
    """Work at a jig from now on, in the place of whoever did; what is open there is listed. Asks for your PIN.

    Results, scans and commands carry your pseudonym until you sign off, somebody else signs on, or the time for one
    shift is over. A jig that is left out means the bench: every jig at which nobody else is signed on.

    Example: reflash sign-on NAME --jig jig1
    """
    at = find_desk(config, desk)
    if jig is not None:
        known_jig(at.jigs, jig)
    request = SignOn(jig=jig, expected=_expected(instead_of))
    taken: TakenOver = asyncio.run(
        ask_daemon(at.place, request, by=name, proof=Pin(ask_unseen("your PIN")), key=uuid4())
    )
    if as_json:
        print_json(taken.model_dump(mode="json"))
        return
    typer.echo(taken.line)
    for each in taken.open:
        typer.echo(each.line)


def sign_off(
    config: ConfigOption = DEFAULT_CONFIG,
    jig: JigOption = None,
    instead_of: InsteadOfOption = None,
    desk: DeskOption = None,
) -> None:
    """Have nobody work at a jig from now on. Hubs in work go on, and whoever signs on next takes them over.

    Example: reflash sign-off --jig jig1
    """
    at = find_desk(config, desk)
    if jig is not None:
        known_jig(at.jigs, jig)
    left: Left = asyncio.run(
        ask_daemon(at.place, SignOff(jig=jig, expected=_expected(instead_of)), key=uuid4())
    )
    typer.echo(left.line)


def _expected(pseudonym: str | None) -> ExpectedPerson | None:
    return None if pseudonym is None else ExpectedPerson(pseudonym=pseudonym)
