"""A jig's I/O board in software: a Modbus RTU device that lives, bounces and fails like a real one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final, Protocol

from simulators import modbus_rtu
from simulators.board_faults import ArmedFault, BoardFault, FrozenTables, Question, question_of, spoil
from simulators.modbus_line import ModbusLine

CHANNELS: Final = 8
SCAN_SECONDS: Final = 0.01
BOOT_SECONDS: Final = 0.3
BOUNCE_SECONDS: Final = 0.03
LATE_SECONDS: Final = 0.4
SUPPLY_MILLIVOLTS: Final = 12_000
LAMP_DARK: Final = 0


class JigSlots(Protocol):
    """The slots of one jig as its board is wired to them. Numbered from 1."""

    @property
    def count(self) -> int:
        """How many slots the jig has."""
        ...

    def seated(self, slot: int) -> bool:
        """Say whether a hub presses the slot's presence switch."""
        ...

    def switch_power(self, slot: int, on: bool) -> None:
        """Give the slot power, or take it."""
        ...

    def milliamperes(self, slot: int) -> int:
        """Say what the slot draws now."""
        ...


class SimulatedJigBoard:
    """One board; `plug` puts it on a pty. Lid, button, stop and faults are for whoever plays the person.

    A board has 8 channels, whatever the jig uses of them. Discrete inputs: presence 0 to 7, lid closed 8, start
    9, stop 10. Coils: power 0 to 7. Holding registers: lamps 0 to 7, heartbeat 8. Input registers: currents 0
    to 7, supply 8, scan counter 9, serial number 10 and 11, firmware version 12, insertions 16 to 31 (two each).
    """

    def __init__(
        self,
        path: Path,
        slots: JigSlots,
        *,
        serial_number: int = 1001,
        firmware_version: tuple[int, int] = (1, 4),
        device_id: int = 1,
        baud_rate: int = 115200,
        watchdog_seconds: float = 5.0,
        watchdog_cuts_power: bool = False,
        seed: int = 0,
    ) -> None:
        if slots.count > CHANNELS:
            raise ValueError(f"a board has {CHANNELS} channels, {slots.count} slots are asked for")
        self.lying: set[int] = set()
        """The slots whose presence input says the opposite."""
        self.lid_closed = False
        self.start_pressed = False
        self.on_lamp: Callable[[int, int], None] = lambda _slot, _colour: None
        """Told of every lamp that changes, with its new colour."""
        self.path = path
        """Where the board's port is linked while it is plugged."""
        self._slots = slots
        self._serial_number = serial_number
        self._firmware_version = firmware_version
        self._device_id = device_id
        self._baud_rate = baud_rate
        self._watchdog_seconds = watchdog_seconds
        self._watchdog_cuts_power = watchdog_cuts_power
        self._random = Random(seed)
        self._loop = asyncio.get_running_loop()
        self._line: ModbusLine | None = None
        self._fault = BoardFault.NONE
        self._frozen: FrozenTables | None = None
        self._armed: list[ArmedFault] = []
        self._watchdog: asyncio.TimerHandle | None = None
        self._booted_at = self._loop.time()
        self._silent_until = self._booted_at
        self._emergency_stop = False
        self._coils = [False] * CHANNELS
        self._powered = [False] * CHANNELS
        self._lamps = [LAMP_DARK] * CHANNELS
        self._heartbeat = 0
        self._insertions = [0] * CHANNELS
        self._switches = [slots.seated(slot) for slot in range(1, slots.count + 1)]
        self._moved_at = [-BOUNCE_SECONDS] * CHANNELS
        for slot in range(1, slots.count + 1):
            slots.switch_power(slot, False)

    # What a person does.

    def plug(self) -> None:
        """Connect the board to a new pty, if it is not connected."""
        if self._line is not None:
            return
        self._line = ModbusLine(self.path, self._baud_rate, self._answer)

    def unplug(self) -> None:
        """Pull the serial cable: the port vanishes. The board itself goes on."""
        if self._line is not None:
            self._line.close()
            self._line = None

    def close(self) -> None:
        """Take the board away."""
        self.unplug()
        if self._watchdog is not None:
            self._watchdog.cancel()

    def restart(self) -> None:
        """Switch the board's own supply off and on: it forgets power, lamps and heartbeat, and thaws."""
        if self._fault is BoardFault.FROZEN:
            self.fault = BoardFault.NONE
        self._booted_at = self._loop.time()
        self._silent_until = self._booted_at + BOOT_SECONDS
        self._coils = [False] * CHANNELS
        self._darken()
        self._heartbeat = 0
        if self._watchdog is not None:
            self._watchdog.cancel()
        self._switch()

    def press_emergency_stop(self) -> None:
        """Cut all slots' power, in hardware: the coils stay as they are."""
        self._emergency_stop = True
        self._switch()

    def release_emergency_stop(self) -> None:
        """Give the slots whose coils are on their power again."""
        self._emergency_stop = False
        self._switch()

    @property
    def fault(self) -> BoardFault:
        """What is wrong with the board."""
        return self._fault

    @fault.setter
    def fault(self, fault: BoardFault) -> None:
        self._frozen = FrozenTables(self) if fault is BoardFault.FROZEN else None
        self._fault = fault

    def arm(self, fault: BoardFault, on: Question, times: int) -> None:
        """Spoil the next answers to one kind of question. What is wrong with the whole board goes before it."""
        self._armed.append(ArmedFault(fault, on, times, FrozenTables(self)))

    def disarm(self) -> None:
        """Forget all armed faults."""
        self._armed.clear()

    @property
    def armed(self) -> tuple[ArmedFault, ...]:
        """The faults that still wait for questions."""
        return tuple(self._armed)

    def scan(self) -> None:
        """Look at the presence switches, as the board does all the time: whoever moves one calls this."""
        for index in range(self._slots.count):
            switch = self._slots.seated(index + 1)
            if switch is not self._switches[index]:
                self._switches[index] = switch
                self._moved_at[index] = self._loop.time()
                self._insertions[index] += switch

    @property
    def is_plugged(self) -> bool:
        """Whether the serial cable is in."""
        return self._line is not None

    @property
    def emergency_stop(self) -> bool:
        """Whether the emergency stop is pressed."""
        return self._emergency_stop

    # What a person sees.

    @property
    def lamps(self) -> tuple[int, ...]:
        """What the lamps show, slot 1 first."""
        return tuple(self._lamps)

    @property
    def powered(self) -> tuple[bool, ...]:
        """Which slots have power, slot 1 first."""
        return tuple(self._powered)

    # What the station reads and writes.

    def discrete_inputs(self) -> list[bool]:
        """Return presence, lid, start and stop."""
        self.scan()
        now = self._loop.time()
        presence = []
        for index in range(self._slots.count):
            switch = self._switches[index]
            bounces = now - self._moved_at[index] < BOUNCE_SECONDS and self._random.random() < 0.5
            presence.append(switch ^ bounces ^ (index + 1 in self.lying))
        presence += [False] * (CHANNELS - len(presence))
        return [*presence, self.lid_closed, self.start_pressed, self._emergency_stop]

    def coils(self) -> list[bool]:
        """Return the power coils."""
        return self._coils

    def input_registers(self) -> list[int]:
        """Return currents, supply, scan counter, identity and insertions."""
        scans = int((self._loop.time() - self._booted_at) / SCAN_SECONDS)
        major, minor = self._firmware_version
        currents = [self._slots.milliamperes(slot) for slot in range(1, self._slots.count + 1)]
        registers = [
            *currents,
            *[0] * (CHANNELS - len(currents)),
            SUPPLY_MILLIVOLTS,
            scans & 0xFFFF,
            self._serial_number >> 16,
            self._serial_number & 0xFFFF,
            major << 8 | minor,
            *[0] * 3,
        ]
        for insertions in self._insertions:
            registers += [insertions >> 16 & 0xFFFF, insertions & 0xFFFF]
        return registers

    def holding_registers(self) -> list[int]:
        """Return the lamps and the last heartbeat."""
        return [*self._lamps, self._heartbeat]

    def write_coil(self, address: int, on: bool) -> None:
        """Switch a slot's power, as far as the emergency stop lets it."""
        self._coils[address] = on
        self._switch()

    def write_holding_register(self, address: int, value: int) -> None:
        """Set a lamp, or take a heartbeat."""
        if address < CHANNELS:
            self._show(address, value)
            return
        self._heartbeat = value
        if self._watchdog is not None:
            self._watchdog.cancel()
        self._watchdog = self._loop.call_later(self._watchdog_seconds, self._station_is_dead)

    def _station_is_dead(self) -> None:
        self._watchdog = None
        self._darken()
        if self._watchdog_cuts_power:
            self._coils = [False] * CHANNELS
            self._switch()

    def _show(self, index: int, colour: int) -> None:
        if self._lamps[index] != colour:
            self._lamps[index] = colour
            self.on_lamp(index + 1, colour)

    def _darken(self) -> None:
        for index in range(CHANNELS):
            self._show(index, LAMP_DARK)

    def _switch(self) -> None:
        for index, coil in enumerate(self._coils):
            on = coil and not self._emergency_stop
            if on is not self._powered[index] and index < self._slots.count:
                self._powered[index] = on
                self._slots.switch_power(index + 1, on)

    def _answer(self, frame: bytes) -> bytes | None:
        fault, frozen = self._fault, self._frozen
        if fault is BoardFault.NONE and (armed := self._struck(frame)) is not None:
            fault = armed.fault
            frozen = armed.tables if fault is BoardFault.FROZEN else None
        if fault is BoardFault.SILENT or self._loop.time() < self._silent_until:
            return None
        if self._line is not None:
            self._line.delay = LATE_SECONDS if fault is BoardFault.LATE else 0.0
        answer = modbus_rtu.answer(frame, self._device_id, frozen or self)
        return None if answer is None else spoil(fault, frame, answer)

    def _struck(self, frame: bytes) -> ArmedFault | None:
        """Return the fault that waits for this question, once less."""
        question = question_of(frame)
        for armed in self._armed:
            if armed.on is question:
                armed.left -= 1
                if not armed.left:
                    self._armed.remove(armed)
                return armed
        return None
