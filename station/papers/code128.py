"""Code 128 as the widths of bars and gaps (ISO/IEC 15417), for whoever draws them without ReportLab: a process that is to stay small. Pure."""

from __future__ import annotations

from typing import Final

QUIET_MODULES: Final = 10
"""Left blank on either side."""

_TABLE: Final = (
    "212222 222122 222221 121223 121322 131222 122213 122312 132212 221213 221312 231212 112232 122132 122231 113222 123122 "
    "123221 223211 221132 221231 213212 223112 312131 311222 321122 321221 312212 322112 322211 212123 212321 232121 111323 "
    "131123 131321 112313 132113 132311 211313 231113 231311 112133 112331 132131 113123 113321 133121 313121 211331 231131 "
    "213113 213311 213131 311123 311321 331121 312113 312311 332111 314111 221411 431111 111224 111422 121124 121421 141122 "
    "141221 112214 112412 122114 122411 142112 142211 241211 221114 413111 241112 134111 111242 121142 121241 114212 124112 "
    "124211 411212 421112 421211 212141 214121 412121 111143 111341 131141 114113 114311 411113 411311 113141 114131 311141 "
    "411131 211412 211214 211232"
)
"""Of each value, bar and gap by turns, in modules."""
_WIDTHS: Final = tuple(_TABLE.split())
_START_B: Final = 104
_STOP: Final = "2331112"
_MODULUS: Final = 103


def bars_of(text: str) -> tuple[tuple[int, int], ...]:
    """Return where each bar begins and how wide it is, in modules, the quiet zone before the first one left.

    By code set B, as for texts that a scanner types. Raises ValueError for what is not printable ASCII, or empty.
    """
    if not text or not all(" " <= each <= "~" for each in text):
        raise ValueError(f"{text[:40]!r} is not of printable ASCII")
    values = [ord(each) - ord(" ") for each in text]
    check = (_START_B + sum(place * value for place, value in enumerate(values, 1))) % _MODULUS
    widths = "".join(_WIDTHS[value] for value in (_START_B, *values, check)) + _STOP
    bars, at = [], QUIET_MODULES
    for place, width in enumerate(map(int, widths)):
        if place % 2 == 0:
            bars.append((at, width))
        at += width
    return tuple(bars)


def modules_of(text: str) -> int:
    """Return how wide the code of a text is with its quiet zones, in modules."""
    begin, width = bars_of(text)[-1]
    return begin + width + QUIET_MODULES
