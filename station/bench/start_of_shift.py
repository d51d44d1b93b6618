"""What is to be done before the first hub of a shift: the check list signed, each slot checked with a golden hub.

Derived from the journal alone: its tables at the start, then each fact after its commit.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final, NoReturn

import structlog

from drivers.hub import DeviceIdentity
from firmware_catalog.identity import Eui64
from station.bench.changes import Changes, first_of
from station.bench.drift import drift
from station.bench.settings import ShiftSettings
from station.bench.view import BenchView
from station.domain.interlock import interlock
from station.domain.reason import Reason
from station.domain.slot_name import SlotName
from station.domain.statement import Statement
from station.records.chain import RecordedEvent
from station.records.facts.golden import (
    KEPT_CHECKS,
    GoldenCheckEnded,
    GoldenHub,
    GoldenHubEnrolled,
    GoldenHubRetired,
    GoldenIds,
    PastCheck,
)
from station.records.facts.shift import CheckListSigned

_LOOK_SECONDS: Final = 60.0
"""Between two looks at the clock: nothing tells when somebody sets it."""

_log = structlog.stdlib.get_logger()


def utc_now() -> datetime:
    """Read the clock by which days begin."""
    return datetime.now(UTC)


class StartOfShift:
    """Knows the golden hubs, what was checked, and what is due. Shows that by interlocks and faults of the station."""

    def __init__(
        self,
        settings: ShiftSettings,
        places: Iterable[SlotName],
        view: BenchView,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._settings = settings
        self._places = tuple(places)
        self._view = view
        self._now = now
        self._days = settings.days
        self._hubs: dict[Eui64, Eui64] = {}
        """GPF of each golden hub, by CHF: what else is known of it is the journal's to say."""
        self._checks: defaultdict[SlotName, deque[PastCheck]] = defaultdict(lambda: deque(maxlen=KEPT_CHECKS))
        self._signed: tuple[datetime, CheckListSigned] | None = None
        self._changes = Changes()
        self._told: dict[SlotName, str] = {}

    def recall(
        self,
        hubs: Iterable[GoldenHub],
        checks: Iterable[PastCheck],
        signed: tuple[datetime, CheckListSigned] | None,
    ) -> None:
        """Begin with what the journal holds."""
        self._hubs = {each.chf: each.gpf for each in hubs}
        for each in checks:
            self._checks[each.ended.place].append(each)
        self._signed = signed
        self.show()

    def hear(self, recorded: RecordedEvent) -> None:
        """Take a recorded fact in, as the tables do."""
        match recorded.event:
            case GoldenHubEnrolled(chf=chf, gpf=gpf):
                self._hubs[chf] = gpf
            case GoldenHubRetired(chf=chf):
                self._hubs.pop(chf, None)
            case GoldenCheckEnded() as ended:
                self._checks[ended.place].append(PastCheck(recorded.utc, ended))
            case CheckListSigned() as signed:
                self._signed = recorded.utc, signed
            case _:
                return
        self.show()
        self._changes.tell()

    def golden(self, hub: DeviceIdentity) -> GoldenIds | None:
        """Return the ids of the golden hub that has one of this one's; None for a hub like any other."""
        ids = set(hub.ids.every)
        return next((each for each in self._hubs.items() if ids & set(each)), None)

    async def until_another_kind(self, hub: DeviceIdentity, *, golden: bool) -> None:
        """Return once the hub, which was taken for golden or not, is the other: what is shown of it holds no longer."""
        await self._changes.until(lambda: (self.golden(hub) is not None) is not golden)

    def last_check(self, place: SlotName) -> GoldenCheckEnded | None:
        """Return the newest check of a slot."""
        checks = self._checks[place]
        return checks[-1].ended if checks else None

    def why_not(self, place: SlotName) -> Reason | None:
        """Say why no hub may be begun with in a slot: only where the configuration requires what was not done."""
        if self._settings.check_list_signed == "required" and not self.list_is_signed():
            return Reason.CHECK_LIST_DUE
        if self._settings.golden_check == "required" and not self.is_checked(place):
            return Reason.GOLDEN_CHECK_DUE
        return None

    async def until_allowed(self, place: SlotName, hub: DeviceIdentity) -> None:
        """Return once a hub may be begun with in a slot, or checks it: when somebody did what was due, or the clock was set."""

        def may_begin() -> bool:
            return self.why_not(place) is None or self.golden(hub) is not None

        while not may_begin():
            await first_of(self._changes.until(may_begin), asyncio.sleep(_LOOK_SECONDS))

    def show(self) -> None:
        """Show what is due and which slots are suspect."""
        settings, view = self._settings, self._view
        list_due = settings.check_list_signed != "off" and not self.list_is_signed()
        due = [each for each in self._places if settings.golden_check != "off" and not self.is_checked(each)]
        found = []
        if list_due and settings.check_list_signed == "required":
            found.append(interlock(Reason.CHECK_LIST_DUE))
        if settings.golden_check == "required":
            found += [interlock(Reason.GOLDEN_CHECK_DUE, jig=each.jig, slot=each.slot) for each in due]
        view.set_interlocks("start of shift", found)
        warned = list_due and settings.check_list_signed == "warn"
        view.set_fault("check list", Statement.of(Reason.CHECK_LIST_DUE) if warned else None)
        named = ", ".join(map(str, due))
        warned = bool(due) and settings.golden_check == "warn"
        view.set_fault(
            "golden checks", Statement.of(Reason.GOLDEN_CHECKS_DUE, detail=named) if warned else None
        )
        suspects = self.suspects()
        for place, why in suspects.items():
            if self._told.get(place) != why:
                _log.warning("slot is suspect", jig=place.jig, slot=place.slot, reason=why)
        self._told = suspects
        said = "; ".join(f"{place}: {why}" for place, why in suspects.items())
        view.set_fault("slots", Statement.of(Reason.SLOT_DRIFTS, detail=said) if said else None)

    def suspects(self) -> dict[SlotName, str]:
        """Say of each slot that drifts in what."""
        found = {place: drift([each.ended for each in self._checks[place]]) for place in self._places}
        return {place: why for place, why in found.items() if why is not None}

    async def keep_showing(self) -> NoReturn:
        """Show again when a day begins, and every now and then, for somebody may set the clock."""
        while True:
            self.show()
            await asyncio.sleep(min(max(self._days.seconds_to_next(self._now()), 0.1), _LOOK_SECONDS))

    def list_is_signed(self) -> bool:
        """Whether every item of the check list was signed for today; True where there is none."""
        if not self._settings.check_list:
            return True
        if self._signed is None:
            return False
        utc, signed = self._signed
        wanted = {each.what for each in self._settings.check_list}
        return wanted <= set(signed.items) and self._days.is_today(utc, self._now())

    def is_checked(self, place: SlotName) -> bool:
        """Whether the newest check of a slot is of today, and was passed."""
        checks = self._checks[place]
        return bool(checks) and checks[-1].ended.passed and self._days.is_today(checks[-1].utc, self._now())
