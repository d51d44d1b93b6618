"""A field that is left out of what is written where it has no value."""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field

IF_ANY: Final[Any] = Field(default=None, exclude_if=lambda value: value is None)
"""The default of such a field."""
