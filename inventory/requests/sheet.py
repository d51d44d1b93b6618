"""Reads a table that somebody sent, CSV or XLSX, as text alone: nothing in it is evaluated, and none of it is unbounded.

Both kinds of file come from strangers. A workbook is a ZIP of XML: how much it unpacks to is known before it is
unpacked, and XML that declares entities is refused unread.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from inventory.errors import WrongInput
from inventory.requests.workbook import RawCell, rows_of

MAX_FILE: Final = 64 << 20
"""Bytes of a file, at most."""
MAX_UNPACKED: Final = 192 << 20
"""Bytes of what a workbook unpacks to, at most: 100,000 hubs take less than a tenth."""
MAX_ROWS: Final = 500_000
_MAX_COLUMNS: Final = 64
_MAX_MEMBERS: Final = 200
_BROKEN: Final = (
    *(ValueError, LookupError, RuntimeError, EOFError, OSError, zlib.error),
    zipfile.BadZipFile,
)
"""What a ZIP that is none, or was damaged or made up, comes to, wherever it is read."""
_DECLARES: Final = re.compile(rb"<\x00?!\x00?(?:D|E)", re.IGNORECASE)
"""A document type, or an entity, as UTF-8 or UTF-16 has it."""


class Cell(NamedTuple):
    """What stands in a cell."""

    text: str
    fault: str | None = None
    """Why that is not what its writer meant, where that shows."""

    def meant(self) -> str:
        """Return what its writer meant. Raises ValueError where that is not known."""
        if self.fault is not None:
            raise ValueError(self.fault)
        return self.text


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file that was read into memory, and is a table of text."""

    name: str
    sha256: str
    data: bytes

    def rows(self, needed: Sequence[str]) -> Iterator[tuple[int, Mapping[str, Cell]]]:
        """Yield each row that is not blank, by its line, from the headings on: each cell by its heading.

        Headings stand in any order and either case; spaces, hyphens and underscores between words are the same. Raises
        WrongInput for no table, or one without a column that is `needed`.
        """
        rows = self._workbook() if self.data.startswith(b"PK") else self._csv()
        at: dict[str, int] | None = None
        for line, row in rows:
            if line > MAX_ROWS:
                raise WrongInput(f"{self.name} has more than {MAX_ROWS} lines; send it in parts")
            if not any(cell.text or cell.fault for cell in row):
                continue
            if at is None:
                at = self._headings(row, needed)
                continue
            empty = Cell("")
            yield line, {name: row[column] if column < len(row) else empty for name, column in at.items()}
        if at is None:
            raise WrongInput(f"{self.name} is empty: it needs a line of headings and a line for each hub")

    @property
    def template(self) -> str:
        """Which template its first row names; nothing where there is no such column or row. Raises WrongInput as `rows` does."""
        for _, row in self.rows(()):
            named = row.get("template")
            return "" if named is None else named.text
        return ""

    def rows_of(
        self, template: str, needed: Sequence[str], *, advice: str = ""
    ) -> Iterator[tuple[int, Mapping[str, Cell]]]:
        """Yield the rows of a list on a template of ours, which each row names. Raises WrongInput, with the advice, for another."""
        for line, row in self.rows(needed):
            if (named := row["template"].text) != template:
                raise WrongInput(
                    f"{self.name}, line {line}: template {named[:40]!r} where {template!r} has to stand{advice}"
                )
            yield line, row

    def _headings(self, row: Sequence[Cell], needed: Sequence[str]) -> dict[str, int]:
        at: dict[str, int] = {}
        for column, cell in enumerate(row):
            name = heading(cell.text)
            if name in at:
                raise WrongInput(f"{self.name}: column {name[:40]} is there twice")
            if name:
                at[name] = column
        if missing := [name for name in needed if name not in at]:
            raise WrongInput(f"{self.name}: no column {', '.join(missing)} in its first line")
        return at

    def _csv(self) -> Iterator[tuple[int, list[Cell]]]:
        if b"\0" in self.data:
            raise WrongInput(f"{self.name} has a NUL, as no text has; save it as CSV in UTF-8, or as XLSX")
        reader = csv.reader(
            io.TextIOWrapper(io.BytesIO(self.data), encoding="utf-8-sig", newline=""), strict=True
        )
        try:
            for row in reader:
                yield reader.line_num, [Cell(value.strip(), _formula(value)) for value in row[:_MAX_COLUMNS]]
        except UnicodeDecodeError as error:
            raise WrongInput(
                f"{self.name} is no CSV in UTF-8 ({error.reason}); save it so, or as XLSX"
            ) from error
        except csv.Error as error:
            raise WrongInput(f"{self.name}, line {reader.line_num}: no CSV from here on ({error})") from error

    def _workbook(self) -> Iterator[tuple[int, list[Cell]]]:
        self._require_harmless()
        try:
            with zipfile.ZipFile(io.BytesIO(self.data)) as archive:
                for line, row in rows_of(archive, _MAX_COLUMNS):
                    yield line, [_cell(cell) for cell in row]
        except _BROKEN as error:
            raise WrongInput(
                f"{self.name} is no workbook that can be read ({error}); save it as CSV"
            ) from error

    def _require_harmless(self) -> None:
        try:
            with zipfile.ZipFile(io.BytesIO(self.data)) as archive:
                members = archive.infolist()
                if len(members) > _MAX_MEMBERS or sum(each.file_size for each in members) > MAX_UNPACKED:
                    raise WrongInput(f"{self.name} unpacks to too much; send it as CSV")
                for member in members:
                    if "vbaproject" in member.filename.casefold():
                        raise WrongInput(f"{self.name} has macros; save it as XLSX or CSV")
                    with archive.open(member) as file:
                        head = file.read(4096)
                    if _DECLARES.search(head):
                        raise WrongInput(
                            f"{self.name} declares entities, as no spreadsheet does; send it as CSV"
                        )
        except _BROKEN as error:
            raise WrongInput(
                f"{self.name} is no workbook that can be read ({error}); save it as CSV"
            ) from error


def heading(text: str) -> str:
    """Return a heading in the one form in which headings are compared."""
    return re.sub(r"[\s_-]+", "_", text.strip().casefold())


def read_sheet(path: Path) -> Sheet:
    """Read a file into memory. Raises WrongInput for one that is too large, and OSError."""
    with path.open("rb") as file:
        data = file.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise WrongInput(f"{path.name} has more than {MAX_FILE >> 20} MiB; send it in parts")
    return Sheet(path.name, hashlib.sha256(data).hexdigest(), data)


def _formula(value: str) -> str | None:
    return "is a formula, which nobody here works out" if value.lstrip().startswith("=") else None


def _cell(raw: RawCell) -> Cell:
    text = raw.text.strip()
    if raw.formula or text.startswith("="):
        return Cell(text or "=", _formula("="))
    # A spreadsheet keeps 15 digits: of an id or a version that it took for a number it has lost some.
    if raw.number and text:
        return Cell(text, "is a number: format the column as text, and fill it again")
    return Cell(text)
