"""Writes a station's configuration file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def write_config(path: Path, settings: dict[str, Any]) -> Path:
    path.write_text("".join(f"{key} = {_inline(value)}\n" for key, value in settings.items()))
    return path


def _inline(value: Any) -> str:
    """Write a value on one line of TOML, whose texts and numbers are those of JSON."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_inline(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_inline(item) for item in value) + "]"
    return json.dumps(value)
