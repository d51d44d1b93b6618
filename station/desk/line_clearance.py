"""Line clearance: an order begins, changes and ends on a jig over empty slots and trays alone, signed by a person.

What sits in the slots is of the world, and is asked for right before the append; that nothing is being worked on there is a
condition of it. A hub that is seated in the moment after is held against the order that the jig works on then.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from typing import Final, Protocol

from pydantic import JsonValue

from station.bench.occupancy import Doubt, Empty, Occupancy, Seated, Unknown
from station.desk.act import Act
from station.desk.refusals import Conflict, Invalid, Unavailable
from station.domain.slot_name import SlotName
from station.records.facts.line_clearance import LineCleared

LookAtJigs = Callable[[Collection[str]], Awaitable[Mapping[str, Collection[Occupancy]]]]
"""Has jigs looked at, all at once, and says of each slot of each what is known to sit there now."""


class Declared(Protocol):
    """What whoever asks has looked at."""

    @property
    def trays_empty(self) -> bool:
        """Whether nothing lies in the jigs' trays."""
        ...

    @property
    def seen_empty(self) -> tuple[SlotName, ...]:
        """Slots of which neither board nor link can tell, and into which they have looked."""
        ...


_TRAYS: Final = (
    "look whether the trays are empty, of hubs and of labels, then say so (--trays-empty): it is signed for"
)


class LineClearance:
    """Finds jigs clear, or says what is still there."""

    def __init__(self, required: Callable[[], bool], look: LookAtJigs | None) -> None:
        """`look` is None where nobody can: no daemon holds the slots."""
        self._required = required
        self._look = look

    async def of(
        self, jigs: Iterable[tuple[str, str | None]], declared: Declared, act: Act
    ) -> tuple[LineCleared, ...]:
        """Return the facts that jigs are clear of the orders that they work on, for the append that comes at once.

        None where it need not be, and nobody has said so. Raises Conflict, Invalid, Unavailable.
        """
        jigs = tuple(jigs)
        if not jigs or not (self._required() or declared.trays_empty):
            return ()
        names = [jig for jig, _ in jigs]
        if others := [str(place) for place in declared.seen_empty if place.jig not in names]:
            raise Invalid(f"{', '.join(others)} is no slot of {', '.join(names)}, which is to be clear")
        if self._look is None:
            raise Unavailable(
                f"whether {', '.join(names)} is clear is known to nobody but the station's daemon: start it (reflash run)"
            )
        if act.actor.pseudonym is None:
            raise Invalid(
                f"who clears {', '.join(names)} signs for it: sign on there, or say who answers for it"
                " (--by, as `reflash operators add NAME` printed)"
            )
        looks = await self._look(names)
        self._require_empty([each for look in looks.values() for each in look], declared)
        if not declared.trays_empty:
            raise Conflict(f"{', '.join(names)}: all slots are empty; {_TRAYS}", trays_empty=False)
        return tuple(
            LineCleared(
                jig=jig,
                order=order,
                by_switch=_numbers(
                    each for each in looks[jig] if isinstance(each, Empty) and each.by == "switch"
                ),
                by_link=_numbers(
                    each for each in looks[jig] if isinstance(each, Empty) and each.by == "link"
                ),
                by_eye=_numbers(each for each in looks[jig] if isinstance(each, Unknown)),
                actor=act.actor,
            )
            for jig, order in jigs
        )

    def _require_empty(self, looks: Iterable[Occupancy], declared: Declared) -> None:
        seated = [each for each in looks if isinstance(each, Seated)]
        unknown = [
            each
            for each in looks
            if isinstance(each, Unknown) and not (_can_be_seen(each) and each.place in declared.seen_empty)
        ]
        if not seated and not unknown:
            return
        told = "; ".join(str(each) for each in (*seated, *unknown))
        do = ["take the hubs out"] if seated else []
        if any(_can_be_seen(each) for each in unknown):
            do.append("look into the slots that nobody can tell of, and name each (--seen-empty jig1/3)")
        facts: dict[str, JsonValue] = {
            "seated": [
                {**_place(each.place), "hub": None if each.hub is None else str(each.hub)} for each in seated
            ],
            "unknown": [{**_place(each.place), "why": each.why.name.lower()} for each in unknown],
        }
        again = "ask again" if all(map(_can_be_seen, unknown)) else "ask again in a moment"
        raise Conflict(f"not clear: {told}; {', '.join((*do, f'then {again}' if do else again))}", **facts)


def _can_be_seen(unknown: Unknown) -> bool:
    """Whether somebody's eyes may stand for what cannot tell: not where it will tell by itself in a moment."""
    return unknown.why in {Doubt.SWITCH, Doubt.NOT_LISTENED_TO}


def _place(place: SlotName) -> dict[str, JsonValue]:
    return {"jig": place.jig, "slot": place.slot}


def _numbers(looks: Iterable[Occupancy]) -> tuple[int, ...]:
    return tuple(each.place.slot for each in looks)
