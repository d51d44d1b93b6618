"""The whole check-up: everything side by side, each with a deadline, none able to spoil another."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel

from drivers.errors import PlaceUnavailable
from drivers.hub import DriverPlugin
from drivers.jig_board.errors import JigBoardError
from drivers.places import PlaceFinder
from drivers.serial_link import SerialSettings
from drivers.threads import apart
from drivers.topology import SerialPorts
from station.control.client import ControlError
from station.descriptors import allowed, needed
from station.desk.refusals import Refused
from station.doctor.boards import board_seconds, check_board
from station.doctor.broker import check_broker
from station.doctor.catalogue import check_catalogue
from station.doctor.clock import judge_clock
from station.doctor.daemon import ask_status, judge_status
from station.doctor.descriptors import judge_descriptors
from station.doctor.disk import check_disk
from station.doctor.health import judge_backup, judge_certificate
from station.doctor.hubs import ASK_SECONDS, RETURN_SECONDS, check_hub
from station.doctor.installation import check_installation
from station.doctor.papers import check_folders, check_printer
from station.doctor.people import check_people
from station.doctor.ports import PlaceLook, check_scanner, look_at_place
from station.doctor.report import Finding, fault, told_together
from station.doctor.secrets import check_secrets
from station.doctor.shift import check_shift
from station.doctor.unlock import check_unlock
from station.doctor.upkeep import check_upkeep
from station.doctor.usb_load import UsedPort, judge_loads
from station.domain.slot_name import SlotName
from station.health.looking import backups, certificates
from station.kernel_clock import read_clock
from station.messages.topics import Topics
from station.places.finding import checked_driver, place_finder
from station.places.power import powered
from station.places.settings import JigSettings
from station.settings import StationSettings

_SECONDS: Final = 30.0
"""A check that asks no hub and no board has so long."""
_HUB_SECONDS: Final = 5.0
"""How long a hub that has power all along is waited for."""

Findings = list[Finding]


@dataclass(slots=True)
class JigUnderTest:
    """A jig with its driver, and what was seen of its places."""

    settings: JigSettings
    plugin: DriverPlugin
    driver_settings: BaseModel
    finder: PlaceFinder | None
    looks: Mapping[int, PlaceLook] = field(default_factory=dict)

    @classmethod
    def of(cls, jig: JigSettings) -> Self:
        """Load its driver. Raises ConfigError."""
        plugin, settings = checked_driver(jig)
        return cls(jig, plugin, settings, place_finder(plugin, settings))

    def place(self, number: int) -> SlotName:
        """Name one of its slots."""
        return SlotName(jig=self.settings.name, slot=number)


async def examine(settings: StationSettings) -> Findings:
    """Check everything and return what was found, in the order of the configuration. Ends in finite time.

    Raises ConfigError for a driver that does not exist, and settings or places that it does not take.
    """
    jigs = [JigUnderTest.of(jig) for jig in settings.jigs]
    topics = Topics(settings.site, settings.station)
    least = settings.thresholds.least_free_mebibytes

    checks = [
        _off_loop("installation", lambda: check_installation(settings.state_directory)),
        _off_loop("clock", lambda: [judge_clock(read_clock())]),
        _off_loop("state directory", lambda: check_disk(settings.state_directory, least)),
        _off_loop("secrets", lambda: check_secrets(settings)),
        _off_loop("people", lambda: check_people(settings)),
        _off_loop("certificates", lambda: _certificates_and_backup(settings)),
        _off_loop("upkeep", lambda: check_upkeep(settings)),
        _off_loop("golden hubs", lambda: check_shift(settings)),
        _off_loop("folders", lambda: check_folders(settings.order_folder, settings.labels.folder)),
        _within("catalogue", _SECONDS, lambda: check_catalogue(settings)),
        _within("unlock key", _SECONDS, lambda: check_unlock(settings)),
    ]
    try:
        status = await ask_status(settings.state_directory)
    except (ControlError, Refused) as error:
        return [*await _gather(checks), fault("daemon", str(error))]
    if status is not None:
        descriptors = judge_descriptors(status.descriptors_allowed, needed(settings))
        return [*await _gather(checks), descriptors, *judge_status(status)]
    broker_seconds = 4 * settings.mqtt.timeout_seconds + 1.0

    async def broker() -> Findings:
        return [await check_broker(settings.mqtt, topics)]

    checks.append(_within("MQTT broker", broker_seconds, broker))
    if (printer := settings.labels.printer) is not None:
        seconds = 4 * printer.answer_seconds
        checks.append(_within("label printer", seconds, lambda: check_printer(printer)))
    for jig in jigs:
        jig.looks = await _look_at_places(jig)
    used = await apart("doctor", lambda: [use for jig in jigs for use in _used(jig)])
    checks += [_jig(jig, settings.journal_folder) for jig in jigs]
    findings = await _gather(checks)
    return [judge_descriptors(allowed(), needed(settings)), *findings, *judge_loads(used)]


async def _gather(checks: list[Awaitable[Findings]]) -> Findings:
    return [finding for findings in await asyncio.gather(*checks) for finding in findings]


def _off_loop(where: str, check: Callable[[], Findings]) -> Awaitable[Findings]:
    return _within(where, _SECONDS, lambda: apart("doctor", check))


def _certificates_and_backup(settings: StationSettings) -> Findings:
    now = read_clock().now
    found = [judge_certificate(each, now) for each in certificates(settings)]
    return [*found, judge_backup(backups(settings), now)]


async def _within(
    where: str, seconds: float, check: Callable[[], Awaitable[Findings]], *, named: str = "the check"
) -> Findings:
    """Run a check to its end or to its deadline. Whatever it raises is a finding, so that the others are heard."""
    try:
        async with asyncio.timeout(seconds):
            return await check()
    except TimeoutError:
        return [fault(where, f"{named} did not end within {seconds:.0f} s", "look for what holds it up")]
    except Exception as error:
        return [fault(where, f"{named} failed ({type(error).__name__}: {error})", "report this line")]


async def _jig(jig: JigUnderTest, journal_folder: Path) -> Findings:
    """Check one jig: its board first, since hubs may need its power."""
    name, board, scanner = jig.settings.name, jig.settings.board, jig.settings.scanner
    findings: Findings = []
    if board is not None:
        findings += await _within(
            f"{name} board", board_seconds(board), lambda: check_board(name, board, journal_folder)
        )
    findings += told_together(finding for look in jig.looks.values() for finding in look.findings)
    askable = [number for number, look in jig.looks.items() if look.may_be_asked]
    try:
        async with powered(jig.settings, journal_folder) as seated:
            findings += await _gather([_slot(jig, number, seated) for number in askable])
    except JigBoardError as error:
        findings.append(fault(f"{name} board", f"hubs were not looked at: {error.what}"))
    if scanner is not None:
        findings.append(await check_scanner(f"{name} scanner", scanner.port, scanner))
    return findings


async def _look_at_places(jig: JigUnderTest) -> dict[int, PlaceLook]:
    slots = sorted(jig.settings.slots)
    looks = await asyncio.gather(*(_look_at_place(jig, number) for number in slots))
    return dict(zip(slots, looks, strict=True))


async def _look_at_place(jig: JigUnderTest, number: int) -> PlaceLook:
    where, place = str(jig.place(number)), jig.settings.slots[number]
    seen: list[PlaceLook] = []

    async def look() -> Findings:
        seen.append(await look_at_place(where, place, jig.finder, jig.driver_settings))
        return []

    failure = await _within(where, _SECONDS, look, named=_by_driver(jig))
    return seen[0] if seen else PlaceLook(may_be_asked=False, findings=tuple(failure))


def _used(jig: JigUnderTest) -> Iterator[UsedPort]:
    """Yield the serial ports in use. A hub on USB asks for no rate: its downloads take what the bus has left."""
    if not isinstance(jig.driver_settings, SerialSettings):
        return
    ports = SerialPorts()
    for number, place in sorted(jig.settings.slots.items()):
        with suppress(PlaceUnavailable):
            yield UsedPort(str(jig.place(number)), ports.resolve(place), jig.driver_settings.baud)


def _slot(jig: JigUnderTest, number: int, seated: frozenset[int] | None) -> Awaitable[Findings]:
    where, sits = str(jig.place(number)), None if seated is None else number in seated
    seconds = jig.settings.recognition_seconds if sits else _HUB_SECONDS
    return _within(
        where,
        seconds + ASK_SECONDS + RETURN_SECONDS + _SECONDS,
        lambda: check_hub(
            where,
            jig.settings.slots[number],
            jig.plugin,
            jig.driver_settings,
            jig.finder,
            seated=sits,
            seconds=seconds,
        ),
        named=_by_driver(jig),
    )


def _by_driver(jig: JigUnderTest) -> str:
    """Name a check whose failure may be a maker's to mend."""
    return f"the check by driver {jig.settings.driver}"
