"""One slot, from morning to evening: hub after hub, behind a boundary that keeps its faults to itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import structlog
from pydantic import BaseModel

from drivers.descriptors import shortage_in
from drivers.errors import (
    HubInSerialRecovery,
    HubRefused,
    LinkLost,
    LinkStalled,
    MalformedAnswer,
    NoAnswer,
    PlaceUnavailable,
)
from drivers.hub import DriverPlugin, HubDriver, HubIdentity
from station.attempt.authorise import ScannedLabel
from station.attempt.conduct import Concluded, Conductor, StillSeated, Visit
from station.attempt.failure import may_be_the_slot
from station.attempt.outcome import Outcome, Stage
from station.attempt.sequence import LeftOpen, Progress
from station.bench.labels import LabelDesk, ScanRefused
from station.bench.live_hubs import LiveHubs
from station.bench.port import SlotPort
from station.bench.recognition import recognise
from station.bench.seat import Seat
from station.bench.shown import GOES_HOME, RESULT_PHASES, view_of_past, view_of_result
from station.bench.view import BenchView, SlotPhase, SlotView
from station.records.errors import EventRefused, JournalError, JournalHeldUp
from station.records.events import AttemptClosed, LabelScanned, Place

ROOM_RETRY_SECONDS: Final = 5.0
"""Between two looks whether a full disk, or a full table of descriptors, has room again: nothing tells when it has."""

EMERGENCY_STOP: Final = "emergency stop"
"""Why a visit ended that the emergency stop ended."""

_log = structlog.stdlib.get_logger()

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotParts:
    """What a slot is made of."""

    place: Place
    port: str
    plugin: DriverPlugin
    driver_settings: BaseModel
    seat: Seat
    conductor: Conductor
    live_hubs: LiveHubs
    view: BenchView
    labels: LabelDesk
    hindrance: Callable[[], str | None]
    """Why no hub may be begun with just now, in one line; None if one may."""
    hubs_failing_in_a_row: Callable[[], int]
    """So many different hubs failing in a row take the slot out of use."""
    recognition_seconds: float
    """How long a hub that is seen to be seated may take to say who it is, its boot included."""


@dataclass(slots=True)
class _Seated:
    """The hub that sits in the slot, and the label scanned for it."""

    hub: HubIdentity
    label: ScannedLabel | None

    @property
    def mislabelled(self) -> bool:
        return self.label is not None and not self.label.names(self.hub)


class Slot:
    """Supervises one slot. `run` ends only by cancellation, a journal failure, or `finish_after_this_hub`."""

    def __init__(self, parts: SlotParts) -> None:
        self._parts = parts
        self._enabled = asyncio.Event()
        self._enabled.set()
        self._failed_in_a_row: set[object] = set()
        self._port = SlotPort(
            parts.port, parts.plugin, parts.driver_settings, parts.seat, parts.recognition_seconds
        )
        self._finishing = asyncio.Event()
        self._waiting: asyncio.Task[Any] | None = None
        self._seated: _Seated | None = None

    @property
    def place(self) -> Place:
        """Which slot this is."""
        return self._parts.place

    def enable(self) -> None:
        """Put a slot back into use that was taken out of it or latched by a fault."""
        self._failed_in_a_row.clear()
        self._enabled.set()

    def scan(self, label: ScannedLabel) -> str:
        """Take a label scanned for this slot, and say what it means here.

        It waits for the next hub, or is held against the one that sits here. Raises ScanRefused when it is another
        hub's: before the unlock that hub is rejected, later it is put aside, with the label in its result.
        """
        place, view, seated = self.place, self._parts.view, self._seated
        phase = view.of(place).phase
        if seated is None and phase in RESULT_PHASES.values():
            raise ScanRefused(f"{place}: its result is written; take the hub out, scan it, and seat it again")
        if seated is None:
            self._parts.labels.put(place, label)
            if phase is SlotPhase.EMPTY:
                self._show_empty()
            return f"{place}: seat hub {label.device_id} here"
        if phase is SlotPhase.WORKING:
            seated.label = label
        if label.names(seated.hub):
            return f"{place}: the label is hub {seated.hub.chf}'s"
        line = f"{place}: label {label.device_id} is not hub {seated.hub.chf}'s"
        _log.warning("label disagrees", jig=place.jig, slot=place.slot, label=str(label.device_id))
        if phase in GOES_HOME:
            self._show(SlotPhase.PUT_ASIDE, f"{line}; put it aside for the supervisor", seated.hub)
        raise ScanRefused(f"{line}; check which hub sits here")

    def scanned(self, label: ScannedLabel) -> LabelScanned | None:
        """Return what is to be recorded of a label before `scan` takes it; None of one that will be refused."""
        seated = self._seated
        if seated is None and self._parts.view.of(self.place).phase in RESULT_PHASES.values():
            return None
        return LabelScanned(
            place=self.place,
            scanned_id=label.device_id,
            scanned_role=label.role,
            hub=None if seated is None else seated.hub.chf,
        )

    def finish_after_this_hub(self) -> None:
        """Let a running attempt end, begin no other, and return from `run`."""
        self._finishing.set()
        if self._waiting is not None:
            self._waiting.cancel()

    async def run(self) -> None:
        """Serve hub after hub. An unexpected exception latches this slot and no other."""
        place = self._parts.place
        with structlog.contextvars.bound_contextvars(jig=place.jig, slot=place.slot):
            pause = 0.0
            while not self._finishing.is_set():
                try:
                    await self._idle(asyncio.sleep(pause))
                    pause = 0.0
                    await self._idle(self._enabled.wait())
                    await self._serve()
                except _FinishingError:
                    break
                except (JournalHeldUp, PlaceUnavailable) as error:
                    pause = self._hold_up(str(error))
                except EventRefused as error:
                    _log.exception("slot latched by an event that the journal refused")
                    self._take_out_of_use(f"the station met a fault of its own ({error})")
                except JournalError:
                    raise  # no result is safe any more: the whole station has to stop
                except Exception as error:
                    if (short := shortage_in(error)) is not None:
                        pause = self._hold_up(short)
                        continue
                    _log.exception("slot latched by an unexpected fault")
                    self._take_out_of_use(f"the station met a fault of its own ({type(error).__name__})")
            self._show(SlotPhase.STOPPED, f"{place}: stopped")

    async def _serve(self) -> None:
        """Hold the port and attend to hubs until the port is lost or the slot is taken out of use."""
        driver = await self._open()
        try:
            while self._enabled.is_set():
                await self._attend(driver)
                if self._port.comes_with_power:
                    break  # and goes with the hub
        except (LinkLost, LinkStalled) as error:
            _log.warning("port lost", port=self._parts.port, reason=str(error))
            self._show(
                SlotPhase.NO_PORT, f"{self.place}: port lost ({error}); check the adapter and its cable"
            )
        finally:
            await driver.close()

    async def _open(self) -> HubDriver:
        def show_absent(error: PlaceUnavailable) -> None:
            if self._port.comes_with_power:
                if self._parts.view.of(self.place).phase not in {
                    SlotPhase.FIND_HUB,
                    SlotPhase.EMERGENCY_STOP,
                }:
                    self._show_empty()  # the port went with the hub, as it always does
                return
            line = f"{self.place}: {error}"
            if self._parts.view.of(self.place).line != line:
                _log.warning("port unavailable", port=self._port.port, reason=str(error))
                self._show(SlotPhase.NO_PORT, line)

        return await self._idle(self._port.open(show_absent))

    async def _attend(self, driver: HubDriver) -> None:
        """Wait for one hub, conduct its visit, and wait until it is taken out."""
        parts, place = self._parts, self.place
        if parts.view.of(place).phase not in {SlotPhase.FIND_HUB, SlotPhase.EMERGENCY_STOP}:
            self._show_empty()
        await self._idle(parts.seat.until_ready())
        try:
            hub = await self._next_hub(driver)
        except (HubInSerialRecovery, HubRefused, MalformedAnswer, NoAnswer) as error:
            label = parts.labels.take(place)
            self._conclude(await parts.conductor.unidentified(place, label, error), None, label)
            await self._idle(parts.seat.until_removed(driver, None))
        else:
            if hub is None:
                await parts.seat.until_removed(driver, None)  # at once, but the power goes with it
                return
            with (
                structlog.contextvars.bound_contextvars(chf=str(hub.chf)),
                parts.live_hubs.seated(place, hub.chf, hub.gpf) as elsewhere,
                self._hub_seated(_Seated(hub, parts.labels.take(place, hub))) as seated,
            ):
                ending = await self._visit(driver, seated, elsewhere)
                if isinstance(ending, LeftOpen):
                    self._leave_open(ending, hub)
                    return
                if isinstance(ending, StillSeated):
                    parts.view.show(view_of_past(place, ending.last, hub))
                else:
                    self._conclude(ending.result, ending.hub, hub.chf)
                    hub = ending.hub
                await self._idle(parts.seat.until_removed(driver, hub))
        if len(self._failed_in_a_row) >= parts.hubs_failing_in_a_row():
            count = len(self._failed_in_a_row)
            self._take_out_of_use(f"{count} different hubs failed in a row, so suspect the contacts")

    async def _next_hub(self, driver: HubDriver) -> HubIdentity | None:
        """Wait for a hub to say who it is, at a time when it may be begun with."""
        parts = self._parts
        while True:
            await self._until_unhindered()
            hub = await self._idle(recognise(driver, parts.seat, parts.recognition_seconds, self._show_doubt))
            # It may have been waited for all night.
            if hub is None or parts.hindrance() is None:
                return hub

    async def _until_unhindered(self) -> None:
        """Wait for as long as no hub may be begun with, and say why."""
        parts, before = self._parts, self._parts.view.of(self.place)
        while (hindrance := parts.hindrance()) is not None:
            self._show(SlotPhase.OUT_OF_USE, f"{self.place}: {hindrance}")
            await self._idle(asyncio.sleep(ROOM_RETRY_SECONDS))
        if parts.view.of(self.place) is not before:
            parts.view.show(before)

    @contextmanager
    def _hub_seated(self, seated: _Seated) -> Iterator[_Seated]:
        self._seated = seated
        try:
            yield seated
        finally:
            self._seated = None

    async def _visit(
        self, driver: HubDriver, seated: _Seated, elsewhere: Place | None
    ) -> Concluded | LeftOpen | StillSeated:
        parts, place, hub = self._parts, self.place, seated.hub
        self._show(SlotPhase.WORKING, f"{place}: hub {hub.chf} recognised; leave it in", hub=hub)
        _log.info("hub recognised", firmware=str(hub.firmware), model=str(hub.model))

        def show_progress(progress: Progress) -> None:
            stage, flash = progress.position.stage, progress.flash
            percent = 100 * flash.sent // flash.size if flash is not None else None
            now = parts.view.of(place)
            if (now.stage, now.percent) != (stage, percent):
                advice = (
                    "its label is another hub's: put it aside afterwards"
                    if seated.mislabelled
                    else "leave it in"
                )
                line = f"{place}: {stage}" + (f" {percent}%" if percent is not None else "") + f"; {advice}"
                parts.view.show(now.model_copy(update={"stage": stage, "percent": percent, "line": line}))

        visit = Visit(
            place=place,
            driver=driver,
            hub=hub,
            label=lambda: seated.label,
            seen_elsewhere=elsewhere,
            present=parts.seat.present,
            power_cycle=parts.seat.power_cycle,
            on_progress=show_progress,
        )
        return await self._unless_stopped(parts.conductor.conduct(visit))

    async def _unless_stopped(
        self, conducting: Coroutine[object, object, Concluded | LeftOpen | StillSeated]
    ) -> Concluded | LeftOpen | StillSeated:
        """Conduct a visit; an emergency stop ends it where it is, its attempt left open."""
        visiting = asyncio.create_task(conducting)
        stopped = asyncio.create_task(self._parts.seat.until_stopped())
        try:
            await asyncio.wait((visiting, stopped), return_when=asyncio.FIRST_COMPLETED)
            if visiting.done():
                return visiting.result()
            stage = self._parts.view.of(self.place).stage or Stage.AUTHORISE
            return LeftOpen(stage, EMERGENCY_STOP)
        finally:
            stopped.cancel()
            visiting.cancel()
            await asyncio.gather(stopped, visiting, return_exceptions=True)

    def _conclude(self, result: AttemptClosed, hub: HubIdentity | None, hub_key: object) -> None:
        """Show a durable result."""
        mislabelled = self._seated is not None and self._seated.mislabelled
        self._parts.view.show(view_of_result(result, hub, mislabelled=mislabelled))
        _log.info("result", outcome=result.outcome, code=result.code, message=result.message)
        if result.outcome is Outcome.FAILED and result.code is not None:
            if may_be_the_slot(result.code):
                self._failed_in_a_row.add(hub_key)
        elif result.outcome is Outcome.PASSED:
            self._failed_in_a_row.clear()

    def _show_doubt(self, doubt: str | None) -> None:
        if doubt is None:
            self._show_empty()
        else:
            self._show(SlotPhase.RESEAT, f"{self.place}: {doubt}")

    def _show_empty(self) -> None:
        expected = self._parts.labels.waiting(self.place)
        line = "empty; seat a hub" if expected is None else f"seat hub {expected.device_id} here"
        self._show(SlotPhase.EMPTY, f"{self.place}: {line}")

    def _leave_open(self, ending: LeftOpen, hub: HubIdentity) -> None:
        _log.warning("attempt left open", stage=ending.stage, why=ending.why)
        if ending.why is EMERGENCY_STOP:
            line = f"{self.place}: {EMERGENCY_STOP}; leave hub {hub.chf} in, it is looked at after the reset"
            self._show(SlotPhase.EMERGENCY_STOP, line, hub=hub)
            return
        self._show(
            SlotPhase.FIND_HUB,
            f"{self.place}: {ending.why}; find hub {hub.chf} and seat it here or in any slot",
            hub=hub,
        )

    def _hold_up(self, why: str) -> float:
        """Show what is lacking, and return how long to wait for it.

        Nothing was acted on that is not recorded; open attempts are taken up when it is there.
        """
        _log.error("slot held up", reason=why)
        self._show(SlotPhase.OUT_OF_USE, f"{self.place}: {why}")
        return ROOM_RETRY_SECONDS

    def _take_out_of_use(self, why: str) -> None:
        self._enabled.clear()
        place = self.place
        _log.error("slot out of use", why=why)
        self._show(
            SlotPhase.OUT_OF_USE,
            f"{place}: out of use, {why}; call the supervisor, then: reflash jigs enable {place.jig} {place.slot}",
        )

    def _show(self, phase: SlotPhase, line: str, hub: HubIdentity | None = None) -> None:
        view = SlotView(
            place=self.place,
            phase=phase,
            line=line,
            chf=hub.chf if hub else None,
            gpf=hub.gpf if hub else None,
        )
        self._parts.view.show(view)

    async def _idle(self, waiting: Coroutine[object, object, T]) -> T:
        """Wait for something that `finish_after_this_hub` may cut short: no attempt runs meanwhile."""
        if self._finishing.is_set():
            waiting.close()
            raise _FinishingError
        waiter = asyncio.create_task(waiting)
        self._waiting = waiter
        try:
            return await waiter
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._finishing.is_set() and task is not None and not task.cancelling():
                raise _FinishingError from None
            raise
        finally:
            self._waiting = None


class _FinishingError(Exception):
    """The slot was asked to finish while it waited for something."""
