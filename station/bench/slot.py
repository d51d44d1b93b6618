"""One slot, from morning to evening: hub after hub, behind a boundary that keeps its faults to itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

import structlog
from pydantic import BaseModel

from drivers.descriptors import shortage_in
from drivers.errors import (
    DriverError,
    HubInSerialRecovery,
    HubRefused,
    LinkLost,
    LinkStalled,
    MalformedAnswer,
    NoAnswer,
    PlaceUnavailable,
)
from drivers.hub import DriverPlugin, HubDriver, HubIdentity, WatchesPlace
from station.attempt.conduct import Concluded, Conductor, StillSeated
from station.attempt.failure import is_out_of_reach
from station.attempt.parts import LeftOpen
from station.attempt.recovery_boot import RecoveryBoot
from station.bench.changes import first_of
from station.bench.display import UNKNOWN_HUB, SlotDisplay
from station.bench.flapping import Flapping
from station.bench.labels import LabelMeaning, LabelRecord, ScanRefused
from station.bench.latch import Latch
from station.bench.live_hubs import LiveHubs
from station.bench.outlook import Outlook
from station.bench.port import SlotPort
from station.bench.recognition import Recognised, recognise
from station.bench.seat import Seat
from station.bench.shown import (
    RESULT_PHASES,
    last_label,
    tried_enough,
    view_of_past,
    view_of_result,
    view_when_stopped,
    without_port,
)
from station.bench.stops import WaitTeller
from station.bench.unasked import MAX_UNASKED, Unasked
from station.bench.view import BenchView, SlotPhase, SlotView
from station.bench.visit import EMERGENCY_STOP, SeatedHub, VisitParts
from station.domain.actor import Actor
from station.domain.label import ScannedLabel
from station.domain.outcome import Code
from station.domain.slot_name import SlotName
from station.records.errors import (
    AttemptHasResult,
    EventRefused,
    JournalError,
    JournalHeldUp,
    OrderIsClosed,
    OrderNotHere,
)
from station.records.facts.attempts import AttemptClosed
from station.records.facts.bench import LabelScanned
from station.records.journal import Journal

ROOM_RETRY_SECONDS: Final = 5.0
"""Between two looks whether a full disk, or a full table of descriptors, has room again: nothing tells when it has."""

_CLOSED_MEANWHILE: Final = (OrderIsClosed, OrderNotHere, AttemptHasResult)
"""An order may be closed, or its jig be given another, while a hub is begun with: nothing is wrong with hub or slot."""

_log = structlog.stdlib.get_logger()

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotParts:
    """What a slot is made of."""

    place: SlotName
    port: str
    plugin: DriverPlugin
    driver_settings: BaseModel
    seat: Seat
    conductor: Conductor
    journal: Journal
    live_hubs: LiveHubs
    view: BenchView
    outlook: Outlook
    hindrance: Callable[[], str | None]
    """Why no hub may be begun with just now, in one line; None if one may."""
    hubs_failing_in_a_row: Callable[[], int]
    """So many different hubs failing in a row take the slot out of use."""
    recognition_seconds: float
    """How long a hub that is seen to be seated may take to say who it is, its boot included."""


class Slot:
    """Supervises one slot. `run` ends only by cancellation, a journal failure, or `finish_after_this_hub`."""

    def __init__(self, parts: SlotParts) -> None:
        self._parts = parts
        self.latch = Latch(parts.place, parts.journal)
        """Whether it is in use."""
        self._display = SlotDisplay(parts.place, parts.view, parts.outlook)
        self._recovery_boot = RecoveryBoot()
        self._visit_parts = VisitParts(
            place=parts.place,
            seat=parts.seat,
            conductor=parts.conductor,
            journal=parts.journal,
            display=self._display,
            recovery_boot=self._recovery_boot,
            recognition_seconds=parts.recognition_seconds,
        )
        self._port = SlotPort(
            parts.port, parts.plugin, parts.driver_settings, parts.seat, parts.recognition_seconds
        )
        self._waits = WaitTeller(parts.seat, self._display, parts.outlook)
        self._flapping = Flapping()
        self._unasked = Unasked()
        self._finishing = asyncio.Event()
        self._waiting: asyncio.Task[Any] | None = None
        self._seated: SeatedHub | None = None
        self._labelling = asyncio.Lock()
        """Held while a label is recorded, and while it is decided which label a hub has: each hub has its own or none."""

    @property
    def place(self) -> SlotName:
        """Which slot this is."""
        return self._parts.place

    async def take_label(self, label: ScannedLabel, actor: Actor, record: LabelRecord) -> LabelMeaning:
        """Take a label scanned for this slot, once `record` has made it durable, and say what it means here.

        It waits for the next hub, or is held against the one that sits here. One that disagrees is another hub's: before
        the unlock the hub that sits here is rejected, later it is put aside, with the label in its result. Raises
        ScanRefused, or what `record` does, and has taken nothing then.
        """
        place = self.place
        async with self._labelling:
            seated = self._seated
            if seated is None and self._display.phase in RESULT_PHASES:
                raise ScanRefused(
                    f"{place}: its result is written; take the hub out, scan it, and seat it again"
                )
            if seated is not None and self._display.phase is SlotPhase.RESEAT:
                raise ScanRefused(
                    f"{place}: it is not known who sits here; take the hub out, scan it, and seat it again"
                )
            meaning = self._meaning(label, None if seated is None else seated.hub)
            await record(
                LabelScanned(
                    place=place,
                    scanned_id=label.device_id,
                    scanned_role=label.role,
                    hub=None if seated is None else seated.hub.chf,
                    actor=actor,
                ),
                meaning,
            )
            if seated is not None:
                if seated is not self._seated:
                    raise ScanRefused(
                        f"{place}: hub {seated.hub.chf} has left meanwhile; scan the label again"
                    )
                seated.scan(label)
        if meaning.disagrees:
            _log.warning("label disagrees", jig=place.jig, slot=place.slot, label=str(label.device_id))
        return meaning

    def _meaning(self, label: ScannedLabel, seated: HubIdentity | None) -> LabelMeaning:
        place, device = self.place, label.device_id
        if seated is None:
            if self._display.phase in UNKNOWN_HUB:
                return LabelMeaning(f"{place}: label {device} is for the hub that sits here")
            return LabelMeaning(f"{place}: seat hub {device} here")
        if label.names(seated):
            return LabelMeaning(f"{place}: the label is hub {seated.chf}'s")
        return LabelMeaning(
            f"{place}: label {device} is not hub {seated.chf}'s; check which hub sits here", disagrees=True
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
                    await self._until_in_use()
                    pause = await self._serve()
                except _FinishingError:
                    break
                except (JournalHeldUp, PlaceUnavailable) as error:
                    pause = self._hold_up(str(error))
                except EventRefused as error:
                    _log.exception("slot latched by an event that the journal refused")
                    self.latch.take_out_of_use(f"a fault of the station's own ({error})")
                except JournalError:
                    raise  # no result is safe any more: the whole station has to stop
                except Exception as error:
                    if (short := shortage_in(error)) is not None:
                        pause = self._hold_up(short)
                        continue
                    _log.exception("slot latched by an unexpected fault")
                    self.latch.take_out_of_use(f"a fault of the station's own ({type(error).__name__})")
            await self.latch.record()
            self._display.put(view_when_stopped(self._display.now))

    async def _until_in_use(self) -> None:
        """Wait for as long as the slot is out of use, and say so."""
        if self._is_fit() or (why := self.latch.why) is None:
            return
        self._display.show(
            SlotPhase.OUT_OF_USE,
            f"out of use, {why}; call the supervisor (reflash jigs enable {self.place.jig} {self.place.slot})",
        )
        await self.latch.record()
        await self._idle(self.latch.until_in_use(ROOM_RETRY_SECONDS))

    def _is_fit(self) -> bool:
        """Whether the slot is in use, after a look at how its last hubs fared."""
        count = self.latch.failures
        if self.latch.in_use and count >= self._parts.hubs_failing_in_a_row():
            self.latch.take_out_of_use(f"{count} hubs failed in a row, suspect the contacts")
        return self.latch.in_use

    async def _serve(self) -> float:
        """Hold the port and attend to hubs until the port is lost or the slot is taken out of use.

        Return how many seconds to leave the port alone.
        """
        driver = await self._open()
        self._flapping.had()
        try:
            while self._is_fit():
                await self._attend(driver)
                self._recovery_boot.expect_another_seating()
                if self._port.comes_with_power:
                    break  # and goes with the hub
        except (LinkLost, LinkStalled) as error:
            pause = self._flapping.lost()
            _log.warning(
                "port lost", port=self._parts.port, reason=str(error), in_a_row=self._flapping.losses
            )
            if not self._parts.seat.stopped:
                how_often = f" {self._flapping.losses} times in a row" if pause else ""
                what, _, action = without_port(self._parts.port, error).partition("; ")
                advice = action or "check the adapter and its cable"
                self._display.show(SlotPhase.NO_PORT, f"port lost{how_often} ({what}); {advice}")
            return pause
        finally:
            await driver.close()
        return 0.0

    async def _open(self) -> HubDriver:
        def show_absent(error: PlaceUnavailable) -> None:
            if self._parts.seat.stopped:
                return  # it may be without power
            if self._port.comes_with_power:
                if self._parts.seat.awaits() is None:
                    self._display.empty()  # the port went with the hub, as it always does
            elif self._display.now.line != f"{self.place}: {(line := without_port(self._port.port, error))}":
                _log.warning("port unavailable", port=self._port.port, reason=str(error))
                self._display.show(SlotPhase.NO_PORT, line)

        opening = partial(self._port.open, show_absent)
        return await self._idle(self._waits.told_during(opening, lambda: self._port.comes_with_power))

    async def _attend(self, driver: HubDriver) -> None:
        """Wait for one hub, conduct its visit, and wait until it is taken out."""
        parts = self._parts
        if not parts.seat.stopped and not self._is_unsure():
            self._display.seat(parts.seat.awaits())
        await self._idle(self._waits.told_during(partial(self._until_ready, driver)))
        if (awaits := parts.seat.awaits()) is not None:
            self._display.seat(awaits)
        try:
            recognised = await self._next_hub(driver)
        except (HubInSerialRecovery, HubRefused, MalformedAnswer, NoAnswer) as error:
            if not parts.seat.stopped:
                await self._host_unknown(driver, error)
        else:
            if recognised is not None:
                await self._host(driver, recognised)
        await self._idle(parts.seat.let_go())

    def _is_unsure(self) -> bool:
        """Whether it is shown that somebody is looked for, and the board is yet to say whether anybody sits here."""
        seat = self._parts.seat
        return self._display.phase is SlotPhase.LOOKING and seat.gives_power and seat.present() is None

    async def _host_unknown(self, driver: HubDriver, error: DriverError) -> None:
        """Record what sits here and cannot say who it is, and wait until it is taken out."""
        parts = self._parts
        async with self._labelling:
            label = parts.outlook.label_at(self.place)
            try:
                result = await parts.conductor.unidentified(self.place, label, error)
            except _CLOSED_MEANWHILE as closed:
                self._display.put(self._closed_meanwhile(closed, None))
            else:
                self._conclude(result, None)
        await self._idle(self._until_unknown_gone(driver))

    async def _until_unknown_gone(self, driver: HubDriver) -> None:
        """Wait until what never said who it is was taken out; where a switch went unwatched, until a hub answers, too."""
        seat = self._parts.seat
        while True:
            gaps = seat.gaps
            await first_of(seat.until_removed(driver, None), seat.until_gap(gaps))
            if seat.gaps == gaps:
                return
            if seat.gives_power:  # without a board the link ends it at any answer
                break
        await first_of(_until_any_hub(driver), seat.until_emptied())
        if seat.present() is False:
            await seat.until_removed(driver, None)

    async def _host(self, driver: HubDriver, recognised: Recognised) -> None:
        """Attend to the hub that said who it is, until it no longer sits here."""
        parts, hub = self._parts, recognised.hub
        seated = SeatedHub(self._visit_parts, driver, recognised)
        with structlog.contextvars.bound_contextvars(chf=str(hub.chf)):
            try:
                if parts.live_hubs.holds(hub.chf) or parts.live_hubs.holds(hub.gpf):
                    self._display.looking(
                        hub, "its id is held to be in another slot, which is looked at; leave it in"
                    )
                elsewhere = await self._idle(parts.live_hubs.claim(seated, hub.chf, hub.gpf))
                async with self._labelling:
                    seated.label = parts.outlook.label_for(self.place, hub)
                    self._seated = seated
                if parts.seat.is_safe():
                    await self._visit(seated, elsewhere)
                else:  # the lid was opened meanwhile, say: it waits for its start again, and is asked again
                    self._display.looking(hub)
            finally:
                self._seated = None
                seated.gone()
                parts.live_hubs.release(seated)

    async def _visit(self, seated: SeatedHub, elsewhere: SlotName | None) -> None:
        hub = seated.hub
        self._display.show(SlotPhase.WORKING, f"hub {hub.chf} recognised; leave it in", hub)
        _log.info("hub recognised", firmware=str(hub.firmware), model=str(hub.model))
        unasked = seated.label is None and self._parts.seat.present() is None
        may_be_anew = not (unasked and self._unasked.is_enough(hub.device))
        try:
            ending = await seated.conduct(elsewhere, may_be_anew=may_be_anew)
        except _CLOSED_MEANWHILE as closed:
            seated.shown = self._closed_meanwhile(closed, seated)
            await self._idle(seated.until_gone())
            return
        except Exception as error:
            if _is_own_fault(error):
                with suppress(JournalHeldUp, EventRefused):  # the slot is latched in any case
                    await seated.record_interruption(Code.SLOT_FAULT)
            raise
        match ending:
            case LeftOpen(stage=stage, why=why):
                _log.warning("attempt left open", stage=stage, why=why)
                self._display.lost(seated.hub, why)
                if why is EMERGENCY_STOP:
                    await seated.record_interruption(Code.EMERGENCY_STOP)
                return
            case StillSeated(last=last, left=left, booted=booted):
                seated.shown = view_of_past(self.place, last, seated.hub, seated.label)
                await seated.check_departure(left)
                if booted:
                    seated.shown = tried_enough(seated.shown, MAX_UNASKED)
            case Concluded(result=result):
                self._unasked.count(hub.device, by_hand=not unasked or seated.label is not None)
                seated.shown = self._conclude(result, seated, await self._last_label(seated))
        await self._idle(seated.until_gone())

    async def _last_label(self, seated: SeatedHub) -> ScannedLabel | None:
        """Return the label scanned last for the hub, now or in an earlier visit: only its own takes another's back."""
        hub = seated.hub
        return seated.label or last_label(await self._parts.journal.hub_history(hub.chf, hub.gpf))

    def _closed_meanwhile(self, refusal: EventRefused, seated: SeatedHub | None) -> SlotView:
        """Return what to show of a hub whose order was closed, or given to another jig, while it was begun with."""
        _log.warning("hub not begun with", reason=str(refusal))
        return SlotView(
            place=self.place,
            phase=SlotPhase.PUT_ASIDE,
            line=f"{self.place}: {refusal}; take the hub out and put it aside",
            chf=seated.hub.chf if seated else None,
            gpf=seated.hub.gpf if seated else None,
        )

    async def _next_hub(self, driver: HubDriver) -> Recognised | None:
        """Wait for a hub to say who it is, at a time when it may be begun with; None if it was taken out, or stopped."""
        parts = self._parts
        while True:
            if parts.hindrance() is not None:
                await self._until_unhindered()
                # It may have been a long time: the hub was taken out, or an emergency stop took its power.
                await self._idle(self._waits.told_during(partial(self._until_ready, driver)))
            await self._idle(self._waits.told_during(parts.seat.until_safe))
            try:
                recognised = await self._idle(self._waits.told_during(partial(self._recognised, driver)))
            except HubInSerialRecovery:
                if not self._may_begin() or await self._left_recovery(driver):
                    continue
                raise
            if recognised is None or self._may_begin():
                return recognised
            self._display.looking(recognised.hub)

    def _may_begin(self) -> bool:
        """Whether a hub that sits here may be begun with now: it may have been waited for all night."""
        return self._parts.hindrance() is None and self._parts.seat.is_safe()

    async def _until_ready(self, driver: HubDriver) -> None:
        """Wait for a hub that may be looked at. Raises what says that the port is gone, which nobody has asked meanwhile."""
        seat = self._parts.seat
        if isinstance(driver, WatchesPlace):
            await first_of(seat.until_ready(), driver.until_lost())
        else:
            await seat.until_ready()

    async def _recognised(self, driver: HubDriver) -> Recognised | None:
        seat, seconds = self._parts.seat, self._parts.recognition_seconds
        recognised: Recognised | None = await first_of(
            seat.until_stopped(), recognise(driver, seat, seconds, self._show_doubt)
        )
        return recognised

    async def _left_recovery(self, driver: HubDriver) -> bool:
        """Have a hub that waits in its boot loader boot, once; say whether there is any use in looking again."""
        parts = self._parts
        if not await parts.conductor.may_boot_unknown(self.place, parts.outlook.label_at(self.place)):
            return False
        ordering = self._recovery_boot.order(driver)
        done = await self._idle(first_of(parts.seat.until_stopped(), parts.seat.until_opened(), ordering))
        return done is not False

    async def _until_unhindered(self) -> None:
        """Wait for as long as no hub may be begun with, and say why."""
        parts, before = self._parts, self._display.now
        while (hindrance := parts.hindrance()) is not None:
            self._display.show(SlotPhase.OUT_OF_USE, hindrance)
            await self._idle(asyncio.sleep(ROOM_RETRY_SECONDS))
        if self._display.now is not before:
            self._display.seat(parts.seat.awaits())

    def _conclude(
        self, result: AttemptClosed, seated: SeatedHub | None, label: ScannedLabel | None = None
    ) -> SlotView:
        """Show a durable result, and count it for or against the slot."""
        shown = view_of_result(result, seated.hub if seated else None, label)
        self._display.put(shown)
        self._flapping.steady()
        _log.info("result", outcome=result.outcome, code=result.code, message=result.message)
        self.latch.count(result)
        return shown

    def _show_doubt(self, doubt: str | None) -> None:
        if doubt is None:
            self._display.seat(self._parts.seat.awaits())
        else:
            self._display.show(SlotPhase.RESEAT, doubt)

    def _hold_up(self, why: str) -> float:
        """Show what is lacking, and return how long to wait for it.

        Nothing was acted on that is not recorded; open attempts are taken up when it is there.
        """
        _log.error("slot held up", reason=why)
        self._display.show(SlotPhase.OUT_OF_USE, why)
        return ROOM_RETRY_SECONDS

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


async def _until_any_hub(driver: HubDriver) -> None:
    """Wait until a hub says who it is. Raises what says that the port itself is gone."""
    try:
        await driver.wait_for_hub()
    except DriverError as error:
        if is_out_of_reach(error):
            raise
        await asyncio.Event().wait()  # it is no more than it was


def _is_own_fault(error: Exception) -> bool:
    """Whether the station itself is at fault, so that the slot is latched: not what is lacking, lost, or fails for all."""
    if isinstance(error, JournalError):
        return isinstance(error, EventRefused)
    return not isinstance(error, PlaceUnavailable | LinkLost | LinkStalled) and shortage_in(error) is None


class _FinishingError(Exception):
    """The slot was asked to finish while it waited for something."""
