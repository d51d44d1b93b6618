"""Whether the adapters on one full-speed USB bus ask for more than it carries. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from drivers.topology import SerialPort
from station.doctor.report import Finding, ok, warning

FULL_SPEED_PAYLOAD: Final = 9_728_000
"""Bits a second of bulk data on a 12 Mbit/s bus: 19 packets of 64 bytes a frame of 1 ms (USB 2.0, table 5-9)."""


@dataclass(frozen=True, slots=True)
class UsedPort:
    """A port and how fast it is used."""

    where: str
    port: SerialPort
    baud: int

    @property
    def bits_a_second(self) -> int:
        """Data bits at full line rate in one direction: eight of the ten that a character takes."""
        return self.baud * 8 // 10


def judge_loads(used: Iterable[UsedPort]) -> Iterator[Finding]:
    """Add up what hangs behind each translator, or on each full-speed chain, and compare it with what fits."""
    shared: dict[str, list[UsedPort]] = defaultdict(list)
    for each in used:
        if each.port.usb is not None and each.port.usb.shared_full_speed_bus is not None:
            shared[each.port.usb.shared_full_speed_bus].append(each)
    for bus, ports in sorted(shared.items()):
        wanted = sum(each.bits_a_second for each in ports)
        where = f"USB {bus}"
        facts = f"{len(ports)} full-speed adapters share 12 Mbit/s and want {wanted / 1e6:.1f} of {FULL_SPEED_PAYLOAD / 1e6:.1f} Mbit/s"
        if wanted > FULL_SPEED_PAYLOAD:
            named = ", ".join(each.where for each in ports)
            yield warning(
                where,
                f"{facts} ({named})",
                "spread them over more ports of the PC, use a hub with a translator at each port, or a lower baud",
            )
        elif len(ports) > 1:
            yield ok(where, facts)
