"""A slot at the start of a shift: checked with a golden hub, and what keeps any other hub waiting until it is."""

from __future__ import annotations

from typing import Final

import structlog

from drivers.errors import DriverError
from drivers.hub import DeviceIdentity, FlashProgress, HubDriver
from firmware_catalog.devices import gpf_of
from station.attempt.failure import is_out_of_reach
from station.attempt.golden_check import NoGoldenHub, NotChecked
from station.attempt.history import own_open_attempt
from station.attempt.workers import NobodyWorksHere
from station.bench.changes import first_of
from station.bench.display import SlotDisplay
from station.bench.slot_parts import SlotParts
from station.bench.visit import SeatedHub
from station.domain.phase import SlotPhase
from station.domain.reason import Reason
from station.domain.slot_name import SlotName
from station.domain.slot_view import SlotView
from station.domain.statement import Details
from station.records.facts.golden import GoldenCheckEnded, GoldenIds

_log: Final = structlog.stdlib.get_logger()


class SlotShift:
    """What one slot does with golden hubs, and with others before it may begin with them."""

    def __init__(self, parts: SlotParts, display: SlotDisplay) -> None:
        self._parts = parts
        self._display = display

    async def allowed(self, seated: SeatedHub) -> bool:
        """Wait until the hub may be begun with; False once it is gone, or golden. One with an attempt that is open goes on."""
        parts, place = self._parts, self._parts.place
        start = parts.start_of_shift
        while (why := start.why_not(place)) is not None:
            if await own_open_attempt(parts.journal, seated.hub) is not None:
                break
            seated.shown = self._view(SlotPhase.OUT_OF_USE, why, seated.hub)
            gone: bool | None = await first_of(self._gone(seated), start.until_allowed(place, seated.hub))
            if gone or start.golden(seated.hub) is not None:
                return False
        seated.shown = None
        return True

    async def check(
        self, driver: HubDriver, seated: SeatedHub, golden: GoldenIds, elsewhere: SlotName | None
    ) -> bool:
        """Check the slot with the golden hub that sits here; say whether there is something to show until it is gone."""
        parts, hub = self._parts, seated.hub
        last = parts.start_of_shift.last_check(parts.place)
        if last is not None and last.passed and (last.chf, last.boots) == (hub.device_id, hub.boots):
            ended: GoldenCheckEnded | str | None = last  # it has neither left nor booted since
        elif elsewhere is not None:
            ended = f"it also answers in {elsewhere}"
        else:
            self._display.put(self._view(SlotPhase.WORKING, Reason.GOLDEN_CHECK, hub))
            ended = await first_of(self._checked(driver, hub, golden), parts.seat.until_stopped())
        if ended is None:
            return False  # an emergency stop, or everybody left, or it was retired: it is looked at again
        if isinstance(ended, GoldenCheckEnded) and ended.boots is not None:
            seated.hub = await self._as_now(driver, hub)
        detail = ended if isinstance(ended, str) else ended.detail
        if detail is None:
            seated.shown = self._view(SlotPhase.PUT_ASIDE, Reason.GOLDEN_PASSED, hub)
        else:
            failed = Details(detail=detail)
            seated.shown = self._view(SlotPhase.PUT_ASIDE, Reason.GOLDEN_FAILED, hub, failed)
        return True

    async def _checked(
        self, driver: HubDriver, hub: DeviceIdentity, golden: GoldenIds
    ) -> GoldenCheckEnded | str | None:
        def show(progress: FlashProgress) -> None:
            view = self._view(SlotPhase.WORKING, Reason.GOLDEN_CHECK, hub)
            percent = 100 * progress.sent // progress.size
            self._display.put(view.model_copy(update={"percent": percent}))

        parts = self._parts
        try:
            ended = await parts.golden_checker.check(parts.place, driver, hub, golden, show, parts.draws)
        except NotChecked as error:
            _log.warning("slot not checked", reason=str(error))
            return str(error)
        except (NobodyWorksHere, NoGoldenHub):
            self._display.looking(hub)
            return None
        _log.info("golden check", passed=ended.passed, made=ended.made, detail=ended.detail)
        return ended

    async def _as_now(self, driver: HubDriver, hub: DeviceIdentity) -> DeviceIdentity:
        """Return it as it says who it is after its boot; until it is gone it is held against that."""
        try:
            seen = await driver.identify()
        except DriverError as error:
            if is_out_of_reach(error):
                raise
            return hub  # it may have been taken out, which is found out next
        return seen if seen.device == hub.device else hub

    async def _gone(self, seated: SeatedHub) -> bool:
        await seated.until_gone()
        return True

    def _view(
        self,
        phase: SlotPhase,
        reason: Reason,
        hub: DeviceIdentity,
        details: Details = Details(),  # noqa: B008 - frozen
    ) -> SlotView:
        return SlotView(
            place=self._parts.place,
            phase=phase,
            reason=reason,
            details=details,
            chf=hub.device_id,
            gpf=gpf_of(hub.ids),
        )
