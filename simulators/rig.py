"""A whole rig in one process: jigs, their slots and ports, the hubs, and who handles them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Container, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path

from simulators.connection import Connection, Perform, SerialConnection, UsbConnection, exists_on_usb
from simulators.dfu_profile import DfuProfile
from simulators.diary import Diary
from simulators.faults import Fault, FaultFileError, SlotFaults
from simulators.hub import Hub
from simulators.jig_board import SimulatedJigBoard
from simulators.population import HubEntry, HubFileError
from simulators.slot import Slot
from simulators.smp_line import BufferProfile, FrameCutter
from simulators.smp_raw_line import RawCutter
from simulators.technician import Technician
from simulators.uart import LineSettings, SerialPort
from simulators.usb_socket import UsbSocket
from simulators.usbip.server import Server, serve


class Transport(StrEnum):
    """What a rig's jigs are connected by."""

    SERIAL = "serial"
    USB = "usb"
    MIXED = "mixed"
    """Jigs with an odd number are serial, those with an even one are on USB."""

    def is_usb(self, jig: int) -> bool:
        """Whether this jig is on USB."""
        return self is Transport.USB or (self is Transport.MIXED and jig % 2 == 0)


class NoSuchPlace(Exception):
    """The rig has no such jig or slot, or no such hub. The message says what there is."""


class NoBus(Exception):
    """The USB/IP server cannot listen. One line."""


@dataclass(frozen=True, slots=True)
class RigSettings:
    """How a rig is built."""

    directory: Path
    jigs: range
    slots: int = 8
    line: LineSettings = field(default_factory=LineSettings)
    profile: BufferProfile = field(default_factory=BufferProfile)
    seed: int = 7
    handling_seconds: float = 3.0
    boards: Container[int] = ()
    """The jigs with an I/O board. There it is the board that gives the slots power."""
    port_needs_power: bool = False
    """Whether each port is its hub's own, and there only while that has power."""
    transport: Transport = Transport.SERIAL
    dfu: DfuProfile = field(default_factory=DfuProfile)
    """How hubs on USB do DFU."""
    usbip_port: int = 0
    """Where the USB/IP server listens on the loopback interface; 0 is any free port."""

    @property
    def usb_jigs(self) -> list[int]:
        """The jigs on USB."""
        return [jig for jig in self.jigs if self.transport.is_usb(jig)]

    def bus_id(self, jig: int, slot: int) -> str:
        """Where a slot on USB is: each jig is a bus, each slot one of its ports."""
        return f"{jig}-{slot}"


@dataclass(frozen=True, slots=True)
class Jig:
    """One multi-jig and the technician who serves it."""

    number: int
    slots: dict[int, Slot]
    technician: Technician

    # What the jig's own board is wired to.

    @property
    def count(self) -> int:
        """How many slots the jig has."""
        return len(self.slots)

    def seated(self, slot: int) -> bool:
        """Whether a hub presses the slot's presence switch."""
        return self.slots[slot].is_occupied

    def switch_power(self, slot: int, on: bool) -> None:
        """Give the slot power, or take it."""
        self.slots[slot].power(on=on)

    def milliamperes(self, slot: int) -> int:
        """What the slot draws now."""
        return self.slots[slot].current_ma


class Rig:
    """Use as `async with open_rig(...)`."""

    def __init__(
        self,
        jigs: dict[int, Jig],
        boards: dict[int, SimulatedJigBoard],
        hubs: dict[bytes, Hub],
        usbip: tuple[str, int] | None,
        diary: Diary,
    ) -> None:
        self.diary = diary
        """What has happened here."""
        self.jigs = jigs
        self.boards = boards
        """Each jig's I/O board, on a rig with boards."""
        self.usbip = usbip
        """Host and port of the USB/IP server, on a rig with jigs on USB."""
        self.hubs = hubs
        """Every hub that the rig was given, by the CHF id on its plate at the start."""
        self.stop_wanted = asyncio.Event()

    @property
    def slots(self) -> list[Slot]:
        """All slots of all jigs."""
        return [slot for jig in self.jigs.values() for slot in jig.slots.values()]

    def slot(self, jig: int, slot: int) -> Slot:
        """Return one slot. Raises NoSuchPlace."""
        try:
            return self.jigs[jig].slots[slot]
        except KeyError:
            places = ", ".join(
                f"jig {number} slots 1 to {len(found.slots)}" for number, found in self.jigs.items()
            )
            raise NoSuchPlace(f"no jig {jig} slot {slot} here; there are {places}") from None

    def board(self, jig: int) -> SimulatedJigBoard:
        """Return one jig's I/O board. Raises NoSuchPlace."""
        try:
            return self.boards[jig]
        except KeyError:
            here = ", ".join(map(str, self.boards)) or "none, without --boards"
            raise NoSuchPlace(f"no board of a jig {jig} here; there are those of {here}") from None

    def hub(self, chf: bytes) -> Hub:
        """Return one hub, wherever it is. Raises NoSuchPlace."""
        try:
            return self.hubs[chf]
        except KeyError:
            raise NoSuchPlace(f"no hub {chf.hex('-').upper()} among the {len(self.hubs)} here") from None

    def place_of(self, hub: Hub) -> Slot | None:
        """Return where a hub is seated."""
        return next((slot for slot in self.slots if slot.hub is hub), None)

    def struck_by(self, fault: Fault) -> list[Slot]:
        """Return the slots that a fault is meant for. Raises FaultFileError when it exists in none of them."""
        meant = [slot for slot in self.slots if fault.is_at(slot.jig, slot.number)]
        struck = [slot for slot in meant if slot.connection.has(fault)]
        if meant and not struck:
            raise _not_on_usb(fault, meant[0].name)
        return struck

    def arm(self, faults: Iterable[Fault]) -> None:
        """Arm faults at the slots that they are meant for. Raises FaultFileError, having armed none."""
        for fault, struck in [(fault, self.struck_by(fault)) for fault in faults]:
            for slot in struck:
                slot.faults.arm(fault)


def _check_places(settings: RigSettings, population: Iterable[tuple[HubEntry, Hub]]) -> None:
    """Raise HubFileError for a hub that has no place of its own."""
    hubs: set[bytes] = set()
    places: set[tuple[int, int]] = set()
    for entry, _ in population:
        name = f"hub {entry.chf.hex('-').upper()}"
        if entry.chf in hubs:
            raise HubFileError(f"{name} is there twice")
        hubs.add(entry.chf)
        if entry.jig not in settings.jigs:
            raise HubFileError(f"{name}: there is no jig {entry.jig} here")
        if entry.slot is None:
            continue
        if entry.slot > settings.slots:
            raise HubFileError(f"{name}: jig {entry.jig} has no slot {entry.slot}")
        if (entry.jig, entry.slot) in places:
            raise HubFileError(f"{name}: jig {entry.jig} slot {entry.slot} is taken by another one")
        places.add((entry.jig, entry.slot))


def _check_faults(settings: RigSettings, faults: Iterable[Fault]) -> None:
    """Raise FaultFileError for a fault that none of the jigs it is meant for has."""
    for fault in faults:
        jigs = [jig for jig in settings.jigs if fault.jig in {None, jig}]
        if jigs and all(map(settings.transport.is_usb, jigs)) and not exists_on_usb(fault):
            raise _not_on_usb(fault, f"jig {jigs[0]}")


def _not_on_usb(fault: Fault, where: str) -> FaultFileError:
    occasion = "" if fault.on is None else f" on {fault.on}"
    return FaultFileError(f"{where} is on USB, which has no {fault.name}{occasion}: choose another fault")


@asynccontextmanager
async def open_rig(
    settings: RigSettings, population: list[tuple[HubEntry, Hub]], faults: Iterable[Fault] = ()
) -> AsyncIterator[Rig]:
    """Build the rig, seat the hubs and run until the block is left.

    Raises HubFileError for a wrong place, FaultFileError for a fault that its slots do not have, and NoBus when the
    USB/IP server's port is taken.
    """
    faults = tuple(faults)
    _check_places(settings, population)
    _check_faults(settings, faults)
    async with AsyncExitStack() as stack:
        server = None
        if settings.usb_jigs:
            slots = range(1, settings.slots + 1)
            bus_ids = [settings.bus_id(jig, slot) for jig in settings.usb_jigs for slot in slots]
            try:
                server = await stack.enter_async_context(serve(bus_ids, settings.usbip_port))
            except OSError as error:
                raise NoBus(f"port {settings.usbip_port} of the USB/IP server: {error.strerror}") from error
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        diary = Diary()
        jigs = {number: _build_jig(settings, number, server, tasks, diary) for number in settings.jigs}
        boards = {
            number: _build_board(settings, jig, diary)
            for number, jig in jigs.items()
            if number in settings.boards
        }
        hubs = {entry.chf: hub for entry, hub in population}
        for hub in hubs.values():
            hub.diary = diary
        rig = Rig(jigs, boards, hubs, None if server is None else server.address, diary)
        try:
            rig.arm(faults)
            for entry, hub in population:
                if entry.slot is None:
                    jigs[entry.jig].technician.queue.append(hub)
                else:
                    jigs[entry.jig].slots[entry.slot].seat(hub)
            yield rig
        finally:
            for board in boards.values():
                board.close()
            for jig in jigs.values():
                jig.technician.close()
            for slot in rig.slots:
                slot.close()


def _build_jig(
    settings: RigSettings, number: int, server: Server | None, tasks: asyncio.TaskGroup, diary: Diary
) -> Jig:
    folder = settings.directory / f"jig{number}"
    folder.mkdir(parents=True, exist_ok=True)
    slots = {}
    for slot in range(1, settings.slots + 1):
        seed = f"{settings.seed} {number} {slot}"
        faults = SlotFaults(number, slot, random.Random(f"{seed} faults"))
        connect: Callable[[SlotFaults, Perform], Connection]
        if server is not None and settings.transport.is_usb(number):
            connect = partial(
                UsbConnection, UsbSocket(server.ports[settings.bus_id(number, slot)]), settings.dfu
            )
        else:
            cutter = RawCutter() if settings.profile.raw else FrameCutter()
            link, line_seed = folder / f"slot{slot}", random.Random(seed).getrandbits(64)
            port = SerialPort(link, settings.line, line_seed, cutter)
            connect = partial(SerialConnection, port, settings.profile)
        needs_power = settings.port_needs_power
        slots[slot] = Slot(number, slot, connect, faults, tasks, diary, port_needs_power=needs_power)
    return Jig(number, slots, Technician(settings.handling_seconds, tasks))


def _build_board(settings: RigSettings, jig: Jig, diary: Diary) -> SimulatedJigBoard:
    path = settings.directory / f"jig{jig.number}" / "board"
    board = SimulatedJigBoard(path, jig, serial_number=1000 + jig.number, seed=settings.seed)
    for slot in jig.slots.values():
        slot.on_switch = board.scan
    board.on_lamp = lambda slot, colour: diary.note("lamp", jig=jig.number, slot=slot, colour=colour)
    board.plug()
    return board
