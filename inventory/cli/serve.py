"""`reflash inventory serve`: the program that answers other programs."""

from __future__ import annotations

from inventory.cli.common import DEFAULT_CONFIG, ConfigOption, working
from inventory.errors import WrongInput
from inventory.log import configure_logging
from inventory.moments import system_clock


def serve(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Answer other programs of this computer by REST until stopped: looking, acts, metrics and health.

    Example: reflash inventory serve --config /etc/reflash-inventory/inventory.toml
    """
    # Nobody else waits for what serves pages.
    from inventory.web.app import serve as serve_web  # noqa: PLC0415

    with working(config) as (settings, database):
        if settings.web is None:
            raise WrongInput(f"{config} has no [web]; see docs/inventory.md")
        configure_logging(settings.log)
        serve_web(settings.web, database, settings.requests, system_clock)
