"""`reflash screen`: the bench for browsers."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Final

import typer

from station.cli.common import UsageError, WorkFailed
from station.cli.scanning import DESK_SOCKET
from station.screen.served import Served
from station.web.port import PortUnavailable, take_port

_NEEDED: Final = ("fastapi", "jinja2", "prometheus_client", "uvicorn")
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
        bool,
        typer.Option(
            "--without-login",
            help="Whoever sits at this computer may do what a technician may, without signing on.",
        ),
    ] = False,
) -> None:
    """Show the bench to browsers and programs, and take scans there, until stopped.

    People sign on, with badge or PIN, until the shift is over; programs have tokens (reflash tokens). The daemon may be
    away: the page says so, and goes on when it is back.

    To the site's network: --host 0.0.0.0 --port 8443 --certificate screen.pem --key screen.key

    Example: reflash screen --desk /run/reflash/desk.sock --without-login
    """
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise WorkFailed(
            f"{missing[0]} is not installed: install the station with what the screen needs (pip install "
            "'reflash-station[screen]')"
        )
    if desk.suffix != ".sock":
        raise UsageError(
            f"{desk} is no desk socket (….sock): a screen asks where nobody may do more than look and scan"
        )
    from station.web.certificate import address_of  # noqa: PLC0415 - reads certificates, for which all would wait

    address = address_of(host, port, certificate, key, without_login=without_login)
    try:
        taken = take_port(host, port)
    except PortUnavailable as error:
        raise WorkFailed(str(error)) from error
    typer.echo(address.url)
    sys.stdout.flush()
    taken.set_inheritable(True)
    served = Served(
        desk=desk.absolute(),
        reports=reports.absolute(),
        address=address,
        sign_on=not without_login,
        socket=taken.fileno(),
    )
    # What the other commands need is let go of: half of the memory that the screen itself takes.
    os.execv(sys.executable, (sys.executable, "-P", "-m", "station.screen", served.model_dump_json()))  # noqa: S606
