"""Sign-ons end with their time, whether the station runs through the night or is started the next morning."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benches.station_bench import Bench
from benches.tasks import beside
from station.bench.duty import Duty
from station.daemon.shifts import keep_ends, recall_duty
from station.domain.actor import Actor
from station.people.operators import Operators
from station.records.facts.people import SignedOff, SignedOn, WhySignedOff
from station.records.journal import Journal


async def test_who_left_without_a_word_is_signed_off_when_no_shift_lasts_any_longer(
    bench: Bench, tmp_path: Path
) -> None:
    settings = bench.station_settings(tmp_path, {"jig1": [1]}, people={"sign_on_hours": 8})
    ann, bob = (Operators(settings.operators_file).pseudonym_of(name) for name in ("Ann", "Bob"))
    late = timedelta()

    def now() -> datetime:
        return datetime.now(UTC) + late

    def on(pseudonym: str, jig: str | None) -> SignedOn:
        return SignedOn(jig=jig, actor=Actor(pseudonym=pseudonym), proof="badge")

    async with Journal.open(tmp_path / "journal", site="site", station="bench") as journal:
        duty, left = Duty(), asyncio.Event()
        ended: list[SignedOff] = []
        journal.subscribe(duty.hear)
        journal.subscribe(lambda recorded: ended.append(recorded.event) if isinstance(recorded.event, SignedOff) else None)  # fmt: skip
        duty.listen(lambda: left.set() if not duty.everybody() else None)
        await journal.append(on(ann, "jig1"))
        await journal.append(on(bob, None))
        await journal.append(on("op-erased", "jig2"))
        late = timedelta(hours=7.9)
        still = await recall_duty(journal, settings, now)
        assert [each.pseudonym for each in still] == [bob, ann]
        assert [(end.pseudonym, end.why) for end in ended] == [("op-erased", WhySignedOff.ERASED)]
        late = timedelta(hours=8)
        async with beside(keep_ends(journal, duty, settings.people, now)):
            await left.wait()
        assert {(end.jig, end.pseudonym, end.why, end.actor) for end in ended[1:]} == {
            ("jig1", ann, WhySignedOff.TIME_OVER, None),
            (None, bob, WhySignedOff.TIME_OVER, None),
        }
        late = timedelta()
        await journal.append(on(ann, "jig1"))
        late = timedelta(hours=15)  # the next morning, after a night without power
        assert await recall_duty(journal, settings, now) == ()
        late = timedelta()
        await journal.append(on(ann, "jig1"))
        late = timedelta(minutes=-4)
        assert len(await recall_duty(journal, settings, now)) == 1
        late = timedelta(days=-1)  # the clock was a day ahead, and was put right
        assert await recall_duty(journal, settings, now) == ()
