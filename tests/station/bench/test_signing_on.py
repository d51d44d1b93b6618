"""Where somebody has to be signed on: nothing begins at a jig before, what is in work goes on, and the slots say so."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from benches.conducting import conducting
from benches.sentences import line_of
from benches.station_bench import Bench, import_order, order_csv, slot
from benches.station_daemon import events_of, running_daemon
from benches.two_slots import FIRST, SECOND, Hands, scan
from station.attempt.workers import NobodyWorksHere, Workers
from station.bench.duty import Duty
from station.bench.labels import Badge
from station.control.client import ask_daemon
from station.desk.people_requests import SignOff, SignOn
from station.desk.refusals import Conflict
from station.domain.actor import Actor
from station.domain.outcome import Outcome, Stage
from station.domain.phase import SlotPhase
from station.domain.to_do import ToDo
from station.people.operators import Operators
from station.records.chain import RecordedEvent
from station.records.facts.attempts import AttemptOpened, StageStarted
from station.records.facts.people import SignedOff, SignedOn, WhySignedOff
from station.settings import StationSettings

BADGE = Badge("4711AB42")


async def test_no_hub_is_begun_with_before_somebody_signs_on_nor_after_everybody_left(at: Hands) -> None:
    hands = at
    facts = {**hands.settings.model_dump(), "people": {"sign_on": "required", "badge_prefix": "BADGE-"}}
    hands.settings = StationSettings.model_validate(facts)
    state = hands.settings.state_directory
    operators = Operators(hands.settings.operators_file)
    who = operators.pseudonym_of("Ann Example")
    operators.set_badge(who, BADGE.code)
    async with hands.working(2) as (station, hub, later):
        view = await station.until(FIRST, SlotPhase.UNATTENDED)
        assert view.to_do is ToDo.WAIT
        assert line_of(view) == (
            f"{FIRST}: nobody is signed on at jig1; scan your badge, or: reflash sign-on NAME --jig jig1"
        )
        with pytest.raises(Conflict, match="nobody is signed on at jig1; scan your badge"):
            await scan(station, hub.chf)
        await hands.bench.seat(hub, FIRST)
        await station.until(SECOND, SlotPhase.UNATTENDED)
        assert not events_of(hands.settings, AttemptOpened)
        await ask_daemon(state, SignOn(jig="jig1"), proof=BADGE)
        await station.until(FIRST, SlotPhase.PASSED)
        await station.until(SECOND, SlotPhase.EMPTY)
        await ask_daemon(state, SignOff(jig="jig1"))
        await station.until(SECOND, SlotPhase.UNATTENDED)
        assert station.view(FIRST).phase is SlotPhase.PASSED, "a result stays with its hub"
        await hands.bench.unseat(FIRST)
        await station.until(FIRST, SlotPhase.UNATTENDED)
        await hands.bench.seat(later, FIRST)
    async with running_daemon(hands.settings) as station:
        await station.until(FIRST, SlotPhase.UNATTENDED)
        await station.until(SECOND, SlotPhase.UNATTENDED)
        assert len(events_of(hands.settings, AttemptOpened)) == 1
        await ask_daemon(state, SignOn(), proof=BADGE)
        await station.until(FIRST, SlotPhase.PASSED)
    assert [result.operator for result in hands.results()] == [who, who]


async def test_a_hub_in_work_goes_on_when_everybody_leaves_and_the_next_is_not_begun_with(
    bench: Bench, tmp_path: Path
) -> None:
    hub, later, duty, leaving = bench.hub(), bench.hub(), Duty(["jig1"]), []

    workers = Workers(lambda: None, duty.at, duty.nobody_at)
    async with conducting(bench, tmp_path, workers=workers) as at:
        off = SignedOff(jig="jig1", pseudonym="op-a", why=WhySignedOff.ASKED)

        def leave(recorded: RecordedEvent) -> None:
            if isinstance(recorded.event, StageStarted) and recorded.event.stage is Stage.FLASH:
                leaving.append(asyncio.create_task(at.journal.append(off)))

        at.journal.subscribe(duty.hear)
        at.journal.subscribe(leave)
        await import_order(at.journal, order_csv(hub, later), "jig1")
        await at.journal.append(SignedOn(jig="jig1", actor=Actor(pseudonym="op-a"), proof="pin"))
        await bench.seat(hub, slot(1))
        result = await at.result(slot(1))
        assert (result.outcome, result.operator) == (Outcome.PASSED, None)
        await bench.unseat(slot(1))
        await bench.seat(later, slot(1))
        with pytest.raises(NobodyWorksHere, match="nobody is signed on at jig1"):
            await at.visit(slot(1))
        assert [opened.operator for opened in at.of(AttemptOpened)] == ["op-a"]
    await bench.assert_untouched(later)
    assert len(leaving) == 1
