"""The start of a shift at the desk: golden hubs enrolled and retired, the check list signed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from firmware_catalog.identity import Eui64
from station.bench.settings import ShiftSettings
from station.desk.act import Act
from station.desk.desk import Handlers
from station.desk.refusals import Conflict, Invalid
from station.desk.shift_requests import EnrolGoldenHub, RetireGoldenHub, ShiftDone, SignCheckList
from station.records.errors import PartysHub
from station.records.facts.golden import GoldenHubEnrolled, GoldenHubRetired
from station.records.facts.shift import CheckListSigned
from station.records.journal import Journal


@dataclass(frozen=True, slots=True)
class ShiftDesk:
    """Answers what is asked at the start of a shift."""

    settings: ShiftSettings
    journal: Journal
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def handlers(self) -> Handlers:
        """Return what it answers."""
        return {EnrolGoldenHub: self._enrol, RetireGoldenHub: self._retire, SignCheckList: self._sign}

    async def _enrol(self, request: EnrolGoldenHub, act: Act) -> ShiftDone:
        if request.chf == request.gpf:
            raise Invalid(
                f"{request.chf} cannot be both CHF and GPF of a hub: its label and its order tell them"
            )
        reason = request.reason.strip() or None
        # An order that is over since long no longer stands in the tables that the append asks.
        if reason is None and (orders := await self._orders_over(request.chf, request.gpf)):
            raise Conflict(str(PartysHub(request.chf, orders)))
        answer = ShiftDone(
            line=f"{request.chf} is a golden hub: no order may name it, and its spare slot is erased by its first check"
        )
        await act.recording(answer).append(
            GoldenHubEnrolled(chf=request.chf, gpf=request.gpf, reason=reason, actor=act.actor)
        )
        return answer

    async def _orders_over(self, *ids: Eui64) -> list[str]:
        lives = [await self.journal.life_of(device) for device in ids]
        orders = sorted({state.order for life in lives for state in life.lines})
        return [order for order in orders if not await self.journal.order_is_open(order)]

    async def _retire(self, request: RetireGoldenHub, act: Act) -> ShiftDone:
        if not request.reason.strip():
            raise Invalid("a golden hub is retired with a reason only: state one")
        answer = ShiftDone(line=f"{request.chf} is no golden hub any more")
        await act.recording(answer).append(
            GoldenHubRetired(
                chf=request.chf,
                reason=request.reason.strip(),
                as_it_is=request.as_it_is,
                actor=act.actor,
            )
        )
        return answer

    async def _sign(self, request: SignCheckList, act: Act) -> ShiftDone:
        if not self.settings.check_list:
            raise Invalid(
                "the configuration has no check list ([shift] check_list): nothing has to be signed"
            )
        if act.actor.pseudonym is None:
            raise Invalid("who signs the check list answers for it: sign on, or say who does (--by)")
        names = tuple(each.what for each in self.settings.check_list)
        if missing := [each for each in names if each not in request.items]:
            raise Conflict(f"not signed: {', '.join(missing)} was not looked at", missing=list(missing))
        if others := [each for each in request.items if each not in names]:
            raise Invalid(f"{', '.join(others)} is not on the check list, which has: {', '.join(names)}")
        today = self.settings.days.of(self.now())
        over = [
            f"{each.what} ({each.until:%Y-%m-%d})"
            for each in self.settings.check_list
            if each.until is not None and each.until < today
        ]
        if over:
            raise Conflict(
                f"not signed: the last good day of {', '.join(over)} is over; have it renewed, and write the new "
                "day into the configuration",
                over=list(over),
            )
        answer = ShiftDone(line=f"signed by {act.actor.pseudonym}: {', '.join(names)}")
        await act.recording(answer).append(CheckListSigned(items=names, actor=act.actor))
        return answer
