"""The daemon put together: journal, catalogue, unlock key, publisher, slots and control socket, in one process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Final

import structlog
from pydantic import BaseModel

from drivers.hub import DriverPlugin
from drivers.threads import apart
from station.attempt.conduct import Conductor
from station.attempt.golden_check import GoldenChecker
from station.attempt.workers import Workers
from station.bench.controller import Controller
from station.bench.duty import Duty
from station.bench.jig import Jig
from station.bench.jig_orders import JigOrders
from station.bench.live_hubs import LiveHubs
from station.bench.loop_watch import LoopWatch, show_lag
from station.bench.outlook import Outlook
from station.bench.pace import Pace
from station.bench.seat import LinkSeat
from station.bench.slot import Slot
from station.bench.slot_parts import SlotParts
from station.bench.start_of_shift import StartOfShift
from station.bench.view import BenchView
from station.catalogue.keeping import StationCatalogue
from station.catalogue.withdrawn import is_withdrawn
from station.control.server import serve_control
from station.control.sockets import LONGEST_SOCKET_PATH, SOCKET_NAME
from station.daemon.front_desk import FrontDesk
from station.daemon.hindrances import Hindrances
from station.daemon.in_and_out import in_and_out
from station.daemon.packing_watch import PackingWatch
from station.daemon.recall import open_attempts, recall_latches
from station.daemon.release_stops import ReleaseStops
from station.daemon.reload import check_reload, require_credentials
from station.daemon.service import ServiceManager
from station.daemon.shifts import keep_ends, recall_duty
from station.daemon.stopping import see_off, work_until_stopped
from station.daemon.supervision import supervise
from station.daemon.to_broker import ToBroker
from station.daemon.upkeep_watch import UpkeepWatch
from station.desk.rights import Role
from station.domain.actor import Actor
from station.domain.config_error import ConfigError
from station.domain.interlock import interlock
from station.domain.reason import Reason
from station.domain.slot_name import SlotName
from station.domain.slot_view import SlotView
from station.domain.statement import Statement
from station.log import configure_logging
from station.people.pseudonyms import check_pseudonym
from station.places.finding import checked_driver
from station.places.settings import JigSettings
from station.publishing.status import PublisherStatus
from station.records.errors import UpgradeInterrupted
from station.records.facts.golden import golden_checks, golden_hubs
from station.records.facts.journal import StationStarted, StationStopped
from station.records.facts.orders import orders_on_jigs
from station.records.facts.shift import newest_check_list
from station.records.journal import Journal
from station.records.replay import Replayed
from station.reports.keeping import ReportKeeper
from station.settings import StationSettings
from station.texts.texts import load
from station.unlocking.authority import unlock_authority
from station.unlocking.counted_answers import BY_HAND_FOLDER, CountedAnswers
from station.unlocking.parts import NamedAuthority
from station.unlocking.rate import SharedOut
from station.version import station_version

SlotMaker = Callable[[Journal, Conductor, GoldenChecker, LiveHubs, Mapping[str, Jig]], Slot]

_PASSES_RECALLED: Final = 240
"""The last results that tell how long hubs take: ten full benches, whatever is mixed on them."""

_log = structlog.stdlib.get_logger()


class Daemon:
    """One station at work. `run` it once."""

    def __init__(
        self,
        settings: StationSettings,
        *,
        on_view: Callable[[SlotView], None] = lambda _: None,
        on_broker: Callable[[PublisherStatus], None] = lambda _: None,
        service: ServiceManager | None = None,
    ) -> None:
        """Prepare. Listeners are called on the event loop: a changed slot, a changed broker."""
        self._settings = settings
        self._on_broker = on_broker
        self._service = service or ServiceManager(None, None)
        self._stopping = asyncio.Event()
        self._stopped_by: Actor | None = None
        self._broker_settings_changed = asyncio.Event()
        self._outlook = Outlook()
        required = settings.people.sign_on == "required"
        self._duty = Duty([jig.name for jig in settings.jigs] if required else ())
        self._pace = Pace({jig.name: jig.driver for jig in settings.jigs})
        self._loop_watch = LoopWatch(on_lag=lambda seconds: show_lag(self.view, seconds))
        self._look_at_packed = asyncio.Event()
        self._look_at_seated: Callable[[], None] = lambda: None
        self._catalogue = StationCatalogue(
            settings.state_directory / "catalogue",
            production=settings.mode == "production",
            warn=self._warn_of_term,
            renewed=self._hear_renewal,
        )
        self.view = BenchView(place for place, _ in settings.places())
        self._start_of_shift = StartOfShift(
            settings.shift, [place for place, _ in settings.places()], self.view
        )
        self._hindrances = Hindrances(
            self._catalogue.hindrance,
            lambda: self._settings,
            partial(self.view.set_interlocks, "station"),
        )
        self.view.listen(on_view)
        self._duty.listen(self.view.changes.tell)
        self._duty.listen(self._show_unattended)

    def _hear_renewal(self) -> None:
        """Have everything looked at anew that goes home by what the catalogue says."""
        self._look_at_packed.set()
        self._look_at_seated()

    def _show_unattended(self) -> None:
        for jig in self._settings.jigs:
            found = [interlock(Reason.UNATTENDED, jig=jig.name)] if self._duty.nobody_at(jig.name) else []
            self.view.set_interlocks(f"duty at {jig.name}", found)

    def _warn_of_term(self, line: str | None) -> None:
        ends = None if line is None else Statement.of(Reason.CATALOGUE_ENDS, detail=line)
        self.view.set_fault("catalogue's term", ends)

    def stop(self, actor: Actor | None = None) -> None:
        """Begin no more hubs; `run` returns when the running ones have ended or the drain time is over."""
        self._stopped_by = self._stopped_by or actor
        self._stopping.set()

    async def reload(self, settings: StationSettings) -> None:
        """Take a changed configuration over, all of it or, raising ConfigError or CatalogError, nothing."""
        check_reload(self._settings, settings)
        await apart("operators", partial(check_pseudonym, settings, "operator", settings.operator))
        await require_credentials(settings)
        await self._catalogue.replace(settings.catalogue)
        # Certificates and passwords are renewed in their files: who connects anew has them read anew.
        broker_changed = settings.mqtt != self._settings.mqtt or settings.mqtt.has_files
        self._settings = settings
        configure_logging(settings.log.format, settings.log.level)
        if broker_changed:
            self._broker_settings_changed.set()
        _log.info("configuration taken over")

    async def run(self) -> None:
        """Work until stopped.

        Raises ConfigError, CatalogError or UnlockKeyError before anything is touched, JournalError when the
        journal cannot be had or fails.
        """
        settings = self._settings
        await apart("texts", partial(load, settings.language))
        slots = self._slot_makers()
        await apart("operators", partial(check_pseudonym, settings, "operator", settings.operator))
        signing = unlock_authority(
            settings.unlock, settings.state_directory, production=settings.mode == "production"
        )
        async with signing as authority:
            await self._catalogue.choose(settings.catalogue)
            await apart("state folder", partial(_make_folder, settings.state_directory))
            # The journal first: its lock keeps a second daemon out, also of the catalogue's folder.
            try:
                async with (
                    self._journal() as journal,
                    self._catalogue.opened(),
                    CountedAnswers(journal, (settings.state_directory / BY_HAND_FOLDER,)) as wrong_answers,
                ):
                    await self._serve(journal, authority, wrong_answers, slots)
            except UpgradeInterrupted as stopped:
                _log.warning("stopped before the journal was brought up to date", reason=str(stopped))

    def _journal(self) -> AbstractAsyncContextManager[Journal]:
        settings = self._settings

        def upgrading(replayed: Replayed) -> None:
            _log.info("journal", events=replayed.events, of=replayed.of)
            self._service.still_starting(str(replayed))

        return Journal.open(
            settings.journal_folder,
            site=settings.site,
            station=settings.station,
            upgrading=upgrading,
            give_up=self._stopping.is_set,
            put_off=self._show_put_off,
        )

    def _show_put_off(self, what: tuple[str, ...]) -> None:
        """Show, and log, what of the journal's upkeep waits: for good, it would fill the disk."""
        detail = ", ".join(what)
        _log.warning("journal's upkeep", put_off=detail or "nothing more")
        self.view.set_fault("journal", Statement.of(Reason.JOURNAL_UNTIDY, detail=detail) if what else None)

    async def _serve(
        self,
        journal: Journal,
        authority: NamedAuthority,
        wrong_answers: CountedAnswers,
        slots: list[SlotMaker],
    ) -> None:
        settings = self._settings
        await journal.append(StationStarted(station_version=station_version(), boot_id=_boot_id()))
        journal.subscribe(self._duty.hear)
        self._duty.recall(await recall_duty(journal, settings))
        journal.subscribe(self._outlook.hear)
        orders = JigOrders(self.view, partial(journal.ask, orders_on_jigs))
        journal.subscribe(orders.hear)
        await orders.show()
        journal.subscribe(self._start_of_shift.hear)
        self._start_of_shift.recall(
            await journal.ask(golden_hubs),
            await journal.ask(golden_checks),
            await journal.ask(newest_check_list),
        )
        journal.subscribe(self._pace.hear)
        self._pace.recall(await journal.last_passes(_PASSES_RECALLED))
        self._outlook.recall(await journal.waiting_labels(), await open_attempts(journal))
        stops = await ReleaseStops.recall(journal, self._catalogue.current, lambda: self._settings)
        places = [place for place, _ in settings.places()]
        authority_at = SharedOut(authority, settings.unlock.rate, places).at
        workers = Workers(lambda: self._settings.operator, self._duty.at, self._duty.nobody_at)
        golden = GoldenChecker(journal, self._catalogue.current, authority_at, wrong_answers, workers)
        conductor = Conductor(
            journal=journal,
            catalogue=self._catalogue.current,
            authority=authority_at,
            wrong_answers=wrong_answers,
            veto=stops.gate.veto,
            hindrance=self._hindrances.line,
            workers=workers,
            station_version=station_version(),
        )
        live_hubs = LiveHubs()
        stopped = {stopped.jig: stopped.stopped for stopped in await journal.stopped_jigs()}
        jigs = {
            jig.name: Jig(
                jig.name,
                jig.board,
                jig.start,
                self.view,
                append=journal.append,
                operator=partial(self._who_works, jig.name),
                stopped=stopped.get(jig.name),
            )
            for jig in settings.jigs
            if jig.board
        }
        controller = Controller(make(journal, conductor, golden, live_hubs, jigs) for make in slots)
        journal.subscribe(controller.hear)
        self._look_at_seated = controller.look_at_releases
        await recall_latches(journal, controller)
        packing = PackingWatch(journal, self.view, self._catalogue.current, self._look_at_packed)
        upkeep = UpkeepWatch(journal, settings.jigs, jigs, settings.reports_folder, self.view)
        front = FrontDesk(
            lambda: self._settings, self.view, self._duty, self._outlook, self._catalogue, self.stop
        )
        desk = front.desk(journal, controller, jigs, live_hubs)
        control = serve_control(settings.state_directory, desk, front.entrance(Role.ACCOUNT, "terminal"))
        async with control, asyncio.TaskGroup() as watching:
            watches = [
                watching.create_task(desk.until_journal_fails(), name="journal"),
                self._supervised(watching, "watchdog", self._service.keep_watchdog),
                self._supervised(watching, "loop watch", self._loop_watch.run),
                self._supervised(watching, "catalogue", self._catalogue.keep_fresh),
                self._supervised(watching, "release gate", stops.keep_recording),
                self._supervised(
                    watching, "reports", partial(self._keep_reports, journal, upkeep.reports_are_up_to_date)
                ),
                self._supervised(watching, "upkeep", upkeep.run),
                self._supervised(watching, "packing", packing.run),
                self._supervised(watching, "orders on jigs", orders.keep_showing),
                self._supervised(watching, "start of shift", self._start_of_shift.keep_showing),
                self._supervised(
                    watching, "ends of shifts", partial(keep_ends, journal, self._duty, settings.people)
                ),
                self._supervised(watching, "hindrances", self._hindrances.keep_telling),
                *(
                    self._supervised(watching, name, work)
                    for name, work in (
                        *front.ways_in(desk),
                        *in_and_out(settings, desk, journal, self.view),
                    )
                ),
            ]
            try:
                await self._work(journal, controller, jigs)
            finally:
                self.view.end()
            for task in watches:
                task.cancel()
        await journal.append(StationStopped(reason="asked to stop", actor=self._stopped_by))

    async def _work(self, journal: Journal, controller: Controller, jigs: Mapping[str, Jig]) -> None:
        to_broker = ToBroker(
            journal, self.view, lambda: self._settings.mqtt, self._broker_settings_changed, self._on_broker
        )
        async with asyncio.TaskGroup() as group:
            helpers = [
                self._supervised(group, "publisher", to_broker.publish),
                *(self._supervised(group, f"board of {name}", jig.run) for name, jig in jigs.items()),
            ]
            _log.info("station works", version=station_version())
            await work_until_stopped(
                controller, self._stopping, lambda: self._settings.drain_seconds, self._service
            )
            await see_off(to_broker, jigs.values())
            for task in helpers:
                task.cancel()

    def _who_works(self, jig: str) -> str | None:
        return self._duty.at(jig) or self._settings.operator

    async def _keep_reports(self, journal: Journal, taken_in: Callable[[], object]) -> None:
        settings = self._settings
        room = settings.bytes_left_by_reports
        keeper = ReportKeeper(
            journal, settings.reports_folder, settings.journal_folder, room=room, taken_in=taken_in
        )
        await keeper.run()

    def _supervised(
        self, group: asyncio.TaskGroup, name: str, work: Callable[[], Awaitable[object]]
    ) -> asyncio.Task[None]:
        return group.create_task(supervise(name, work, self.view), name=name)

    def _slot_makers(self) -> list[SlotMaker]:
        """Check every jig's driver, settings and places before anything is opened. Raises ConfigError."""
        makers: list[SlotMaker] = []
        for jig in self._settings.jigs:
            plugin, settings = checked_driver(jig)
            for number, port in sorted(jig.slots.items()):
                makers.append(partial(self._make_slot, jig, number, port, plugin, settings))
        return makers

    def _make_slot(
        self,
        jig: JigSettings,
        number: int,
        port: str,
        plugin: DriverPlugin,
        driver: BaseModel,
        journal: Journal,
        conductor: Conductor,
        golden_checker: GoldenChecker,
        live_hubs: LiveHubs,
        jigs: Mapping[str, Jig],
    ) -> Slot:
        return Slot(
            SlotParts(
                place=SlotName(jig=jig.name, slot=number),
                port=port,
                plugin=plugin,
                driver_settings=driver,
                seat=jigs[jig.name].seat(number) if jig.board else LinkSeat(self._loop_watch),
                recognition_seconds=jig.recognition_seconds,
                conductor=conductor,
                start_of_shift=self._start_of_shift,
                golden_checker=golden_checker,
                draws=partial(jigs[jig.name].draws, number) if jig.board else _nothing_measures,
                journal=journal,
                live_hubs=live_hubs,
                view=self.view,
                outlook=self._outlook,
                pace=self._pace,
                duty=self._duty,
                hindrance=self._hindrances.now,
                runs_withdrawn=lambda hub: is_withdrawn(self._catalogue.current(), hub.model, hub.firmware),
                hubs_failing_in_a_row=lambda: self._settings.thresholds.hubs_failing_in_a_row,
            )
        )


async def _nothing_measures() -> None:
    """Say that nothing measures what a slot draws."""


def _make_folder(path: Path) -> None:
    if len(os.fsencode(path / SOCKET_NAME)) > LONGEST_SOCKET_PATH:
        raise ConfigError(
            f"state_directory {path} is too long a path for the control socket in it; name a shorter one"
        )
    try:
        path.mkdir(mode=0o750, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"state_directory {path} cannot be made: {error.strerror}; name a folder on a local disk"
        ) from error


def _boot_id() -> str:
    """Return the kernel's id of this boot (proc(5), /proc/sys/kernel/random/boot_id)."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
