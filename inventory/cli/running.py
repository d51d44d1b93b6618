"""How a program of the inventory runs until it is stopped."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import typer

from inventory.database.engine import Database
from inventory.log import configure_logging
from inventory.settings import InventorySettings, load_settings


def until_stopped(
    config: Path, work: Callable[[InventorySettings, Database], Coroutine[Any, Any, None]]
) -> None:
    """Do this work until Ctrl+C or SIGTERM. Raises what the work raised."""
    settings = load_settings(config)
    configure_logging(settings.log)

    async def stoppable(database: Database) -> None:
        task = asyncio.current_task()
        if task is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        await work(settings, database)

    with Database(settings.database) as database:
        try:
            asyncio.run(stoppable(database))
        except asyncio.CancelledError:
            raise typer.Exit(128 + signal.SIGTERM) from None
        except ExceptionGroup as group:
            first: Exception = group
            while isinstance(first, ExceptionGroup):  # parts have parts of their own
                first = first.exceptions[0]
            raise first from group
