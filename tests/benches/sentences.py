"""What people would read of a view, in English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from station.attempt.closing import particulars
from station.domain.outcome import Code, Disposition, Outcome
from station.domain.slot_view import SlotView
from station.sentences import Sentences
from station.texts.results import fitting, line, ways_to_say
from station.texts.texts import ENGLISH

SENTENCES = Sentences(ENGLISH)


def line_of(view: SlotView | Mapping[str, Any]) -> str:
    """Return what a slot's view says, whether it is one or what a desk told of it."""
    return SENTENCES.line(view if isinstance(view, SlotView) else SlotView.model_validate(view))


def alarm_of(view: SlotView) -> str:
    """Return all that keeps hubs from being begun with at a slot; nothing where nothing does."""
    return "; ".join(map(SENTENCES.interlock, view.interlocks))


def operator_line(
    where: str,
    outcome: Outcome,
    code: Code | None,
    disposition: Disposition | None,
    detail: str | None = None,
    **more: Any,
) -> str:
    """Return the line of a result, led by where it was; `detail` as it was met."""
    told = particulars(detail)
    ways = ways_to_say(ENGLISH, outcome, code, disposition, detail=told, **more)
    return line(ENGLISH, where, fitting(ENGLISH, where, ways))
