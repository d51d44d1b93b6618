"""Threads that do blocking work for the event loop, each for one purpose: slow work keeps no other work waiting.

asyncio's own pool has few threads, and whoever fills it stops everybody: nothing here or above uses it.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

Result = TypeVar("Result")


def apart(name: str, work: Callable[[], Result]) -> asyncio.Future[Result]:
    """Have one piece of work done in a thread of its own, called `name`; return what it will have returned or raised.

    Work whose caller is cancelled goes on unheard. The thread is a daemon: it does not keep a stop waiting.
    """
    future: Future[Result] = Future()
    threading.Thread(target=_do, args=(future, work), name=name, daemon=True).start()
    return asyncio.wrap_future(future)


def _do(future: Future[Result], work: Callable[[], Result]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = work()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)


class Worker:
    """The thread starts with the first piece of work. It is a daemon: work that hangs does not keep a stop waiting."""

    def __init__(self, name: str) -> None:
        self._jobs: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    async def run(self, work: Callable[[], Result], seconds: float) -> Result:
        """Return what `work` returns, or raise what it raises; TimeoutError when that takes longer.

        Work that has not begun by then, or whose caller was cancelled, is not begun. Work that has goes on unheard.
        """
        if not self._thread.is_alive():
            self._thread.start()
        future: Future[Result] = Future()
        self._jobs.put((future, work))
        async with asyncio.timeout(seconds):
            return await asyncio.wrap_future(future)

    async def close(self, seconds: float) -> None:
        """End the thread after the work that it has. Leave it behind if that takes longer. Do this once."""
        if self._thread.is_alive():
            self._jobs.put(None)
            await apart(f"end of {self._thread.name}", lambda: self._thread.join(seconds))

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            _do(*job)
