"""When something happened, by both clocks, and how long it is from one thing to another."""

from __future__ import annotations

from typing import NamedTuple


class Moment(NamedTuple):
    """A row's time by both clocks of the machine."""

    utc: int
    """Microseconds since 1970; a person or a time service may have set that clock in the meantime."""
    since_boot_ns: int
    boot: str | None
    """Which boot it is since, as far as the journal says."""


def seconds_between(earlier: Moment, later: Moment) -> float:
    """Return how long it took: by the boot clock, which nobody sets, or else by UTC; never less than nothing.

    Where the boot clock went back the machine was started anew, whoever wrote the row without saying so.
    """
    if earlier.boot == later.boot and later.since_boot_ns >= earlier.since_boot_ns:
        return (later.since_boot_ns - earlier.since_boot_ns) / 1e9
    return max(0, later.utc - earlier.utc) / 1e6
