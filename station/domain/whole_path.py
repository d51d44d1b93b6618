"""Paths that mean the same wherever a command is run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator


def _require_whole(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError(f"{path} is another folder wherever a command is run; write its whole path, from /")
    return path


WholePath = Annotated[Path, AfterValidator(_require_whole)]
"""A folder's path from /."""
