"""A jig's I/O board for as long as the station lives: found, watched, lost, and found again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import closing, suppress
from typing import NoReturn

from drivers.boot_clock import since_boot
from drivers.jig_board.connection import Connection, connected_over, name_of
from drivers.jig_board.errors import (
    BoardAnswerInvalid,
    BoardFrozen,
    BoardOffline,
    BoardRefused,
    BoardRestarted,
    BoardSilent,
    BoardTooSlow,
    BoardUnavailable,
    JigBoardError,
)
from drivers.jig_board.events import (
    BoardBack,
    BoardEvent,
    BoardIdentity,
    BoardLost,
    LampsInDoubt,
    LooksFrequent,
    LooksMissed,
    LooksTooRare,
    PowerAmiss,
    SlotEmptied,
    SlotOpened,
    SlotSeated,
)
from drivers.jig_board.inputs import (
    UNWATCHED_SECONDS,
    InputWatch,
    InsertionWatch,
    Measurements,
    PresenceDoubt,
)
from drivers.jig_board.line import ILLEGAL_ADDRESS, ILLEGAL_FUNCTION, ModbusLine
from drivers.jig_board.registers import BoardRegisters, Lamp
from drivers.jig_board.settings import JigBoardSettings
from drivers.port_watch import PortWatch

FIRST_RECONNECT_SECONDS = 0.25
"""Pause after a connection that was lost, and after a look for a port of which nothing is heard; each doubles."""

LOOK_AGAIN_SECONDS = 0.2
"""So long after a look another is taken between the questions of a heartbeat."""

RARE_LOOKS = 3
"""So many missed looks without `CALM_SECONDS` between them are no accident."""

CALM_SECONDS = 10.0
"""So long without a missed look takes that back."""

WATCHDOG_MARGIN = 0.9
"""A heartbeat this late, as a share of the board's patience, may have been too late: its clock is not ours."""


class JigBoard:
    """One jig's board. `run` watches it and tells `on_event`; the other methods may be called meanwhile.

    Commands raise BoardOffline while there is no connection, and else what `ModbusLine.ask` raises. A command's
    failure does not end the connection: the watch finds out for itself. Slots are numbered from 1.
    """

    def __init__(
        self,
        jig: str,
        settings: JigBoardSettings,
        on_event: Callable[[BoardEvent], None],
        clock: Callable[[], float] = since_boot,
    ) -> None:
        """`clock` tells seconds that also pass while the machine sleeps, as they do for hands and for the board."""
        self._name = name_of(jig, settings)
        self._settings = settings
        self._tell = on_event
        self._clock = clock
        self._online: BoardRegisters | None = None
        self._told: type[JigBoardError] | None = None
        """Why the board was last told to be lost; None while it is there."""
        self._inputs = InputWatch(settings)
        self._doubt = PresenceDoubt(settings)
        self._insertions = InsertionWatch()
        self._counts_insertions = True
        self._looked = self._check_due = 0.0
        self._missed = 0
        self._missed_at = 0.0
        self._power: dict[int, bool] = {}
        self._lamps: dict[int, Lamp] = {}
        """What the board has acknowledged since it was found, by slot."""

    async def run(self) -> NoReturn:
        """Watch the board until cancelled, whatever becomes of it. `on_event` is called here, and must not wait."""
        settings = self._settings
        clock = self._clock
        pause = FIRST_RECONNECT_SECONDS
        while True:
            began = clock()
            try:
                async with connected_over(await self._line(), self._name, settings) as connection:
                    power = await connection.registers.power()
                    self._told = None
                    self._begin_anew()
                    self._power.clear()
                    self._lamps.clear()
                    self._counts_insertions = True
                    self._online = connection.registers
                    try:
                        self._tell(BoardBack(connection.identity, power))
                        await self._watch(connection)
                    except JigBoardError as error:
                        self._tell_loss(error)  # before the port is given back, which takes a moment
                        raise
                    finally:
                        self._online = None
            except JigBoardError as error:
                self._tell_loss(error)
            # A board that comes and goes gets no more attention than one that stays away.
            if clock() - began > settings.reconnect_seconds:
                pause = FIRST_RECONNECT_SECONDS
            await asyncio.sleep(pause)
            pause = min(2 * pause, settings.reconnect_seconds)

    async def _line(self) -> ModbusLine:
        """Return the line to the board, however long it takes until its port is there."""
        pause = FIRST_RECONNECT_SECONDS
        with closing(PortWatch(self._settings.port)) as watch:
            while True:
                try:
                    return await ModbusLine.open(self._settings, self._name)
                except BoardUnavailable as error:
                    self._tell_loss(error)
                await watch.changed(pause)
                pause = min(2 * pause, self._settings.reconnect_seconds)

    async def set_power(self, slot: int, on: bool) -> None:
        """Switch one slot's power. Its lamp goes dark before it gets power: a green lamp is never the last hub's."""
        registers = self._registers()
        if on:
            await self.set_lamp(slot, Lamp.DARK)
        self._power.pop(slot, None)
        await registers.set_power(slot, on)
        self._power[slot] = on

    async def set_lamp(self, slot: int, lamp: Lamp) -> None:
        """Set one slot's lamp."""
        registers = self._registers()
        self._lamps.pop(slot, None)
        await registers.set_lamp(slot, lamp)
        self._lamps[slot] = lamp

    async def power(self) -> tuple[bool, ...]:
        """Ask which slots the board powers, slot 1 first."""
        return await self._registers().power()

    async def seated(self) -> tuple[bool, ...]:
        """Ask what the presence switches say at this very moment, slot 1 first: before it is believed."""
        return (await self._registers().inputs()).seated

    async def measurements(self) -> Measurements:
        """Ask for currents and supply."""
        return await self._registers().measurements()

    async def currents(self) -> tuple[int, ...]:
        """Ask what each slot draws, in mA, slot 1 first."""
        return (await self.measurements()).slot_milliamperes

    async def insertions(self) -> tuple[int, ...] | None:
        """Ask how often a hub was seated in each slot, slot 1 first; None where the map says that nothing counts."""
        return await self._registers().insertions()

    async def identity(self) -> BoardIdentity:
        """Ask which board this is. It is the configured one: another is never online."""
        return await self._registers().identity()

    def notice_a_gap(self) -> None:
        """Tell that looks were missed if the last one is too long ago; the watch does so itself at its next look.

        For who is about to act on what the inputs said, and may have been held up as long as the watch was.
        """
        now = self._clock()
        if self._online is not None and now - self._looked > UNWATCHED_SECONDS:
            self._begin_anew()
            self._tell(LooksMissed())
            self._count_missed(now)

    def _count_missed(self, now: float) -> None:
        self._missed = self._missed + 1 if now - self._missed_at < CALM_SECONDS else 1
        self._missed_at = now
        if self._missed == RARE_LOOKS:
            what = (
                f"looks at its inputs are often more than {UNWATCHED_SECONDS * 1000:.0f} ms apart;"
                " raise heartbeat_seconds, use a faster line or board, or relieve the PC"
            )
            self._tell(LooksTooRare(BoardTooSlow(self._name, what)))

    def _take_back_too_rare(self) -> None:
        if self._missed and self._clock() - self._missed_at > CALM_SECONDS:
            if self._missed >= RARE_LOOKS:
                self._tell(LooksFrequent())
            self._missed = 0

    def _tell_loss(self, error: JigBoardError) -> None:
        if type(error) is not self._told:
            self._told = type(error)
            self._tell(BoardLost(error))

    def _begin_anew(self) -> None:
        """Believe nothing that was seen before."""
        self._inputs = InputWatch(self._settings)
        self._doubt = PresenceDoubt(self._settings)
        self._looked = self._check_due = self._clock()

    def _registers(self) -> BoardRegisters:
        if self._online is None:
            raise BoardOffline(
                self._name,
                "is not connected; see why it was lost, it is looked for again and again",
            )
        return self._online

    async def _watch(self, connection: Connection) -> NoReturn:
        settings = self._settings
        clock = self._clock
        failures = 0
        beaten = clock()
        while True:
            try:
                await self._look(connection.registers)
                if clock() >= self._check_due:
                    beating, lamps = clock(), dict(self._lamps)
                    measured = await connection.life.exchange()
                    late = clock() - beaten > WATCHDOG_MARGIN * settings.watchdog_seconds
                    if late or self._lamps_are_amiss(lamps, connection.life.lamps):
                        self._tell(LampsInDoubt())
                    beaten = beating
                    self._take_back_too_rare()
                    await self._look_again(connection.registers)
                    await self._check(connection.registers, measured)
                    self._check_due = clock() + settings.heartbeat_seconds
                failures = 0
            except (BoardUnavailable, BoardFrozen, BoardRestarted):
                raise
            except JigBoardError:
                failures += 1
                if failures >= settings.failures_to_lose:
                    raise
            # All boards look at the same moments, so that the process wakes up once for all of them.
            await asyncio.sleep(settings.poll_seconds - clock() % settings.poll_seconds)

    async def _look(self, registers: BoardRegisters) -> None:
        """Look at the inputs once and tell what is new, at once; only whether an open slot is empty has to be asked."""
        seen = await registers.inputs()
        self.notice_a_gap()
        self._looked = self._clock()
        before = self._inputs.seated
        news = self._inputs.look(seen, self._looked)
        opened: list[SlotEmptied] = []
        for event in news:
            if isinstance(event, SlotEmptied):
                opened.append(event)
                self._tell(SlotOpened(event.slot))
            else:
                self._tell(event)
            if isinstance(event, SlotSeated | SlotEmptied):
                self._doubt.moved(event.slot)
            if isinstance(event, SlotSeated) and before[event.slot - 1] is False:
                self._insertions.saw(event.slot)
        if opened:
            await self._tell_emptied(opened, registers)

    async def _look_again(self, registers: BoardRegisters) -> None:
        """Look between two other questions, where the board takes so long for each that a hub could be exchanged."""
        if self._clock() - self._looked > LOOK_AGAIN_SECONDS:
            await self._look(registers)

    async def _tell_emptied(self, opened: list[SlotEmptied], registers: BoardRegisters) -> None:
        """Tell that slots are empty, and which of them are not believed: one that still draws current was not emptied."""
        drawn: tuple[int, ...] | None = None
        inputs = self._inputs
        with suppress(BoardSilent, BoardAnswerInvalid, BoardRefused):
            drawn = (await registers.measurements()).slot_milliamperes
        if self._inputs is not inputs:
            return  # looks were missed meanwhile: what was seen before them counts no more
        for event in opened:
            self._tell(event)
            if drawn is not None:
                contradiction = self._doubt.emptied(event.slot, drawn[event.slot - 1])
                if contradiction is not None:
                    self._tell(contradiction)

    async def _check(self, registers: BoardRegisters, measured: Measurements) -> None:
        """Hold presence against current and against the board's own count of insertions."""
        acknowledged = dict(self._power)
        power = await registers.power()
        for slot, on in acknowledged.items():
            if power[slot - 1] is not on and self._power.get(slot) is on:
                self._tell(PowerAmiss(slot, power[slot - 1]))
        if not self._inputs.emergency_stop:
            for event in self._doubt.compare(self._inputs.seated, power, measured.slot_milliamperes):
                self._tell(event)
        await self._look_again(registers)
        counts = await self._counts(registers)
        if counts is not None:
            for reseated in self._insertions.compare(counts, self._inputs.seated):
                self._tell(reseated)

    def _lamps_are_amiss(self, acknowledged: dict[int, Lamp], read: tuple[int, ...] | None) -> bool:
        """Whether a lamp that was not set meanwhile shows something else than what the board acknowledged."""
        return read is not None and any(
            read[slot - 1] != lamp and self._lamps.get(slot) is lamp for slot, lamp in acknowledged.items()
        )

    async def _counts(self, registers: BoardRegisters) -> tuple[int, ...] | None:
        """Ask for the insertions, unless the board has refused to tell them: not every board counts."""
        if not self._counts_insertions:
            return None
        try:
            return await registers.insertions()
        except BoardRefused as refused:
            if refused.code not in {ILLEGAL_FUNCTION, ILLEGAL_ADDRESS}:
                raise
            self._counts_insertions = False
            return None
