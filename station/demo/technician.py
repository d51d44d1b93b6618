"""The technician at one jig: signs on, scans labels, does what each slot's word asks for, and brings hubs to their places."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from firmware_catalog.identity import Eui64
from station.demo.rigs import Rigs
from station.demo.scene import CHECK_LIST, MANUFACTURER, MODEL, NEW_VERSION, DemoHub
from station.demo.table import PackingTable, Said
from station.desk.act import Proof
from station.desk.bench_requests import EnableSlot
from station.desk.label_requests import ScanLabel
from station.desk.people_requests import SignOn
from station.desk.record_requests import ResumeRelease
from station.desk.refusals import Refused
from station.desk.scans_at_desk import Ask
from station.desk.shift_requests import SignCheckList
from station.domain.outcome import Code
from station.domain.phase import SlotPhase
from station.domain.slot_name import SlotName
from station.domain.slot_view import SlotView
from station.domain.to_do import ToDo

_MOST_VISITS: Final = 4
"""How often a hub is seated, at most, before a supervisor decides about it."""

_TAKE_OUT: Final = frozenset({ToDo.PASS, ToDo.FAIL, ToDo.HOLD, ToDo.MOVE, ToDo.TURN, ToDo.CALL})
_UNNAMED: Final = frozenset({SlotPhase.EMPTY, SlotPhase.UNATTENDED, SlotPhase.SEATED, SlotPhase.BOOTING})
"""What a slot shows that has no hub, or one that has not said who it is: the last hub is out."""


@dataclass(frozen=True, slots=True)
class _InHand:
    """A hub that was taken out, and what its slot said of it."""

    hub: Eui64
    said: Said | None
    """None where the slot got no answer out of it, however often it was seated."""


class Technician:
    """Works at one jig until cancelled."""

    def __init__(
        self,
        jig: str,
        rigs: Rigs,
        table: PackingTable,
        ask: Ask,
        hubs: Mapping[Eui64, DemoHub],
        *,
        slots: int,
        mix_ups: float,
        seed: int,
    ) -> None:
        """`hubs` are the jig's own, by CHF; `mix_ups` is how often another hub than is meant is brought to a place."""
        self._jig = jig
        self._rigs = rigs
        self._table = table
        self._ask = ask
        self._hubs = hubs
        self._slots = slots
        self._mix_ups = mix_ups
        self._random = random.Random(f"technician {jig} {seed}")  # noqa: S311 - the same mix-ups again
        self._asked: asyncio.Queue[SlotView] = asyncio.Queue()
        self._shown: dict[SlotName, SlotView] = {}
        self._taken_out: dict[SlotName, _InHand] = {}
        """Hubs whose slots have yet to notice that they are out: nothing is scanned at the table before."""
        self._in_hand: asyncio.Queue[_InHand] = asyncio.Queue()
        self._noticed: set[SlotName] = set()
        """Slots whose hub is, or will be, taken out: a result that is shown again is no second request."""
        self._unscanned = {
            SlotName(jig=jig, slot=hub.slot): hub for hub in hubs.values() if hub.slot is not None
        }
        """Hubs in slots, or on their way there, whose labels are to be scanned for these slots."""
        self._visits: Counter[Eui64] = Counter(hub.chf for hub in self._unscanned.values())
        self._moving: deque[tuple[Eui64, SlotName]] = deque()
        """Hubs that are to be tried in another slot than this one."""
        self._emptied: dict[SlotName, bool] = {}
        """Slots for which no hub waits, and whether they have noticed that they are empty."""
        self.mixed_up = 0

    def see(self, view: SlotView) -> None:
        """Read a slot's line; act on it when `work` comes to it."""
        place = view.place
        if view.phase in {SlotPhase.EMPTY, SlotPhase.WORKING}:
            self._noticed.discard(place)
        self._shown[place] = view
        self._lift(place)
        if view.phase is SlotPhase.EMPTY and place in self._emptied:
            self._emptied[place] = True
            self._asked.put_nowait(view)
        elif self._is_to_scan(view) or view.to_do is ToDo.FIND or view.phase is SlotPhase.OUT_OF_USE:
            self._asked.put_nowait(view)
        elif view.phase is SlotPhase.STOPPED:
            pass  # the day is over
        elif view.to_do in _TAKE_OUT and view.outcome is not None and place not in self._noticed:
            self._noticed.add(place)
            self._asked.put_nowait(view)

    def _is_to_scan(self, view: SlotView) -> bool:
        hub = self._unscanned.get(view.place)
        return hub is not None and (view.phase in _UNNAMED or view.chf == hub.chf)

    async def sign_on(self, badge: Proof) -> None:
        """Begin to work here, by a badge; sign with it that everything on the check list was looked at."""
        await self._ask(SignOn(jig=self._jig), proof=badge)
        await self._ask(SignCheckList(items=CHECK_LIST), proof=badge)

    async def work(self) -> None:
        """Serve the slots until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._bring_all(), name=f"{self._jig} to its places")
            while True:
                await self._serve(await self._asked.get())

    # At the slots --------------------------------------------------------------------------------------------

    async def _serve(self, view: SlotView) -> None:
        place = view.place
        if self._is_to_scan(view):
            hub = self._unscanned.pop(place)
            with suppress(Refused):  # what is said of the label is said of the hub too
                await self._ask(
                    ScanLabel(jig=place.jig, slot=place.slot, id=hub.label.device_id, role=hub.label.role)
                )
        match view.to_do:
            case ToDo.FIND if view.chf is not None and self._may_come_again(view.chf):
                await self._rigs.reseat(place, view.chf)
            case ToDo.FIND | ToDo.PASS | ToDo.FAIL | ToDo.HOLD:
                await self._take_out(view)
            case ToDo.TURN | ToDo.MOVE:
                await self._take_out(view, again=True)
            case ToDo.CALL:
                await self._call_the_supervisor(view)
            case _:
                pass
        await self._seat_moving()

    async def _call_the_supervisor(self, view: SlotView) -> None:
        """Have the slot or the release given back to work; a hub that was refused for want of it is seated once more."""
        place = view.place
        with suppress(Refused):  # somebody was quicker
            if view.phase is SlotPhase.OUT_OF_USE:
                await self._ask(EnableSlot(jig=place.jig, slot=place.slot))
            elif view.code is Code.RELEASE_STOPPED:
                shown = None if view.chf is None else self._hubs.get(view.chf)
                model = MODEL if shown is None else shown.model
                release = {"manufacturer": MANUFACTURER, "model": model, "version": NEW_VERSION[1]}
                await self._ask(ResumeRelease.model_validate({**release, "reason": "looked into"}))
        if view.outcome is not None and view.phase is not SlotPhase.OUT_OF_USE:
            await self._take_out(view, again=True)

    async def _take_out(self, view: SlotView, *, again: bool = False) -> None:
        """Take the hub out, and let the next one come; seat it `again` elsewhere, or bring it to its place."""
        place = view.place
        taken, following = await self._rigs.swap(place)
        if following is None:
            self._emptied[place] = False
        else:
            self._visits[following] += 1
            self._unscanned[place] = self._hubs[following]
        if again and self._may_come_again(taken):
            self._moving.append((taken, place))
            return
        said = None if again or view.to_do is ToDo.FIND else Said(view.to_do, view.disposition, view.code)
        self._taken_out[place] = _InHand(taken, said)
        self._lift(place)

    def _lift(self, place: SlotName) -> None:
        """Let the hub that was taken out be brought on, once its slot has noticed."""
        held, view = self._taken_out.get(place), self._shown[place]
        if held is not None and (view.phase in _UNNAMED or view.chf != held.hub):
            self._in_hand.put_nowait(self._taken_out.pop(place))

    def _may_come_again(self, hub: Eui64) -> bool:
        self._visits[hub] += 1
        return self._visits[hub] <= _MOST_VISITS

    async def _seat_moving(self) -> None:
        """Seat hubs that are to be tried again: in another slot, or where the jig has no other in the same."""
        for _ in range(len(self._moving)):
            hub, before = self._moving.popleft()
            free = [place for place, is_empty in self._emptied.items() if is_empty]
            place = next((place for place in free if place != before or self._slots == 1), None)
            if place is None:
                self._moving.append((hub, before))
                continue
            del self._emptied[place]
            await self._rigs.seat(place, hub)
            self._unscanned[place] = self._hubs[hub]

    # To their places -----------------------------------------------------------------------------------------

    async def _bring_all(self) -> None:
        while True:
            held = await self._in_hand.get()
            other = self._mistaken_for(held)
            if other is not None:
                self.mixed_up += 1
                await self._table.bring(other.hub, held.said, is_done=other.said is not None)
                if other.said is not None:
                    await self._table.bring(held.hub, other.said)
                    continue
            await self._table.bring(held.hub, held.said)

    def _mistaken_for(self, held: _InHand) -> _InHand | None:
        """Return the hub that is taken for this one now and then: another in hand, or one that is not done."""
        if held.said is None or self._random.random() >= self._mix_ups:
            return None
        if not self._in_hand.empty():
            other = self._in_hand.get_nowait()
            if other.said is not None:
                return other
            self._in_hand.put_nowait(other)
        undone = sorted(self._hubs.keys() - self._visits.keys() - {held.hub})
        return _InHand(self._random.choice(undone), None) if undone else None
