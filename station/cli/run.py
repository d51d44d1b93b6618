"""`reflash run`: the daemon."""

from __future__ import annotations

import asyncio
import signal

from station.cli.common import DEFAULT_CONFIG, ConfigOption
from station.config import StationSettings, load_settings
from station.log import configure_logging


def run(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Work at the bench until stopped (Ctrl+C or SIGTERM: running attempts are let end first).

    Example: reflash run --config /etc/reflash/station.toml
    """
    settings = load_settings(config)
    configure_logging(settings.log.format, settings.log.level)
    asyncio.run(_run(settings))


async def _run(settings: StationSettings) -> None:
    from station.daemon import Daemon  # noqa: PLC0415 - the other commands need not wait for it

    daemon = Daemon(settings)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, daemon.stop)
    await daemon.run()
