"""Where people and their scanners come in: the one desk put together, and the ways that lead to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import NoReturn

from drivers.threads import apart
from station.bench.controller import Controller
from station.bench.duty import Duty
from station.bench.jig import Jig
from station.bench.live_hubs import LiveHubs
from station.bench.occupancy import Occupancy
from station.bench.outlook import Outlook
from station.bench.scan_session import ScanSession
from station.bench.scanner import LabelScanner
from station.bench.scans import BenchScans
from station.bench.view import BenchView
from station.catalogue.keeping import StationCatalogue
from station.catalogue.withdrawn import is_withdrawn, withdrawn
from station.control.server import serve_control
from station.daemon.supervision import Part
from station.desk.act import Entrance
from station.desk.bench_desk import BenchDesk
from station.desk.count_desk import CountDesk
from station.desk.desk import Desk
from station.desk.health_desk import HealthDesk
from station.desk.label_desk import LabelDesk
from station.desk.label_printing_desk import LabelPrintingDesk
from station.desk.line_clearance import LineClearance
from station.desk.looking_desk import LookingDesk
from station.desk.looks import Looks
from station.desk.order_desk import OrderDesk
from station.desk.packing_desk import PackingDesk
from station.desk.pallet_desk import PalletDesk
from station.desk.people_desk import PeopleDesk
from station.desk.record_desk import RecordDesk
from station.desk.refusals import NotFound
from station.desk.revision_desk import RevisionDesk
from station.desk.rights import Role
from station.desk.scans_at_desk import ScansAtDesk
from station.desk.session_desk import SessionDesk
from station.desk.shift_desk import ShiftDesk
from station.desk.standing_desk import StandingDesk
from station.desk.upkeep_desk import UpkeepDesk
from station.domain.actor import Actor
from station.domain.config_error import ConfigError
from station.domain.contents import Packed
from station.people.bearers import Bearers
from station.people.identification import Identification
from station.people.operators import Operators
from station.people.pseudonyms import check_pseudonym
from station.printing.due import LabelsDue
from station.records.facts.packed import Carton, RecalledCarton
from station.records.journal import Journal
from station.settings import StationSettings


class FrontDesk:
    """What the desk and its entrances know of one station at work."""

    def __init__(
        self,
        settings: Callable[[], StationSettings],
        view: BenchView,
        duty: Duty,
        outlook: Outlook,
        catalogue: StationCatalogue,
        stop: Callable[[Actor | None], None],
    ) -> None:
        """`settings` are those of now: a reload changes them."""
        self._now = settings
        self._view = view
        self._duty = duty
        self._outlook = outlook
        self._catalogue = catalogue
        self._stop = stop

    def desk(
        self, journal: Journal, controller: Controller, jigs: Mapping[str, Jig], live_hubs: LiveHubs
    ) -> Desk:
        """Put the desk together to which every request comes."""
        settings = self._now()
        names = [jig.name for jig in settings.jigs]

        async def look(which: Collection[str]) -> dict[str, list[Occupancy]]:
            closed = dict(zip(which, await asyncio.gather(*map(closed_at, which)), strict=True))
            return {
                jig: [
                    slot.occupancy(
                        None if (switches := closed[jig]) is None else switches[slot.place.slot - 1]
                    )
                    for slot in controller.of_jig(jig)
                ]
                for jig in which
            }

        async def closed_at(jig: str) -> tuple[bool, ...] | None:
            return await jigs[jig].closed() if jig in jigs else None

        bench = BenchDesk(
            controller,
            jigs,
            self._view,
            self._duty,
            settings.people.badge_prefix,
            settings.language,
            self._stop,
        )
        labels = LabelDesk(
            BenchScans(controller, self._view, self._outlook), self._duty, self._view.show_scan
        )
        orders = OrderDesk(
            journal,
            names,
            is_seated=lambda attempt: attempt.hub is not None and live_hubs.holds(attempt.hub.device_id),
            clearance=LineClearance(
                lambda: self._now().people.line_clearance == "required",
                look,
            ),
        )
        people = PeopleDesk(journal, self._duty, self._view, names)
        due = LabelsDue(settings.labels)
        packing = PackingDesk(
            journal, lambda: self._now().packing, due.when_closed, live_hubs.seat_of, self._is_recalled
        )
        pallets = PalletDesk(journal, lambda: self._now().packing, self._recalled, due.when_closed)
        looks = Looks(settings.journal_folder)
        operators = Operators(settings.operators_file)
        bearers = Bearers(settings.bearers_file, operators)
        handlers = {
            **bench.handlers(),
            **labels.handlers(),
            **orders.handlers(),
            **RevisionDesk(journal).handlers(),
            **packing.handlers(),
            **pallets.handlers(),
            **LabelPrintingDesk(journal, due).handlers(),
            **people.handlers(),
            **RecordDesk().handlers(),
            **UpkeepDesk(settings.jigs, jigs).handlers(),
            **ShiftDesk(settings.shift, journal).handlers(),
            **CountDesk(looks, settings.reports_folder).handlers(),
            **HealthDesk(looks, self._now, self._catalogue.current).handlers(),
            **LookingDesk(looks, settings.people.badge_prefix).handlers(),
            **StandingDesk(looks, self._now, self._catalogue.current).handlers(),
            **SessionDesk(bearers, settings.shift.days, settings.people.sign_on_hours).handlers(),
        }
        identification = Identification(operators, bearers, journal)
        return Desk(journal, self._check_person, handlers, bench.followers(), identification)

    def _recalled(self, cartons: Iterable[Carton]) -> tuple[RecalledCarton, ...]:
        return withdrawn(self._catalogue.current(), cartons)

    def _is_recalled(self, packed: Packed) -> bool:
        return is_withdrawn(self._catalogue.current(), packed.model, packed.firmware)

    async def _check_person(self, pseudonym: str) -> None:
        try:
            await apart("operators", partial(check_pseudonym, self._now(), "--by", pseudonym))
        except ConfigError as error:
            raise NotFound(str(error)) from error

    def entrance(self, role: Role, where: str) -> Entrance:
        """Return a way in for people of this role."""
        return Entrance(role, where, lambda: self._now().operator, self._duty.at)

    def ways_in(self, desk: Desk) -> Iterator[Part]:
        """Yield what leads to the desk beside the terminal: a socket for looking, and each jig's own scanner."""
        settings = self._now()
        if settings.desk_socket is not None:
            yield "desk socket", partial(self._serve_looking, settings.desk_socket, desk)
        names = [jig.name for jig in settings.jigs]
        for jig in settings.jigs:
            if jig.scanner is not None:
                entrance = self.entrance(Role.TECHNICIAN, f"scanner of {jig.name}"[:64])
                scans = ScansAtDesk(partial(desk.answer, entrance=entrance))
                session = ScanSession(jig.name, names, scans, settings.people.badge_prefix)
                scanner = LabelScanner(jig.name, jig.scanner, session.read, self._view.show_scan)
                yield f"scanner of {jig.name}", scanner.run

    async def _serve_looking(self, place: Path, desk: Desk) -> NoReturn:
        """Serve those who may look and scan, until cancelled: on a socket of their own, whose folder says who they are."""
        async with serve_control(place, desk, self.entrance(Role.TECHNICIAN, "desk"), mode=0o660):
            await asyncio.get_running_loop().create_future()
        raise AssertionError("it is served until it is cancelled")
