"""`reflash inventory run`: the program that listens, and tells upstream."""

from __future__ import annotations

from inventory.cli.common import DEFAULT_CONFIG, ConfigOption
from inventory.cli.running import until_stopped
from inventory.service import Service


def run(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Work until stopped (Ctrl+C or SIGTERM): results into the database, gaps into the log, versions upstream where a way is configured.

    Example: reflash inventory run --config /etc/reflash-inventory/inventory.toml
    """
    until_stopped(config, lambda settings, database: Service(settings, database).run())
