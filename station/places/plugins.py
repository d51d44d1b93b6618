"""Hub drivers by name, found through the entry-point group `reflash.drivers`."""

from __future__ import annotations

from importlib.metadata import entry_points

from pydantic import BaseModel, ValidationError

from drivers.hub import ENTRY_POINT_GROUP, DriverPlugin
from station.domain.config_error import ConfigError, faults_of
from station.places.settings import JigSettings


def load_plugin(name: str) -> DriverPlugin:
    """Import a driver. Raises ConfigError when none of that name is installed, it cannot be imported, or is no plugin."""
    found = entry_points(group=ENTRY_POINT_GROUP)
    if name not in found.names:
        known = ", ".join(sorted(found.names)) or "none"
        raise ConfigError(f"no driver is called {name}; installed are: {known}")
    try:
        plugin: DriverPlugin = found[name].load()
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"driver {name} cannot be loaded: {error}; install what it needs") from error
    except Exception as error:  # a maker's module may raise whatever it likes
        what = f"{type(error).__name__}: {error}"
        raise ConfigError(f"driver {name} cannot be loaded: {what}; its maker has to mend it") from error
    model = getattr(plugin, "settings_model", None)
    is_model = isinstance(model, type) and issubclass(model, BaseModel)
    if isinstance(plugin, type) or not is_model or not callable(getattr(plugin, "open", None)):
        raise ConfigError(
            f"driver {name} cannot be loaded: its entry point has to name an object with a `settings_model` and `open`; "
            "its maker has to mend it"
        )
    return plugin


def driver_settings(plugin: DriverPlugin, jig: JigSettings) -> BaseModel:
    """Validate a jig's `driver_settings` by its driver's model. Raises ConfigError, one line a fault."""
    try:
        return plugin.settings_model.model_validate(jig.driver_settings)
    except ValidationError as error:
        raise ConfigError(
            "\n".join(f"jig {jig.name}, driver_settings: {line}" for line in faults_of(error))
        ) from error
