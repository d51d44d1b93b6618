"""Lists as CSV that a spreadsheet can open without harm. Pure.

A field that begins as a formula does would be worked out by the spreadsheet (OWASP, CSV Injection): an apostrophe before it
makes it text. Tab, carriage return and the full-width forms of the signs count as well.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

_FORMULA: Final = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


def csv_list(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """Return a list as CSV (RFC 4180) in UTF-8, with a byte-order mark: without one a spreadsheet takes it for something else."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(headings)
    writer.writerows([_harmless(field) for field in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")


def _harmless(field: str) -> str:
    return f"'{field}" if field.lstrip(" ").startswith(_FORMULA) else field
