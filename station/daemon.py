"""The daemon put together: journal, catalogue, unlock key, publisher, slots and control socket, in one process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import structlog

from firmware_catalog.catalog import FolderCatalog
from firmware_catalog.identity import Eui64, IdentityError
from station.attempt.authorise import ScannedLabel
from station.attempt.conduct import Conductor
from station.attempt.unlock import KeyFileAuthority
from station.bench.controller import Controller
from station.bench.jig import Jig
from station.bench.labels import LabelDesk
from station.bench.live_hubs import LiveHubs
from station.bench.plugins import driver_settings, load_plugin
from station.bench.seat import LinkSeat
from station.bench.slot import Slot, SlotParts
from station.bench.view import BenchView, SlotView
from station.config import StationSettings
from station.control import ControlError, Handler, Request, serve_control
from station.orders.desk import OrderDesk
from station.records.errors import JournalError
from station.records.events import Place, StationStarted, StationStopped
from station.records.journal import Journal
from station.records.publisher import Publisher, PublisherStatus
from station.records.retained import RetainedStates
from station.version import station_version

_LAST_RESULTS_SECONDS: Final = 5.0
"""How long a stop waits for the broker to take what is left; the rest leaves after the next start."""

_log = structlog.stdlib.get_logger()


class Daemon:
    """One station at work. `run` it once."""

    def __init__(
        self,
        settings: StationSettings,
        *,
        on_view: Callable[[SlotView], None] = lambda _: None,
        on_broker: Callable[[PublisherStatus], None] = lambda _: None,
        on_ready: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare. Listeners are called on the event loop: a changed slot, a changed broker, all slots running."""
        self._settings = settings
        self._on_broker = on_broker
        self._on_ready = on_ready
        self._stopping = asyncio.Event()
        self._labels = LabelDesk()
        self.view = BenchView(place for place, _ in settings.places())
        self.view.listen(on_view)

    def stop(self) -> None:
        """Begin no more hubs; `run` returns when the running ones have ended or the drain time is over."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until stopped.

        Raises ConfigError, CatalogError or UnlockKeyError before anything is touched, JournalError when the
        journal cannot be had or fails.
        """
        settings = self._settings
        plugins = [load_plugin(jig.driver) for jig in settings.jigs]
        drivers = [driver_settings(plugin, jig) for plugin, jig in zip(plugins, settings.jigs, strict=True)]
        catalog = await asyncio.to_thread(FolderCatalog.open, settings.catalogue.folder)
        authority = await asyncio.to_thread(KeyFileAuthority.load, settings.unlock.key_file)
        settings.state_directory.mkdir(parents=True, exist_ok=True)
        async with Journal.open(
            settings.journal_folder, site=settings.site, station=settings.station
        ) as journal:
            await journal.append(StationStarted(station_version=station_version(), boot_id=_boot_id()))
            for attempt in await journal.open_attempts():
                who = attempt.hub.chf if attempt.hub else attempt.scanned_id
                _log.warning("attempt open since before", attempt=attempt.attempt, chf=str(who))
            conductor = Conductor(
                journal=journal,
                catalog=lambda: catalog,
                authority=authority,
                veto=lambda _: None,
                operator=settings.operator,
                station_version=station_version(),
            )
            live_hubs = LiveHubs()
            jigs = {
                jig.name: Jig(jig.name, jig.board, jig.start, self.view) for jig in settings.jigs if jig.board
            }
            controller = Controller(
                Slot(
                    SlotParts(
                        place=Place(jig=jig.name, slot=number),
                        port=port,
                        plugin=plugin,
                        driver_settings=driver,
                        seat=jigs[jig.name].seat(number) if jig.board else LinkSeat(),
                        recognition_seconds=jig.recognition_seconds,
                        conductor=conductor,
                        live_hubs=live_hubs,
                        view=self.view,
                        take_label=self._labels.take,
                        hubs_failing_in_a_row=settings.thresholds.hubs_failing_in_a_row,
                    )
                )
                for jig, plugin, driver in zip(settings.jigs, plugins, drivers, strict=True)
                for number, port in sorted(jig.slots.items())
            )
            publisher = Publisher(journal, settings.mqtt, self._retained(journal), self._broker_changed)
            async with serve_control(
                settings.state_directory, self._handlers(journal, controller, jigs, live_hubs)
            ):
                await self._work(journal, controller, publisher, jigs.values())
            await journal.append(StationStopped(reason="asked to stop"))

    async def _work(
        self, journal: Journal, controller: Controller, publisher: Publisher, jigs: Iterable[Jig]
    ) -> None:
        async with asyncio.TaskGroup() as group:
            publishing = group.create_task(publisher.run(), name="publisher")
            boards = [group.create_task(jig.run(), name="jig") for jig in jigs]
            working = group.create_task(controller.run(), name="slots")
            self._on_ready()
            stopping = group.create_task(self._stopping.wait(), name="stop")
            await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
            controller.finish()
            done, _ = await asyncio.wait((working,), timeout=self._settings.drain_seconds)
            if not done:
                _log.warning("stopped before every attempt had ended; they go on after the next start")
                working.cancel()
            await asyncio.wait((working,))
            with suppress(TimeoutError):
                async with asyncio.timeout(_LAST_RESULTS_SECONDS):
                    await _outbox_empty(journal)
            for task in (stopping, publishing, *boards):
                task.cancel()

    def _retained(self, journal: Journal) -> RetainedStates:
        """Keep each slot's state retained at the broker; progress within a stage is for the screen alone."""
        retained = RetainedStates()

        def retain(view: SlotView) -> None:
            payload = view.model_dump_json(exclude={"percent", "line"} if view.percent is not None else None)
            retained.set(journal.topics.slot_state(view.place), payload.encode())

        self.view.listen(retain)
        return retained

    def _broker_changed(self, status: PublisherStatus) -> None:
        _log.info("broker", state=status.connection, line=status.line)
        self._on_broker(status)

    def _handlers(
        self, journal: Journal, controller: Controller, jigs: Mapping[str, Jig], live_hubs: LiveHubs
    ) -> dict[str, Handler]:
        async def status(_: Request) -> Mapping[str, Any]:
            return {"slots": [view.model_dump(mode="json") for view in self.view.slots()]}

        async def stop(_: Request) -> Mapping[str, Any]:
            self.stop()
            return {}

        async def enable_slot(request: Request) -> Mapping[str, Any]:
            place = _place(request)
            slot = controller.slot(place)
            if slot is None:
                raise ControlError(f"there is no {place} on this bench")
            slot.enable()
            return {}

        async def reset_jig(request: Request) -> Mapping[str, Any]:
            jig = jigs.get(request["jig"])
            if jig is None:
                raise ControlError(f"{request['jig']} has no board on this bench")
            jig.reset()
            return {}

        async def scan_label(request: Request) -> Mapping[str, Any]:
            place = _place(request)
            if controller.slot(place) is None:
                raise ControlError(f"there is no {place} on this bench")
            try:
                self._labels.put(place, ScannedLabel(Eui64.parse(request["id"]), request.get("role")))
            except IdentityError as error:
                raise ControlError(str(error)) from error
            return {}

        async def republish(request: Request) -> Mapping[str, Any]:
            try:
                await journal.republish(request["first"], request["last"])
            except JournalError as error:
                raise ControlError(str(error)) from error
            return {}

        return {
            "status": status,
            "stop": stop,
            "enable_slot": enable_slot,
            "reset_jig": reset_jig,
            "scan_label": scan_label,
            "republish": republish,
            **OrderDesk(
                journal,
                is_seated=lambda attempt: attempt.hub is not None and live_hubs.holds(attempt.hub.chf),
            ).handlers(),
        }


def _place(request: Request) -> Place:
    return Place(jig=request["jig"], slot=request["slot"])


def _boot_id() -> str:
    """Return the kernel's id of this boot (proc(5), /proc/sys/kernel/random/boot_id)."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


async def _outbox_empty(journal: Journal) -> None:
    """Return once the broker has acknowledged every result."""
    changed = asyncio.Event()
    unsubscribe = journal.subscribe(lambda _: changed.set())
    try:
        while await journal.outbox_size():
            await changed.wait()
            changed.clear()
    finally:
        unsubscribe()
