"""A whole rig in one process: jigs, their slots and ports, the hubs, and who handles them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from simulators.faults import Fault, SlotFaults, arm_all
from simulators.hub import Hub
from simulators.jig_board import SimulatedJigBoard
from simulators.population import HubEntry, HubFileError
from simulators.slot import Slot
from simulators.smp_line import BufferProfile
from simulators.technician import Technician
from simulators.uart import LineSettings, SerialPort


class NoSuchPlace(Exception):
    """The rig has no such jig or slot, or no such hub. The message says what there is."""


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
    boards: bool = False
    """Whether each jig has an I/O board. Then it is the board that gives the slots power."""


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
        self, jigs: dict[int, Jig], boards: dict[int, SimulatedJigBoard], hubs: dict[bytes, Hub]
    ) -> None:
        self.jigs = jigs
        self.boards = boards
        """Each jig's I/O board, on a rig with boards."""
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

    def arm(self, faults: Iterable[Fault]) -> None:
        """Arm faults at the slots that they are meant for."""
        arm_all(faults, [slot.faults for slot in self.slots])


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


@asynccontextmanager
async def open_rig(
    settings: RigSettings, population: list[tuple[HubEntry, Hub]], faults: Iterable[Fault] = ()
) -> AsyncIterator[Rig]:
    """Build the rig, seat the hubs and run until the block is left. Raises HubFileError for a wrong place."""
    _check_places(settings, population)
    async with asyncio.TaskGroup() as tasks:
        jigs = {number: _build_jig(settings, number, tasks) for number in settings.jigs}
        boards = {number: _build_board(settings, jig) for number, jig in jigs.items() if settings.boards}
        rig = Rig(jigs, boards, {entry.chf: hub for entry, hub in population})
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


def _build_jig(settings: RigSettings, number: int, tasks: asyncio.TaskGroup) -> Jig:
    folder = settings.directory / f"jig{number}"
    folder.mkdir(parents=True, exist_ok=True)
    slots = {}
    for slot in range(1, settings.slots + 1):
        seed = f"{settings.seed} {number} {slot}"
        port = SerialPort(folder / f"slot{slot}", settings.line, random.Random(seed).getrandbits(64))
        port.plug()
        faults = SlotFaults(number, slot, random.Random(f"{seed} faults"))
        slots[slot] = Slot(number, slot, port, settings.profile, faults, tasks)
    return Jig(number, slots, Technician(settings.handling_seconds, tasks))


def _build_board(settings: RigSettings, jig: Jig) -> SimulatedJigBoard:
    path = settings.directory / f"jig{jig.number}" / "board"
    board = SimulatedJigBoard(path, jig, serial_number=1000 + jig.number, seed=settings.seed)
    board.plug()
    return board
