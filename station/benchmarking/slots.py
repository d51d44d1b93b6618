"""The slots that are measured: opened, powered, and each asked for its golden hub."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from drivers.errors import DriverError, PlaceUnavailable
from drivers.hub import CountsItsLine, DeviceIdentity, ExplainsSilence, HubDriver, LineCount
from firmware_catalog.devices import gpf_of
from firmware_catalog.identity import Eui64
from station.attempt.golden_check import Draws, GoldenChecker, NoGoldenHub, NotChecked
from station.attempt.workers import NobodyWorksHere, Workers
from station.bench.changes import first_of
from station.bench.duty import Duty
from station.bench.jig import Jig
from station.bench.loop_watch import LoopWatch
from station.bench.seat import LinkSeat, Seat
from station.bench.view import BenchView
from station.benchmarking.measured_driver import MeasuredDriver
from station.catalogue.keeping import StationCatalogue
from station.daemon.shifts import recall_duty
from station.domain.slot_name import SlotName
from station.places.finding import checked_driver
from station.places.settings import JigSettings
from station.records.facts.golden import GoldenCheckEnded, GoldenHub, GoldenIds, golden_hubs
from station.records.facts.orders import orders_on_jigs
from station.records.journal import Journal
from station.settings import StationSettings
from station.throughput.benchmark import Phase, Run
from station.throughput.wire import ceiling
from station.unlocking.authority import unlock_authority
from station.unlocking.counted_answers import BY_HAND_FOLDER, CountedAnswers
from station.unlocking.rate import SharedOut

_BOARD_SECONDS: Final = 10.0
"""How long a jig's board may take to answer at first."""


class CannotMeasure(Exception):
    """Nothing can be measured here, or not in this slot, and nothing was done. One line."""


@dataclass(frozen=True, slots=True)
class GoldenSlot:
    """One slot and the golden hub in it."""

    place: SlotName
    driver: HubDriver
    seat: Seat
    hub: DeviceIdentity
    ids: GoldenIds
    draws: Draws
    checker: GoldenChecker

    async def measure(self, phase: Phase) -> Run:
        """Check the slot once, and return what was measured. Raises JournalError."""
        measured, before = MeasuredDriver(self.driver), self._line()
        try:
            ended = await first_of(self._check(measured), self.seat.until_stopped())
        except (NotChecked, NobodyWorksHere, NoGoldenHub) as error:
            return self._not_checked(phase, str(error) or "its hub is golden no longer", as_it_was=True)
        except DriverError as error:
            return self._not_checked(phase, str(error), as_it_was=False)
        if ended is None:
            return self._not_checked(phase, "the jig's emergency stop was pressed", as_it_was=False)
        taken, line = measured.taken, self._line()
        return Run(
            place=self.place,
            phase=phase,
            passed=ended.passed,
            as_it_was=ended.as_it_was,
            detail=ended.detail,
            bytes=ended.bytes,
            write_seconds=ended.write_seconds,
            bytes_a_second=None if ended.write_seconds is None else taken.bytes_a_second,
            erase_seconds=taken.erase,
            boot_seconds=taken.boot,
            retries=ended.retries,
            ceiling=None
            if line is None or line.buffer is None
            else ceiling(line.baud, line.buffer, line.framing),
            frames=0 if line is None or before is None else line.sent - before.sent,
            sent_again=0 if line is None or before is None else line.sent_again - before.sent_again,
        )

    def _line(self) -> LineCount | None:
        return self.driver.line if isinstance(self.driver, CountsItsLine) else None

    async def _check(self, driver: HubDriver) -> GoldenCheckEnded | None:
        return await self.checker.check(self.place, driver, self.hub, self.ids, lambda _: None, self.draws)

    def _not_checked(self, phase: Phase, detail: str, *, as_it_was: bool) -> Run:
        return Run(place=self.place, phase=phase, passed=False, as_it_was=as_it_was, detail=detail, bytes=0)


@dataclass(frozen=True, slots=True)
class GoldenBench:
    """All slots of the jigs that are measured."""

    slots: tuple[GoldenSlot, ...]
    left_out: Mapping[SlotName, str]
    """Why a slot is not measured, in words that follow its name."""


@asynccontextmanager
async def golden_bench(settings: StationSettings) -> AsyncIterator[GoldenBench]:
    """Take the journal and every place of these settings, and yield the slots in which a golden hub answers.

    The station must not run. Raises CannotMeasure, having done nothing, for a jig with an order or where nobody works who has to;
    ConfigError, CatalogError, UnlockKeyError, JournalError.
    """
    driven = {jig.name: checked_driver(jig) for jig in settings.jigs}
    production = settings.mode == "production"
    catalogue = StationCatalogue(settings.state_directory / "catalogue", production=production)
    async with AsyncExitStack() as stack:
        signing = unlock_authority(settings.unlock, settings.state_directory, production=production)
        authority = await stack.enter_async_context(signing)
        await catalogue.choose(settings.catalogue)
        journal = await stack.enter_async_context(
            Journal.open(settings.journal_folder, site=settings.site, station=settings.station)
        )
        await stack.enter_async_context(catalogue.opened())
        wrong_answers = await stack.enter_async_context(
            CountedAnswers(journal, (settings.state_directory / BY_HAND_FOLDER,))
        )
        required = settings.people.sign_on == "required"
        duty = Duty([jig.name for jig in settings.jigs] if required else ())
        duty.recall(await recall_duty(journal, settings))
        await _require_free(journal, settings.jigs, duty)
        places = [place for place, _ in settings.places()]
        checker = GoldenChecker(
            journal,
            catalogue.current,
            SharedOut(authority, settings.unlock.rate, places).at,
            wrong_answers,
            Workers(lambda: settings.operator, duty.at, duty.nobody_at),
        )
        jigs = await _boards(stack, settings, journal, duty)
        golden = {each.chf: each for each in await journal.ask(golden_hubs)}
        loop_watch = LoopWatch()

        async def slot(jig: JigSettings, number: int, port: str) -> GoldenSlot:
            place = SlotName(jig=jig.name, slot=number)
            board = jigs.get(jig.name)
            seat: Seat = LinkSeat(loop_watch) if board is None else board.seat(number)
            plugin, driver_settings = driven[jig.name]
            async with _within(
                jig.recognition_seconds, "no hub is seated, or its jig waits for lid or button"
            ):
                await seat.until_ready()
            try:
                driver = await plugin.open(port, driver_settings)
            except PlaceUnavailable as error:
                raise CannotMeasure(str(error)) from error
            stack.push_async_callback(driver.close)
            try:
                async with _within(jig.recognition_seconds, "no hub answers: seat a golden one"):
                    hub = await driver.wait_for_hub()
            except CannotMeasure:
                if (
                    isinstance(driver, ExplainsSilence)
                    and (why := await driver.explain_silence()) is not None
                ):
                    raise why from None
                raise
            draws = partial(board.draws, number) if board is not None else _nothing_measures
            return GoldenSlot(place, driver, seat, hub, _ids_of(hub, golden), draws, checker)

        wanted = [(jig, number, port) for jig in settings.jigs for number, port in sorted(jig.slots.items())]
        found = await asyncio.gather(*(slot(*each) for each in wanted), return_exceptions=True)
        yield _sorted_out([SlotName(jig=jig.name, slot=number) for jig, number, _ in wanted], found)


async def _require_free(journal: Journal, jigs: Sequence[JigSettings], duty: Duty) -> None:
    orders = await journal.ask(orders_on_jigs)
    for jig in jigs:
        if (order := orders.get(jig.name)) is not None:
            raise CannotMeasure(
                f"{jig.name} works on order {order.order}, whose hubs are a party's: take it off the jig first, "
                f"with the station running: reflash orders unassign {order.order} --jig {jig.name}"
            )
        if duty.nobody_at(jig.name):
            raise CannotMeasure(
                f"nobody is signed on at {jig.name}: sign on there first, with the station running: reflash sign-on --jig {jig.name}"
            )


async def _boards(
    stack: AsyncExitStack, settings: StationSettings, journal: Journal, duty: Duty
) -> dict[str, Jig]:
    """Watch every jig's board for as long as the stack lasts. Raises CannotMeasure."""
    stopped = {each.jig: each.stopped for each in await journal.stopped_jigs()}
    view = BenchView(place for place, _ in settings.places())
    jigs = {
        jig.name: Jig(
            jig.name,
            jig.board,
            jig.start,
            view,
            append=journal.append,
            operator=partial(_who_works, duty, settings, jig.name),
            stopped=stopped.get(jig.name),
        )
        for jig in settings.jigs
        if jig.board is not None
    }
    if jigs:
        watching = [asyncio.create_task(jig.run(), name=f"board of {name}") for name, jig in jigs.items()]
        stack.push_async_callback(_end, watching)
        for name, jig in jigs.items():
            async with _within(_BOARD_SECONDS, f"the board of {name} does not answer; see: reflash doctor"):
                await jig.until_online()
    return jigs


async def _end(tasks: Sequence[asyncio.Task[object]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def _within(seconds: float, otherwise: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise CannotMeasure(otherwise) from None


def _ids_of(hub: DeviceIdentity, golden: Mapping[Eui64, GoldenHub]) -> GoldenIds:
    known = golden.get(hub.device_id)
    if known is None or known.gpf != gpf_of(hub.ids):
        raise CannotMeasure(
            f"hub {hub.device_id} is no golden hub, and nothing was done to it: seat one, or make it one: reflash golden enrol"
        )
    return known.chf, known.gpf


def _sorted_out(places: Sequence[SlotName], found: Sequence[GoldenSlot | BaseException]) -> GoldenBench:
    left_out: dict[SlotName, str] = {}
    slots: dict[Eui64, GoldenSlot] = {}
    for place, each in zip(places, found, strict=True):
        if isinstance(each, GoldenSlot):
            other = slots.setdefault(each.hub.device_id, each)
            if other is not each:
                left_out[place] = f"hub {each.hub.device_id} also answers in {other.place}"
        elif isinstance(each, CannotMeasure | DriverError):
            left_out[place] = str(each)
        else:
            raise each
    return GoldenBench(tuple(slots.values()), left_out)


def _who_works(duty: Duty, settings: StationSettings, jig: str) -> str | None:
    return duty.at(jig) or settings.operator


async def _nothing_measures() -> None:
    """Say that nothing measures what a slot draws."""
