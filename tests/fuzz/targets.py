"""Every target by name: our own parsers, and the boundaries behind which a library parses."""

from __future__ import annotations

from catalogue_targets import CATALOGUE_BOUNDARIES, CATALOGUE_PARSERS
from hub_targets import HUB_BOUNDARIES, HUB_PARSERS
from inventory_targets import INVENTORY_PARSERS
from station_targets import STATION_BOUNDARIES, STATION_PARSERS

PARSERS = {**HUB_PARSERS, **CATALOGUE_PARSERS, **STATION_PARSERS, **INVENTORY_PARSERS}
BOUNDARIES = {**HUB_BOUNDARIES, **CATALOGUE_BOUNDARIES, **STATION_BOUNDARIES}
TARGETS = {**PARSERS, **BOUNDARIES}
