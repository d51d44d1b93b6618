"""One line a fact, on standard error: for people, or as JSON for machines."""

from __future__ import annotations

import io
import logging
import sys
from contextlib import suppress
from typing import Annotated, Literal, TextIO

import structlog
from pydantic import BaseModel, ConfigDict, Field


class LogSettings(BaseModel):
    """How much is said, and for whom."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["console", "json"] = Field("console", description="for people, or for machines")
    level: Annotated[
        Literal["debug", "info", "warning", "error"], Field(description="the least that is said")
    ] = "info"


class _Lines(structlog.WriteLogger):
    """Writes each line at once, and drops what cannot be written: nobody's work ends because nobody reads of it."""

    def msg(self, message: str) -> None:
        """Write one line."""
        with suppress(OSError, ValueError):  # ValueError is a closed stream's
            super().msg(message)

    log = debug = info = warn = warning = msg
    fatal = failure = err = error = critical = exception = msg


def configure_logging(settings: LogSettings) -> None:
    """Have the whole program say things so."""
    # A program that was started without standard error has none.
    stream: TextIO | None = sys.stderr
    in_form = (
        structlog.processors.JSONRenderer()
        if settings.format == "json"
        else structlog.dev.ConsoleRenderer(colors=stream is not None and stream.isatty())
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
        logger_factory=lambda *_: _Lines(sys.stderr or io.StringIO()),
        cache_logger_on_first_use=False,
    )
