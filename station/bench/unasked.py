"""Attempts that no hand asked for: where no switch tells, a hub that boots by itself looks as if it was seated again."""

from __future__ import annotations

from typing import Final

from drivers.hub import ExpectedDevice

MAX_UNASKED: Final = 5
"""So many results in a row one hub gets in one slot, as far as nobody is known to have laid hands on it."""


class Unasked:
    """How many results one slot's hub got in a row since a hand's act was known. Pure."""

    def __init__(self) -> None:
        self._hub: ExpectedDevice | None = None
        self._results = 0

    def count(self, hub: ExpectedDevice, *, by_hand: bool) -> None:
        """Note a result. `by_hand` is whether a switch or a scan tells of who seated it."""
        self._results = 1 if by_hand or hub != self._hub else self._results + 1
        self._hub = hub

    def is_enough(self, hub: ExpectedDevice) -> bool:
        """Whether the hub is not to be begun with anew before somebody does something."""
        return hub == self._hub and self._results >= MAX_UNASKED
