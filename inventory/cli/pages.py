"""`reflash inventory pages`: the program that shows the inventory to people."""

from __future__ import annotations

from inventory.cli.common import DEFAULT_CONFIG, ConfigOption, working
from inventory.errors import WrongInput
from inventory.log import configure_logging
from inventory.moments import system_clock


def pages(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Show the inventory to people in their browsers, and do what they ask, until stopped.

    People sign on by name and PIN (reflash inventory people). To the site's network only by TLS ([pages]).

    Example: reflash inventory pages --config /etc/reflash-inventory/inventory.toml
    """
    # Nobody else waits for what serves pages.
    from inventory.pages.program import serve  # noqa: PLC0415

    with working(config) as (settings, database):
        if settings.pages is None:
            raise WrongInput(f"{config} has no [pages]; see docs/inventory.md")
        configure_logging(settings.log)
        serve(settings.pages, database, settings.requests, settings.upstream, system_clock)
