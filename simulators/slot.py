"""One slot of a jig: a connection to the host, a supply, and a hub or none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from simulators.connection import Connection, Perform
from simulators.diary import Diary
from simulators.faults import Fault, FaultName, SlotFaults
from simulators.flash import PowerLost
from simulators.hub import Hub

_RETURN_AFTER = 1.0
"""Seconds without power, where a fault does not say."""


class SlotError(Exception):
    """The slot is not in the state for that. The message names it."""


class Slot:
    """Lives in the task group it is given; the hub runs as one task of it while under power."""

    def __init__(
        self,
        jig: int,
        number: int,
        connect: Callable[[SlotFaults, Perform], Connection],
        faults: SlotFaults,
        tasks: asyncio.TaskGroup,
        diary: Diary,
        *,
        port_needs_power: bool = False,
    ) -> None:
        """With `port_needs_power` the port is the hub's own: it is there while the hub has power."""
        self.jig = jig
        self.number = number
        self.connection = connect(faults, self.perform)
        self.port = self.connection.port
        self.interface = self.connection.interface
        self.faults = faults
        self.hub: Hub | None = None
        self.is_powered = True
        """Whether the slot's supply is switched on."""
        self._tasks = tasks
        self._diary = diary
        self._port_needs_power = port_needs_power
        if not port_needs_power:
            self.port.plug()
        self._life: asyncio.Task[None] | None = None
        self._loose: tuple[Hub, asyncio.TimerHandle] | None = None
        """A hub that has left its seat, and when it is back in it."""
        self._timers: list[asyncio.TimerHandle] = []
        self.on_switch: Callable[[], None] = lambda: None
        """Called when the presence switch has moved."""

    @property
    def name(self) -> str:
        """As an operator says it."""
        return f"jig {self.jig} slot {self.number}"

    @property
    def is_occupied(self) -> bool:
        """What the slot's presence switch says."""
        return self.hub is not None

    @property
    def is_loose(self) -> bool:
        """Whether a hub that left its seat will come back by itself."""
        return self._loose is not None

    @property
    def current_ma(self) -> int:
        """What flows into the slot, in milliamperes."""
        return 0 if self.hub is None or not self.is_powered else self.hub.current_ma

    def seat(self, hub: Hub) -> None:
        """Put a hub in; it boots if the supply is on. Raises SlotError when there is one already."""
        if self.hub is not None:
            raise SlotError(f"{self.name} is occupied: unseat its hub first")
        self._forget_return()
        self.hub = hub
        self._note("seated", hub)
        self.on_switch()
        self._start(hub)

    def unseat(self) -> Hub:
        """Take the hub out, whatever it is doing, or pick up the loose one. Raises SlotError when there is none."""
        loose = self._forget_return()
        if self.hub is None and loose is not None:
            return loose
        if self.hub is None:
            raise SlotError(f"{self.name} is empty: seat a hub first")
        self._stop()
        hub, self.hub = self.hub, None
        self._note("removed", hub)
        self.on_switch()
        return hub

    def power(self, *, on: bool) -> None:
        """Switch the slot's supply."""
        self.is_powered = on
        self._stop()
        if self.hub is not None:
            self._start(self.hub)

    def close(self) -> None:
        """Cut the power and take the port away, for good."""
        self._forget_return()
        for timer in self._timers:
            timer.cancel()
        self._stop()
        self.port.unplug()

    def perform(self, fault: Fault) -> None:
        """Carry out a fault of hands, cables or supplies."""
        loop = asyncio.get_running_loop()
        match fault.name:
            case FaultName.UNPLUG_HUB if self.hub is not None:
                hub = self.unseat()
                if fault.seconds is not None:
                    self._loose = hub, loop.call_later(fault.seconds, self.seat, hub)
            case FaultName.UNPLUG_PORT:
                self.port.unplug()
                if fault.seconds is not None:
                    self._timers.append(loop.call_later(fault.seconds, self.port.plug))
            case FaultName.STALL:
                self.port.stall()
                if fault.seconds is not None:
                    self._timers.append(loop.call_later(fault.seconds, self.port.resume))
            case FaultName.POWER_LOSS | FaultName.REBOOT if self.hub is not None:
                rests = fault.name is FaultName.POWER_LOSS
                self._stop()
                self._start(self.hub, (fault.seconds or _RETURN_AFTER) if rests else 0.0)
            case _:
                pass

    def _note(self, what: str, hub: Hub) -> None:
        self._diary.note(what, jig=self.jig, slot=self.number, chf=hub.name)

    def _start(self, hub: Hub, after: float = 0.0) -> None:
        if self.is_powered:
            if self._port_needs_power:
                self.port.plug()
            self._life = self._tasks.create_task(self._live(hub, after), name=self.name)

    def _stop(self) -> None:
        if self._life is not None:
            self._life.cancel()
        if self._port_needs_power:
            self.port.unplug()

    def _forget_return(self) -> Hub | None:
        """Leave a loose hub where it lies; return it."""
        if self._loose is None:
            return None
        (hub, back), self._loose = self._loose, None
        back.cancel()
        return hub

    async def _live(self, hub: Hub, after: float) -> None:
        await asyncio.sleep(after)
        while True:
            try:
                await hub.run(self.interface, self.faults)
            except PowerLost as lost:
                await asyncio.sleep(_RETURN_AFTER if lost.seconds is None else lost.seconds)
