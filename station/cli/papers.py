"""Labels and lists as files. What makes pages is imported only here, once somebody wants one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from firmware_catalog.files import replace_file
from station.cli.common import UsageError
from station.packing.codes import PackageCode
from station.papers.label import Element, Media, drawing
from station.papers.spreadsheet import csv_list
from station.papers.zpl import zpl as for_printer
from station.printing.content import package_label
from station.printing.due import LabelsDue
from station.printing.lists import HEADINGS, PackingList
from station.printing.lists import packing_list as list_of
from station.printing.settings import LabelSettings
from station.records.facts.package_labels import package_labels_of
from station.records.facts.packed import Carton, Pallet, cartons_on, hubs_in
from station.records.reader import JournalReader


def draw_label(journal: JournalReader, code: PackageCode, settings: LabelSettings) -> tuple[Element, ...]:
    """Draw the label of a closed carton or pallet, as a copy where it was sent to a printer before. Raises UsageError."""
    of, boxes = found(journal, code)
    if of.closed is None:
        raise UsageError(f"{code.package} {code} is open, and what is in it not settled: close it first")
    before = journal.of_order(of.order, package_labels_of, code)
    sscc = before[-1].sscc if before else LabelsDue(settings).sscc(code)
    content = package_label(code, sscc, of.order, boxes)
    return drawing(content, settings.media, before[-1].sent_before if before else 0)


def write_label(drawn: Sequence[Element], media: Media, pdf: Path | None, zpl: Path | None) -> None:
    """Write a label's files. Raises UsageError."""
    if zpl is not None:
        _write(zpl, for_printer(drawn, media))
    if pdf is not None:
        _require_pages()
        from station.papers.pdf import label_pdf  # noqa: PLC0415 - not everybody has it

        _write(pdf, label_pdf(drawn, media))


def list_hubs(journal: JournalReader, code: PackageCode) -> PackingList:
    """List what is in a carton, or on a pallet. Raises UsageError."""
    of, boxes = found(journal, code)
    return list_of(of, [(box, journal.of_order(of.order, hubs_in, box.number)) for box in boxes])


def write_list(listed: PackingList, pdf: Path | None, csv: Path | None) -> None:
    """Write a list's files, or print it as a spreadsheet has it. Raises UsageError."""
    content = csv_list(HEADINGS, listed.rows)
    if csv is not None:
        _write(csv, content)
    if pdf is not None:
        _require_pages()
        from station.papers.pdf import list_pdf  # noqa: PLC0415 - not everybody has it

        _write(pdf, list_pdf(listed.title, listed.facts, HEADINGS, listed.rows))
    if pdf is None and csv is None:
        sys.stdout.write(content.decode("utf-8-sig"))


def found(journal: JournalReader, code: PackageCode) -> tuple[Carton | Pallet, tuple[Carton, ...]]:
    """Return a carton, or a pallet and the cartons on it. Raises UsageError."""
    of = journal.package(code)
    if of is None:
        raise UsageError(f"there is no {code.package} {code}: see 'reflash cartons list'")
    return of, (of,) if isinstance(of, Carton) else journal.of_order(of.order, cartons_on, of.number)


def _require_pages() -> None:
    try:
        import reportlab  # noqa: F401, PLC0415 - not everybody has it
    except ImportError as error:
        raise UsageError(
            "pages need ReportLab, which is not installed; run: pip install 'reflash-station[papers]'"
        ) from error


def _write(path: Path, content: bytes) -> None:
    try:
        replace_file(path, content)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; name a file that can be written") from error
