"""From what the daemon tells to what a browser is to show: tiles, jigs and the line of what comes first. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypedDict

from station.domain.interlock import Interlock, Notice
from station.domain.phase import SlotPhase
from station.domain.reason import Reason
from station.domain.slot_view import SlotView
from station.domain.to_do import ToDo
from station.sentences import Sentences

_DIGITS: Final = 6
"""Hex digits of a hub's id that people tell hubs apart by: `…00-02-C7`."""
_FIRST: Final = (
    ToDo.STOP,
    ToDo.CALL,
    ToDo.FIND,
    ToDo.FAIL,
    ToDo.HOLD,
    ToDo.PASS,
    ToDo.MOVE,
    ToDo.TURN,
    ToDo.SEAT,
)
"""What a person does first, where several things wait: danger, then what blocks, then what has to be told apart, then the rest."""

_SAYS_IT_ALL: Final = frozenset(
    {
        SlotPhase.EMPTY,
        SlotPhase.SEATED,
        SlotPhase.BOOTING,
        SlotPhase.WORKING,
        SlotPhase.PASSED,
        SlotPhase.ALREADY_CURRENT,
    }
)
"""Phases of which only what to do is news: word, bar and time say the rest."""


class Tile(TypedDict):
    """One slot on the screen."""

    todo: str
    """Chooses symbol and colour; one of the ten words' codes."""
    word: str
    do: str
    """What to do, for who stands before it."""
    what: str
    """Why, where that is news."""
    hub: str
    """The last digits of the hub that the slot speaks of; empty where there is none."""
    percent: int | None
    due: float | None
    """When the result is due, in seconds since 1970, while the word is WAIT."""
    recorded: str | None
    """When the result that is shown was recorded, in UTC (ISO 8601)."""


class Jig(TypedDict):
    """What is said once of a jig, not on each of its tiles."""

    order: str
    cause: str


class First(TypedDict):
    """What is to be done first; all empty where nothing is."""

    todo: str
    word: str
    where: str
    do: str


def tile(view: SlotView, sentences: Sentences) -> Tile:
    """Draw a slot. What its whole jig or the station waits for is said there, and here is only what to do."""
    shared = {each.reason for each in view.interlocks if each.scope != "slot"} | {Reason.UNATTENDED}
    if view.reason in shared:
        what, do = "", sentences.texts.of(view.family).say("do", view.to_do)
    else:
        what, do = sentences.of_slot(view)
    due = view.due if view.to_do is ToDo.WAIT else None
    if due is not None and view.details.advice is None:  # the time stands in place of the word
        do = sentences.texts.say("do", ToDo.WAIT)
    if not do:
        what, do = "", what
    hub = view.chf or view.details.label
    return Tile(
        todo=view.to_do,
        word=sentences.texts.say("word", view.to_do),
        do=do,
        what=what if view.phase not in _SAYS_IT_ALL or view.silent_seconds is not None else "",
        hub=last_digits(str(hub)) if hub else "",
        percent=view.percent,
        due=None if due is None else due.timestamp(),
        recorded=view.recorded.isoformat() if view.recorded is not None else None,
    )


def last_digits(device: str) -> str:
    """Return what people tell a hub by: the last six digits of its id, as its label writes them."""
    return f"…{device[-(_DIGITS + _DIGITS // 2 - 1) :]}"


def jig(name: str, slots: Sequence[SlotView], sentences: Sentences) -> Jig:
    """Say what is of a whole jig: its order, and each cause that keeps hubs from being begun with there."""
    order = next((each.jig_order for each in slots if each.jig_order is not None), None)
    causes: dict[Interlock, None] = dict.fromkeys(
        each for slot in slots for each in slot.interlocks if each.jig == name and each.slot is None
    )
    lines = [sentences.interlock(each) for each in causes]
    if any(slot.reason is Reason.UNATTENDED for slot in slots) and not any(
        each.reason is Reason.UNATTENDED for each in causes
    ):
        unattended = next(slot for slot in slots if slot.reason is Reason.UNATTENDED)
        said = sentences.of_slot(unattended)
        lines.append(sentences.texts.say("line", "interlock", what=said.what, do=said.do))
    key = "no_order" if order is None else "order_not_all" if order.not_done else "order"
    values = {} if order is None else order.model_dump()
    return Jig(
        order=sentences.texts.say("screen", key, **values),
        cause=" · ".join(lines),
    )


def of_station(slots: Iterable[SlotView], faults: Iterable[Notice], sentences: Sentences) -> str:
    """Say what is amiss with the station itself, each thing once; empty where nothing is."""
    causes: dict[Interlock, None] = dict.fromkeys(
        each for slot in slots for each in slot.interlocks if each.scope == "station"
    )
    lines = [*map(sentences.interlock, causes), *map(sentences.notice, faults)]
    return " · ".join(dict.fromkeys(lines))


def comes_first(slots: Iterable[SlotView], sentences: Sentences) -> First:
    """Say what is to be done next on the bench: the first thing, at the first jig where it waits."""
    waiting: dict[tuple[int, str], list[SlotView]] = {}
    for slot in slots:
        if slot.to_do in _FIRST:
            waiting.setdefault((_FIRST.index(slot.to_do), slot.place.jig), []).append(slot)
    if not waiting:
        return First(todo="", word="", where="", do="")
    (rank, where), those = min(waiting.items(), key=lambda each: each[0])
    todo, texts = _FIRST[rank], sentences.texts
    do = {tile(slot, sentences)["do"] for slot in those}
    numbers = ", ".join(str(number) for number in sorted(slot.place.slot for slot in those))
    return First(
        todo=todo,
        word=texts.say("word", todo),
        where=texts.say("screen", "where", jig=where, slots=numbers),
        do=do.pop() if len(do) == 1 else "",
    )


def in_order(slots: Iterable[SlotView]) -> list[SlotView]:
    """Sort slots as they stand on the table."""
    return sorted(slots, key=lambda each: (each.place.jig, each.place.slot))
