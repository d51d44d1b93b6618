"""Reads the cells of a workbook's first sheet (XLSX, ECMA-376 part 1, 18.3 and 18.4), one after the other and as they stand: text.

openpyxl makes an object of each cell, which took half a minute for 100,000 hubs. Libraries that are fast hold a sheet as one rectangle:
two cells in opposite corners end the process for want of memory; and they show a formula's last value without a word that it is one.
"""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import IO, Any, Final
from xml.parsers import expat

from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format

_AT_ONCE: Final = 64 * 1024
_MAX_SMALL: Final = 16 << 20
"""Bytes of a member that says what a sheet means, at most: as many styles as spreadsheets allow take less."""
_MAX_ELEMENTS: Final = 200_000
"""Elements that are of use in such a member, at most."""
_MAX_TAG: Final = 1 << 20
"""Bytes of one element's start with its attributes, at most, or a piece more: they are all made before anybody sees one."""
_MAX_CELL: Final = 32_767
"""Characters of a cell, at most, as spreadsheets have it."""
_DAY_0: Final = datetime(1899, 12, 30, tzinfo=UTC)
_DAY_0_OF_1904: Final = datetime(1904, 1, 1, tzinfo=UTC)


class BrokenWorkbook(ValueError):
    """The file is no workbook that can be read."""


@dataclass(slots=True)
class RawCell:
    """A cell as it stands."""

    text: str = ""
    formula: bool = False
    number: bool = False
    """It is a number, or what a spreadsheet made one of: true, false, an error. Not a date."""


_EMPTY: Final = RawCell()


@dataclass(slots=True)
class _Numbers:
    """What makes a date of a number."""

    date_styles: frozenset[int] = frozenset()
    day_0: datetime = _DAY_0

    def date_of(self, text: str) -> str | None:
        """Return the date that a number stands for, as 2027-03-31; None if it is none."""
        try:
            return f"{self.day_0 + timedelta(days=float(text)):%Y-%m-%d}"
        except (ValueError, OverflowError):
            return None


def rows_of(archive: zipfile.ZipFile, columns: int) -> Iterator[tuple[int, Sequence[RawCell]]]:
    """Yield the first sheet's rows that are not empty, by their number, with at most so many columns.

    The caller has bounded what the archive unpacks to. Raises BrokenWorkbook, and what zipfile raises.
    """
    book = _Book(archive)
    sheet = _Sheet(book.shared_strings(), book.numbers(), columns)
    with archive.open(book.first_sheet) as file:
        for _ in _fed(sheet.handle, file):
            yield from sheet.taken()
    yield from sheet.taken()


def _fed(handle: Callable[[Any], None], file: IO[bytes]) -> Iterator[None]:
    """Feed a file to a parser that `handle` prepares, piece by piece."""
    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _no_document_type
    handle(parser)
    fed = 0
    try:
        while piece := file.read(_AT_ONCE):
            parser.Parse(piece, False)
            fed += len(piece)
            if fed - parser.CurrentByteIndex > _MAX_TAG:
                raise BrokenWorkbook("an element has more attributes than any spreadsheet gives it")
            yield
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise BrokenWorkbook(str(error)) from error


def _no_document_type(*_: object) -> None:
    raise BrokenWorkbook("it declares a document type, as no spreadsheet does")


@lru_cache(maxsize=256)
def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _elements(archive: zipfile.ZipFile, member: str, *wanted: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield the wanted elements of a small member, in order, with their attributes. No more of them is kept than of one piece."""
    if archive.getinfo(member).file_size > _MAX_SMALL:
        raise BrokenWorkbook(f"{member[:40]} is larger than any spreadsheet makes it")
    found: list[tuple[str, Mapping[str, str]]] = []

    def handle(parser: Any) -> None:
        def start(name: str, attributes: Mapping[str, str]) -> None:
            if (element := _local(name)) in wanted:
                found.append((element, attributes))

        parser.StartElementHandler = start

    number = 0
    with archive.open(member) as file:
        for _ in _fed(handle, file):
            number += len(found)
            if number > _MAX_ELEMENTS:
                raise BrokenWorkbook(f"{member[:40]} has more elements than any spreadsheet gives it")
            yield from found
            found.clear()
    yield from found


_STYLE_LISTS: Final = ("cellXfs", "cellStyles", "cellStyleXfs", "dxfs")
_OF_STYLES: Final = ("numFmt", "xf", *_STYLE_LISTS)


class _Book:
    """The members of the archive that say what its sheet means."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._names = set(archive.namelist())
        self._members = self._related("", "_rels/.rels")
        self._main = self._one_of(self._members, "/officeDocument")
        if self._main is None:
            raise BrokenWorkbook("it has no workbook in it")
        folder, _, name = self._main.rpartition("/")
        self._parts = self._related(folder, f"{folder}/_rels/{name}.rels".lstrip("/"))
        self._day_0 = _DAY_0
        first = None
        for element, attributes in _elements(archive, self._main, "workbookPr", "sheet"):
            if element == "workbookPr" and attributes.get("date1904") in ("1", "true"):
                self._day_0 = _DAY_0_OF_1904
            if element == "sheet" and first is None:
                first = next((value for name, value in attributes.items() if _local(name) == "id"), None)
        path = self._parts.get(first or "", (None, ""))[1]
        if path not in self._names:
            raise BrokenWorkbook("its first sheet is not in it")
        self.first_sheet = path

    def shared_strings(self) -> list[str]:
        member = self._one_of(self._parts, "/sharedStrings")
        if member is None or member not in self._names:
            return []
        strings = _Strings()
        with self._archive.open(member) as file:
            for _ in _fed(strings.handle, file):
                pass
        return strings.found

    def numbers(self) -> _Numbers:
        member = self._one_of(self._parts, "/styles")
        if member is None or member not in self._names:
            return _Numbers(day_0=self._day_0)
        formats: dict[int, str] = dict(BUILTIN_FORMATS)
        styles: list[int] = []
        inside = False
        try:
            for element, attributes in _elements(self._archive, member, *_OF_STYLES):
                if element == "numFmt":
                    formats[int(attributes["numFmtId"])] = attributes.get("formatCode", "")
                elif element in _STYLE_LISTS:
                    inside = element == "cellXfs"
                elif element == "xf" and inside:
                    styles.append(int(attributes.get("numFmtId", "0")))
        except (KeyError, ValueError) as error:
            raise BrokenWorkbook(f"its styles cannot be read ({error})") from error
        dates = frozenset(
            style for style, number in enumerate(styles) if is_date_format(formats.get(number, ""))
        )
        return _Numbers(dates, self._day_0)

    def _related(self, folder: str, member: str) -> dict[str, tuple[str, str]]:
        """Return kind and path of each member that a member refers to, by the reference."""
        if member not in self._names:
            raise BrokenWorkbook("it has no workbook in it")
        found = {}
        for _, attributes in _elements(self._archive, member, "Relationship"):
            if attributes.get("TargetMode") != "External":
                path = posixpath.normpath(posixpath.join("/", folder, attributes.get("Target", "")))
                found[attributes.get("Id", "")] = attributes.get("Type", ""), path.lstrip("/")
        return found

    @staticmethod
    def _one_of(members: Mapping[str, tuple[str, str]], kind: str) -> str | None:
        return next((path for of, path in members.values() if of.endswith(kind)), None)


@dataclass(slots=True)
class _Strings:
    """Gathers the strings that cells share: of each the text, without how it is pronounced."""

    found: list[str] = field(default_factory=list)
    _parts: list[str] = field(default_factory=list)
    _aside: int = 0

    def handle(self, parser: Any) -> None:
        def start(name: str, _: object) -> None:
            match _local(name):
                case "si":
                    self._parts = []
                case "rPh":
                    self._aside += 1
                case "t" if not self._aside:
                    parser.CharacterDataHandler = self._parts.append

        def end(name: str) -> None:
            match _local(name):
                case "si":
                    self.found.append("".join(self._parts))
                case "rPh":
                    self._aside -= 1
                case "t":
                    parser.CharacterDataHandler = None

        parser.StartElementHandler, parser.EndElementHandler = start, end


class _Sheet:
    """Gathers the rows of a sheet."""

    def __init__(self, strings: Sequence[str], numbers: _Numbers, columns: int) -> None:
        self._strings, self._numbers, self._columns = strings, numbers, columns
        self._rows: list[tuple[int, Sequence[RawCell]]] = []

    def taken(self) -> list[tuple[int, Sequence[RawCell]]]:
        """Return the rows that are whole, once."""
        rows, self._rows = self._rows, []
        return rows

    def handle(self, parser: Any) -> None:
        strings, numbers, columns = self._strings, self._numbers, self._columns
        row: dict[int, RawCell] = {}
        number = column = 0
        kind = style = ""
        formula = False
        parts: list[str] = []
        aside = 0

        def start(name: str, attributes: Mapping[str, str]) -> None:
            nonlocal number, column, kind, style, formula, parts, aside
            element = _local(name)
            if element == "v" or (element == "t" and not aside):
                parser.CharacterDataHandler = parts.append
            elif element == "c":
                place = attributes.get("r")
                column = column + 1 if place is None else _column(place)
                kind, style = attributes.get("t", "n"), attributes.get("s", "")
                formula, parts = False, []
            elif element == "f":
                formula = True
            elif element == "rPh":
                aside += 1
            elif element == "row":
                place = attributes.get("r")
                before, number = number, (number + 1 if place is None else _number(place))
                if number <= before:
                    raise BrokenWorkbook(f"row {number} comes after row {before}")
                column = 0
                row.clear()

        def end(name: str) -> None:
            nonlocal aside
            element = _local(name)
            if element in ("v", "t"):
                parser.CharacterDataHandler = None
            elif element == "c":
                if (parts or formula) and column <= columns:
                    row[column] = _cell(kind, style, "".join(parts), formula)
            elif element == "rPh":
                aside -= 1
            elif element == "row" and row:
                last = max(row)
                self._rows.append((number, [row.get(each, _EMPTY) for each in range(1, last + 1)]))

        def _cell(kind: str, style: str, text: str, formula: bool) -> RawCell:
            if kind == "s":
                return RawCell(_shared(strings, text), formula)
            if len(text) > _MAX_CELL:
                raise BrokenWorkbook("a cell holds more than any spreadsheet lets it")
            if kind in ("str", "inlineStr"):
                return RawCell(text, formula)
            if kind == "d":
                return RawCell(text[:10], formula)
            if kind == "n" and style and int(style) in numbers.date_styles:
                day = numbers.date_of(text)
                if day is not None:
                    return RawCell(day, formula)
            return RawCell(text, formula, number=True)

        parser.StartElementHandler, parser.EndElementHandler = start, end


def _shared(strings: Sequence[str], text: str) -> str:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) < len(strings)):
        raise BrokenWorkbook(f"a cell names string {text[:20]!r}, which is not there")
    return strings[int(text)]


def _number(place: str) -> int:
    if not (place.isascii() and place.isdigit() and len(place) <= 7):
        raise BrokenWorkbook(f"{place[:20]!r} is no row")
    return int(place)


def _column(place: str) -> int:
    column = 0
    for each in place:
        if not "A" <= each <= "Z":
            break
        column = column * 26 + ord(each) - 64
        if column > 16_384:
            break
    if not 0 < column <= 16_384:
        raise BrokenWorkbook(f"{place[:20]!r} is no cell")
    return column
