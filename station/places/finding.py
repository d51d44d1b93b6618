"""Where a driver's hubs can be: what its plugin offers for looking, or serial ports if its settings are theirs."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from drivers.hub import DriverPlugin
from drivers.places import PlaceFinder, WrongPlace
from drivers.serial_link import SerialSettings
from drivers.serial_places import SerialPlaces
from station.domain.config_error import ConfigError
from station.places.plugins import driver_settings, load_plugin
from station.places.settings import JigSettings


def place_finder(plugin: DriverPlugin, settings: BaseModel, folder: Path | None = None) -> PlaceFinder | None:
    """Return what looks at a driver's places; None for a driver that offers nothing to look with.

    A `folder` holds links to the ports to look at, where a driver's places are serial ports. Raises ConfigError for
    a folder that the driver has no use for.
    """
    if isinstance(plugin, PlaceFinder):
        finder: PlaceFinder | None = plugin
    elif isinstance(settings, SerialSettings):
        return SerialPlaces(folder)
    else:
        finder = None
    if folder is not None:
        raise ConfigError(f"{folder}: the driver {plugin.name} has no serial ports; leave --among out")
    return finder


def checked_driver(jig: JigSettings) -> tuple[DriverPlugin, BaseModel]:
    """Load a jig's driver and check its settings and places. Raises ConfigError, one line a fault."""
    plugin = load_plugin(jig.driver)
    settings = driver_settings(plugin, jig)
    finder = place_finder(plugin, settings)
    faults = []
    if finder is not None:
        for number, place in sorted(jig.slots.items()):
            try:
                finder.check_place(place)
            except WrongPlace as error:
                faults.append(f"jig {jig.name}: slots.{number}: {error}")
    if faults:
        raise ConfigError("\n".join(faults))
    return plugin, settings
