"""What became of a hub, in a sentence: what happened, and what to do with it now. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from station.domain.next_step import is_to_be_seated_again
from station.domain.outcome import Code, Disposition, Outcome
from station.domain.reason import Reason
from station.domain.to_do import ToDo
from station.texts.texts import Texts

LONGEST_LINE: Final = 120
"""Characters that are read at a glance, and that a slot's part of the screen has room for."""


class Said(NamedTuple):
    """A sentence in its two parts. One is empty where the other says it all."""

    what: str
    do: str


def line(texts: Texts, place: object, said: Said) -> str:
    """Put a sentence together, led by the slot's name."""
    if not (said.what and said.do):
        return texts.say("line", "one_part", place=place, what=said.what or said.do)
    return texts.say("line", "slot", place=place, what=said.what, do=said.do)


_SAID_BY_DETAIL: Final = frozenset(
    {
        Code.NOT_ON_ORDER,
        Code.NO_OPEN_ORDER,
        Code.NOT_PENDING,
        Code.LABEL_DISAGREES,
        Code.IDS_DISAGREE,
        Code.IN_TWO_SLOTS,
        Code.MODEL_DISAGREES,
        Code.NOT_A_HUB,
        Code.HUB_UNIDENTIFIED,
    }
)
"""Codes whose details say all that the code does, and more."""


def what_happened(texts: Texts, code: Code) -> str:
    """Return the fact behind a code, without place and advice."""
    return texts.say("what", code)


def fitting(texts: Texts, place: object, ways: Iterator[Said], *, cut: bool = True) -> Said:
    """Return the first way to say it that people can take in at a glance; the last, which may be `cut`, where none is."""
    said = Said("", "")
    for said in ways:
        if len(line(texts, place, said)) <= LONGEST_LINE:
            return said
    if not cut:
        return said
    over = len(line(texts, place, said)) - LONGEST_LINE
    return Said(f"{said.what[: max(len(said.what) - over - 1, 0)].rstrip()}…", said.do)


def ways_to_say(
    texts: Texts,
    outcome: Outcome,
    code: Code | None,
    disposition: Disposition | None,
    *,
    detail: str | None = None,
    unsettled: str | None = None,
    mislabelled: bool = False,
    times: int | None = None,
) -> Iterator[Said]:
    """Say a result, in most words first.

    `mislabelled` is a hub whose scanned label is another's: if that came up too late to reject it, it may be done,
    and yet must not go home as it is. `unsettled` is what could not be put right about the hub, `times` how often in a
    row the hub was given this result where it sits.
    """
    ways, hold = list(_ways(texts, outcome, code, detail)), texts.say("do", ToDo.HOLD)
    if mislabelled and outcome in {Outcome.PASSED, Outcome.ALREADY_CURRENT}:
        yield from (Said(texts.say("line", "label_came_late", what=what), hold) for what in ways)
    elif unsettled is not None and outcome is Outcome.REJECTED:
        yield from (
            Said(texts.say("line", "not_left_well", what=what, unsettled=unsettled), hold) for what in ways
        )
        passed = texts.say("what", Reason.PASSED)
        yield Said(texts.say("line", "not_left_well", what=passed, unsettled=unsettled), hold)
    elif unsettled is not None and code is not Code.SERIAL_RECOVERY:  # that says it all
        apart = texts.say("do", "keep_apart")
        yield from (
            Said(texts.say("line", "failed_not_left_well", what=what, unsettled=unsettled), apart)
            for what in ways
        )
        yield Said(texts.say("what", Reason.UNSETTLED, unsettled=unsettled), apart)
    else:
        action = _next(texts, outcome, code, disposition, tried_enough=times is not None)
        for what in ways:
            yield Said(texts.say("line", "times", what=what, times=times) if times else what, action)
        if times:
            yield Said(texts.say("line", "only_times", times=times), action)


def _ways(texts: Texts, outcome: Outcome, code: Code | None, detail: str | None) -> Iterator[str]:
    key = code or outcome
    what = texts.say("what" if texts.has("what", key) else "phase", key)
    if code is not None and detail and detail != what:
        short = _without_its_code(detail)
        if code not in _SAID_BY_DETAIL:
            yield from (texts.say("line", "detail", what=what, detail=each) for each in (detail, short))
        yield from (detail, short)
    yield what


def _without_its_code(detail: str) -> str:
    """Leave out the brackets at the end, where a driver's error has the hub's own code (`drivers.errors.DriverError.fact`)."""
    depth = 0
    for at in range(len(detail) - 1, 0, -1):
        depth += (detail[at] == ")") - (detail[at] == "(")
        if depth == 0:
            return detail[:at].rstrip() if detail[at] == "(" else detail
    return detail


def _next(
    texts: Texts,
    outcome: Outcome,
    code: Code | None,
    disposition: Disposition | None,
    *,
    tried_enough: bool,
) -> str:
    if tried_enough and is_to_be_seated_again(code, disposition):
        return texts.say("do", "tried_enough")
    if outcome is Outcome.PASSED:
        return texts.say("do", ToDo.PASS)
    keys = (outcome if outcome is Outcome.ALREADY_CURRENT else code, disposition, ToDo.HOLD)
    key = next(key for key in keys if key is not None and texts.has("do", key))
    return texts.say("do", key)
