"""One call of a driver's method, watched: how it ends, whether it ends, and what its error says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Final, Generic, TypeVar

from drivers.errors import (
    AnotherHub,
    ChallengeVoid,
    DriverError,
    HubAction,
    HubDidNotReturn,
    HubLockedOut,
    ImageMismatch,
    LinkLost,
    PlaceUnavailable,
    StuckProgress,
    TransferIncomplete,
    UnlockAuthorityFailed,
    UnlockRefused,
    UploadRejected,
)

T = TypeVar("T")
Refusal = TypeVar("Refusal", bound=DriverError)

_WAITS = ("wait_for_hub", "wait_for_removal")


_BOOT = frozenset({"activate", "reboot"})
_CHANGE = _BOOT | {"unlock", "flash", "confirm", "erase"}

_ONLY_FROM: Final[Mapping[type[DriverError], frozenset[str]]] = MappingProxyType(
    {
        PlaceUnavailable: frozenset({"open"}),
        UnlockRefused: frozenset({"unlock"}),
        ChallengeVoid: frozenset({"unlock"}),
        HubLockedOut: frozenset({"unlock"}),
        UnlockAuthorityFailed: frozenset({"unlock"}),
        UploadRejected: frozenset({"flash"}),
        StuckProgress: frozenset({"flash"}),
        TransferIncomplete: frozenset({"flash", "activate"}),
        ImageMismatch: frozenset({"activate", "verify", "confirm"}),
        HubDidNotReturn: _CHANGE,
        AnotherHub: _CHANGE | {"verify"},
    }
)
"""Errors that say what only these methods do. The station acts on them: elsewhere they would mislead it.

A hub may have to boot for any change, as for USB's DFU mode, and may not come back from that."""


def out_of_place(method: str, error: DriverError) -> bool:
    """Whether this method never raises such an error."""
    if method == "wait_for_removal":
        return not isinstance(error, LinkLost)
    return any(isinstance(error, kind) and method not in methods for kind, methods in _ONLY_FROM.items())


class Broken(Exception):
    """The driver did not do what the contract demands; the message says what it did instead."""


class Call(Generic[T]):
    """A method under way. Must be ended by `result`, `refusal` or `cut`."""

    def __init__(
        self, method: Callable[..., Awaitable[T]], arguments: tuple[object, ...], patience: float
    ) -> None:
        self.name = getattr(method, "__name__", str(method))
        self._patience = patience
        self._task = asyncio.ensure_future(_awaited(method, arguments))

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self._task.done()

    async def run_for(self, seconds: float) -> None:
        """Let it run this long, or to its end; with 0 seconds, until it waits for the first time."""
        if seconds > 0:
            await asyncio.wait([self._task], timeout=seconds)
        else:
            await asyncio.sleep(0)

    async def run_until(self, event: asyncio.Event) -> None:
        """Let it run until the event, or to its end."""
        waiting = asyncio.ensure_future(event.wait())
        try:
            await asyncio.wait(
                [self._task, waiting], timeout=self._patience, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            waiting.cancel()

    async def result(self) -> T:
        """Return what it returns. Raises Broken when it raises, or does not end."""
        await self._end()
        error = self._task.exception()
        if error is None:
            return self._task.result()
        raise self._surprise(error)

    async def refusal(self, kind: type[Refusal]) -> Refusal:
        """Return the error of this kind that it raises. Raises Broken when it does anything else.

        The error has to say in one line what happened, and during which action.
        """
        await self._end()
        error = self._task.exception()
        if error is None:
            raise Broken(f"{self.name}() returned {_shortened(self._task.result())}")
        if not isinstance(error, kind):
            raise self._surprise(error)
        if out_of_place(self.name, error):
            raise Broken(
                f"{self.name}() raised {type(error).__name__}, which is not for it to say"
            ) from error
        action = HubAction.WAIT if self.name in _WAITS else HubAction(self.name)
        if error.action is not action:
            raise Broken(
                f"the {type(error).__name__} of {self.name}() has the action {error.action}"
            ) from error
        if not str(error) or "\n" in str(error):
            raise Broken(f"the {type(error).__name__} of {self.name}() is not one line of text") from error
        return error

    async def cut(self) -> None:
        """Cancel it. Raises Broken unless it ends as cancelled, soon; one that is over already may stay so."""
        if not self._task.done():
            self._task.cancel()
            await self._end()
            if not self._task.cancelled():
                error = self._task.exception()
                ending = "returned" if error is None else f"raised {type(error).__name__}"
                raise Broken(f"{self.name}() was cancelled, and {ending} instead of ending in CancelledError")

    async def give_up(self) -> None:
        """End it, however it ends: the check is over."""
        self._task.cancel()
        await asyncio.wait([self._task], timeout=self._patience)
        if self._task.done() and not self._task.cancelled():
            self._task.exception()  # nobody asked for it any more

    async def _end(self) -> None:
        await asyncio.wait([self._task], timeout=self._patience)
        if not self._task.done():
            raise Broken(f"{self.name}() was still under way after {self._patience:g} s")

    def _surprise(self, error: BaseException) -> Broken:
        kind = type(error).__name__
        what = f"{self.name}() raised {kind}: {error}"
        if not isinstance(error, DriverError):
            what += ", which is no DriverError"
        broken = Broken(what)
        broken.__cause__ = error
        return broken


async def _awaited(method: Callable[..., Awaitable[T]], arguments: tuple[object, ...]) -> T:
    return await method(*arguments)


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
