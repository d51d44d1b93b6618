"""Work that several threads want at the same time, done once for all of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

Result = TypeVar("Result")


class SharedWork(Generic[Result]):
    """Who asks for what is being done waits for its end, good or bad, and for no other work."""

    def __init__(self) -> None:
        self._under_way: dict[Hashable, Future[Result]] = {}
        self._looking = threading.Lock()

    def do(self, what: Hashable, work: Callable[[], Result]) -> Result:
        """Return what `work` returns, or raise what it raises: here, or where it was under way already."""
        with self._looking:
            end = self._under_way.get(what)
            begun = end is None
            if end is None:
                end = self._under_way[what] = Future()
        if begun:
            try:
                end.set_result(work())
            except BaseException as error:
                end.set_exception(error)
            finally:
                with self._looking:
                    del self._under_way[what]
        return end.result()
