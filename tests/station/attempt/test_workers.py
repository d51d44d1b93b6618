"""Under whom a hub is worked on: whoever is signed on when it is recorded, not when it was asked."""

from __future__ import annotations

import asyncio
from pathlib import Path

from benches.conducting import conducting
from benches.station_bench import Bench, import_order, order_csv, slot
from station.attempt.workers import Workers
from station.bench.duty import Duty
from station.domain.actor import Actor
from station.domain.outcome import Outcome, Stage
from station.records.chain import RecordedEvent
from station.records.facts.attempts import AttemptOpened, StageStarted
from station.records.facts.people import SignedOff, SignedOn, WhySignedOff


async def test_a_hub_taken_over_is_the_result_of_whoever_took_it_over(bench: Bench, tmp_path: Path) -> None:
    hub, duty, handing_over = bench.hub(), Duty(), []

    async with conducting(bench, tmp_path, workers=Workers(lambda: "op-7", duty.at)) as at:

        async def sign_on(pseudonym: str) -> None:
            await at.journal.append(SignedOn(jig="jig1", actor=Actor(pseudonym=pseudonym), proof="pin"))

        def hand_over(recorded: RecordedEvent) -> None:
            started = recorded.event
            # Once: a busy machine has it flashed a second time now and then.
            if isinstance(started, StageStarted) and started.stage is Stage.FLASH and not handing_over:
                handing_over.append(asyncio.create_task(sign_on("op-b")))

        at.journal.subscribe(duty.hear)
        at.journal.subscribe(hand_over)
        await import_order(at.journal, order_csv(hub), "jig1")
        await sign_on("op-a")
        await bench.seat(hub, slot(1))
        result = await at.result(slot(1))
        assert (result.outcome, result.operator) == (Outcome.PASSED, "op-b")
        assert [opened.operator for opened in at.of(AttemptOpened)] == ["op-a"]
    assert len(handing_over) == 1


async def test_whoever_signs_on_or_off_in_that_very_moment_is_named_in_opening_and_result(
    bench: Bench, tmp_path: Path
) -> None:
    """The bench's memory is behind the journal, for the moment that a commit takes."""
    hub, asked, duty = bench.hub(), [], Duty()

    def late(jig: str) -> str | None:
        asked.append(jig)
        return "op-gone" if len(asked) % 2 else duty.at(jig)

    async with conducting(bench, tmp_path, workers=Workers(lambda: "op-7", late)) as at:
        at.journal.subscribe(duty.hear)
        await import_order(at.journal, order_csv(hub), "jig1")
        await at.journal.append(SignedOn(jig=None, actor=Actor(pseudonym="op-a"), proof="badge"))
        await bench.seat(hub, slot(1))
        result = await at.result(slot(1))
        assert result.operator == "op-a"
        assert [opened.operator for opened in at.of(AttemptOpened)] == ["op-a"]
        await at.journal.append(SignedOff(jig=None, pseudonym="op-a", why=WhySignedOff.ASKED))
        assert Workers(lambda: "op-7", duty.at).at("jig1").pseudonym == "op-7"
    assert len(asked) == 4
