"""`reflash run`: the daemon."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import structlog

from firmware_catalog.errors import CatalogError
from station.cli.common import DEFAULT_CONFIG, ConfigOption
from station.config import ConfigError, StationSettings, load_settings
from station.log import configure_logging
from station.service import ServiceManager

_log = structlog.stdlib.get_logger()


def run(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Work at the bench until stopped (Ctrl+C or SIGTERM: running attempts are let end first).

    SIGHUP reads the configuration again: log, thresholds, catalogue, broker, operator and drain time.

    Example: reflash run --config /etc/reflash/station.toml
    """
    settings = load_settings(config)
    configure_logging(settings.log.format, settings.log.level)
    asyncio.run(_run(config, settings))


async def _run(config: Path, settings: StationSettings) -> None:
    from station.daemon import Daemon  # noqa: PLC0415 - the other commands need not wait for it

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
                await daemon.reload(await asyncio.to_thread(load_settings, config))
            except (ConfigError, CatalogError) as error:
                _log.error("configuration refused, the old one stays", reason=str(error))
            service.ready()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, daemon.stop)
    loop.add_signal_handler(signal.SIGHUP, hangup.set)
    reloading = asyncio.create_task(reload())
    try:
        await daemon.run()
    finally:
        reloading.cancel()
        await asyncio.gather(reloading, return_exceptions=True)
