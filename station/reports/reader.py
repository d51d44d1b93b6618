"""The reports as they are asked: one state of the file, whoever writes to it meanwhile."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final, NamedTuple

from station.records.errors import UNREADABLE
from station.records.segments import read_only_uri
from station.reports.errors import ReportError, ReportsUnusable, report_error
from station.reports.figures import Ended, HubFigures, Span, Timed, Tried, hub_figures
from station.reports.progress import read_progress
from station.reports.rows import SlotTime, StationRun
from station.reports.tables import FILE_NAME, is_ours


class Serviced(NamedTuple):
    """When a part or check was last recorded as new or done."""

    sequence: int
    at: int
    """UTC, microseconds since 1970."""
    actor: str | None


class HubDay(NamedTuple):
    """What became of one hub in one slot on one day of the bench's clock: of its visits there, whether any was so."""

    day: str
    jig: str
    slot: int
    hub: str
    finished: bool
    """It passed or failed there."""
    failed: bool
    retried: bool
    lost: bool


class Pace(NamedTuple):
    """How long one hub that passed was worked on."""

    day: str
    jig: str
    slot: int
    hub: str
    kind: str
    """Of what it was and became: hubs of one kind can be held against each other."""
    seconds: float


class ResultsOfSlot(NamedTuple):
    """How many results of one outcome a slot has had, ever."""

    jig: str
    slot: int
    outcome: str
    results: int
    work_seconds: float


class ResultsOfCode(NamedTuple):
    """How many results ended in a stage with a code, ever."""

    stage: str
    code: str
    results: int


class JournalSeen(NamedTuple):
    """Since when the journal has this identity."""

    journal: str
    began: int
    """UTC in microseconds since 1970, as `before`."""
    before: int | None
    """The newest fact that a backup kept, where this was made from one: what came between is not here."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which results and times a report is about. None: whichever."""

    first: int | None = None
    """UTC in microseconds since 1970, as `until`, which is no more part of it."""
    until: int | None = None
    jig: str | None = None
    work_order: str | None = None
    model: str | None = None
    """Manufacturer and model, joined by a stroke."""


_WHOSE: Final = (
    "(:jig IS NULL OR jig = :jig) AND (:work_order IS NULL OR work_order = :work_order)"
    " AND (:model IS NULL OR model = :model)"
)
_WITHIN: Final = f"{_WHOSE} AND closed >= :first AND closed < :until"
_ENDS: Final = f"SELECT min(opened), max(closed) FROM results WHERE {_WHOSE}"  # noqa: S608 - our own words, as below
_ENDED: Final = (
    "SELECT jig, slot, number, outcome, closed, hands_seconds, max(0, work_seconds - (SELECT total(seconds) FROM stage_runs"  # noqa: S608
    f" WHERE stage_runs.attempt = results.attempt)), boot_seconds, kind FROM results WHERE {_WITHIN}"
)
_TRIED: Final = (
    "SELECT stage_runs.stage, stage_runs.seconds, stage_runs.code FROM results JOIN stage_runs USING (attempt)"  # noqa: S608
    f" WHERE {_WITHIN}"
)
_TIMES: Final = (
    "SELECT began, seconds, jig, slot, use FROM slot_times"
    " WHERE (:jig IS NULL OR jig = :jig) AND (:work_order IS NULL OR work_order = :work_order) AND began < :until"
)
_RUNS: Final = "SELECT began, seconds, '', 0, '' FROM station_runs WHERE began < :until"
_EVER: Final = (0, 1 << 62)
# Of hubs that were refused or current already nothing was asked that could have failed.
_HUB_DAYS: Final = (
    "SELECT date(began / 1000000, 'unixepoch', 'localtime') AS day, jig, slot, coalesce(hub, attempt) AS which,"  # noqa: S608
    " max(ending != 'lost'), max(ending = 'failed'), max(retried AND ending != 'lost'), max(ending = 'lost')"
    " FROM visits WHERE began >= :first AND began < :until AND ending IN ('passed', 'failed', 'lost')"
    " AND (coalesce(:work_order, :model) IS NULL"
    f" OR attempt IN (SELECT attempt FROM results WHERE {_WHOSE})) GROUP BY day, jig, slot, which"
)
_PACES: Final = (
    "SELECT date(opened / 1000000, 'unixepoch', 'localtime'), jig, slot, coalesce(hub, attempt),"  # noqa: S608
    " coalesce(model, '') || ' ' || coalesce(firmware_before, '') || ' ' || coalesce(firmware_target, ''), work_seconds"
    f" FROM results WHERE {_WITHIN} AND outcome = 'passed'"
)
_OF_SLOTS: Final = (
    "SELECT jig, slot, outcome, count(*), total(work_seconds) FROM results GROUP BY jig, slot, outcome"
    " ORDER BY jig, slot, outcome"
)
_OF_CODES: Final = "SELECT stage, code, count(*) FROM results WHERE code IS NOT NULL GROUP BY stage, code ORDER BY stage, code"
_JOURNALS: Final = "SELECT journal, began, before FROM journal_parts ORDER BY sequence"


class Reports:
    """One state of the reports, as `open_reports` gives it."""

    def __init__(self, file: sqlite3.Connection) -> None:
        """Read within the transaction that is open."""
        self._file = file
        self.cursor, self._account = read_progress(file)
        """The newest row of the journal that they know of."""

    @property
    def as_of(self) -> int | None:
        """UTC of the newest fact that they know of, microseconds since 1970."""
        return self._account.last

    def knows(self, wanted: Wanted) -> bool:
        """Whether there is, at any time, a result or a slot's time for it."""
        parameters = _parameters(wanted, *_EVER)
        if self._file.execute(f"SELECT 1 FROM results WHERE {_WHOSE} LIMIT 1", parameters).fetchone():  # noqa: S608
            return True
        return wanted.model is None and next(self._times(wanted, parameters), None) is not None

    def span(self, wanted: Wanted) -> Span:
        """Return the span that is meant: of what has no end of its own, from the first opening to the newest fact.

        An order or a model ends with its newest result.
        """
        opened, closed = self._file.execute(_ENDS, _parameters(wanted, *_EVER)).fetchone()
        newest = self.as_of or 0
        if closed is not None:
            # The clock may have been set back since.
            newest = closed if wanted.work_order or wanted.model else max(newest, closed)
        first = wanted.first if wanted.first is not None else min(newest, opened or newest)
        until = wanted.until if wanted.until is not None else newest + 1
        return Span(first, max(first, until))

    def hubs(self, wanted: Wanted, span: Span, parts: Sequence[Span] = ()) -> HubFigures:
        """Return how hubs, slots and stages fared in the span, and how many in each of its parts, which leave no gap."""
        parameters = _parameters(wanted, span.first, span.until)
        unfinished = (row for row in self._account.unfinished() if isinstance(row, StationRun))
        return hub_figures(
            span,
            ended=map(Ended._make, self._file.execute(_ENDED, parameters)),
            tried=map(Tried._make, self._file.execute(_TRIED, parameters)),
            times=() if wanted.model is not None else self._times(wanted, parameters),
            runs=chain(
                map(Timed._make, self._file.execute(_RUNS, parameters)),
                (Timed(run.began, run.seconds, "", 0, "") for run in unfinished),
            ),
            parts=parts,
        )

    def results_counted(self) -> Iterator[ResultsOfSlot]:
        """Yield how many results there are of each outcome from each slot."""
        return map(ResultsOfSlot._make, self._file.execute(_OF_SLOTS))

    def faults_counted(self) -> Iterator[ResultsOfCode]:
        """Yield how many results ended with each code."""
        return map(ResultsOfCode._make, self._file.execute(_OF_CODES))

    def counted_by_board(self, jig: str) -> bool:
        """Whether a board of this jig has ever counted insertions; else its hubs' visits are."""
        return jig in self._account.seatings.boards

    def insertions(self, jig: str, slot: int, since: int) -> int:
        """Return how many insertions a slot bore since this row of the journal, in which it was serviced."""
        (borne,) = self._file.execute(
            "SELECT coalesce(sum(insertions), 0) FROM wear WHERE jig = ? AND slot = ? AND sequence > ?",
            (jig, slot, since),
        ).fetchone()
        return int(borne) + self._account.seatings.pending(jig, slot)

    def serviced(self, jig: str, what: str, slot: int) -> Serviced | None:
        """Return when that was last; None if nobody has ever recorded it."""
        found = self._file.execute(
            "SELECT sequence, at, actor FROM services WHERE jig = ? AND what = ? AND slot = ?"
            " ORDER BY sequence DESC LIMIT 1",
            (jig, what, slot),
        ).fetchone()
        return None if found is None else Serviced._make(found)

    def hub_days(self, wanted: Wanted, span: Span) -> Iterator[HubDay]:
        """Yield each hub's days in each slot within the span."""
        parameters = _parameters(wanted, span.first, span.until)
        return map(HubDay._make, self._file.execute(_HUB_DAYS, parameters))

    def paces(self, wanted: Wanted, span: Span) -> Iterator[Pace]:
        """Yield how long each hub that passed within the span was worked on."""
        return map(Pace._make, self._file.execute(_PACES, _parameters(wanted, span.first, span.until)))

    def journals(self) -> tuple[JournalSeen, ...]:
        """Return the identities that the journal has had, the first one first."""
        return tuple(map(JournalSeen._make, self._file.execute(_JOURNALS)))

    def _times(self, wanted: Wanted, parameters: dict[str, object]) -> Iterator[Timed]:
        yield from map(Timed._make, self._file.execute(_TIMES, parameters))
        for time in self._account.unfinished():
            if (
                isinstance(time, SlotTime)
                and wanted.jig in {None, time.jig}
                and wanted.work_order in {None, time.work_order}
            ):
                yield Timed(time.began, time.seconds, time.jig, time.slot, time.use)


@contextmanager
def open_reports(folder: Path) -> Iterator[Reports]:
    """Read the reports in this folder, all from one state; whoever writes to them is neither waited for nor held up.

    Raises ReportError, also from within.
    """
    path = folder / FILE_NAME
    try:
        if not path.exists():
            raise ReportError(
                f"there are no reports in {folder} yet: start the station, which makes them, or ask as its user"
            )
        with closing(_connect(path)) as file:
            if not is_ours(file):
                raise ReportsUnusable(
                    f"{path} is another version's: start this one's station, which makes it again, or ask as its user"
                )
            file.execute("BEGIN")
            yield Reports(file)
    except (*UNREADABLE, OSError) as error:
        raise report_error(error, path) from error


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(read_only_uri(path, finished=False), timeout=1, isolation_level=None, uri=True)


def _parameters(wanted: Wanted, first: int, until: int) -> dict[str, object]:
    return {
        "jig": wanted.jig,
        "work_order": wanted.work_order,
        "model": wanted.model,
        "first": first,
        "until": until,
    }
