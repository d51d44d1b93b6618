"""A party's list of hubs, on our template. **Provisional**: "a format specified by DCC" (6.2.5) is unpublished.

One line a hub. It names the hub by the CHF's id, the GPF's, or both, as the label and the party's books have it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import openpyxl

from firmware_catalog.identity import Eui64
from inventory.errors import WrongInput
from inventory.requests.sheet import Cell, Sheet

TEMPLATE: Final = "reflash-request-1"
"""Stands on every line, so that a list on another template is told."""
COLUMNS: Final = ("template", "chf_id", "gpf_id", "installation_end_date")
"""The last may be left empty: until when the hub may be installed, as 2027-03-31."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One line of a request, as far as it can be read."""

    line: int
    chf: Eui64 | None
    gpf: Eui64 | None
    installation_end: date | None
    text: str
    """Its ids as the file has them."""
    fault: str | None
    """Why it cannot be read."""

    @property
    def either_id(self) -> Eui64 | None:
        """An id that it names its hub by."""
        return self.chf or self.gpf


def read_request(sheet: Sheet) -> list[Asked]:
    """Read a list; a line that cannot be read says so. Raises WrongInput for a file that is no such list."""
    asked = []
    advice = "; write it anew: reflash inventory requests template"
    for line, row in sheet.rows_of(TEMPLATE, COLUMNS, advice=advice):
        asked.append(_asked(line, row["chf_id"], row["gpf_id"], row["installation_end_date"]))
    if not asked:
        raise WrongInput(f"{sheet.name} lists no hub below its headings")
    return asked


def _asked(line: int, chf: Cell, gpf: Cell, until: Cell) -> Asked:
    text = " ".join(cell.text[:40] for cell in (chf, gpf) if cell.text)
    try:
        ids = _id(chf, "chf_id"), _id(gpf, "gpf_id")
        end = _date(until)
    except ValueError as error:
        return Asked(line, None, None, None, text, str(error))
    fault = "neither chf_id nor gpf_id is there" if ids == (None, None) else None
    return Asked(line, *ids, end, text, fault)


def _id(cell: Cell, name: str) -> Eui64 | None:
    if cell.fault:
        raise ValueError(f"{name} {cell.fault}")
    return Eui64.parse(cell.text) if cell.text else None


def _date(cell: Cell) -> date | None:
    try:
        return date.fromisoformat(cell.text) if cell.text else None
    except ValueError as error:
        raise ValueError(f"installation_end_date {cell.text[:20]!r} is no date as 2027-03-31") from error


def write_template(path: Path) -> None:
    """Write an empty list with one example line, as XLSX or as CSV by the file's ending. Raises OSError, FileExistsError."""
    write_table(
        path, [COLUMNS, (TEMPLATE, "88-73-84-00-00-00-00-01", "88-73-84-00-00-00-01-01", "2027-03-31")]
    )


def write_table(path: Path, rows: Sequence[Sequence[str]]) -> None:
    """Write a small table as XLSX or as CSV by the file's ending. Raises OSError, FileExistsError."""
    if path.suffix.casefold() == ".xlsx":
        book = openpyxl.Workbook(write_only=True)
        sheet = book.create_sheet("hubs")
        for row in rows:
            sheet.append(list(row))
        content = io.BytesIO()
        book.save(content)
        data = content.getvalue()
    else:
        text = io.StringIO(newline="")
        csv.writer(text).writerows(rows)
        data = text.getvalue().encode()
    with path.open("xb") as file:
        file.write(data)
