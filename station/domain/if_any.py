"""Fields that are left out of what is written where they have no value, or the one that goes without saying."""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field

from firmware_catalog.devices import Family

IF_ANY: Final[Any] = Field(default=None, exclude_if=lambda value: value is None)
"""The default of such a field."""

HUB_UNLESS_SAID: Final[Any] = Field(
    default=Family.HUB,
    exclude_if=lambda family: family is Family.HUB,
    description="of which it is; absent of hubs",
)
"""The default of a family: what is told of hubs stays as it was before there were bridges."""
