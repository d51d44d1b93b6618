"""Who somebody is, by PIN or badge: each wrong PIN counts, over restarts and side by side, and whoever is erased is nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from benches.desk_client import no_check
from station.desk.act import Act, Bearer, Entrance, Pin
from station.desk.bench_requests import ResetJig
from station.desk.desk import Desk
from station.desk.packing_requests import OpenCarton
from station.desk.refusals import Conflict, NotAllowed
from station.desk.request import Done
from station.desk.rights import Role
from station.domain.actor import Actor, PersonRole
from station.domain.pin import WRONG_PINS
from station.people import identification
from station.people.bearers import Bearers, ProgramRole
from station.people.identification import Identification, Known, NotProven
from station.people.operators import Operators
from station.records.facts.bench import JigReset
from station.records.facts.people import PinAccepted, PinRefused
from station.records.journal import Journal

PIN, WRONG = "135797", "246808"
BADGE = "4711AB42"


@pytest.fixture
def operators(tmp_path: Path) -> Operators:
    operators = Operators(tmp_path / "operators.json")
    operators.set_pin(operators.pseudonym_of("Example Person", PersonRole.SUPERVISOR), PIN)
    return operators


def bearers(operators: Operators, folder: Path) -> Bearers:
    return Bearers(folder / "bearers.json", operators)


def is_known(known: Known, pseudonym: str, role: PersonRole) -> bool:
    return (known.pseudonym, known.role) == (pseudonym, role)


def opened(tmp_path: Path) -> Any:
    return Journal.open(tmp_path / "journal", site="site", station="bench")


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """What was kept of each PIN that was tried. No is said at once."""
    monkeypatch.setattr(identification, "_NO_SECONDS", 0.0)
    is_pin, tried = identification.is_pin, list[str | None]()

    def noted(pin: str, kept: str | None) -> bool:
        tried.append(kept)
        return is_pin(pin, kept)

    monkeypatch.setattr(identification, "is_pin", noted)
    return tried


async def refused(asked: Identification, name: str, pin: str, network: str | None = None) -> str:
    with pytest.raises(NotProven) as said:
        await asked.by_pin(name, pin, "desk", network)
    assert pin not in str(said.value)
    return str(said.value)


async def test_wrong_pins_lock_for_a_time_that_grows_and_outlives_a_restart(
    operators: Operators, tmp_path: Path, tried: list[str | None]
) -> None:
    ((who, person),) = operators.people().items()
    late = timedelta()

    def now() -> datetime:
        return datetime.now(UTC) + late

    async with opened(tmp_path) as journal:
        heard: list[object] = []
        journal.subscribe(lambda recorded: heard.append(recorded.event))
        asked = Identification(operators, bearers(operators, tmp_path), journal, now)
        said = await asyncio.gather(*(refused(asked, "example person", WRONG) for _ in range(8)))
        assert len({*said}) == 1
        assert tried == [person.pin] * 5 + [None] * 3, "what is locked is not tried"
        assert heard == [PinRefused(pseudonym=who, where="desk")] * 5
    async with opened(tmp_path) as journal:
        asked = Identification(operators, bearers(operators, tmp_path), journal, now)
        for minutes in (1, 2, 4, 8, 16, 32, 60, 60):
            for left, is_tried in ((timedelta(seconds=30), False), (-timedelta(seconds=30), True)):
                late = timedelta(minutes=minutes) - left  # of the newest, which is recorded as of now
                before = len(tried)
                await refused(asked, who, WRONG)
                assert [each is not None for each in tried[before:]] == [is_tried], minutes
        late = timedelta(days=-1)
        await refused(asked, who, PIN)
        assert tried[-1] is None, "no clock makes it shorter"
        late = timedelta(minutes=61)
        heard = []
        journal.subscribe(lambda recorded: heard.append(recorded.event))
        for _ in range(2):
            assert is_known(await asked.by_pin(who, PIN, "desk"), who, PersonRole.SUPERVISOR)
        assert heard == [PinAccepted(pseudonym=who)]


async def test_whoever_guesses_is_not_told_whom_there_is_nor_by_how_long_it_takes(
    operators: Operators, tmp_path: Path, tried: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    ((who, _),) = operators.people().items()
    other = operators.pseudonym_of("Another")
    loop = asyncio.get_running_loop()
    async with opened(tmp_path) as journal:
        asked = Identification(operators, bearers(operators, tmp_path), journal)
        for _ in range(WRONG_PINS):
            await refused(asked, who, WRONG, "192.0.2.1")
        tried.clear()
        monkeypatch.setattr(identification, "_NO_SECONDS", 0.3)
        said = set()
        for name, network in (("Nobody", None), (other, None), (who, None), (who, "192.0.2.1")):
            begun = loop.time()
            said.add(await refused(asked, name, WRONG, network))
            assert loop.time() - begun >= 0.3
        assert (len(said), len(tried)) == (1, 4)
        (line,) = said
        assert not {who, other, "Example", "Another"} & {*line.replace(",", " ").split()}


async def test_guesses_from_elsewhere_keep_nobody_out_where_their_pin_was_right_before(
    operators: Operators, tmp_path: Path, tried: list[str | None]
) -> None:
    ((who, _),) = operators.people().items()
    good, bad, worse = "192.0.2.1", "192.0.2.66", "2001:db8::/64"
    async with opened(tmp_path) as journal:
        heard: list[Any] = []
        journal.subscribe(lambda recorded: heard.append(recorded.event))
        asked = Identification(operators, bearers(operators, tmp_path), journal)
        for _ in range(2):
            await asked.by_pin(who, PIN, "desk", good)
        assert [type(each) for each in heard] == [PinAccepted], "known once is enough"
        assert good not in str(heard)
        for number in range(2 * WRONG_PINS):
            await refused(asked, who, WRONG, (bad, worse)[number % 2])
        assert len(events_of(heard, PinRefused)) == WRONG_PINS, "from however many places"
        await refused(asked, who, PIN, "198.51.100.7")
        for network in (good, None):
            assert is_known(await asked.by_pin(who, PIN, "desk", network), who, PersonRole.SUPERVISOR)
        for _ in range(2 * WRONG_PINS):
            await refused(asked, who, WRONG, good)
        assert len(events_of(heard, PinRefused)) == 2 * WRONG_PINS
        await asked.by_pin(who, PIN, "desk")


def events_of(heard: list[Any], kind: type) -> list[Any]:
    return [each for each in heard if isinstance(each, kind)]


async def test_a_badge_gives_no_supervisors_rights_and_whoever_is_erased_is_nobody_at_once(
    operators: Operators, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ((who, _),) = operators.people().items()
    operators.set_badge(who, BADGE)
    is_pin = identification.is_pin

    def erased_meanwhile(pin: str, kept: str | None) -> bool:
        operators.erase(who)
        return is_pin(pin, kept)

    async with opened(tmp_path) as journal:
        asked = Identification(operators, bearers(operators, tmp_path), journal)
        assert is_known(await asked.by_badge(BADGE), who, PersonRole.TECHNICIAN)
        monkeypatch.setattr(identification, "is_pin", erased_meanwhile)
        with pytest.raises(NotProven, match=f"{who} stands for nobody here any more"):
            await asked.by_pin(who, PIN, "desk")
        with pytest.raises(NotProven, match="this badge is nobody's here") as refused:
            await asked.by_badge(BADGE)
        assert BADGE not in str(refused.value)


@pytest.mark.parametrize(
    "change",
    [
        lambda operators, who: operators.set_role(who, PersonRole.TECHNICIAN),
        lambda operators, who: operators.erase(who),
        lambda operators, who: operators.set_pin(who, WRONG),
    ],
    ids=["role withdrawn", "erased", "another PIN"],
)
async def test_who_is_a_supervisor_no_more_decides_nothing_that_is_not_recorded_yet(
    operators: Operators, tmp_path: Path, change: Callable[[Operators, str], object]
) -> None:
    ((who, _),) = operators.people().items()
    changes = [change]

    async def reset(request: ResetJig, act: Act) -> Done:
        while changes:
            changes.pop()(operators, who)
        await act.recording(Done()).append(JigReset(jig=request.jig, actor=act.actor))
        return Done()

    async with opened(tmp_path) as journal:
        heard: list[Any] = []
        journal.subscribe(lambda recorded: heard.append(recorded.event))
        desk = Desk(
            journal,
            no_check,
            {ResetJig: reset},
            {},
            Identification(operators, bearers(operators, tmp_path), journal),
        )
        entrance = Entrance(Role.TECHNICIAN, "desk", operator=lambda: None)
        with pytest.raises(Conflict, match=f"{who}.*: look again, then decide anew"):
            await desk.answer(ResetJig(jig="jig1"), entrance, by=who, proof=Pin(PIN))
        assert heard == []


async def test_a_session_or_token_that_ends_meanwhile_does_nothing_that_is_not_recorded_yet(
    operators: Operators, tmp_path: Path
) -> None:
    ((who, _),) = operators.people().items()
    kept, now = bearers(operators, tmp_path), datetime.now(UTC)
    session, role = kept.open_session(who, now, now + timedelta(hours=1))
    token = kept.make_token("mes", ProgramRole.TECHNICIAN, now)
    assert role is PersonRole.SUPERVISOR
    ends: list[Callable[[], object]] = []

    async def pack(request: OpenCarton, act: Act) -> Done:
        while ends:
            ends.pop()()
        await act.recording(Done()).append(JigReset(jig=request.order, actor=act.actor))
        return Done()

    async with opened(tmp_path) as journal:
        heard: list[Any] = []
        journal.subscribe(lambda recorded: heard.append(recorded.event.actor))
        desk = Desk(
            journal,
            no_check,
            {OpenCarton: pack, ResetJig: pack},
            {},
            Identification(operators, kept, journal),
        )
        entrance = Entrance(Role.TECHNICIAN, "desk", operator=lambda: None)
        for secret, pseudonym, end in (
            (session, who, lambda: kept.close_session(session)),
            (token, "program-mes", lambda: kept.revoke_token("mes")),
        ):
            await desk.answer(OpenCarton(order="WO-1"), entrance, proof=Bearer(secret))
            with pytest.raises(NotAllowed, match="reset jig is not for a technician"):
                await desk.answer(ResetJig(jig="jig1"), entrance, proof=Bearer(secret))
            assert heard == [Actor(pseudonym=pseudonym, role="technician", where="desk")]
            heard.clear()
            ends.append(end)
            with pytest.raises(Conflict, match=f"the session or token of {pseudonym} has ended"):
                await desk.answer(OpenCarton(order="WO-1"), entrance, proof=Bearer(secret))
            with pytest.raises(NotAllowed, match="sign on again"):
                await desk.answer(OpenCarton(order="WO-1"), entrance, proof=Bearer(secret))
            assert heard == []
