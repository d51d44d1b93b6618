"""The shift at a glance: how fast, how often at the first attempt, what slots waited for, which are slow; from the reports."""

from __future__ import annotations

import asyncio
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from fastapi import APIRouter, Request, Response
from markupsafe import Markup

from drivers.threads import apart
from station.desk.refusals import Unavailable
from station.desk.standing_requests import ShowShift
from station.records.moments import microseconds_from_utc, utc_from_microseconds
from station.reports.errors import ReportError
from station.reports.figures import SlotFigures, Span
from station.reports.reader import Wanted, open_reports
from station.reports.rows import Use
from station.screen.parts import Parts
from station.texts.texts import Texts
from station.throughput.course import Unit, part_name, unit_of
from station.throughput.throughput import Throughput, throughput_of


class Of(StrEnum):
    """Of which time."""

    SHIFT = "shift"
    DAY = "day"
    WEEK = "week"


@dataclass(frozen=True, slots=True)
class _Told:
    throughput: Throughput
    as_of: datetime | None
    course: Markup
    waits: Markup
    slots: Markup


def shift_view(parts: Parts) -> APIRouter:
    """Return the route of this view."""
    router = APIRouter()
    # One at a time: figures take a core while they are reckoned, and every page asks for them anew.
    room = asyncio.Semaphore(1)

    @router.get("/shift")
    async def shift(request: Request, of: Of = Of.SHIFT) -> Response:
        now = datetime.now(UTC)
        began = (
            (await parts.ask(request, ShowShift())).began
            if of is Of.SHIFT
            else now - timedelta(days=1 if of is Of.DAY else 7)
        )
        texts = parts.mirror.sentences.texts
        try:
            async with room:
                told = await apart("figures", lambda: _told(parts, began, now, texts))
        except ReportError as error:
            raise Unavailable(str(error)) from error
        return parts.page(
            request,
            "shift.html",
            "shift",
            of=of,
            spans=list(Of),
            began=began,
            told=told,
            figures=told.throughput.figures,
            waits=[use for use in told.throughput.figures.uses if use.use != Use.WORK],
            slots=_slowest_first(told.throughput.figures.slots),
            unit=unit_of(told.throughput.span),
            part_name=part_name,
        )

    return router


def _told(parts: Parts, began: datetime, now: datetime, texts: Texts) -> _Told:
    from station.throughput.plots import Bar, columns, rows  # noqa: PLC0415 - what draws is long to load

    with open_reports(parts.reports) as reports:
        told = throughput_of(reports, Wanted(microseconds_from_utc(began), microseconds_from_utc(now)))
        as_of = None if reports.as_of is None else utc_from_microseconds(reports.as_of)

    def say(key: str) -> str:
        return texts.say("screen", key)

    unit = unit_of(told.span)
    figures = told.figures
    return _Told(
        told,
        as_of,
        _svg(
            columns(
                say("course"),
                [Bar(_short_name(part.span, unit), part.hubs_an_hour) for part in figures.course],
                axis=say("hubs_an_hour"),
            ),
            say("course"),
        ),
        _svg(
            rows(
                say("waits"),
                [
                    Bar(say(f"use_{use.use}"), use.seconds / 3600)
                    for use in figures.uses
                    if use.use != Use.WORK
                ],
                axis=say("hours"),
            ),
            say("waits"),
        ),
        _svg(
            rows(
                say("slowest"),
                [
                    Bar(f"{slot.jig}/{slot.slot}", slot.tally.hubs_an_hour)
                    for slot in _slowest_first(figures.slots)
                ],
                axis=say("hubs_an_hour"),
            ),
            say("slowest"),
        ),
    )


def _short_name(part: Span, unit: Unit) -> str:
    """Name a column so that two dozen stand side by side; the table beside has the whole name."""
    begins = utc_from_microseconds(part.first).astimezone()
    return f"{begins:%H:%M}" if unit is Unit.HOUR else f"{begins:%m-%d}"


def _slowest_first(slots: Sequence[SlotFigures]) -> list[SlotFigures]:
    """Sort by hubs an hour; slots that had none come last: nobody brought them any."""
    return sorted(
        slots,
        key=lambda each: (not each.tally.results, each.tally.hubs_an_hour or 0.0, each.jig, each.slot),
    )


def _svg(drawn: ET.Element, name: str) -> Markup:
    """Let a plot be part of a page: it was written by ElementTree, which lets no text become markup."""
    drawn.set("aria-label", name)
    return Markup(ET.tostring(drawn, encoding="unicode"))  # noqa: S704 - as said above
