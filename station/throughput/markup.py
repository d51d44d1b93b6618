"""A page of one file: no script, nothing that is fetched, and text that can never be taken for markup."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from base64 import b64encode
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final

_STYLE: Final = """
:root { color-scheme: light; font: 16px/1.45 system-ui, sans-serif; color: #1c2226; background: #fff; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0.2rem; }
h2 { font-size: 1.2rem; margin-top: 2rem; }
p.when { color: #4d5960; margin-top: 0; }
ul.tiles { display: flex; flex-wrap: wrap; gap: 0.75rem; list-style: none; padding: 0; }
ul.tiles li { border: 1px solid #c5ced4; border-radius: 0.4rem; padding: 0.5rem 0.9rem; }
ul.tiles strong { display: block; font-size: 1.5rem; }
ul.look li { border-left: 0.35rem solid #a15c00; padding-left: 0.6rem; list-style: none; margin: 0.4rem 0; }
ul.look { padding: 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 0.8rem 0; }
th, td { text-align: right; padding: 0.15rem 0.8rem 0.15rem 0; border-bottom: 1px solid #e1e6e9; }
th:first-child, td:first-child { text-align: left; white-space: nowrap; }
svg { width: 100%; height: auto; margin: 0.4rem 0; }
svg text { font-family: system-ui, sans-serif; fill: #3a444a; }
svg > g > rect { fill: #fff; }
"""


class Page:
    """Collects what a page shows, in order."""

    def __init__(self, title: str, when: str) -> None:
        self._title = title
        self._body = ET.Element("body")
        self.text("h1", title)
        self.text("p", when, of_class="when")

    def text(self, element: str, text: str, *, of_class: str | None = None) -> None:
        """Add a heading or a paragraph."""
        _inside(self._body, element, text, of_class)

    def tiles(self, tiles: Iterable[tuple[str, str]]) -> None:
        """Add figures that are read first, each with what it is."""
        shown = _inside(self._body, "ul", None, "tiles")
        for figure, meaning in tiles:
            tile = _inside(shown, "li")
            _inside(tile, "strong", figure)
            _inside(tile, "span", meaning)

    def points(self, lines: Iterable[str]) -> None:
        """Add lines that somebody has to act on."""
        shown = _inside(self._body, "ul", None, "look")
        for line in lines:
            _inside(shown, "li", line)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Add a table, the columns named on top."""
        shown = _inside(self._body, "table")
        head = _inside(_inside(shown, "thead"), "tr")
        for column in columns:
            _inside(head, "th", column)
        body = _inside(shown, "tbody")
        for row in rows:
            line = _inside(body, "tr")
            for cell in row:
                _inside(line, "td", str(cell))

    def plot(self, drawn: ET.Element) -> None:
        """Add a plot (`plots`)."""
        self._body.append(drawn)

    def html(self) -> str:
        """Return the whole file."""
        style = f"sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}"
        root = ET.Element("html", lang="en")
        head = _inside(root, "head")
        _inside(head, "meta").set("charset", "utf-8")
        policy = _inside(head, "meta")
        policy.set("http-equiv", "Content-Security-Policy")
        policy.set("content", f"default-src 'none'; style-src '{style}'")
        _inside(head, "title", self._title)
        _inside(head, "style", _STYLE)
        root.append(self._body)
        return "<!DOCTYPE html>\n" + ET.tostring(root, encoding="unicode", method="html") + "\n"


def _inside(
    outer: ET.Element, element: str, text: str | None = None, of_class: str | None = None
) -> ET.Element:
    inner = ET.SubElement(outer, element)
    inner.text = text
    if of_class is not None:
        inner.set("class", of_class)
    return inner
