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
    host: Annotated[
        str,
        typer.Option(help="The address to listen at; another than this computer's own takes a certificate."),
    ] = "127.0.0.1",
    certificate: Annotated[
        Path | None, typer.Option(help="PEM, with the names that browsers find this screen by.")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="Its private key in PEM, for this user alone.")] = None,
    without_login: Annotated[
        bool, typer.Option("--without-login", help="Whoever sits at this computer may look and scan.")
    ] = False,
) -> None:
    """Show the bench to browsers and programs, and take scans there, until stopped.

    People sign on, with badge or PIN, until the shift is over; programs have tokens (reflash tokens). The daemon may be
    away: the page says so, and goes on when it is back.

    Example: reflash screen --desk /run/reflash/desk.sock --without-login
    Example: reflash screen --host 0.0.0.0 --port 8443 --certificate screen.pem --key screen.key
    """
    try:
        from station.screen.address import address_of  # noqa: PLC0415 - the other commands need not wait for it
        from station.screen.app import serve  # noqa: PLC0415 - as above
    except ModuleNotFoundError as error:
        raise WorkFailed(
            f"{error.name} is not installed: install the station with what the screen needs (pip install "
            "'reflash-station[screen]')"
        ) from error
    if desk.suffix != ".sock":
        raise UsageError(
            f"{desk} is no desk socket (….sock): a screen asks where nobody may do more than look and scan"
        )
    address = address_of(host, port, certificate, key, without_login=without_login)
    configure_logging("console", "info")
    typer.echo(address.url)
    serve(desk, reports, address, sign_on=not without_login)
