"""What parties send: lists of hubs as workbooks."""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from contextlib import suppress

import openpyxl
from target import Opener, stateless

from inventory.errors import WrongInput
from inventory.requests.request_file import COLUMNS, TEMPLATE, read_request
from inventory.requests.sheet import Sheet

_BETWEEN = b"\n--member--\n"
_NAME = re.compile(rb"[ -~]{1,60}")


def _members(data: bytes) -> bytes:
    """Return a workbook unpacked, as its members' names and contents: changed as a whole it would hardly ever be unpacked."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return _BETWEEN.join(
            each.encode() + b"\n" + archive.read(each) for each in archive.namelist() if "theme" not in each
        )


def _packed(data: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that stand twice: that is what is to be read
        for number, member in enumerate(data.split(_BETWEEN)):
            name, _, content = member.partition(b"\n")
            archive.writestr(name.decode() if _NAME.fullmatch(name) else f"member{number}", content)
    return packed.getvalue()


def _read(data: bytes) -> None:
    with suppress(WrongInput):
        read_request(Sheet("fuzz.xlsx", "", data))


def _read_members(data: bytes) -> None:
    _read(_packed(data))


def _seed(*, write_only: bool) -> bytes:
    book = openpyxl.Workbook(write_only=write_only)
    sheet = book.create_sheet("hubs", 0)
    for row in (
        COLUMNS,
        (TEMPLATE, "88-73-84-00-00-00-00-01", "88-73-84-01-00-00-00-01", "2027-03-31"),
        (TEMPLATE, 88738400, "=A1", None),
    ):
        sheet.append(list(row))
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


_SEEDS = (_seed(write_only=True), _seed(write_only=False))
_WORDS = (
    *(b'r="A1"', b'r="XFD1048576"', b't="s"', b't="inlineStr"', b't="d"', b's="1"', b"<f>", b"<v>", b"<is>"),
    *(b"<rPh>", b"<!DOCTYPE", b"<!ENTITY", b"&amp;", b"Target=", b"TargetMode=", b'Id="rId1"', _BETWEEN),
)

INVENTORY_PARSERS: dict[str, Opener] = {
    "workbook": stateless(_read_members, tuple(map(_members, _SEEDS)), _WORDS),
    "workbook-file": stateless(_read, (*_SEEDS, b"PK\x03\x04", b"template,chf_id\n")),
}
