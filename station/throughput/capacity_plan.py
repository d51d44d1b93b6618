"""What a bench's capacity follows from: rigs, people, shifts, hubs, line, hands and faults, by a file that people write."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from station.domain.config_error import ConfigError, faults_of
from station.throughput.wire import Framing

_YEAR_DAYS: Final = 366
_Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Share = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]


class _Table(BaseModel):
    """One table of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Bench(_Table):
    """Rigs, and who works at them."""

    jigs: int = Field(ge=1, le=1000)
    slots: int = Field(ge=1, le=1000, description="of each jig")
    people: int = Field(ge=1, le=1000, description="at work at any time of a shift")


class Shifts(_Table):
    """When people work."""

    hours: float = Field(gt=0, le=24, description="a day, breaks taken off")
    days: int = Field(ge=1, le=_YEAR_DAYS, description="a year")


class Hubs(_Table):
    """What a hub takes by itself; seconds."""

    image_bytes: int = Field(ge=1, le=1 << 32)
    erase: _Seconds = Field(description="its spare slot, before the first byte")
    boot: _Seconds = Field(description="from power, or from a reset, until it says who it is")
    activate: _Seconds = Field(description="its test boot into the new image, its swap included")
    other: _Seconds = Field(description="unlocking, verifying, confirming, checking, and what is between")


class Line(_Table):
    """What carries the image."""

    baud: int = Field(ge=1200, le=100_000_000)
    buffer: int = Field(ge=64, le=65_535, description="bytes of a hub's packet buffer")
    framing: Framing = Field("console", description="SMP's on it: console, or raw")
    share: float = Field(
        gt=0, le=1, description="of what the line can carry, as reflash benchmark measures it"
    )


class Handling(_Table):
    """What a person does with each hub; seconds."""

    unpack: _Seconds
    scan: _Seconds
    seat: _Seconds = Field(description="take the last one out, put this one in")
    pack: _Seconds


class Faults(_Table):
    """What goes wrong, as shares of 1."""

    failed: _Share = Field(description="of first attempts; such a hub is tried once more, elsewhere")
    failed_again: _Share = Field(description="of second attempts; such a hub is not done")
    out_of_use: _Share = Field(
        description="of the slots' time: stopped, out of use, or waiting for a hub that left"
    )


class CapacityPlan(_Table):
    """Everything. Every time is longer than nothing, and is there."""

    bench: Bench
    shifts: Shifts
    hub: Hubs
    line: Line
    handling: Handling
    faults: Faults


EXAMPLE: Final = """\
# What `reflash capacity` reckons with. Times are seconds. What the journal has measured is taken from there.
[bench]
jigs = 3
slots = 8            # of each jig
people = 1           # at work at any time of a shift

[shifts]
hours = 7.5          # a day, breaks taken off
days = 252           # a year

[hub]
image_bytes = 614400
erase = 4.0          # its spare slot, before the first byte
boot = 10.0          # from power, or from a reset, until it says who it is
activate = 20.0      # its test boot into the new image, its swap included
other = 2.0          # unlocking, verifying, confirming, checking, and what is between

[line]
baud = 115200
buffer = 384         # bytes of a hub's packet buffer; Zephyr's default
framing = "console"  # or raw
share = 0.98         # of what the line can carry, as `reflash benchmark` measures it

[handling]
unpack = 6.0
scan = 2.0
seat = 5.0           # take the last one out, put this one in
pack = 7.0

[faults]
failed = 0.01        # of first attempts, as a share of 1; such a hub is tried once more, elsewhere
failed_again = 0.2   # of second attempts; such a hub is not done
out_of_use = 0.02    # of the slots' time: stopped, out of use, or waiting for a hub that left
"""
"""A file with made-up times, to be written anew from a stopwatch."""


Origin = Literal["measured", "file", "assumed"]


def example() -> CapacityPlan:
    """Return the example's plan."""
    return CapacityPlan.model_validate(tomllib.loads(EXAMPLE))


def read_plan(path: Path) -> CapacityPlan:
    """Read a plan's file. Raises ConfigError with one line for each fault."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{path}: {error.strerror}; see how one is written: reflash capacity --example"
        ) from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is no TOML file: {error}") from error
    try:
        return CapacityPlan.model_validate(content)
    except ValidationError as error:
        raise ConfigError("\n".join(f"{path}: {line}" for line in faults_of(error, ()))) from error
