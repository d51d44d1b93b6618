"""Figures drawn as SVG by leather: elements without script, style or address, for a page that may have none.

Colours are the page's to choose by class (`series bars`, `axis`, `tick`); what is set here is read on white paper.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import leather

WIDTH: Final = 760
"""Of every plot, in SVG's units."""
_DARK: Final = "#1f5f8b"
_LIGHT: Final = "#b9d3e6"
_ROW: Final = 22
"""Height of a bar and what is around it."""
_AROUND: Final = 172
"""Height of title, axis and margins."""
_MOST_LABELS: Final = 16
"""So many names stand side by side under columns without touching."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A name and one or two values; of two the lesser is drawn over the greater."""

    name: str
    value: float | None
    beyond: float | None = None


def columns(title: str, bars: Sequence[Bar], *, axis: str) -> ET.Element:
    """Draw values side by side, as of hours that follow each other. Names may be alike; one without a value is left empty."""
    # A plot tells its columns apart by their names, an hour of which a clock change makes two.
    keys = [f"{number} {bar.name}" for number, bar in enumerate(bars)]
    every = -(-len(bars) // _MOST_LABELS) or 1

    def name(_: object, index: int, __: int) -> str:
        return bars[index].name if index % every == 0 else ""

    chart = leather.Chart(title)
    chart.set_x_scale(leather.Ordinal(keys))
    chart.add_x_axis(tick_formatter=name)
    chart.add_y_scale(0, _top(bars))
    chart.add_y_axis(name=axis)
    chart.add_columns([(key, bar.value or 0) for key, bar in zip(keys, bars, strict=True)], fill_color=_DARK)
    return _drawn(chart, 280)


def rows(title: str, bars: Sequence[Bar], *, axis: str) -> ET.Element:
    """Draw values one below the other, the first one on top. Each name is there once."""
    names = [bar.name for bar in reversed(bars)]
    chart = leather.Chart(title)
    chart.set_y_scale(leather.Ordinal(names))
    chart.add_x_scale(0, _top(bars))
    chart.add_x_axis(name=axis)
    if any(bar.beyond is not None for bar in bars):
        chart.add_bars([(bar.beyond or 0, bar.name) for bar in bars], name="95%", fill_color=_LIGHT)
        chart.add_bars([(bar.value or 0, bar.name) for bar in bars], name="50%", fill_color=_DARK)
    else:
        chart.add_bars([(bar.value or 0, bar.name) for bar in bars], fill_color=_DARK)
    return _drawn(chart, _AROUND + _ROW * len(bars))


def _top(bars: Sequence[Bar]) -> float:
    highest = max(
        (value for bar in bars for value in (bar.value, bar.beyond) if value is not None), default=0
    )
    return highest or 1


def _drawn(chart: leather.Chart, height: int) -> ET.Element:
    root = ET.Element("svg", xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {WIDTH} {height}", role="img")
    root.append(chart.to_svg_group(WIDTH, height))
    return root
