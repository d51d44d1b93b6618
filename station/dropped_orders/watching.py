"""The task that keeps the folder empty: what lies still in it is taken or refused, one file after the other."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final, TypeVar, assert_never

import structlog

from drivers.threads import Worker
from station.dropped_orders.folder import DropFolder, shown
from station.dropped_orders.notices import Notices
from station.dropped_orders.settings import OrderFolderSettings
from station.dropped_orders.stillness import Stillness
from station.dropped_orders.verdicts import NotNow, Refused, Taken, TakeOrder, Verdict

_ANSWER_SECONDS: Final = 60.0
"""How long the folder's host may take for one step."""

_UNENDED_TIMES: Final = 24
"""A file whose last line has no end must lie still for so many times as long: two minutes, unless configured."""

_LEAST_PAUSE_SECONDS: Final = 0.2
"""Between two looks, however much happens in the folder."""

_END_SECONDS: Final = 1.0
"""How long a stop waits for a step that has begun."""

_log = structlog.stdlib.get_logger()

T = TypeVar("T")


class OrderFolder:
    """Watches one folder for as long as `run` runs."""

    def __init__(
        self,
        settings: OrderFolderSettings,
        largest: int,
        take: TakeOrder,
        show: Callable[[str | None], None],
        *,
        unended_times: float = _UNENDED_TIMES,
    ) -> None:
        """`take` imports a file of at most `largest` bytes. `show` tells people what is amiss, None that nothing is."""
        self._settings = settings
        self._folder = DropFolder(settings.path, largest)
        self._take = take
        self._show = show
        self._stillness = Stillness(settings.still_seconds, settings.still_seconds * unended_times)
        self._stirred = asyncio.Event()
        self._shown: str | None = None

    async def run(self) -> None:
        """Work until cancelled."""
        self._worker = Worker("order folder")
        notices = Notices(self._settings.path, self._stillness.written, self._closed, self._lost)
        try:
            while True:
                self._stirred.clear()
                pause = self._settings.look_seconds
                try:
                    notices.hear(await self._in_thread(notices.watch))
                    pause = min(pause, await self._look())
                except TimeoutError:
                    self._say("its host does not answer; see to the share")
                except OSError as error:
                    self._say(
                        f"{error.strerror}; make or mount it, with folders `taken` and `refused` in it, all of them "
                        "the station's user's to write"
                    )
                await asyncio.sleep(_LEAST_PAUSE_SECONDS)
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._stirred.wait()
        finally:
            notices.end()
            await self._worker.close(_END_SECONDS)

    async def _look(self) -> float:
        """Take what is whole. Return in how many seconds something else may be."""
        sights = await self._in_thread(self._folder.look)
        looked = self._stillness.look(sights, asyncio.get_running_loop().time())
        troubles = [f"{shown(name)} is still open for writing; see who has it" for name in looked.held]
        for name in looked.ready:
            try:
                await self._in_thread(partial(self._folder.claim, name, sights[name]))
            except FileNotFoundError:
                continue  # whoever dropped it took it back
            except OSError as error:
                troubles.append(_hindered(name, error))
        for name in await self._in_thread(self._folder.claimed):
            try:
                trouble = await self._take_up(name)
            except OSError as error:
                trouble = _hindered(name, error)
            if trouble is not None:
                troubles.append(trouble)
        more = f" (and {len(troubles) - 1} more like it)" if len(troubles) > 1 else ""
        self._say(troubles[0] + more if troubles else None)
        return math.inf if looked.seconds is None else looked.seconds

    async def _take_up(self, name: str) -> str | None:
        """Import what was moved aside, and put it away. Say why it has to wait, if it has."""
        dropped = await self._in_thread(partial(self._folder.open_claimed, name))
        if isinstance(dropped, Refused):
            verdict: Verdict = dropped
        else:
            with dropped.file:
                verdict = await self._take(dropped)
        match verdict:
            case Taken(line):
                kept = await self._in_thread(partial(self._folder.put_away, name))
                _log.info("order file taken", file=shown(kept), order=line)
            case Refused(reasons):
                kept = await self._in_thread(partial(self._folder.put_away, name, reasons))
                _log.warning("order file refused", file=shown(kept), reason=reasons[0])
            case NotNow(line):
                return f"{shown(name)} waits: {line}"
            case _:
                assert_never(verdict)
        return None

    def _closed(self, name: str) -> None:
        self._stillness.closed(name)
        self._stirred.set()

    def _lost(self) -> None:
        self._stillness.forget_writers()
        self._stirred.set()

    def _say(self, what: str | None) -> None:
        line = None if what is None else f"order folder {self._settings.path}: {what}"
        if line != self._shown:
            self._shown = line
            if line is None:
                _log.info("order folder works again")
            else:
                _log.error("order folder", reason=line)
        self._show(line)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await self._worker.run(work, _ANSWER_SECONDS)


def _hindered(name: str, error: OSError) -> str:
    """Say what keeps one file where it is. Raises the error again where it is the folder's host that does not answer."""
    if isinstance(error, TimeoutError):
        raise error
    return f"{shown(name)} cannot be taken: {error.strerror}; see to the folder and to what is in it"
