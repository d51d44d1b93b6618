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
from station.people import identification
from station.people.bearers import Bearers, ProgramRole
from station.people.identification import Identification, Known, NotProven, PinLocked
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


async def test_wrong_pins_lock_for_a_time_that_grows_and_outlives_a_restart(
    operators: Operators, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ((who, _),) = operators.people().items()
    late = timedelta()
    tried: list[str] = []
    is_pin = identification.is_pin

    def noted(pin: str, kept: str) -> bool:
        tried.append(pin)
        return is_pin(pin, kept)

    monkeypatch.setattr(identification, "is_pin", noted)

    def now() -> datetime:
        return datetime.now(UTC) + late

    async def said(asked: Identification, pin: str) -> str:
        with pytest.raises(NotProven) as refused:
            await asked.by_pin("example person", pin, "desk")
        assert pin not in str(refused.value)
        kind = "locked" if isinstance(refused.value, PinLocked) else "wrong"
        return f"{kind}: {refused.value}"

    async with opened(tmp_path) as journal:
        heard: list[object] = []
        journal.subscribe(lambda recorded: heard.append(recorded.event))
        asked = Identification(operators, bearers(operators, tmp_path), journal, now)
        first = await asyncio.gather(*(said(asked, WRONG) for _ in range(8)))
        assert [each[:6] for each in first] == ["wrong:"] * 4 + ["locked"] * 4
        assert first[0] == f"wrong: this is not the PIN of {who} (1 of 5 tries); try it again"
        assert len(tried) == 5, "what is locked is not tried"
        assert heard == [PinRefused(pseudonym=who, where="desk")] * 5
    async with opened(tmp_path) as journal:
        asked = Identification(operators, bearers(operators, tmp_path), journal, now)
        locked = await said(asked, PIN)
        assert "is not tried for 1 min; wait, or have a supervisor lift it" in locked
        late = timedelta(days=-1)
        assert "is not tried for 1 min" in await said(asked, PIN), "no clock makes it longer"
        late = timedelta()
        for minutes in (2, 4, 8, 16, 32, 60, 60):
            late += timedelta(minutes=60)
            assert f"is not tried for {minutes} min" in await said(asked, WRONG)
        assert len(tried) == 12
        late += timedelta(minutes=60)
        heard = []
        journal.subscribe(lambda recorded: heard.append(recorded.event))
        assert is_known(await asked.by_pin(who, PIN, "desk"), who, PersonRole.SUPERVISOR)
        assert is_known(await asked.by_pin(who, PIN, "desk"), who, PersonRole.SUPERVISOR)
        assert heard == [PinAccepted(pseudonym=who)]
        assert (await said(asked, WRONG)).startswith("wrong: ")


async def test_a_badge_gives_no_supervisors_rights_and_whoever_is_erased_is_nobody_at_once(
    operators: Operators, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ((who, _),) = operators.people().items()
    other = operators.pseudonym_of("Another")
    operators.set_badge(who, BADGE)
    is_pin = identification.is_pin

    def erased_meanwhile(pin: str, kept: str) -> bool:
        operators.erase(who)
        return is_pin(pin, kept)

    async with opened(tmp_path) as journal:
        asked = Identification(operators, bearers(operators, tmp_path), journal)
        assert is_known(await asked.by_badge(BADGE), who, PersonRole.TECHNICIAN)
        for name, says in (
            ("Nobody", "nobody is known by this name, or two are"),
            (other, f"{other} has no PIN: give one on the station's PC"),
        ):
            with pytest.raises(NotProven, match=says):
                await asked.by_pin(name, PIN, "desk")
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
            with pytest.raises(NotAllowed, match="reset_jig is not for a technician"):
                await desk.answer(ResetJig(jig="jig1"), entrance, proof=Bearer(secret))
            assert heard == [Actor(pseudonym=pseudonym, role="technician", where="desk")]
            heard.clear()
            ends.append(end)
            with pytest.raises(Conflict, match=f"the session or token of {pseudonym} has ended"):
                await desk.answer(OpenCarton(order="WO-1"), entrance, proof=Bearer(secret))
            with pytest.raises(NotAllowed, match="sign on again"):
                await desk.answer(OpenCarton(order="WO-1"), entrance, proof=Bearer(secret))
            assert heard == []
