"""Whether a slot drifts: its newest golden check held against its own earlier ones with the same hub. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Final

from station.records.facts.golden import GoldenCheckEnded

LEAST_PAST: Final = 5
"""Against fewer earlier checks nothing is said."""
_SPREADS: Final = 5.0
"""So many median deviations from the median a slot may be. For what is spread evenly about it, 3.4 standard deviations."""
_LEAST_SHARE: Final = 0.15
"""And no less than this part of the median: a simulated or very even slot has no spread at all."""


def drift(checks: Sequence[GoldenCheckEnded]) -> str | None:
    """Say of one slot's checks, oldest first, what about the newest is unlike the others; None where nothing is."""
    if not checks:
        return None
    newest = checks[-1]
    if not newest.passed:
        return f"its golden check failed: {newest.detail}"
    past = [each for each in checks[:-1] if each.passed and each.chf == newest.chf]
    found = []
    rates = [_rate(each) for each in past]
    rate, usual = _rate(newest), [each for each in rates if each is not None]
    if rate is not None and _is_above(rate, usual):
        found.append(f"a golden hub was written in {rate / median(usual):.2f} times the time")
    retries = [each.retries for each in past]
    if len(retries) >= LEAST_PAST and newest.retries > max(retries):
        found.append(f"it was tried {newest.retries} times more, {max(retries)} at most before")
    drawn = [each.milliamperes for each in past if each.milliamperes is not None]
    current = newest.milliamperes
    if current is not None and _is_off(current, drawn):
        found.append(f"it drew {current} mA, {median(drawn):g} mA before")
    return "; ".join(found) or None


def _rate(check: GoldenCheckEnded) -> float | None:
    """Return seconds a byte: another image may be another size."""
    return None if check.write_seconds is None else check.write_seconds / check.bytes


def _is_above(value: float, past: Sequence[float]) -> bool:
    return _is_off(value, past) and value > median(past)


def _is_off(value: float, past: Sequence[float]) -> bool:
    if len(past) < LEAST_PAST:
        return False
    middle = median(past)
    spread = median(abs(each - middle) for each in past)
    return abs(value - middle) > max(_SPREADS * spread, _LEAST_SHARE * middle)
