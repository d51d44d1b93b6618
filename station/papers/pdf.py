"""Labels and lists as PDF, to look at or for a printer that knows no ZPL. Imports ReportLab: only who makes one does.

ReportLab draws the bars too. Its built-in fonts know Latin letters only; others are shown as boxes.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import assert_never

from reportlab.graphics.barcode.code128 import Code128
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.lib.units import inch, mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import LongTable, Paragraph, SimpleDocTemplate, Spacer, TableStyle

from station.papers.label import Bars, Element, Media, Text

_FNC1 = "\xf1"
"""As ReportLab wants it within the data."""


def label_pdf(elements: Iterable[Element], media: Media) -> bytes:
    """Return a label as a page of its size."""
    file = io.BytesIO()
    height = media.height_mm * mm
    canvas = Canvas(file, pagesize=(media.width_mm * mm, height), invariant=True)
    for element in elements:
        match element:
            case Text():
                size = element.height * mm
                canvas.setFont("Helvetica", size)
                canvas.drawString(element.x * mm, height - element.y * mm - 0.8 * size, element.text)
            case Bars():
                bars = Code128(
                    (_FNC1 if element.is_gs1 else "") + element.data,
                    barWidth=media.module_dots(is_thin=element.is_thin) / media.dots_per_inch * inch,
                    barHeight=element.height * mm,
                    quiet=False,
                )
                bars.drawOn(canvas, element.x * mm, height - (element.y + element.height) * mm)
            case _:
                assert_never(element)
    canvas.save()
    return file.getvalue()


def list_pdf(
    title: str, facts: Sequence[str], headings: Sequence[str], rows: Sequence[Sequence[str]]
) -> bytes:
    """Return a list as A4 pages on their side, its headings on each: upright, printers cut its outer columns."""
    file = io.BytesIO()
    styles = getSampleStyleSheet()
    document = SimpleDocTemplate(file, pagesize=landscape(A4), title=title, invariant=True)
    table = LongTable([list(headings), *map(list, rows)], repeatRows=1, hAlign="LEFT")
    table.setStyle(
        TableStyle(
            [
                ("FONTSIZE", (0, 0), (-1, -1), 8),
                ("BACKGROUND", (0, 0), (-1, 0), colors.lightgrey),
                ("GRID", (0, 0), (-1, -1), 0.25, colors.grey),
            ]
        )
    )
    document.build(
        [
            Paragraph(_plain(title), styles["Title"]),
            *(Paragraph(_plain(fact), styles["Normal"]) for fact in facts),
            Spacer(1, 5 * mm),
            table,
        ]
    )
    return file.getvalue()


def _plain(text: str) -> str:
    """Keep ReportLab from reading text as markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
