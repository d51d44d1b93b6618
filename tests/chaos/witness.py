"""What the rig's diary and the station's screen say of the same seconds: the fourth and the fifth book.

Pure. The diary is the rig's own; the screen's trace is what the station showed, entry by entry, stamped with the same
clock. Nothing of the station's reasoning is used: a slot is green, or a hub was written, and was that right?
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

GRACE_SECONDS = 2.0
"""How long a slot may go on showing what was true before a hand moved: a switch is debounced, a link has to be asked."""

GREEN_LAMP = 2
GREEN_PHASES = frozenset({"passed", "already_current", "passed_before"})
RESULT_PHASES = GREEN_PHASES | {"rejected", "failed", "put_aside"}

Entry = Mapping[str, Any]
Place = tuple[int, int]
"""Jig and slot."""


@dataclass(frozen=True)
class OpenOrder:
    """While an order was open, and the hubs it lists as Pending: CHF and GPF."""

    since: float
    until: float | None
    hubs: Mapping[str, str]

    def allows(self, chf: str, gpf: str, at: float) -> bool:
        """Whether this hub may be unlocked and written at this moment."""
        return self.since <= at and (self.until is None or at <= self.until) and self.hubs.get(chf) == gpf


@dataclass(frozen=True)
class Judged:
    """What is wrong, a line each."""

    unauthorised: tuple[str, ...] = ()
    falsely_passed: tuple[str, ...] = ()
    mistaken: tuple[str, ...] = ()


@dataclass
class Trace:
    """What a station showed, as JSON lines: written by whoever hears it, of one life after the other."""

    path: Path

    def write(self, what: str, **facts: Any) -> None:
        """Append an entry: `view`, `alive` (it can show again), or `away` (dead, dying or stopped)."""
        from simulators.diary import boot_seconds  # noqa: PLC0415 - the clock, also in a fork

        with self.path.open("a") as file:
            file.write(json.dumps({"at": boot_seconds(), "what": what, **facts}) + "\n")

    def read(self) -> list[dict[str, Any]]:
        """Return every entry; a line that a death has cut off is none."""
        if not self.path.exists():
            return []
        entries = []
        for line in self.path.read_text().splitlines():
            try:
                entries.append(json.loads(line))
            except ValueError:
                continue
        return entries


class Shown:
    """Writes what a station shows into a trace: `see` hears each view. What is shown already is not written again."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._before: dict[Place, tuple[str, str | None]] = {}

    def see(self, view: Any) -> None:
        """Take a slot's view, of whatever type has its fields."""
        if not self._before:
            self._trace.write("alive")
        place = int(view.place.jig.removeprefix("jig")), view.place.slot
        facts = str(view.phase), str(view.chf) if view.chf else None
        if self._before.get(place) != facts:
            self._before[place] = facts
            self._trace.write(
                "view", jig=place[0], slot=place[1], phase=facts[0], chf=facts[1], reason=str(view.reason)
            )


def judge(
    diary: Iterable[Entry],
    trace: Iterable[Entry],
    *,
    until: float,
    hubs: Mapping[str, str],
    releases: Mapping[str, str],
    orders: Iterable[OpenOrder],
    places: Iterable[Place],
    conditions: Mapping[str, Entry] | None = None,
    passes: Iterable[tuple[str, float]] = (),
) -> Judged:
    """Hold them against each other, up to a moment.

    `hubs` are those that the station may meet, CHF and GPF; `releases` is the SHA-256 of the file that each of them
    should run in the end, if there is one. `conditions` is what is known of hubs from before the diary began, `passes` are the
    results PASSED of the journal, each hub with the moment of its row.
    """
    diary = list(diary)
    orders = list(orders)
    chronicle = _Chronicle(releases, {chf: dict(entry) for chf, entry in (conditions or {}).items()})
    return Judged(
        tuple(_unauthorised(diary, hubs, orders)),
        (*chronicle.false_passes(diary, passes), *chronicle.false_greens(diary, trace, places, until)),
        tuple(chronicle.mistaken),
    )


def _unauthorised(diary: list[Entry], hubs: Mapping[str, str], orders: list[OpenOrder]) -> Iterable[str]:
    for entry in diary:
        # An answer counts by what it did: a hub that gave no challenge takes it for neither right nor wrong.
        if entry["what"] != "deed" or entry["deed"] == "answered" or entry["chf"] not in hubs:
            continue
        chf = entry["chf"]
        if not any(order.allows(chf, hubs[chf], entry["at"]) for order in orders):
            yield f"hub {chf} was {entry['deed']} at {entry['at']:.3f} and no open order listed it then"


@dataclass
class _Spell:
    """Something that must not last, over one hub."""

    since: float
    hub: str
    what: str
    told: bool = False


@dataclass
class _Slot:
    """One slot as the books have it at a moment."""

    hub: str | None = None
    phase: str | None = None
    shown: str | None = None
    """CHF that the screen names."""
    lamp: int = 0
    board_works: bool = True
    spells: dict[str, _Spell] = field(default_factory=dict)


class _Chronicle:
    """Goes through the moments in order."""

    def __init__(self, releases: Mapping[str, str], conditions: dict[str, Any]) -> None:
        self.mistaken: list[str] = []
        self._releases = releases
        self._conditions = conditions

    def _is_done(self, chf: str, conditions: Mapping[str, Entry]) -> bool:
        held = conditions.get(chf)
        return held is not None and (
            held["image_file_sha256"] == self._releases.get(chf)
            and held["confirmed"]
            and not held["pending"]
            and held["locked"]
        )

    def false_passes(self, diary: list[Entry], passes: Iterable[tuple[str, float]]) -> Iterable[str]:
        for chf, at in passes:
            held = dict(self._conditions)
            for entry in diary:
                if entry["what"] == "condition" and entry["chf"] == chf and entry["at"] <= at:
                    held[chf] = entry
            if not self._is_done(chf, held):
                yield f"hub {chf} is PASSED at {at:.3f}, and is {_words(held.get(chf))}"

    def false_greens(
        self, diary: list[Entry], trace: Iterable[Entry], places: Iterable[Place], until: float
    ) -> Iterable[str]:
        slots = {place: _Slot() for place in places}
        conditions = dict(self._conditions)
        alive = False
        found: list[str] = []
        moments = sorted([*diary, *trace, {"at": until, "what": "end"}], key=lambda entry: float(entry["at"]))
        for entry in moments:
            at = float(entry["at"])
            for place, slot in slots.items():
                self._end_spells(place, slot, at, found)
            alive = _apply(entry, slots, conditions, alive)
            for slot in slots.values():
                self._begin_spells(slot, at, conditions, alive=alive)
        return found

    def _begin_spells(self, slot: _Slot, at: float, conditions: Mapping[str, Entry], *, alive: bool) -> None:
        wrong: dict[str, str] = {}
        if alive and slot.hub is not None:
            if not self._is_done(slot.hub, conditions):
                state = _words(conditions.get(slot.hub))
                if slot.phase in GREEN_PHASES:
                    wrong["view"] = f"the screen says {slot.phase} of {slot.shown}, hub {slot.hub} is {state}"
                if slot.lamp == GREEN_LAMP and slot.board_works:
                    wrong["lamp"] = f"the lamp is green over hub {slot.hub}, which is {state}"
            if slot.phase in RESULT_PHASES and slot.shown not in {None, slot.hub}:
                wrong["mistaken"] = f"the screen says {slot.phase} of {slot.shown}, hub {slot.hub} sits there"
        for kind in tuple(slot.spells):
            if kind not in wrong or slot.spells[kind].hub != slot.hub:
                del slot.spells[kind]
        for kind, what in wrong.items():
            slot.spells.setdefault(kind, _Spell(at, str(slot.hub), what))

    def _end_spells(self, place: Place, slot: _Slot, at: float, found: list[str]) -> None:
        for kind, spell in slot.spells.items():
            if at - spell.since <= GRACE_SECONDS or spell.told:
                continue
            spell.told = True
            line = f"jig{place[0]} slot {place[1]}, from {spell.since:.3f} on: {spell.what}"
            (self.mistaken if kind == "mistaken" else found).append(line)


def _apply(entry: Entry, slots: dict[Place, _Slot], conditions: dict[str, Entry], alive: bool) -> bool:
    """Take an entry over; return whether the station can show anything after it."""
    slot = slots.get((entry["jig"], entry["slot"])) if "slot" in entry else None
    match entry["what"]:
        case "condition":
            conditions[entry["chf"]] = entry
        case "board":
            for (jig, _), one in slots.items():
                if jig == entry["jig"]:
                    one.board_works = entry["works"]
        case "alive" | "away":
            return bool(entry["what"] == "alive")
        case what if slot is not None:
            if what == "seated":
                slot.hub = entry["chf"]
            elif what == "removed":
                slot.hub = None
            elif what == "lamp":
                slot.lamp = entry["colour"]
            elif what == "view":
                slot.phase, slot.shown = entry["phase"], entry["chf"]
    return alive


def _words(held: Entry | None) -> str:
    if held is None:
        return "unknown"
    said = [
        *([] if held["confirmed"] else ["unconfirmed"]),
        *(["with an image pending"] if held["pending"] else []),
        *([] if held["locked"] else ["unlocked"]),
    ]
    return f"{', '.join(said) or 'settled'} on {str(held['image_file_sha256'])[:12]}"
