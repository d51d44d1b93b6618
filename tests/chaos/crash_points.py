"""Where something can be made to happen to a station, to the call: each point counts its calls; one may be the last."""

from __future__ import annotations

import functools
import inspect
import itertools
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import aiomqtt

from drivers.dfu.driver import DfuHubDriver
from drivers.dfu.transfers import ControlPipe
from drivers.jig_board.line import ModbusLine
from drivers.serial_link import SerialLink
from drivers.smp.driver import SmpHubDriver
from station.bench.view import BenchView
from station.records import ledger
from station.records.ledger import Ledger
from station.unlocking.key_file import KeyFileAuthority

DEATH = 77
"""Exit code of a station that reached its point."""

Side = Literal["before", "after"]
SIDES: tuple[Side, ...] = ("before", "after")

_METHODS = (
    *("wait_for_hub", "wait_for_removal", "identify", "state", "unlock", "flash", "activate"),
    *("verify", "confirm", "reboot", "close"),
)
"""Of a driver."""

_CALLS: dict[str, tuple[tuple[Any, str], ...]] = {
    "commit": ((Ledger, "commit"),),
    "tidy": ((Ledger, "tidy"),),
    "head": ((ledger, "write_published_head"),),
    "frame": ((SerialLink, "write"),),
    "transfer": ((ControlPipe, "dfu_out"), (ControlPipe, "vendor_out")),
    "publish": ((aiomqtt.Client, "publish"),),
    "sign": ((KeyFileAuthority, "sign"),),
    "show": ((BenchView, "show"),),
    "ask": ((ModbusLine, "ask"),),
    **{name: ((SmpHubDriver, name), (DfuHubDriver, name)) for name in _METHODS},
}
POINTS: tuple[str, ...] = tuple(_CALLS)
POINTS_ON: dict[str, tuple[str, ...]] = {
    "serial": tuple(name for name in POINTS if name != "transfer"),
    "usb": ("transfer", *_METHODS),
}
"""Those that a hub meets on each transport; what both have in common is met on the first."""


@dataclass(frozen=True)
class Point:
    """Before or after the n-th call of something."""

    name: str
    side: Side
    number: int

    def __str__(self) -> str:
        return f"{self.side} {self.name} {self.number}"


def die() -> None:
    """End this process without a word to anyone."""
    os._exit(DEATH)


def act_at(acts: Mapping[Point, Callable[[], None]]) -> None:
    """Have each act done when this process reaches its point, in the thread and at the very call that reaches it."""
    for name in {point.name for point in acts}:
        numbers = itertools.count(1)
        for owner, attribute in _CALLS[name]:
            setattr(owner, attribute, _watched(getattr(owner, attribute), name, acts, numbers))


def _watched(
    function: Callable[..., Any], name: str, acts: Mapping[Point, Callable[[], None]], numbers: Iterator[int]
) -> Callable[..., Any]:
    def reached(side: Side, number: int) -> None:
        if (act := acts.get(Point(name, side, number))) is not None:
            act()

    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def asynchronous(*args: Any, **kwargs: Any) -> Any:
            number = next(numbers)
            reached("before", number)
            result = await function(*args, **kwargs)
            reached("after", number)
            return result

        return asynchronous

    @functools.wraps(function)
    def synchronous(*args: Any, **kwargs: Any) -> Any:
        number = next(numbers)
        reached("before", number)
        result = function(*args, **kwargs)
        reached("after", number)
        return result

    return synchronous
