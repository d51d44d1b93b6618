"""A script for hands: acts at their times, on the rig's own clock, whatever the station does meanwhile."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from simulators.diary import Diary

Act = dict[str, Any]
"""A request of the control socket, and `after`: how many seconds after the act before it. A `seat` may name its hub by
`held`: the n-th, counted from 0, that the script has taken out."""

MOST_SECONDS = 60.0
"""Between two acts."""


class Hands:
    """Performs scripts, several at a time. What cannot be done is noted and left: a hand that finds a slot taken."""

    def __init__(self, do: Callable[[Act], Awaitable[Any]], diary: Diary) -> None:
        """`do` raises an exception for what cannot be done."""
        self._do = do
        self._diary = diary
        self._scripts: dict[asyncio.Task[None], int] = {}

    @property
    def busy(self) -> dict[int, int]:
        """How many scripts are not at their end, by jig."""
        return Counter(self._scripts.values())

    def begin(self, jig: int, script: list[Act]) -> None:
        """Perform a script at this jig from now on."""
        task = asyncio.get_running_loop().create_task(self._perform(script), name="hands")
        self._scripts[task] = jig
        task.add_done_callback(self._scripts.pop)

    async def idle(self, jig: int) -> None:
        """Wait for every script at this jig to end."""
        while scripts := [task for task, at in self._scripts.items() if at == jig]:
            await asyncio.wait(scripts)

    async def close(self) -> None:
        """Drop whatever is in hand."""
        for task in self._scripts:
            task.cancel()
        await asyncio.gather(*self._scripts, return_exceptions=True)

    async def _perform(self, script: list[Act]) -> None:
        held: list[str | None] = []
        for act in script:
            after = act.get("after", 0.0)
            if after:
                await asyncio.sleep(after)
            taken = None
            try:
                answer = await self._do(_with_held(act, held))
                taken = answer.get("chf")
            except Exception as error:
                self._diary.note("hands", act=act, why=str(error))
            if act.get("do") == "unseat":
                held.append(taken)


def _with_held(act: Act, held: list[str | None]) -> Act:
    """Say which hub is meant. Raises LookupError when the script holds none."""
    if "held" not in act:
        return act
    chf = held[act["held"]]
    if chf is None:
        raise LookupError("there was nothing to take out")
    return {**act, "chf": chf}


def check_script(script: object) -> list[Act]:
    """Return the script if it is one. Raises ValueError."""
    if not isinstance(script, list) or not all(isinstance(act, dict) for act in script):
        raise ValueError("'script' is wanted, a list of requests")
    for act in script:
        after = act.get("after", 0.0)
        if not isinstance(after, int | float) or not 0 <= after <= MOST_SECONDS:
            raise ValueError(f"'after' is a number of seconds, up to {MOST_SECONDS:g}")
    return script
