"""What became of a device that a person flashed, where there are no slots to seat it in. Pure."""

from __future__ import annotations

from typing import Final

from station.domain.outcome import Code, Disposition, Outcome
from station.texts.results import Said, line
from station.texts.texts import Texts

_REACHED_FIRST: Final = frozenset({Code.LINK_LOST, Code.ANOTHER_HUB, Code.NO_ANSWER})
"""Where the device is out of reach: to flash it again puts right, too, how it was left."""


def line_by_hand(
    texts: Texts,
    place: str,
    outcome: Outcome,
    code: Code | None,
    disposition: Disposition | None,
    *,
    detail: str | None = None,
    unsettled: str | None = None,
) -> str:
    """Compose the one line."""
    if outcome is Outcome.PASSED:
        return line(texts, place, Said(texts.say("by_hand", "passed"), ""))
    key = code or outcome
    what = texts.say("by_hand" if texts.has("by_hand", key) else "what", key)
    if detail and detail != what:
        what = texts.say("line", "detail", what=what, detail=detail)
    if unsettled is not None and code in _REACHED_FIRST:
        what = texts.say("by_hand", "out_of_reach", what=what, unsettled=unsettled)
    elif unsettled is not None and code is not Code.SERIAL_RECOVERY:
        return line(texts, place, Said(texts.say("by_hand", "unsettled", what=what, unsettled=unsettled), ""))
    keys = (f"do_{code}", disposition or "", "nothing_more")
    return line(
        texts, place, Said(what, texts.say("by_hand", next(key for key in keys if texts.has("by_hand", key))))
    )
