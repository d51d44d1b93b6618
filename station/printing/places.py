"""What a label can be sent to, and how that can end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol


class NotBegun(Exception):
    """Nothing was sent: the same label can be sent again. One line, without the printer's name."""


class PrintedOrNot(Exception):
    """The label was sent and its printer has not said that it is done: one that is sent again may be a second. One line."""


class LabelPlace(Protocol):
    """A printer or a folder."""

    async def put(
        self, name: str, label: bytes, begin: Callable[[], Awaitable[object]], say: Callable[[str], None]
    ) -> None:
        """Print one label, and return once it is.

        `begin` is awaited before anything is sent. `say` tells, in one line, what somebody has to do about a label
        that was sent. Raises NotBegun or PrintedOrNot, and what `begin` raises.
        """
        ...
