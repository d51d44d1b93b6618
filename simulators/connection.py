"""How a slot is wired to the host: by a serial line, or by USB."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final, Protocol

from simulators.dfu_device import DfuInterface
from simulators.dfu_profile import DfuProfile
from simulators.faults import Fault, FaultName, Occasion, SlotFaults
from simulators.hub import Interface
from simulators.smp_interface import SmpInterface
from simulators.smp_line import BufferProfile
from simulators.uart import SerialPort
from simulators.usb_socket import UsbSocket

Perform = Callable[[Fault], None]
"""Carries out a fault of hands, cables or supplies."""

NOT_ON_USB: Final = frozenset(
    {
        FaultName.BIT_FLIPS,
        FaultName.DUPLICATE_REPLY,
        FaultName.FOREIGN_REPLY,
        FaultName.WRONG_OFFSET,
        FaultName.TRAP_IN_RECOVERY,
    }
)
"""USB checks each packet and sends it again, a transfer has one end, DFU names no offsets, and a boot loader is not
on the bus."""


def exists_on_usb(fault: Fault) -> bool:
    """Whether USB has such a fault; a reset of the bus is no request that one could wait for."""
    return fault.name not in NOT_ON_USB and fault.on is not Occasion.RESET


class HostPort(Protocol):
    """What the host sees of a slot."""

    @property
    def address(self) -> str:
        """What the host finds it by."""
        ...

    @property
    def is_plugged(self) -> bool:
        """Whether the host sees it."""
        ...

    def plug(self) -> None:
        """Connect the cable."""
        ...

    def unplug(self) -> None:
        """Pull the cable."""
        ...

    def stall(self) -> None:
        """Let the far end stop taking what the host sends."""
        ...

    def resume(self) -> None:
        """Let it go on."""
        ...


class Connection(Protocol):
    """A slot's port, and what serves its hub there."""

    @property
    def port(self) -> HostPort:
        """The host's end."""
        ...

    @property
    def interface(self) -> Interface:
        """The hub's end."""
        ...

    def has(self, fault: Fault) -> bool:
        """Whether the fault means anything here."""
        ...

    def statistics(self) -> dict[str, Any]:
        """What was carried and lost."""
        ...


class SerialConnection:
    """SMP over a serial line."""

    def __init__(
        self, port: SerialPort, profile: BufferProfile, faults: SlotFaults, perform: Perform
    ) -> None:
        self.port = port
        self.interface = SmpInterface(port, profile, faults, perform)
        port.flip_rate = lambda: faults.rate(FaultName.BIT_FLIPS)

    def has(self, _: Fault) -> bool:
        """A serial line has them all."""
        return True

    def statistics(self) -> dict[str, Any]:
        """What the line has carried and lost."""
        return {
            "baud": self.port.settings.baud,
            **asdict(self.port.statistics()),
            "lost_by_hub": self.interface.lost,
        }


class UsbConnection:
    """DFU over USB."""

    def __init__(self, port: UsbSocket, profile: DfuProfile, faults: SlotFaults, perform: Perform) -> None:
        self.port = port
        self.interface = DfuInterface(port, profile, faults, perform)

    def has(self, fault: Fault) -> bool:
        """Whether it exists on USB."""
        return exists_on_usb(fault)

    def statistics(self) -> dict[str, Any]:
        """How many class and vendor requests have reached a hub."""
        return {"requests": self.port.requests}
