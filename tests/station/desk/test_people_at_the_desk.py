"""People at a real daemon's sockets: who they are is proven, what is open is taken over, and no secret is written."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import structlog

from benches import brokers
from benches.desk_client import frame, say, take_order
from benches.looking import until
from benches.sentences import line_of
from benches.station_bench import Bench, at_broker, order_csv, slot
from benches.station_daemon import events_of, running_daemon
from station.bench.labels import Badge, ScanRefused, ScanUnreadable
from station.bench.scan_session import ScanSession
from station.cli.scanning import find_desk, scan_session
from station.control.client import ask_daemon
from station.desk.act import Pin
from station.desk.bench_requests import EnableSlot, Status, Stop
from station.desk.label_requests import ScanLabel
from station.desk.order_requests import AssignOrder
from station.desk.people_requests import ExpectedPerson, LiftPinLock, SignOn
from station.desk.refusals import Conflict, NotAllowed, NotFound, Unavailable
from station.domain.actor import Actor, PersonRole
from station.domain.phase import SlotPhase
from station.people.operators import Operators
from station.records.facts.attempts import AttemptClosed
from station.records.facts.bench import LabelScanned, SlotEnabled
from station.records.facts.people import PinLockLifted, PinRefused, SignedOff, SignedOn, WhySignedOff
from station.settings import StationSettings
from station.texts.scans import scan_line
from station.texts.texts import ENGLISH

PIN, OTHER_PIN, WRONG = "135797", "246808", "975310"
BADGE, SUPERVISORS_BADGE = "4711AB42", "0815CD77"


class People:
    """A station with a technician and a supervisor, and the two ways to its desk."""

    def __init__(self, settings: StationSettings) -> None:
        self.settings = settings
        self.desk = settings.desk_socket
        self.operators = Operators(settings.operators_file)
        self.ann = self.operators.pseudonym_of("Ann Example")
        self.sue = self.operators.pseudonym_of("Sue Example", PersonRole.SUPERVISOR)
        self.operators.set_pin(self.ann, PIN)
        self.operators.set_badge(self.ann, BADGE)
        self.operators.set_pin(self.sue, OTHER_PIN)
        self.operators.set_badge(self.sue, SUPERVISORS_BADGE)

    async def ask(self, request: Any, *, place: Path | None = None, **who: Any) -> Any:
        return await ask_daemon(place or self.desk, request, **who)


@pytest.fixture
def people(bench: Bench, shared_broker: brokers.Mosquitto, tmp_path: Path) -> People:
    state = tmp_path / "state"
    state.mkdir()
    return People(
        bench.station_settings(
            state,
            {"jig1": [1], "jig2": [1]},
            **at_broker(shared_broker.port),
            operator="op-7",
            desk_socket=str(tmp_path / "desk.sock"),
            people={"badge_prefix": "BADGE-", "line_clearance": "off"},
        )
    )


async def test_nobody_is_a_supervisor_by_saying_so(people: People) -> None:
    enable = EnableSlot(jig="jig1", slot=1)

    async def refused(says: str, **who: Any) -> None:
        with pytest.raises(NotAllowed, match=says):
            await people.ask(enable, key=uuid4(), **who)

    async with running_daemon(people.settings):
        await until(people.desk.exists)
        await refused(
            "enable slot is not for a technician, but for a supervisor: have a supervisor give name and PIN"
        )
        await refused("who does something at the desk is not said by who asks", by=people.sue)
        await refused("enable slot is not for a technician", by=people.ann, proof=Pin(PIN))
        await refused("enable slot is not for a technician", proof=Badge(SUPERVISORS_BADGE))
        await refused("this is not somebody's name and PIN", by="sue example", proof=Pin(PIN))
        both = frame("status").replace(b"}", b',"by":"x","pin":"1357","badge":"4711AB42"}', 1)
        key = uuid4()
        for _ in range(2):
            await people.ask(enable, by="Sue Example", proof=Pin(OTHER_PIN), key=key)
        with pytest.raises(NotAllowed, match="stop is not for a supervisor"):
            await people.ask(Stop(), by=people.sue, proof=Pin(OTHER_PIN))
        for _ in range(5):
            with pytest.raises(NotAllowed):
                await people.ask(Status(), by=people.ann, proof=Pin(WRONG))
        await refused("it was wrong here too often", by=people.ann, proof=Pin(PIN))
        with pytest.raises(NotAllowed, match="lift pin lock is not for a technician"):
            await people.ask(LiftPinLock(pseudonym=people.ann))
        lift = LiftPinLock(pseudonym=people.ann)
        await people.ask(lift, by=people.sue, proof=Pin(OTHER_PIN))
        with pytest.raises(NotFound, match="no wrong PIN counts against"):
            await people.ask(lift, by=people.sue, proof=Pin(OTHER_PIN))
        await people.ask(Status(), by=people.ann, proof=Pin(PIN))
        sound = people.settings.operators_file.read_bytes()
        people.settings.operators_file.write_bytes(sound[:-20])
        for proof in (Pin(PIN), Badge(BADGE)):
            with pytest.raises(Unavailable, match="is no list of operators: restore it from a backup"):
                await people.ask(SignOn(jig="jig1"), by=people.ann, proof=proof)
        people.settings.operators_file.write_bytes(sound)
        (told,) = await say(people.desk, both)
        assert told["refused"]["code"] == "invalid"
    supervisor = Actor(pseudonym=people.sue, role="supervisor", where="desk")
    assert [event.actor for event in events_of(people.settings, SlotEnabled)] == [supervisor]
    assert [event.actor for event in events_of(people.settings, PinLockLifted)] == [supervisor]
    assert len(events_of(people.settings, PinRefused)) == 6


async def test_a_shift_is_handed_over_and_outlives_a_restart_but_not_the_person(
    people: People, bench: Bench, tmp_path: Path
) -> None:
    hub, settings, log = bench.hub(), people.settings, io.StringIO()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(log))
    said: list[str] = []

    async def read(session: ScanSession, line: str) -> None:
        answer = await session.read(line)
        assert answer is not None
        said.append(scan_line(ENGLISH, answer))

    async with running_daemon(settings) as station:
        await until(people.desk.exists)
        await station.until(slot(1), SlotPhase.EMPTY)
        with pytest.raises(NotAllowed, match="who signs on shows it"):
            await people.ask(SignOn(jig="jig1"), place=settings.state_directory, by=people.ann)
        with pytest.raises(NotFound, match="there is no jig jig9"):
            await people.ask(SignOn(jig="jig9"), proof=Badge(BADGE))
        at = await asyncio.to_thread(find_desk, Path("unused"), people.desk)
        session = scan_session(at, "jig1")
        await read(session, "badge-4711ab42")
        await read(session, "BADGE-4711AB42")
        await read(scan_session(at, "jig2"), "BADGE-4711AB42")
        await read(scan_session(at, None), "BADGE-4711AB42")
        for garbled in ("BADGE/4711AB42", "BADGE-47"):
            with pytest.raises(ScanUnreadable) as refused:
                await session.read(garbled)
            assert "47" not in str(refused.value)
        await people.ask(ScanLabel(jig="jig1", slot=1, id=hub.gpf))
        taken = await take_order(settings.state_directory, order_csv(hub))
        await people.ask(AssignOrder(order=taken["order"], jig="jig1"), place=settings.state_directory)
        await bench.seat(hub, slot(1))
        await station.until(slot(1), SlotPhase.PASSED)
        with pytest.raises(Conflict, match=f"{people.ann} is signed on at jig1 now, not nobody"):
            await people.ask(
                SignOn(jig="jig1", expected=ExpectedPerson(pseudonym=None)),
                by=people.sue,
                proof=Pin(OTHER_PIN),
            )
        over = await people.ask(
            SignOn(jig="jig1", expected=ExpectedPerson(pseudonym=people.ann)),
            by="SUE example",
            proof=Pin(OTHER_PIN),
        )
        assert (over.before, over.pseudonym, over.also_at) == (people.ann, people.sue, ())
        assert [(each.place, each.line) for each in over.open] == [(slot(1), line_of(station.view(slot(1))))]
        assert over.line == (
            f"{people.sue} is signed on at jig1, taking over from {people.ann}; open here: 1, see what the slots say"
        )
    async with running_daemon(settings) as station:
        await until(people.desk.exists)
        status = await people.ask(Status())
        assert {each.jig: each.pseudonym for each in status.people} == {
            None: people.ann,
            "jig1": people.sue,
            "jig2": people.ann,
        }
        at = await asyncio.to_thread(find_desk, Path("unused"), people.desk)
        await read(scan_session(at, "jig2"), "sign off")
        with pytest.raises(ScanRefused, match="nobody is signed on at jig2"):
            await scan_session(at, "jig2").read("SIGN-OFF")
        people.operators.erase(people.ann)
        with pytest.raises(ScanRefused, match="this badge is nobody's here"):
            await scan_session(at, "jig2").read("BADGE-4711AB42")
    async with running_daemon(settings):
        await until(people.desk.exists)
        status = await people.ask(Status())
        assert [(each.jig, each.pseudonym) for each in status.people] == [("jig1", people.sue)]
    assert said == [
        f"{people.ann} is signed on at jig1",
        f"{people.ann} was signed on already, and is so anew at jig1",
        f"{people.ann} is signed on at jig2, and at jig1",
        f"{people.ann} is signed on for the bench, and at jig1, and at jig2",
        f"{people.ann} is signed off at jig2",
    ]
    (scan,) = events_of(settings, LabelScanned)
    assert scan.actor == Actor(pseudonym=people.ann, role="technician", where="desk")
    assert [closed.operator for closed in events_of(settings, AttemptClosed)] == [people.ann]
    assert [(off.jig, off.pseudonym, off.why) for off in events_of(settings, SignedOff)] == [
        ("jig2", people.ann, WhySignedOff.ASKED),
        (None, people.ann, WhySignedOff.ERASED),
    ]
    assert [(event.jig, event.proof) for event in events_of(settings, SignedOn)] == [
        ("jig1", "badge"),
        ("jig1", "badge"),
        ("jig2", "badge"),
        (None, "badge"),
        ("jig1", "pin"),
    ]
    written = [log.getvalue().encode(), *(path.read_bytes() for path in settings.journal_folder.iterdir())]
    assert any(people.ann.encode() in content for content in written)
    for secret in (PIN, OTHER_PIN, BADGE, SUPERVISORS_BADGE, BADGE.lower(), "Example"):
        assert not any(secret.encode() in content for content in written), secret
