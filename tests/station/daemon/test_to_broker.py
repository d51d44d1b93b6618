from __future__ import annotations

import asyncio
from pathlib import Path

from station.bench.view import BenchView, SlotView
from station.daemon.to_broker import ToBroker
from station.domain.outcome import Stage
from station.domain.phase import SlotPhase
from station.domain.slot_name import SlotName
from station.publishing.settings import MqttSettings
from station.records.journal import Journal

SLOT = SlotName(jig="jig1", slot=1)


def flashing(percent: int) -> SlotView:
    line = f"{SLOT}: flash {percent}%; leave it in"
    return SlotView(place=SLOT, phase=SlotPhase.WORKING, line=line, stage=Stage.FLASH, percent=percent)


def test_a_view_knows_when_its_phase_began_and_each_is_a_new_one() -> None:
    view = BenchView(iter([SLOT]))
    shown = []
    for each in (flashing(1), flashing(2), SlotView(place=SLOT, phase=SlotPhase.PASSED)):
        view.show(each)
        shown.append(view.of(SLOT))
    assert shown[0].since == shown[1].since < shown[2].since
    assert shown[0].revision < shown[1].revision < shown[2].revision


async def test_progress_within_a_stage_is_for_the_screen_alone(tmp_path: Path) -> None:
    async with Journal.open(tmp_path / "journal", site="leeds", station="bench-1") as journal:
        view = BenchView(iter([SLOT]))
        to_broker = ToBroker(journal, view, MqttSettings, asyncio.Event(), lambda _: None)
        view.show(flashing(1))
        await to_broker._retained.changes()
        view.show(flashing(2))
        more = asyncio.ensure_future(to_broker._retained.changes())
        await asyncio.sleep(0)
        assert not more.done()
        view.show(SlotView(place=SLOT, phase=SlotPhase.PASSED))
        assert set(await more) == {journal.topics.slot_state(SLOT)}
