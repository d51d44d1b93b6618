"""What is asked about the bench itself: read beside the work, from the journal, the reports, and the lists of people and releases."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime
from functools import partial

from drivers.threads import apart
from firmware_catalog.catalog import Catalog
from firmware_catalog.errors import CatalogError
from firmware_catalog.release import ANY_LOWER, Release
from station.desk.act import Act
from station.desk.desk import Handlers
from station.desk.looks import Looks, page_of
from station.desk.refusals import Unavailable
from station.desk.shift_standing import standing_of_shift
from station.desk.standing_requests import (
    ListPeople,
    ListReleases,
    PeopleListed,
    PersonRow,
    RateRow,
    ReleaseRow,
    ReleasesListed,
    ServiceRow,
    ShiftToday,
    ShowShift,
    ShowUpkeep,
    UpkeepShown,
    WornSlot,
)
from station.people.operators import Operators, OperatorsUnreadable, Person
from station.places.settings import JigSettings
from station.records.facts.people import WrongPins, wrong_pins
from station.records.facts.releases import StoppedRelease, stopped_releases
from station.reports.errors import ReportError
from station.reports.reader import Reports, open_reports
from station.settings import StationSettings
from station.upkeep.rates import compared
from station.upkeep.service import ServiceState, service_states


class StandingDesk:
    """Answers what is asked about the bench itself."""

    def __init__(
        self,
        looks: Looks,
        settings: Callable[[], StationSettings],
        catalogue: Callable[[], Catalog],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`settings` are those of now; `catalogue` is the one in use."""
        self._looks = looks
        self._settings = settings
        self._catalogue = catalogue
        self._now = now

    def handlers(self) -> Handlers:
        """Return what it answers."""
        return {
            ShowShift: self._show_shift,
            ShowUpkeep: self._show_upkeep,
            ListPeople: self._list_people,
            ListReleases: self._list_releases,
        }

    async def _show_shift(self, _: ShowShift, act: Act) -> ShiftToday:  # noqa: ARG002 - every handler has it
        settings = self._settings()
        places = [place for place, _ in settings.places()]
        return await self._looks.ask(
            lambda journal: standing_of_shift(settings.shift, places, journal, self._now())
        )

    async def _show_upkeep(self, request: ShowUpkeep, act: Act) -> UpkeepShown:  # noqa: ARG002
        today = self._now().astimezone().date()
        try:
            return await self._looks.apart("upkeep", partial(_upkeep, self._settings(), request.days, today))
        except ReportError as error:
            raise Unavailable(str(error)) from error

    async def _list_people(self, request: ListPeople, act: Act) -> PeopleListed:  # noqa: ARG002
        file = self._settings().operators_file
        try:
            people = await apart("operators", Operators(file).people)
        except OperatorsUnreadable as error:
            raise Unavailable(str(error)) from error
        except OSError as error:
            raise Unavailable(f"the list of operators: {error.strerror}; see: reflash doctor") from error
        page, following = page_of(sorted(people), str, request.after, request.limit)
        wrong = await self._looks.ask(lambda journal: {each: journal.ask(wrong_pins, each) for each in page})
        return PeopleListed(
            people=tuple(_person(each, people[each], wrong[each]) for each in page), next=following
        )

    async def _list_releases(self, request: ListReleases, act: Act) -> ReleasesListed:  # noqa: ARG002
        catalogue = self._catalogue()
        stopped = await self._looks.ask(lambda journal: journal.ask(stopped_releases))
        hindrance = None
        try:
            catalogue.check_usable()
        except CatalogError as error:
            hindrance = str(error)
        releases = {
            f"{release.model.manufacturer}/{release.model.model}/{release.version}": release
            for model in catalogue.models()
            for release in sorted(catalogue.releases(model), key=lambda each: each.version, reverse=True)
        }
        page, following = page_of(list(releases), str, request.after, request.limit)
        return ReleasesListed(
            hindrance=hindrance,
            ends_soon=catalogue.ends_soon(),
            releases=tuple(_release(releases[each], stopped) for each in page),
            next=following,
        )


def _upkeep(settings: StationSettings, days: int, today: date) -> UpkeepShown:
    with open_reports(settings.reports_folder) as reports:
        return UpkeepShown(
            service=tuple(_service(reports, settings.jigs, today)),
            rates=tuple(
                RateRow(
                    jig=rate.jig,
                    slot=rate.slot,
                    measure=rate.measure,
                    marked=rate.marked,
                    seen=rate.seen,
                    named=rate.named,
                    line=rate.line,
                )
                for rate in compared(reports, days)
            ),
            slots=tuple(
                WornSlot(
                    jig=place.jig,
                    slot=place.slot,
                    insertions=reports.insertions(place.jig, place.slot, 0),
                    by_board=reports.counted_by_board(place.jig),
                )
                for place, _ in settings.places()
            ),
        )


def _service(reports: Reports, jigs: Iterable[JigSettings], today: date) -> Iterator[ServiceRow]:
    written = {(jig.name, item.what) for jig in jigs for item in jig.service if item.until is not None}
    for state in service_states(reports, jigs, today):
        yield _service_row(state, written=(state.jig, state.what) in written)


def _service_row(state: ServiceState, *, written: bool) -> ServiceRow:
    return ServiceRow(
        jig=state.jig,
        slot=state.slot,
        what=state.what,
        due=state.due.value,
        line=state.detail,
        insertions=state.insertions,
        limit=state.limit,
        until=state.until,
        serviced=state.serviced,
        actor=state.actor,
        written=written,
    )


def _person(pseudonym: str, person: Person, wrong: WrongPins | None) -> PersonRow:
    return PersonRow(
        pseudonym=pseudonym,
        role=person.role.value,
        badge=person.badge is not None,
        pin=person.pin is not None,
        wrong_pins=0 if wrong is None else wrong.wrong,
        latest_wrong=None if wrong is None else wrong.latest,
    )


def _release(release: Release, stopped: Iterable[StoppedRelease]) -> ReleaseRow:
    why = next(
        (each.why for each in stopped if (each.model, each.version) == (release.model, release.version)), None
    )
    permitted = (
        ANY_LOWER.replace("_", " ")
        if release.permitted_from == ANY_LOWER
        else ", ".join(map(str, release.permitted_from))
    )
    return ReleaseRow(
        manufacturer=release.model.manufacturer,
        model=release.model.model,
        version=release.version,
        status=release.status.value,
        permitted_from=permitted,
        hardware=tuple(release.hardware_versions),
        size=release.image.size,
        sha256=release.image.sha256,
        notes=release.notes,
        stopped=why,
    )
