"""Slots for a simulated board, without hubs behind them."""

from __future__ import annotations


class Slots:
    """Eight slots; a seated and powered hub draws 150 mA."""

    count = 8

    def __init__(self, *seated: int) -> None:
        self.hubs = set(seated)
        self.power: dict[int, bool] = {}
        self.log: list[tuple[int, bool]] = []

    def seated(self, slot: int) -> bool:
        return slot in self.hubs

    def switch_power(self, slot: int, on: bool) -> None:
        self.power[slot] = on
        self.log.append((slot, on))

    def milliamperes(self, slot: int) -> int:
        return 150 if self.power.get(slot) and slot in self.hubs else 2
