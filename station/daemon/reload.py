"""What a running daemon takes over from a changed configuration, and what it refuses."""

from __future__ import annotations

from functools import partial
from typing import Final

from drivers.threads import apart
from station.domain.config_error import ConfigError
from station.messages.topics import Topics
from station.publishing.broker import BrokerRefuses, check_credentials
from station.settings import StationSettings

RELOADABLE: Final = frozenset(
    {
        "backup",
        "catalogue",
        "drain_seconds",
        "log",
        "mqtt",
        "operator",
        "packing",
        "thresholds",
        "watched_certificates",
    }
)
"""The keys that may change while hubs are worked on. All else needs a restart."""


def check_reload(old: StationSettings, new: StationSettings) -> None:
    """Raise ConfigError, in one line, if `new` changes what only a restart may change."""
    changed = [
        name
        for name in StationSettings.model_fields
        if name not in RELOADABLE and getattr(old, name) != getattr(new, name)
    ]
    if changed:
        raise ConfigError(
            f"{', '.join(changed)} cannot change while the station runs; nothing was taken over: restart it instead"
        )


async def require_credentials(settings: StationSettings) -> None:
    """Raise ConfigError, in one line, for files of the broker's settings with which nobody could connect."""
    topics = Topics(settings.site, settings.station)
    try:
        await apart("mqtt credentials", partial(check_credentials, settings.mqtt, topics))
    except BrokerRefuses as error:
        raise ConfigError(f"the broker {error}; nothing was taken over") from error
