"""`reflash run`: the daemon."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TextIO, cast

import structlog
import typer

from drivers.threads import apart
from firmware_catalog.errors import CatalogError
from station.bench.view import BenchView
from station.cli.common import DEFAULT_CONFIG, ConfigOption, require_stations_user
from station.daemon.service import ServiceManager
from station.descriptors import raise_limit, shortfall
from station.domain.config_error import ConfigError
from station.log import configure_logging
from station.places.finding import checked_driver
from station.settings import StationSettings
from station.settings_file import load_settings
from station.texts.texts import load
from station.version import station_version

_log = structlog.stdlib.get_logger()


def run(
    config: ConfigOption = DEFAULT_CONFIG,
    check: Annotated[
        bool, typer.Option("--check", help="Say whether this version takes the configuration, and end.")
    ] = False,
) -> None:
    """Work at the bench until stopped (Ctrl+C or SIGTERM: running attempts are let end first).

    On a terminal, with the log sent elsewhere (`2>reflash.log`), it shows the slots live.
    SIGHUP reads the configuration again: log, thresholds, catalogue, broker, operator and drain time.

    Example: reflash run --config /etc/reflash/station.toml
    """
    settings = load_settings(config)
    if check:
        for jig in settings.jigs:
            checked_driver(jig)
        typer.echo(f"reflash-station {station_version()} takes {config}")
        return
    require_stations_user(settings)
    configure_logging(settings.log.format, settings.log.level)
    raise_limit()
    if (too_few := shortfall(settings)) is not None:
        _log.error("too few file descriptors", reason=too_few)
    asyncio.run(_run(config, settings))


async def _run(config: Path, settings: StationSettings) -> None:
    from station.daemon.assembly import Daemon  # noqa: PLC0415 - the other commands need not wait for it

    service = ServiceManager.from_environment()
    daemon = Daemon(settings, service=service)
    loop = asyncio.get_running_loop()
    hangup = asyncio.Event()

    async def reload() -> None:
        while True:
            await hangup.wait()
            hangup.clear()
            service.reloading()
            try:
                await daemon.reload(await apart("configuration", lambda: load_settings(config)))
            except (ConfigError, CatalogError) as error:
                _log.error("configuration refused, the old one stays", reason=str(error))
            service.ready()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, daemon.stop)
    loop.add_signal_handler(signal.SIGHUP, hangup.set)
    reloading = asyncio.create_task(reload())
    try:
        with _picture(daemon.view, settings.language):
            await daemon.run()
    finally:
        reloading.cancel()
        await asyncio.gather(reloading, return_exceptions=True)
        service.close()


@contextmanager
def _picture(view: BenchView, language: str) -> Iterator[None]:
    """Show the bench on the terminal that the daemon was started on, unless its log goes there."""
    if not sys.stdout.isatty() or sys.stderr.isatty():
        yield
        return
    from rich.console import Console  # noqa: PLC0415 - a daemon without a terminal need not wait for it

    from station.picture import BenchPicture, UnheardTerminal, live_picture  # noqa: PLC0415 - the same
    from station.sentences import Sentences  # noqa: PLC0415 - the same

    picture = BenchPicture(view.slots, Sentences(load(language)), view.faults, view.scans)
    with live_picture(picture, Console(file=cast("TextIO", UnheardTerminal(sys.stdout)))):
        yield
