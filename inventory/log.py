"""One line a fact, on standard error: for people, or as JSON for machines."""

from __future__ import annotations

import logging
import sys
from typing import Annotated, Literal

import structlog
from pydantic import BaseModel, ConfigDict, Field


class LogSettings(BaseModel):
    """How much is said, and for whom."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["console", "json"] = Field("console", description="for people, or for machines")
    level: Annotated[
        Literal["debug", "info", "warning", "error"], Field(description="the least that is said")
    ] = "info"


def configure_logging(settings: LogSettings) -> None:
    """Have the whole program say things so."""
    in_form = (
        structlog.processors.JSONRenderer()
        if settings.format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            in_form,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[settings.level.upper()]
        ),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
