"""A hub that sits in a slot: worked on, shown, and asked again whenever it may have been taken out meanwhile.

Between any two looks the hub may be another. What speaks of a removal (the jig's switch, a gap in what was seen,
the same id in another slot) is held against the hub itself: it moves on, or it answers, or its visit is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, NoReturn

import structlog

from drivers.errors import DriverError
from drivers.hub import DeviceIdentity, HubDriver, describe_image
from station.attempt.conduct import Concluded, Conductor, StillSeated
from station.attempt.failure import is_out_of_reach
from station.attempt.first_look import Visit
from station.attempt.history import Left, own_open_attempt
from station.attempt.parts import LeftOpen, Progress
from station.attempt.recovery_boot import RecoveryBoot
from station.bench.changes import Changes, first_of
from station.bench.display import SlotDisplay
from station.bench.pace import Pace
from station.bench.recognition import Recognised
from station.bench.seat import Seat
from station.bench.shown import goes_home, put_aside, release_gone, unsettled, withdrawn
from station.domain.label import ScannedLabel
from station.domain.outcome import Code, Stage
from station.domain.phase import SlotPhase
from station.domain.position import Position
from station.domain.reason import Reason
from station.domain.slot_name import SlotName
from station.domain.slot_view import SlotView
from station.domain.statement import Details
from station.records.facts.attempts import AttemptInterrupted, HubLost
from station.records.journal import Journal

_PERIOD_SECONDS: Final = 0.25
"""A hub that is written moves on within this time. It takes two in a row: answers that came before a hub was taken out
may be read after it."""
_ANSWER_SECONDS: Final = 0.4
"""How long a hub may take to say that it still sits in a slot whose switch has opened: an idle one needs a moment."""
_LOOK_SECONDS: Final = 2.5
"""How long a hub that is done may take to say that it is still here, when somebody asks who has its label in hand: longer than
the silence by which a link tells that a hub has gone, and not so long that whoever asked has given up."""

_SILENT_SECONDS: Final = 5.0
"""A hub that is written and has said nothing for so long is told of, and again after as long. It may be erasing."""

_log = structlog.stdlib.get_logger()

Ending = Concluded | LeftOpen | StillSeated


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitParts:
    """What surrounds the hubs of one slot."""

    place: SlotName
    seat: Seat
    conductor: Conductor
    journal: Journal
    display: SlotDisplay
    recovery_boot: RecoveryBoot
    pace: Pace
    runs_withdrawn: Callable[[DeviceIdentity], bool]
    """Whether what a hub runs is known to be withdrawn."""
    recognition_seconds: float
    """How long a hub that gets its power back may take to say who it is, its boot included."""


@dataclass(slots=True)
class _Movement:
    """What was heard of the work on the hub."""

    latest: Progress | None = None
    count: int = 0
    changes: Changes = field(default_factory=Changes)

    def hear(self, progress: Progress) -> None:
        if progress != self.latest:
            self.latest = progress
            self.count += 1
            self.changes.tell()

    async def until_more(self, count: int) -> None:
        """Return once more than `count` things were heard."""
        await self.changes.until(lambda: self.count > count)


class SeatedHub:
    """The hub that said in a slot who it is, until it is gone. A `live_hubs.Holder`."""

    def __init__(self, parts: VisitParts, driver: HubDriver, recognised: Recognised) -> None:
        self.hub = recognised.hub
        """As it last identified itself."""
        self.label: ScannedLabel | None = None
        """The label scanned for it so far."""
        self.shown: SlotView | None = None
        """Its result, once there is one."""
        self._withdrawn_from: str | None = None
        self._parts = parts
        self._driver = driver
        self._movement = _Movement()
        self._gaps_before = recognised.gaps
        self._boot_seconds = recognised.boot_seconds
        self._due: tuple[Position, datetime | None] | None = None
        """When its result is due, as seen from the beginning of a stage."""
        self._question: asyncio.Future[bool] | None = None
        self._asked = Changes()

    @property
    def place(self) -> SlotName:
        """Where it sits."""
        return self._parts.place

    @property
    def mislabelled(self) -> bool:
        """Whether the label scanned here is another hub's."""
        return self.label is not None and not self.label.names(self.hub)

    def scan(self, label: ScannedLabel) -> None:
        """Hold a label against it. One of another hub, after the result, lets none go home as it is."""
        self.label = label
        if self.shown is not None and self.mislabelled:
            self._show_instead(self.shown, put_aside(self.shown, label, self.hub))

    def withdraw(self, order: str) -> None:
        """Learn that the order does not list it any more: what was done stays done, and it does not go home."""
        self._withdrawn_from = order
        self.look_at_release()

    def look_at_release(self) -> None:
        """Learn that the catalogue may say something else now: one whose release was withdrawn does not go home."""
        if self.shown is not None:
            self._show_instead(self.shown, self.as_it_stands(self.shown))

    def _show_instead(self, former: SlotView, shown: SlotView) -> None:
        """Change its result; what else is shown just now stays."""
        self.shown = shown
        if self._parts.display.phase is former.phase:
            self._parts.display.put(shown)

    def as_it_stands(self, shown: SlotView) -> SlotView:
        """Return what to show of a result: no hub goes home that its order, or the catalogue, has given up meanwhile."""
        if self._withdrawn_from is not None:
            shown = withdrawn(shown, self._withdrawn_from)
        return release_gone(shown, self.hub) if self._parts.runs_withdrawn(self.hub) else shown

    async def still_here(self) -> bool:
        """Look again, because its id was met in another slot. One that does not answer is let go."""
        if self._question is None:
            self._question = asyncio.get_running_loop().create_future()
            self._asked.tell()
        return await asyncio.shield(self._question)

    def gone(self) -> None:
        """Whoever asks from now on, or has asked, is told that it is no longer here."""
        self._answer(False)

    async def conduct(self, elsewhere: SlotName | None, *, may_be_anew: bool = True) -> Ending:
        """Have the hub taken as far as it goes, for as long as it sits here.

        One that booted since its last result is begun with again only if it `may_be_anew`. An emergency stop, or a hub that has left, ends the visit where it is: its attempt stays open.
        """
        while True:
            ending: Ending | None = await first_of(
                self._conduct(elsewhere, may_be_anew),
                self._until_stopped(),
                self._tell_stalls(),
                self._until_not_known_to_sit_here(),
            )
            if ending is not None:
                return ending
            self._parts.display.looking(self.hub)
            try:
                here = await self._answers()
            except DriverError:  # the port went with it, perhaps
                await self._left()
                raise
            if not here:
                return await self._left()
            self._answer(True)
            # The attempt goes on where the hub is, as after any interruption.

    async def until_gone(self) -> None:
        """Show its result for as long as the very hub is known to sit here; return once it does not, as it did."""
        parts = self._parts
        while self.shown is not None:
            if parts.seat.gaps == self._gaps_before:
                parts.display.put(self.shown)
                removed: bool | None = await first_of(self._removal(), self._until_looked_for())
                # What held the station up kept the link silent too: then only the hub itself can say.
                if removed and parts.seat.gaps == self._gaps_before:
                    return
            parts.display.looking(self.hub)
            seen = await self._identity(_LOOK_SECONDS if self._is_asked() else None)
            if seen is None:
                seen = await self._until_it_answers()
            if seen != self.hub:
                return
            self._answer(True)

    async def check_departure(self, left: Left) -> None:
        """Let a hub that was to go home, and out of the station's sight since, do so only if it is as it was left."""
        if self.shown is not None and goes_home(self.shown):
            wrong = await self._wrong_for_departure(left)
            if wrong is not None:
                self.shown = unsettled(self.shown, *wrong)

    async def _wrong_for_departure(self, left: Left) -> tuple[Reason, Details] | None:
        if not self.hub.locked:
            return Reason.UNLOCKED_SINCE, Details()
        try:
            state = await self._driver.state()
        except DriverError as error:
            if is_out_of_reach(error):
                raise
            return Reason.STATE_UNTOLD, Details(detail=error.fact)
        if state.running is None or not state.running.confirmed or state.pending is not None:
            return Reason.WOULD_CHANGE, Details()
        if left.firmware is not None and self.hub.firmware != left.firmware:
            return Reason.OTHER_VERSION, Details(left=left.firmware, runs=self.hub.firmware)
        running = state.running.image_hash
        if left.image_hash is not None and (running is None or running.hex() != left.image_hash):
            return Reason.OTHER_IMAGE, Details(detail=describe_image(state.running))
        return None

    async def _conduct(self, elsewhere: SlotName | None, may_be_anew: bool) -> Ending:
        parts = self._parts

        def hear(progress: Progress) -> None:
            self._movement.hear(progress)
            self._show(progress)

        ending = await parts.conductor.conduct(
            Visit(
                place=parts.place,
                driver=self._driver,
                hub=self.hub,
                label=lambda: self.label,
                seen_elsewhere=elsewhere,
                present=self._present,
                power_cycle=parts.seat.power_cycle,
                leave_recovery=lambda: parts.recovery_boot.order(self._driver),
                on_progress=hear,
                may_be_anew=may_be_anew,
                boot_seconds=self._boot_seconds,
            )
        )
        if isinstance(ending, Concluded):
            self.hub = ending.hub
        return ending

    async def _until_stopped(self) -> LeftOpen:
        await self._parts.seat.until_stopped()
        return LeftOpen(self._stage(), Reason.STOP_ENDED_IT)

    async def _tell_stalls(self) -> NoReturn:
        """Say of a hub that is written for how long it has not answered."""
        clock = asyncio.get_running_loop().time
        movement, heard = self._movement, clock()
        while True:
            try:
                async with asyncio.timeout(_SILENT_SECONDS):
                    await movement.until_more(movement.count)
            except TimeoutError:
                if movement.latest is not None and movement.latest.position.stage is Stage.FLASH:
                    self._show(movement.latest, silent_seconds=round(clock() - heard))
            else:
                heard = clock()

    def _show(self, progress: Progress, *, silent_seconds: int | None = None) -> None:
        self._parts.display.progress(
            progress,
            mislabelled=self.mislabelled,
            due=self._result_due(progress),
            silent_seconds=silent_seconds,
        )

    def _result_due(self, progress: Progress) -> datetime | None:
        if self._due is None or self._due[0] != progress.position:
            left = self._parts.pace.seconds_left(self.place.jig, self.hub, progress)
            due = None if left is None else datetime.now(UTC) + timedelta(seconds=left)
            self._due = progress.position, due
        return self._due[1]

    async def _until_not_known_to_sit_here(self) -> None:
        """Return when something speaks against the hub and nothing it does speaks for it."""
        while True:
            await first_of(self._parts.seat.until_opened(), self._until_asked())
            openings = self._parts.seat.openings
            if self._is_asked() and await self._is_known_to_sit_here():
                self._answer(True)
            elif self._is_doubtful() and not await self._moves():
                return
            else:
                self._parts.seat.vouch(openings)

    async def _is_known_to_sit_here(self) -> bool:
        """Whether the switch has watched the hub all the time, until now, or it is so busy with a boot that it cannot answer."""
        parts = self._parts
        if self._is_watched() and await parts.seat.is_filled() and self._is_watched():
            return True
        if self._stage() is Stage.ACTIVATE and not parts.seat.opened:
            count = self._movement.count
            await self._movement.changes.until(lambda: self._movement.count != count or parts.seat.opened)
            return self._movement.count != count
        return False

    def _is_watched(self) -> bool:
        """Whether the switch was closed at every look since the hub said who it is. The last of them is some time ago."""
        return self._parts.seat.present() is True and self._parts.seat.gaps == self._gaps_before

    async def _moves(self) -> bool:
        """Whether the work on the hub goes on, or nothing speaks against the hub any more."""
        for _ in range(2):
            count = self._movement.count
            await asyncio.sleep(_PERIOD_SECONDS)
            if not self._is_doubtful():
                return True
            if self._movement.count == count:
                return False
        self._answer(True)
        return True

    def _is_doubtful(self) -> bool:
        return self._is_asked() or self._parts.seat.opened

    def _present(self) -> bool | None:
        """Whether the hub sits here, as far as the switch can say that of this one."""
        return None if self._parts.seat.opened else self._parts.seat.present()

    async def _answers(self) -> bool:
        """Whether the hub says that it is this one."""
        seen = await self._identity()
        if seen is None or seen.device != self.hub.device:
            return False
        self.hub = seen
        return True

    async def _identity(self, seconds: float | None = None) -> DeviceIdentity | None:
        """Ask who sits here; None where nobody says so, or not in time. Raises what says that the port itself is gone."""
        seat = self._parts.seat
        gaps, openings = seat.gaps, seat.openings
        try:
            async with asyncio.timeout(_ANSWER_SECONDS if seat.opened else seconds):
                seen = await self._driver.identify()
        except TimeoutError:
            return None
        except DriverError as error:
            if is_out_of_reach(error):
                raise
            return None
        self._gaps_before = gaps
        if seen.device == self.hub.device:
            seat.vouch(openings)
        return seen

    async def _until_it_answers(self) -> DeviceIdentity | None:
        """Have a seated hub that was known say again who it is, with power first; None once nobody can say that it sits."""
        seat = self._parts.seat
        await first_of(seat.until_powered(), seat.until_opened(), self._until_asked())
        if not seat.present() or seat.opened or self._is_asked():
            return None
        try:
            seen: DeviceIdentity | None = await first_of(
                self._driver.wait_for_hub(), seat.until_opened(), self._until_asked(), self._tell_silence()
            )
        except DriverError as error:
            if is_out_of_reach(error):
                raise
            return None
        return seen

    async def _tell_silence(self) -> None:
        """Say that the hub is silent, once it has had the time to boot."""
        await asyncio.sleep(self._parts.recognition_seconds)
        self._parts.display.show(SlotPhase.RESEAT, Reason.ANSWERS_NO_MORE, self.hub)
        await asyncio.Event().wait()

    async def _removal(self) -> bool:
        await self._parts.seat.until_removed(self._driver, self.hub)
        return True

    async def _until_looked_for(self) -> None:
        await first_of(self._parts.seat.until_gap(self._gaps_before), self._until_asked())

    async def _until_asked(self) -> None:
        await self._asked.until(self._is_asked)

    def _is_asked(self) -> bool:
        return self._question is not None and not self._question.done()

    def _answer(self, here: bool) -> None:
        question, self._question = self._question, None
        if question is not None and not question.done():
            question.set_result(here)

    def _stage(self) -> Stage:
        latest = self._movement.latest
        return Stage.AUTHORISE if latest is None else latest.position.stage

    async def _left(self) -> LeftOpen:
        """Record that the hub left before its result; its attempt waits for it in any slot."""
        stage = self._stage()
        attempt = await own_open_attempt(self._parts.journal, self.hub)
        if attempt is not None and not attempt.lost:
            await self._parts.journal.append(HubLost(attempt=attempt.attempt, stage=stage))
        return LeftOpen(stage, Reason.TAKEN_OUT)

    async def record_interruption(self, code: Code) -> None:
        """Record what of the bench ended work on the hub; its attempt is open, and nobody works on it."""
        attempt = await own_open_attempt(self._parts.journal, self.hub)
        if attempt is not None:
            await self._parts.journal.append(
                AttemptInterrupted(attempt=attempt.attempt, stage=self._stage(), code=code)
            )
