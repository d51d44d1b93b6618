"""Workbooks, read cell by cell: as spreadsheets write them, and as nobody should."""

from __future__ import annotations

import io
import random
import tracemalloc
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from inventory.errors import WrongInput
from inventory.requests.sheet import Sheet

SHEET = "xl/worksheets/sheet1.xml"
NAMESPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def workbook(rows: Sequence[Sequence[Any]], *, inline: bool = False, epoch_1904: bool = False) -> bytes:
    book = openpyxl.Workbook(write_only=inline)
    if epoch_1904:
        book.epoch = CALENDAR_MAC_1904
    sheet = book.create_sheet("s") if inline else book.active
    assert sheet is not None
    for row in rows:
        sheet.append(list(row))
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def changed(data: bytes, member: str, content: bytes) -> bytes:
    """Return the same workbook with another content of one member."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w") as new:
        for info in old.infolist():
            new.writestr(info.filename, content if info.filename == member else old.read(info))
    return made.getvalue()


def sheet_of(*rows: str, prefix: str = "") -> bytes:
    declared = f"xmlns:{prefix[:-1]}" if prefix else "xmlns"
    return f'<{prefix}worksheet {declared}="{NAMESPACE}"><{prefix}sheetData>{"".join(rows)}</{prefix}sheetData></{prefix}worksheet>'.encode()


def read(data: bytes, *names: str) -> list[list[tuple[str, str | None]]]:
    return [[tuple(row[name]) for name in names] for _, row in Sheet("x.xlsx", "", data).rows(names)]


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Co", "Cn"]), max_size=12)


@given(rows=st.lists(st.tuples(TEXTS, TEXTS), max_size=6), inline=st.booleans())
def test_each_cell_is_what_a_spreadsheet_wrote(rows: list[tuple[str, str]], inline: bool) -> None:
    rows = [(a, b) for a, b in rows if not (a + b).startswith(("=", "_x")) and "=" not in a + b]
    written = [[each or None for each in row] for row in rows]
    data = workbook([("a", "b"), *written], inline=inline)
    expected = [[(a.strip(), None), (b.strip(), None)] for a, b in rows if (a + b).strip()]
    assert read(data, "a", "b") == expected


def test_dates_are_dates_and_numbers_are_told_as_such_in_either_calendar() -> None:
    for epoch_1904 in (False, True):
        data = workbook(
            [("a", "b", "c"), (date(2027, 3, 31), 8873840000000001, True), ("=1+1", 0.5, None)],
            epoch_1904=epoch_1904,
        )
        (day, number, truth), (formula, half, nothing) = read(data, "a", "b", "c")
        assert day == ("2027-03-31", None)
        assert nothing == ("", None)
        assert "formula" in (formula[1] or "")
        for each in (number, truth, half):
            assert "is a number" in (each[1] or "")


def test_forms_that_other_programs_write_are_read_too() -> None:
    good = workbook([("a", "b")])
    prefixed = sheet_of(
        '<x:row><x:c t="str"><x:v>a</x:v></x:c><x:c t="inlineStr"><x:is><x:r><x:t>b</x:t></x:r></x:is></x:c></x:row>',
        '<x:row r="5"><x:c r="B5" t="inlineStr"><x:is><x:r><x:t>one </x:t></x:r><x:r><x:t>two</x:t></x:r>'
        "<x:rPh><x:t>aside</x:t></x:rPh></x:is></x:c></x:row>",
        '<x:row><x:c><x:f>A1</x:f><x:v>7</x:v></x:c><x:c t="d"><x:v>2027-03-31T00:00:00</x:v></x:c></x:row>',
        prefix="x:",
    )
    (empty, words), (formula, day) = read(changed(good, SHEET, prefixed), "a", "b")
    assert (empty, words, day) == (("", None), ("one two", None), ("2027-03-31", None))
    assert "formula" in (formula[1] or "")


def test_what_would_do_harm_is_one_line_and_takes_nothing() -> None:
    good = workbook([("a", "b")])
    heads = '<row r="1"><c r="A1" t="str"><v>a</v></c></row>'
    harm = {
        "more than 500000 lines": sheet_of(
            heads, '<row r="1048576"><c r="XFD1048576"><v>1</v></c><c r="A1048576"><v>1</v></c></row>'
        ),
        "row 1 comes after row 1": sheet_of(heads, heads),
        "no row": sheet_of('<row r="-1"/>'),
        "no cell": sheet_of('<row><c r="7"/></row>'),
        "more than any spreadsheet": sheet_of(f'<row><c t="str"><v>{"x" * 40_000}</v></c></row>'),
        "string '7', which is not there": sheet_of('<row><c t="s"><v>7</v></c></row>'),
        "string '-1', which": sheet_of('<row><c t="s"><v>-1</v></c></row>'),
        "more attributes": sheet_of("<row" + "".join(f' a{at}=""' for at in range(200_000)) + "/>"),
        "document type": b"<!--" + b"x" * 5000 + b'--><!DOCTYPE a [<!ENTITY b "c">]>' + sheet_of(heads),
        "no workbook that can be read": sheet_of(heads)[:-3],
        "is empty": sheet_of(),
    }
    for words, content in harm.items():
        with pytest.raises(WrongInput, match=words) as raised:
            read(changed(good, SHEET, content), "a")
        assert "\n" not in str(raised.value)
    for member in ("xl/workbook.xml", "xl/_rels/workbook.xml.rels", "_rels/.rels", "xl/styles.xml"):
        with pytest.raises(WrongInput, match="no workbook that can be read"):
            read(changed(good, member, b"<a/>" if "styles" not in member else b"<a"), "a")


def test_what_says_what_a_sheet_means_takes_no_more_memory_however_much_stands_in_it() -> None:
    good = workbook([("a", "b"), ("1", "2")])
    names = ("xl/workbook.xml", "xl/_rels/workbook.xml.rels", "_rels/.rels", "xl/styles.xml")
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        members = {name: archive.read(name) for name in names}

    def with_more(name: str, more: bytes) -> bytes:
        before, end, after = members[name].rpartition(b"</")
        return changed(good, name, before + more + end + after)

    for name in names:
        useless = with_more(name, b"<x/>" * 150_000)
        tracemalloc.start()
        assert read(useless, "a") == [[("1", None)]]
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
        tracemalloc.stop()
        with pytest.raises(WrongInput, match="larger than any spreadsheet makes it"):
            read(with_more(name, b"<x/>" * (4 << 20)), "a")
    for name, element in (("_rels/.rels", b"<Relationship/>"), ("xl/styles.xml", b"<xf/>")):
        with pytest.raises(WrongInput, match="has more elements than any spreadsheet gives it"):
            read(with_more(name, element * 200_001), "a")


@given(seed=st.integers(0, 1 << 32))
def test_a_damaged_workbook_is_read_or_refused_and_nothing_else(seed: int) -> None:
    chance = random.Random(seed)
    good = workbook([("a", "b"), ("x", date(2027, 3, 31)), ("y", 5)])
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        member = chance.choice(archive.namelist())
        content = bytearray(archive.read(member))
    for _ in range(chance.randint(1, 6)):
        content[chance.randrange(len(content))] = chance.choice(b"<>/\"'=&;0129aAzZ \x00\xff")
    for damaged in (changed(good, member, bytes(content)), good[: chance.randrange(2, len(good))]):
        with suppress(WrongInput):
            read(damaged, "a", "b")
