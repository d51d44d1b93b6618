"""A script for hands: acts at their times, on the rig's own clock, whatever the station does meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from simulators.diary import Diary

Act = dict[str, Any]
"""A request of the control socket, and `after`: how many seconds after the act before it."""

MOST_SECONDS = 60.0
"""Between two acts."""


class Hands:
    """Performs scripts, several at a time. What cannot be done is noted and left: a hand that finds a slot taken."""

    def __init__(self, do: Callable[[Act], Awaitable[Any]], diary: Diary) -> None:
        """`do` raises an exception for what cannot be done."""
        self._do = do
        self._diary = diary
        self._scripts: set[asyncio.Task[None]] = set()

    @property
    def busy(self) -> int:
        """How many scripts are not at their end."""
        return len(self._scripts)

    def begin(self, script: list[Act]) -> None:
        """Perform a script from now on; its first act, without a time, before this returns to the event loop."""
        task = asyncio.get_running_loop().create_task(self._perform(script), name="hands")
        self._scripts.add(task)
        task.add_done_callback(self._scripts.discard)

    async def idle(self) -> None:
        """Wait for every script to end."""
        while self._scripts:
            await asyncio.wait(self._scripts)

    async def close(self) -> None:
        """Drop whatever is in hand."""
        for task in self._scripts:
            task.cancel()
        await asyncio.gather(*self._scripts, return_exceptions=True)

    async def _perform(self, script: list[Act]) -> None:
        for act in script:
            after = act.get("after", 0.0)
            if after:
                await asyncio.sleep(after)
            try:
                await self._do(act)
            except Exception as error:
                self._diary.note("hands", act=act, why=str(error))


def check_script(script: object) -> list[Act]:
    """Return the script if it is one. Raises ValueError."""
    if not isinstance(script, list) or not all(isinstance(act, dict) for act in script):
        raise ValueError("'script' is wanted, a list of requests")
    for act in script:
        after = act.get("after", 0.0)
        if not isinstance(after, int | float) or not 0 <= after <= MOST_SECONDS:
            raise ValueError(f"'after' is a number of seconds, up to {MOST_SECONDS:g}")
    return script
