"""`reflash inventory run`: the program that listens."""

from __future__ import annotations

import asyncio
import signal

import typer

from inventory.cli.common import DEFAULT_CONFIG, ConfigOption
from inventory.database.engine import Database
from inventory.log import configure_logging
from inventory.service import Service
from inventory.settings import load_settings


def run(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Listen to the stations until stopped (Ctrl+C or SIGTERM): results into the database, gaps into the log.

    Example: reflash inventory run --config /etc/reflash/inventory.toml
    """
    settings = load_settings(config)
    configure_logging(settings.log)

    async def until_stopped() -> None:
        task = asyncio.current_task()
        if task is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        await Service(settings, database).run()

    with Database(settings.database) as database:
        try:
            asyncio.run(until_stopped())
        except asyncio.CancelledError:
            raise typer.Exit(128 + signal.SIGTERM) from None
        except ExceptionGroup as group:
            raise group.exceptions[0] from group
