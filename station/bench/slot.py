"""One slot, from morning to evening: hub after hub, behind a boundary that keeps its faults to itself."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Final

import structlog

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
from drivers.hub import HubDriver
from firmware_catalog.devices import gpf_of
from firmware_catalog.identity import Eui64
from station.attempt.conduct import Concluded, StillSeated
from station.attempt.parts import LeftOpen
from station.attempt.recovery_boot import RecoveryBoot
from station.attempt.workers import NobodyWorksHere
from station.bench import slot_parts
from station.bench.arrival import Arrivals
from station.bench.changes import first_of
from station.bench.display import UNSURE, SlotDisplay
from station.bench.flapping import Flapping
from station.bench.idling import FinishingError, Idling
from station.bench.latch import Latch
from station.bench.occupancy import Occupancy, occupancy
from station.bench.port import SlotPort
from station.bench.recognition import Recognised
from station.bench.shown import (
    last_label,
    of_port,
    tried_enough,
    view_of_past,
    view_of_result,
    view_when_stopped,
)
from station.bench.slot_labels import SlotLabels
from station.bench.slot_parts import SlotParts
from station.bench.slot_shift import SlotShift
from station.bench.stops import WaitTeller
from station.bench.unasked import MAX_UNASKED, Unasked
from station.bench.visit import SeatedHub, VisitParts
from station.domain.label import ScannedLabel
from station.domain.outcome import Code
from station.domain.phase import SlotPhase
from station.domain.reason import Reason
from station.domain.slot_name import SlotName
from station.domain.slot_view import SlotView
from station.domain.statement import Details, Statement
from station.records.errors import (
    AttemptHasResult,
    EventRefused,
    IsGoldenHub,
    JournalError,
    JournalHeldUp,
    OrderIsClosed,
    OrderNotHere,
)
from station.records.facts.attempts import AttemptClosed

_CLOSED_MEANWHILE: Final = (OrderIsClosed, OrderNotHere, AttemptHasResult, IsGoldenHub)
"""An order may be closed, or its jig be given another, or the hub be made golden, while it is begun with: nothing is wrong
with hub or slot."""

_log = structlog.stdlib.get_logger()


class Slot:
    """Supervises one slot. `run` ends only by cancellation, a journal failure, or `finish_after_this_hub`."""

    def __init__(self, parts: SlotParts) -> None:
        self._parts = parts
        self.latch = Latch(
            parts.place, parts.journal, partial(parts.view.set_interlocks, f"latch of {parts.place}")
        )
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
            pace=parts.pace,
            runs_withdrawn=parts.runs_withdrawn,
            recognition_seconds=parts.recognition_seconds,
        )
        self._port = SlotPort(
            parts.port, parts.plugin, parts.driver_settings, parts.seat, parts.recognition_seconds
        )
        self._waits = WaitTeller(parts.seat, self._display, parts.outlook)
        self._flapping = Flapping()
        self._unasked = Unasked()
        self._idling = Idling()
        self._arrivals = Arrivals(parts, self._display, self._waits, self._recovery_boot, self._idling)
        self._shift = SlotShift(parts, self._display)
        self.labels = SlotLabels(parts.place, self._display)
        """Takes what is scanned for it."""

    @property
    def place(self) -> SlotName:
        """Which slot this is."""
        return self._parts.place

    def withdraw(self, order: str, hubs: Collection[Eui64]) -> None:
        """Learn which hubs an order does not list any more."""
        if self.labels.seated is not None and self.labels.seated.hub.device_id in hubs:
            self.labels.seated.withdraw(order)

    def look_at_release(self) -> None:
        """Learn that the catalogue may say something else now."""
        if self.labels.seated is not None:
            self.labels.seated.look_at_release()

    def occupancy(self, closed: bool | None) -> Occupancy:
        """Say whether anything sits here, as far as that is known now. `closed` is what its switch says to who has just asked."""
        seat = self._parts.seat
        return occupancy(
            self._display.now,
            present=seat.present(),
            closed=closed,
            has_switch=seat.gives_power,
            answered=self.labels.seated is not None,
            silent=self._arrivals.silent,
            boot_seconds=self._parts.recognition_seconds,
        )

    def finish_after_this_hub(self) -> None:
        """Let a running attempt end, begin no other, and return from `run`."""
        self._idling.finish()

    async def run(self) -> None:
        """Serve hub after hub. An unexpected exception latches this slot and no other."""
        place = self._parts.place
        with structlog.contextvars.bound_contextvars(jig=place.jig, slot=place.slot):
            pause = 0.0
            while not self._idling.is_finishing:
                try:
                    await self._idling.wait(asyncio.sleep(pause))
                    pause = 0.0
                    await self._until_in_use()
                    pause = await self._serve()
                except FinishingError:
                    break
                except (JournalHeldUp, PlaceUnavailable) as error:
                    pause = self._hold_up(str(error))
                except EventRefused as error:
                    _log.exception("slot latched by an event that the journal refused")
                    self.latch.take_out_of_use(Statement.of(Reason.STATION_FAULT, detail=str(error)))
                except JournalError:
                    raise  # no result is safe any more: the whole station has to stop
                except Exception as error:
                    if (short := shortage_in(error)) is not None:
                        pause = self._hold_up(short)
                        continue
                    _log.exception("slot latched by an unexpected fault")
                    self.latch.take_out_of_use(
                        Statement.of(Reason.STATION_FAULT, detail=type(error).__name__)
                    )
            await self.latch.record()
            self._display.put(view_when_stopped(self._display.now))

    async def _until_in_use(self) -> None:
        """Wait for as long as the slot is out of use, and say so."""
        if self._is_fit() or (why := self.latch.why) is None:
            return
        self._display.show(SlotPhase.OUT_OF_USE, Reason(why.reason), details=why.details)
        await self.latch.record()
        await self._idling.wait(self.latch.until_in_use(slot_parts.ROOM_RETRY_SECONDS))

    def _is_fit(self) -> bool:
        """Whether the slot is in use, after a look at how its last hubs fared."""
        count = self.latch.failures
        if self.latch.in_use and count >= self._parts.hubs_failing_in_a_row():
            self.latch.take_out_of_use(Statement.of(Reason.HUBS_FAILED, times=count))
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
                reason, details = Reason.PORT_WENT, of_port(self._parts.port, error)
                if pause:
                    reason = Reason.PORT_COMES_AND_GOES
                    details = details.model_copy(update={"times": self._flapping.losses})
                self._display.show(SlotPhase.NO_PORT, reason, details=details)
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
            elif self._display.now.details != (details := of_port(self._port.port, error)):
                _log.warning("port unavailable", port=self._port.port, reason=str(error))
                self._display.show(SlotPhase.NO_PORT, Reason.PORT_UNAVAILABLE, details=details)

        had: list[HubDriver] = []

        async def open_port() -> HubDriver:
            had.append(await self._port.open(show_absent))
            return had[-1]

        async def opened() -> HubDriver | None:
            if not self._port.comes_with_power:
                return await open_port()
            return await first_of(open_port(), self._arrivals.until_unattended())

        while True:
            if self._port.comes_with_power:  # nothing else says here whether somebody has to sign on first
                await self._arrivals.until_attended()
            driver = None
            try:
                driver = await self._idling.wait(
                    self._waits.told_during(opened, lambda: self._port.comes_with_power)
                )
            finally:
                if driver is None:  # it may be open by now, when nobody wants it any more
                    while had:
                        await had.pop().close()
            if driver is not None:
                return driver

    async def _attend(self, driver: HubDriver) -> None:
        """Wait for one hub, conduct its visit, and wait until it is taken out."""
        parts = self._parts
        if not parts.seat.stopped and not self._is_unsure():
            self._display.seat(parts.seat.awaits())
        await self._arrivals.until_ready(driver)
        if (awaits := parts.seat.awaits()) is not None:
            self._display.seat(awaits)
        try:
            recognised = await self._arrivals.next(driver)
        except (HubInSerialRecovery, HubRefused, MalformedAnswer, NoAnswer) as error:
            if not parts.seat.stopped:
                await self._host_unknown(driver, error)
        else:
            if recognised is not None:
                await self._host(driver, recognised)
        await self._idling.wait(parts.seat.let_go())

    def _is_unsure(self) -> bool:
        """Whether nothing is shown that is known of who sits here, and the board is yet to say whether anybody does."""
        seat = self._parts.seat
        return self._display.phase in UNSURE and seat.gives_power and seat.present() is None

    async def _host_unknown(self, driver: HubDriver, error: DriverError) -> None:
        """Record what sits here and cannot say who it is, and wait until it is taken out."""
        parts = self._parts
        async with self.labels.deciding:
            label = parts.outlook.label_at(self.place)
            try:
                result, recorded = await parts.conductor.unidentified(self.place, label, error)
            except NobodyWorksHere:
                return  # everybody left in that very moment: it is looked at again once somebody is there
            except _CLOSED_MEANWHILE as closed:
                self._display.put(self._closed_meanwhile(closed, None))
            else:
                self._conclude(result, recorded, None)
        await self._idling.wait(self._arrivals.unknown_gone(driver))

    async def _host(self, driver: HubDriver, recognised: Recognised) -> None:
        """Attend to the hub that said who it is, until it no longer sits here."""
        parts, hub = self._parts, recognised.hub
        seated = SeatedHub(self._visit_parts, driver, recognised)
        with structlog.contextvars.bound_contextvars(chf=str(hub.device_id)):
            try:
                if any(parts.live_hubs.holds(each) for each in hub.ids.every):
                    self._display.looking(hub, Reason.HELD_ELSEWHERE)
                elsewhere = await self._idling.wait(parts.live_hubs.claim(seated, *hub.ids.every))
                async with self.labels.deciding:
                    seated.label = parts.outlook.label_for(self.place, hub)
                    self.labels.seated = seated
                if (golden := parts.start_of_shift.golden(hub)) is not None:
                    if await self._shift.check(driver, seated, golden, elsewhere):
                        await self._until_over(seated, golden=True)
                elif not await self._idling.wait(self._shift.allowed(seated)):
                    return
                elif parts.seat.is_safe() and not parts.duty.nobody_at(self.place.jig):
                    await self._visit(seated, elsewhere)
                else:  # the lid was opened meanwhile, say: it waits for its start again, and is asked again
                    self._display.looking(hub)
            finally:
                self.labels.seated = None
                seated.gone()
                parts.live_hubs.release(seated)

    async def _visit(self, seated: SeatedHub, elsewhere: SlotName | None) -> None:
        hub = seated.hub
        self._display.show(SlotPhase.WORKING, Reason.RECOGNISED, hub)
        _log.info("hub recognised", firmware=str(hub.firmware), model=str(hub.model))
        unasked = seated.label is None and self._parts.seat.present() is None
        may_be_anew = not (unasked and self._unasked.is_enough(hub.device))
        try:
            ending = await seated.conduct(elsewhere, may_be_anew=may_be_anew)
        except NobodyWorksHere:
            self._display.looking(hub)  # as above
            return
        except _CLOSED_MEANWHILE as closed:
            seated.shown = self._closed_meanwhile(closed, seated)
            await self._until_over(seated, golden=False)
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
                if why is Reason.STOP_ENDED_IT:
                    await seated.record_interruption(Code.EMERGENCY_STOP)
                return
            case StillSeated(last=last, left=left, booted=booted, detail=detail):
                past = view_of_past(self.place, last, seated.hub, seated.label, detail)
                seated.shown = seated.as_it_stands(past)
                await seated.check_departure(left)
                if booted:
                    seated.shown = tried_enough(seated.shown, MAX_UNASKED)
            case Concluded(result=result, recorded=recorded):
                self._unasked.count(hub.device, by_hand=not unasked or seated.label is not None)
                seated.shown = self._conclude(result, recorded, seated, await self._last_label(seated))
        await self._until_over(seated, golden=False)

    async def _until_over(self, seated: SeatedHub, *, golden: bool) -> None:
        """Show what came of the hub, taken for golden or not, until it is gone or is the other: it is looked at anew then."""

        async def until_over() -> None:
            # Both are made only where they are waited for: a slot that finishes waits for nothing.
            another_kind = self._parts.start_of_shift.until_another_kind(seated.hub, golden=golden)
            await first_of(seated.until_gone(), another_kind)

        await self._idling.wait(until_over())

    async def _last_label(self, seated: SeatedHub) -> ScannedLabel | None:
        """Return the label scanned last for the hub, now or in an earlier visit: only its own takes another's back."""
        hub = seated.hub
        return seated.label or last_label(await self._parts.journal.hub_history(*hub.ids.every))

    def _closed_meanwhile(self, refusal: EventRefused, seated: SeatedHub | None) -> SlotView:
        """Return what to show of a hub whose order was closed, or given to another jig, while it was begun with."""
        _log.warning("hub not begun with", reason=str(refusal))
        return SlotView(
            place=self.place,
            phase=SlotPhase.PUT_ASIDE,
            reason=Reason.ORDER_WENT,
            details=Details(detail=str(refusal)),
            chf=seated.hub.device_id if seated else None,
            gpf=gpf_of(seated.hub.ids) if seated else None,
        )

    def _conclude(
        self,
        result: AttemptClosed,
        recorded: datetime,
        seated: SeatedHub | None,
        label: ScannedLabel | None = None,
    ) -> SlotView:
        """Show a durable result, and count it for or against the slot."""
        shown = view_of_result(result, seated.hub if seated else None, label, recorded)
        if seated is not None:
            shown = seated.as_it_stands(shown)
        self._display.put(shown)
        self._flapping.steady()
        _log.info("result", outcome=result.outcome, code=result.code, message=result.message)
        self.latch.count(result)
        return shown

    def _hold_up(self, why: str) -> float:
        """Show what is lacking, and return how long to wait for it.

        Nothing was acted on that is not recorded; open attempts are taken up when it is there.
        """
        _log.error("slot held up", reason=why)
        self._display.show(SlotPhase.OUT_OF_USE, Reason.HELD_UP, details=Details(detail=why))
        return slot_parts.ROOM_RETRY_SECONDS


def _is_own_fault(error: Exception) -> bool:
    """Whether the station itself is at fault, so that the slot is latched: not what is lacking, lost, or fails for all."""
    if isinstance(error, JournalError):
        return isinstance(error, EventRefused)
    return not isinstance(error, PlaceUnavailable | LinkLost | LinkStalled) and shortage_in(error) is None
