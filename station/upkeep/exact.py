"""How likely it is that chance alone did it."""

from __future__ import annotations

from math import comb


def at_least(here: int, seen_here: int, everywhere: int, seen: int) -> float:
    """Return the chance that of `everywhere` marked ones among `seen`, `here` or more fall to the `seen_here` of one place.

    Fisher's exact test, one-sided: the upper tail of the hypergeometric distribution, in whole numbers until the last step.
    Its end is left off where all of it together is less than a 2^-30 of what was summed up.
    """
    most = min(seen_here, everywhere)
    if here <= max(0, seen_here + everywhere - seen):
        return 1.0
    if here > most:
        return 0.0
    way = comb(everywhere, here) * comb(seen - everywhere, seen_here - here)
    ways = way
    for marked in range(here, most):
        # Each term follows from the one before: what divides it always does so without rest.
        way = (
            way
            * (everywhere - marked)
            * (seen_here - marked)
            // ((marked + 1) * (seen - everywhere - seen_here + marked + 1))
        )
        ways += way
        if way << 64 < ways:
            break  # past the highest term: each that follows, fewer than 2^32, is smaller than this one
    return ways / comb(seen, seen_here)
