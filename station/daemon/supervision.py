"""Tasks that end only when they are told to: one that fails is logged, shown, and begun again after a pause.

Of all that a station runs beside its slots only a failing journal may end it: no result would be safe any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn, Protocol

import structlog

from station.domain.reason import Reason
from station.domain.statement import Statement
from station.records.errors import JournalError, JournalHeldUp
from station.reports.errors import ReportError

_FIRST_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 60.0
_DOUBLINGS: Final = 6
"""After so many failures in a row the pause has its full length."""

_SAY_ALL: Final = (JournalHeldUp, ReportError)
"""Troubles from outside, whose line has cause and action: where in the program they were met says nothing more."""

_log = structlog.stdlib.get_logger()

Part = tuple[str, Callable[[], Awaitable[object]]]
"""A part of the station by its name, and what it does until it is cancelled."""

Pause = Callable[[float], Awaitable[object]]


class FaultBoard(Protocol):
    """Where people see what is wrong with a part of the station (`station.bench.view.BenchView`)."""

    def set_fault(self, source: str, fault: Statement | None) -> None:
        """Show a part's fault, or that it works again."""
        ...


def pause_after(failures: int) -> float:
    """Seconds before the next try after so many failures in a row: they double, up to a minute."""
    return min(_FIRST_PAUSE_SECONDS * 2.0 ** min(failures - 1, _DOUBLINGS), _LONGEST_PAUSE_SECONDS)


async def supervise(
    name: str,
    work: Callable[[], Awaitable[object]],
    board: FaultBoard,
    *,
    steady_seconds: float = _LONGEST_PAUSE_SECONDS,
    pause: Pause = asyncio.sleep,
) -> NoReturn:
    """Run `work` until cancelled, over and over. Raises JournalError, unless the journal is but held up.

    A part that has worked for `steady_seconds` since its last failure is shown as sound again. One that returns
    counts as failed: none of them is ever done.
    """
    loop = asyncio.get_running_loop()
    failures = 0
    told = ""
    while True:
        begun = loop.time()
        steady = loop.call_later(steady_seconds, board.set_fault, name, None)
        error: BaseException | None = None
        try:
            await work()
        except asyncio.CancelledError as cancelled:
            if (task := asyncio.current_task()) is None or task.cancelling():
                raise
            error = cancelled  # by something within it
        except Exception as fault:
            error = fault
        finally:
            steady.cancel()
        cause = None if error is None else _cause_of(error)
        if isinstance(cause, JournalError) and _ends_the_station(cause):
            raise cause
        failures = 1 if loop.time() - begun >= steady_seconds else failures + 1
        what, seconds = _what_happened(cause), pause_after(failures)
        if failures == 1 or what != told:
            trace = None if isinstance(cause, _SAY_ALL) else error
            _log.error("part of the station failed", part=name, reason=what, exc_info=trace)
        else:
            _log.error("part of the station failed again", part=name, reason=what, times=failures)
        told = what
        board.set_fault(name, Statement.of(Reason.PART_FAILED, part=name, detail=what, seconds=seconds))
        await pause(seconds)


def _ends_the_station(error: BaseException) -> bool:
    return isinstance(error, JournalError) and not isinstance(error, JournalHeldUp)


def _cause_of(error: BaseException) -> BaseException:
    """Return what is at the bottom of a group of errors, as tasks of a part raise them: the journal's before all others."""
    while isinstance(error, BaseExceptionGroup):
        worst = error.subgroup(_ends_the_station) or error
        error = worst.exceptions[0]
    return error


def _what_happened(error: BaseException | None) -> str:
    if error is None:
        return "it ended"
    if isinstance(error, _SAY_ALL):
        return str(error)
    return f"a fault of the station's own ({type(error).__name__})"
