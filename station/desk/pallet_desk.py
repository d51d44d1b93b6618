"""Cartons on pallets, at the desk; and which of them are to be recalled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial

from drivers.threads import apart
from firmware_catalog.errors import CatalogError
from station.desk.act import Act
from station.desk.boxes import Closing, expect, find_carton, find_pallet, nothing_more
from station.desk.desk import Handlers
from station.desk.packing_requests import (
    ClosePallet,
    OpenPallet,
    PalletNow,
    PutOnPallet,
    Recall,
    Recalled,
    TakeOffPallet,
)
from station.desk.refusals import Conflict, Unavailable
from station.domain.counted import counted
from station.packing.codes import Package, pallet_code
from station.packing.settings import PackingSettings
from station.records.facts.events import Event
from station.records.facts.packed import Carton, Pallet, RecalledCarton, next_numbers
from station.records.facts.packing import CartonPutOnPallet, CartonTakenOffPallet, PalletClosed, PalletOpened
from station.records.journal import Journal


class PalletDesk:
    """Puts cartons on pallets, in one journal."""

    def __init__(
        self,
        journal: Journal,
        settings: Callable[[], PackingSettings],
        recalled: Callable[[Iterable[Carton]], Iterable[RecalledCarton]] | None = None,
        closing: Closing = nothing_more,
    ) -> None:
        """`recalled` picks the cartons whose release was withdrawn; None where no catalogue is at hand.

        `closing` says what else is recorded when a pallet is closed.
        """
        self._journal = journal
        self._settings = settings
        self._recalled = recalled
        self._closing = closing
        self._recalling = asyncio.Lock()
        """One look through every carton at a time."""
        self._one_by_one = asyncio.Lock()
        """Of two people at one pallet, or who open one, the second sees what the first has done."""

    def handlers(self) -> Handlers:
        """Return what it answers."""
        recall: Handlers = {} if self._recalled is None else {Recall: self._recall}
        return {
            **recall,
            OpenPallet: self._open_pallet,
            PutOnPallet: self._put_on_pallet,
            TakeOffPallet: self._take_off_pallet,
            ClosePallet: self._close_pallet,
        }

    async def _open_pallet(self, request: OpenPallet, act: Act) -> PalletNow:
        async with self._one_by_one:
            settings = self._settings()
            _, number = await self._journal.ask(next_numbers, settings.numbers_from)
            opened = PalletOpened(
                pallet=number, order=request.order, capacity=settings.cartons_per_pallet, actor=act.actor
            )
            answer = PalletNow(
                pallet=pallet_code(number),
                order=request.order,
                cartons=0,
                capacity=opened.capacity,
                state="open",
                line=f"pallet {pallet_code(number)} of order {request.order} is open for {opened.capacity} cartons",
            )
            await act.recording(answer).append(opened)
            return answer

    async def _put_on_pallet(self, request: PutOnPallet, act: Act) -> PalletNow:
        async with self._one_by_one:
            onto, put = (
                await find_pallet(self._journal, request.pallet),
                await find_carton(self._journal, request.carton),
            )
            cartons = onto.cartons + 1
            events: list[Event] = [CartonPutOnPallet(carton=put.number, pallet=onto.number, actor=act.actor)]
            line, full = f"carton {put.code} is on pallet {onto.code}, {cartons} of {onto.capacity}", False
            if cartons >= onto.capacity:
                full, line = True, f"{line}: it is full and closed"
                events += self._pallet_closed(onto, cartons, None, act)
            answer = _pallet_now(onto, cartons, line, closed=full)
            await act.recording(answer).append(*events)
            return answer

    async def _take_off_pallet(self, request: TakeOffPallet, act: Act) -> PalletNow:
        async with self._one_by_one:
            taken = await find_carton(self._journal, request.carton)
            if taken.pallet is None:
                raise Conflict(f"carton {taken.code} is on no pallet")
            off = await find_pallet(self._journal, pallet_code(taken.pallet))
            line = f"carton {taken.code} is off pallet {off.code}, which is open with {counted(off.cartons - 1, 'carton')}"
            answer = _pallet_now(off, off.cartons - 1, line, closed=False)
            await act.recording(answer).append(
                CartonTakenOffPallet(
                    carton=taken.number, pallet=off.number, reason=request.reason, actor=act.actor
                )
            )
            return answer

    async def _close_pallet(self, request: ClosePallet, act: Act) -> PalletNow:
        async with self._one_by_one:
            closing = await find_pallet(self._journal, request.pallet)
            expect(f"pallet {closing.code}", request.expected_cartons, closing.cartons, "carton")
            line = f"pallet {closing.code} is closed with {closing.cartons} of {closing.capacity} cartons"
            answer = _pallet_now(closing, closing.cartons, line, closed=True)
            reason = request.reason.strip() or None
            await act.recording(answer).append(*self._pallet_closed(closing, closing.cartons, reason, act))
            return answer

    def _pallet_closed(
        self, closing: Pallet, cartons: int, reason: str | None, act: Act
    ) -> tuple[Event, ...]:
        closed = PalletClosed(pallet=closing.number, cartons=cartons, reason=reason, actor=act.actor)
        return (closed, *self._closing(Package.PALLET, closing.number, closing.order))

    async def _recall(self, _: Recall, __: Act) -> Recalled:
        assert self._recalled is not None  # noqa: S101 - asked only then
        try:
            async with self._recalling:
                packed = await self._journal.cartons()
                found = tuple(await apart("recall", partial(self._recalled, packed)))
        except CatalogError as error:
            raise Unavailable(f"{error}; until then nobody knows which releases stand") from error
        return Recalled(
            lines=recall_lines(found),
            cartons=tuple(dict.fromkeys(each.carton.code for each in found)),
            pallets=tuple(
                dict.fromkeys(
                    pallet_code(each.carton.pallet) for each in found if each.carton.pallet is not None
                )
            ),
        )


def recall_lines(recalled: Iterable[RecalledCarton], most: int | None = None) -> tuple[str, ...]:
    """Say in one line for each release which cartons hold it and where they are; by name so many at `most`."""
    by_release: dict[str, list[Carton]] = {}
    for each in recalled:
        by_release.setdefault(f"{each.firmware} of {each.model}", []).append(each.carton)
    lines = []
    for release, boxes in by_release.items():
        named = [
            f"carton {each.code}" + ("" if each.pallet is None else f" on pallet {pallet_code(each.pallet)}")
            for each in boxes[:most]
        ]
        more = (
            f" and {len(boxes) - len(named)} more (reflash cartons recall)" if len(boxes) > len(named) else ""
        )
        lines.append(
            f"release {release}, which hubs were packed with, stands in the catalogue no more: "
            f"recall {', '.join(named)}{more}"
        )
    return tuple(lines)


def _pallet_now(pallet: Pallet, cartons: int, line: str, *, closed: bool) -> PalletNow:
    return PalletNow(
        pallet=pallet.code,
        order=pallet.order,
        cartons=cartons,
        capacity=pallet.capacity,
        state="closed" if closed else "open",
        line=line,
    )
