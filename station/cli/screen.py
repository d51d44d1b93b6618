"""`reflash screen`: the bench for browsers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from station.cli.common import UsageError, WorkFailed
from station.cli.scanning import DESK_SOCKET
from station.log import configure_logging

REPORTS: Final = Path("/var/lib/reflash/reports")


def screen(
    desk: Annotated[
        Path,
        typer.Option(
            "--desk",
            envvar="REFLASH_DESK",
            help="The daemon's desk socket (desk_socket in its configuration).",
        ),
    ] = DESK_SOCKET,
    reports: Annotated[
        Path,
        typer.Option(
            help="Folder of the daemon's reports (`reports` in its state directory), for the shift's figures."
        ),
    ] = REPORTS,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where browsers find it.")] = 8080,
    without_login: Annotated[
        bool, typer.Option("--without-login", help="Whoever sits at this computer may look and scan.")
    ] = False,
) -> None:
    """Show the bench to this computer's browsers, and take scans there, until stopped.

    It is served to this computer alone (127.0.0.1). The daemon may be away: the page says so, and goes on when it is
    back.

    Example: reflash screen --desk /run/reflash/desk.sock --without-login
    """
    if not without_login:
        raise UsageError(
            "nobody signs on at the screen yet: say --without-login to serve it to this computer alone"
        )
    try:
        from station.screen.app import serve  # noqa: PLC0415 - the other commands need not wait for it
    except ModuleNotFoundError as error:
        raise WorkFailed(
            f"{error.name} is not installed: install the station with what the screen needs (pip install "
            "'reflash-station[screen]')"
        ) from error
    if desk.suffix != ".sock":
        raise UsageError(
            f"{desk} is no desk socket (….sock): a screen asks where nobody may do more than look and scan"
        )
    configure_logging("console", "info")
    typer.echo(f"http://127.0.0.1:{port}/")
    serve(desk, reports, port)
