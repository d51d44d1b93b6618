"""A label in the language of label printers (ZPL II Programming Guide). Pure: a drawing in, bytes out.

Text goes as `^FD` data with `^FH`: every byte that is not plainly a letter, a digit or harmless is written in hexadecimal,
so that no text can end its field or begin a command. `^CI28` says that the bytes are UTF-8; those on the wire are
ASCII.
"""

from __future__ import annotations

import string
from collections.abc import Iterable
from typing import Final, assert_never

from station.papers.label import Bars, Element, Media, Text

_PLAIN: Final = frozenset((string.ascii_letters + string.digits + " .,:;()/+-").encode())

_START_B: Final = ">:"
_START_C_FNC1: Final = ">;>8"
"""Invocation codes of `^BC`: begin in this code set; FNC1 makes it a GS1-128."""


def zpl(elements: Iterable[Element], media: Media) -> bytes:
    """Return one label."""
    dots = media.dots
    fields = "".join(_field(element, media) + "\n" for element in elements)
    return f"^XA^CI28^LH0,0^PW{dots(media.width_mm)}^LL{dots(media.height_mm)}\n{fields}^XZ\n".encode("ascii")


def escaped(text: str) -> str:
    """Return the text as `^FH_` data."""
    return "".join(chr(byte) if byte in _PLAIN else f"_{byte:02X}" for byte in text.encode(errors="replace"))


def _field(element: Element, media: Media) -> str:
    dots = media.dots
    at = f"^FO{dots(element.x)},{dots(element.y)}"
    height = dots(element.height)
    match element:
        case Text():
            return f"{at}^A0N,{height},{height}^FH_^FD{escaped(element.text)}^FS"
        case Bars():
            start = _START_C_FNC1 if element.is_gs1 else _START_B
            bars = f"^BY{media.module_dots(is_thin=element.is_thin)},3,{height}^BCN,{height},N,N,N,N"
            return f"{at}{bars}^FD{start}{element.data}^FS"
        case _:
            assert_never(element)
