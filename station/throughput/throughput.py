"""Everything that is asked of a span when somebody answers for the rigs: figures, their course, slots that stand out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from station.records.moments import utc_from_microseconds
from station.reports.figures import HubFigures, Span
from station.reports.reader import JournalSeen, Reports, Wanted
from station.throughput.course import parts_of
from station.upkeep.rates import Rate, compared_within


@dataclass(frozen=True, slots=True, kw_only=True)
class Throughput:
    """What `reflash report throughput` tells, and a page may show."""

    span: Span
    figures: HubFigures
    rates: tuple[Rate, ...]
    """Every measure of each slot, held against the other slots of the same days."""
    notes: tuple[str, ...]
    """What this journal cannot know of the span, a line each."""

    @property
    def named(self) -> tuple[Rate, ...]:
        """Return those by which a slot stands out, the least likely first."""
        return tuple(sorted((rate for rate in self.rates if rate.named), key=lambda rate: rate.chance or 0.0))


def throughput_of(reports: Reports, wanted: Wanted) -> Throughput:
    """Ask one state of the reports. Raises sqlite3.Error, which `open_reports` tells as a ReportError."""
    span = reports.span(wanted)
    return Throughput(
        span=span,
        figures=reports.hubs(wanted, span, parts_of(span)),
        rates=compared_within(reports, wanted, span),
        notes=tuple(unknown_of(reports.journals(), span)),
    )


def unknown_of(journals: Sequence[JournalSeen], span: Span) -> Iterator[str]:
    """Say what of a span is in another journal than the one at hand: before its beginning, and what a backup lacked."""
    for number, journal in enumerate(journals):
        began = _local(journal.began)
        if not number and span.first < journal.began:
            yield f"the journal begins {began}: what was before is in no figure here"
        if journal.before is not None and span.first < journal.began and span.until > journal.before:
            yield (
                f"the journal was restored {began} from a backup that ends {_local(journal.before)}: "
                "what was done between is in the lost journal alone, and in no figure here"
            )


def _local(utc: int) -> str:
    return f"{utc_from_microseconds(utc).astimezone():%Y-%m-%d %H:%M %Z}"
