"""What is done to a station while it works, and at which of its awaits: drawn from a number, told as JSON.

A scenario has a jig of two slots, hubs with parts to play, and acts. Each act has a point, a call of one of the
station's parts (see `crash_points`): when the station reaches it, the act is done, or begun, there and then.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from crash_points import Point

Step = dict[str, Any]
"""One thing of an act; `do` says what: `hands`, `ask`, `freeze`, `block` or `kill`."""

ROLES = {
    "first": "old",
    "second": "old",
    "chained": "chained-old",
    "current": "new",
    "stranger": "old",
    "other_model": "unlisted-old",
    "of_other_order": "old",
    "bridge": "bridge-old",
}
"""Who is there, and the firmware they come with; `bridge` is a bridge among hubs. `first`, `second` and `chained` are on the jig's order, `of_other_order`
on one that is assigned to no jig at first; `current` runs the release and is, like the others, on none."""
LISTED = ("first", "second", "chained")
ORDER, OTHER_ORDER = "WO-1", "WO-2"

_CALLS: dict[str, int] = {
    "commit": 34,
    "tidy": 30,
    "head": 2,
    "publish": 10,
    "sign": 2,
    "show": 30,
    "wait_for_hub": 2,
    "wait_for_removal": 2,
    "identify": 8,
    "state": 6,
    "unlock": 2,
    "flash": 2,
    "activate": 2,
    "verify": 4,
    "confirm": 2,
}
_ON_TRANSPORT = {"serial": {"frame": 70}, "usb": {"transfer": 60}}
_WITH_BOARD = {"ask": 120}
_BOARD_FAULTS = ("silent", "frozen", "short", "damaged", "exceptions", "late")


@dataclass(frozen=True)
class Act:
    """What is done at a point."""

    point: Point
    name: str
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return f"{self.name} {self.point}"


@dataclass(frozen=True)
class Scenario:
    """One story. `number` draws it again."""

    number: int
    transport: str
    board: bool
    seated: tuple[str, ...]
    """Who sits in slots 1 and 2 at the beginning."""
    acts: tuple[Act, ...] = field(default=())

    @property
    def kind(self) -> tuple[str, bool]:
        """Which jigs it may be played on."""
        return self.transport, self.board

    def __str__(self) -> str:
        board = "with" if self.board else "without"
        acts = "; ".join(f"{act}: {json.dumps(act.steps)}" for act in self.acts)
        return f"scenario {self.number} ({self.transport}, {board} a board, {', '.join(self.seated)}): {acts}"


def draw_scenario(number: int) -> Scenario:
    """Return the scenario of this number, always the same."""
    source = random.Random(f"scenario {number}")
    transport = source.choice(("serial", "usb"))
    board = source.random() < 0.5
    first = source.choices(("first", "chained"), (4, 1))[0]
    seated = (first, *(["second"] if source.random() < 0.5 else []))
    acts = tuple(_draw_act(source, transport, board=board) for _ in range(source.choice((1, 2, 2, 3, 3))))
    return Scenario(number, transport, board, seated, acts)


def _draw_act(source: random.Random, transport: str, *, board: bool) -> Act:
    calls = _CALLS | _ON_TRANSPORT[transport] | (_WITH_BOARD if board else {})
    # What sends something to the hub is where most can go wrong.
    names = [*calls, *_ON_TRANSPORT[transport], "commit", "activate", "unlock", "confirm", "flash"]
    name = source.choice(names)
    point = Point(name, source.choice(("before", "after")), source.randint(1, calls[name]))
    kinds = {**_HANDS, **_STATION, **(_BOARD if board else {})}
    kind = source.choice(list(kinds))
    return Act(point, kind, tuple(kinds[kind](source)))


# Hands. `held` is the n-th hub that the script has taken out, counted from 0.


def _gap(source: random.Random) -> float:
    """How long a hand takes from one slot to the next: no faster than switch and link can see."""
    return round(source.uniform(0.25, 1.0), 2)


def _hands(*script: Step) -> Step:
    return {"do": "hands", "script": list(script)}


def _unseat(slot: int, after: float = 0.0) -> Step:
    return {"do": "unseat", "slot": slot, "after": after}


def _seat(slot: int, hub: str | int, after: float) -> Step:
    who = {"hub": hub} if isinstance(hub, str) else {"held": hub}
    return {"do": "seat", "slot": slot, **who, "after": after}


def _pull(source: random.Random) -> list[Step]:
    slot, back = source.randint(1, 2), source.randint(1, 2)
    return [_hands(_unseat(slot), _seat(back, 0, _gap(source)))]


def _swap(source: random.Random) -> list[Step]:
    """Another hub takes its place; it may be that the first comes back later."""
    slot, other = (
        source.randint(1, 2),
        source.choice(("current", "stranger", "other_model", "second", "bridge")),
    )
    script = [_unseat(slot), _seat(slot, other, _gap(source))]
    if source.random() < 0.3:
        script += [_unseat(slot, round(source.uniform(0.3, 3.0), 2)), _seat(slot, 0, _gap(source))]
    return [_hands(*script)]


def _exchange(source: random.Random) -> list[Step]:
    return [_hands(_unseat(1), _unseat(2), _seat(2, 0, _gap(source)), _seat(1, 1, 0.05))]


def _cable(source: random.Random) -> list[Step]:
    slot, away = source.randint(1, 2), round(source.uniform(0.1, 1.5), 2)
    pulled = {"do": "port", "slot": slot, "plugged": False, "after": 0.0}
    return [_hands(pulled, {**pulled, "plugged": True, "after": away})]


def _cable_and_swap(source: random.Random) -> list[Step]:
    """The hub is exchanged while its port is away."""
    slot, other = source.randint(1, 2), source.choice(("current", "stranger", "bridge"))
    pulled = {"do": "port", "slot": slot, "plugged": False, "after": 0.0}
    return [
        _hands(
            pulled,
            _unseat(slot),
            _seat(slot, other, _gap(source)),
            {**pulled, "plugged": True, "after": 0.1},
        )
    ]


def _supply(source: random.Random) -> list[Step]:
    name = source.choice(("power_loss", "reboot"))
    seconds = round(source.uniform(0.05, 1.0), 2)
    fault = {"name": name, "slot": source.randint(1, 2), "seconds": seconds}
    return [_hands({"do": "fault", "fault": fault, "after": 0.0})]


_HANDS: dict[str, Callable[[random.Random], list[Step]]] = {
    "pull": _pull,
    "swap": _swap,
    "exchange": _exchange,
    "cable": _cable,
    "cable and swap": _cable_and_swap,
    "supply": _supply,
}

# The station, and the people at its desk.


def _scan(source: random.Random) -> list[Step]:
    hub = source.choice(("first", "second", "current", "stranger"))
    return [{"do": "ask", "request": {"do": "scan_label", "slot": source.randint(1, 2), "hub": hub}}]


def _close(source: random.Random) -> list[Step]:
    incomplete = source.random() < 0.7
    request = {"do": "close_order", "order": ORDER, "reason": "tried", "incomplete_accepted": incomplete}
    return [{"do": "ask", "request": request}]


def _assign(source: random.Random) -> list[Step]:
    order = source.choice((OTHER_ORDER, OTHER_ORDER, ORDER))
    swapped = source.random() < 0.4
    return [
        {"do": "ask", "request": {"do": "assign_order", "order": order}},
        *([_hands(_unseat(2), _seat(2, "of_other_order", _gap(source)))] if swapped else []),
    ]


def _enable(source: random.Random) -> list[Step]:
    return [{"do": "ask", "request": {"do": "enable_slot", "slot": source.randint(1, 2)}}]


def _freeze(source: random.Random) -> list[Step]:
    """The whole process stands still; a hub may be exchanged meanwhile."""
    hands = _swap(source) if source.random() < 0.6 else []
    return [*hands, {"do": "freeze", "seconds": round(source.uniform(0.3, 2.5), 2)}]


def _block(source: random.Random) -> list[Step]:
    """The thread that reaches the point stands still: the loop, or the journal's writer."""
    hands = _swap(source) if source.random() < 0.6 else []
    return [*hands, {"do": "block", "seconds": round(source.uniform(0.3, 1.5), 2)}]


def _kill(source: random.Random) -> list[Step]:
    """The process dies; a hub may be exchanged before the next life begins."""
    hands = _swap(source) if source.random() < 0.5 else []
    return [*hands, {"do": "kill", "dead_seconds": round(source.uniform(0.0, 1.5), 2) if hands else 0.0}]


_STATION: dict[str, Callable[[random.Random], list[Step]]] = {
    "scan": _scan,
    "close": _close,
    "assign": _assign,
    "enable": _enable,
    "freeze": _freeze,
    "block": _block,
    "kill": _kill,
}

# The board.


def _stop(source: random.Random) -> list[Step]:
    """The emergency stop, its release, and the reset that a person may or may not give; hubs may move meanwhile."""
    released = round(source.uniform(0.2, 1.5), 2)
    hands = _swap(source) if source.random() < 0.4 else []
    steps = [
        _hands(
            {"do": "board", "act": "press_stop", "after": 0.0},
            {"do": "board", "act": "release_stop", "after": released},
        ),
        *hands,
    ]
    if source.random() < 0.5:
        steps.append({"do": "ask", "request": {"do": "reset_jig"}, "after": released + 0.3})
    return steps


def _board_fault(source: random.Random) -> list[Step]:
    fault, lasts = source.choice(_BOARD_FAULTS), round(source.uniform(0.05, 2.0), 2)
    hands = _swap(source) if source.random() < 0.4 else []
    board = {"do": "board", "act": "fault"}
    return [
        _hands({**board, "fault": fault, "after": 0.0}, {**board, "fault": "none", "after": lasts}),
        *hands,
    ]


def _board_away(source: random.Random) -> list[Step]:
    lasts = round(source.uniform(0.05, 2.0), 2)
    hands = _swap(source) if source.random() < 0.4 else []
    return [
        _hands(
            {"do": "board", "act": "unplug", "after": 0.0}, {"do": "board", "act": "plug", "after": lasts}
        ),
        *hands,
    ]


def _board_restart(_: random.Random) -> list[Step]:
    return [_hands({"do": "board", "act": "restart", "after": 0.0})]


_BOARD: dict[str, Callable[[random.Random], list[Step]]] = {
    "stop": _stop,
    "board fault": _board_fault,
    "board away": _board_away,
    "board restart": _board_restart,
}
