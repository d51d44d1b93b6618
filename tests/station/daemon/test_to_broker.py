from __future__ import annotations

import asyncio
import json
from pathlib import Path

import jsonschema

from station.bench.view import BenchView
from station.daemon.to_broker import ToBroker
from station.domain.interlock import interlock
from station.domain.outcome import Stage
from station.domain.phase import SlotPhase
from station.domain.reason import Reason
from station.domain.slot_name import SlotName
from station.domain.slot_view import SlotView
from station.messages.slot_state import SLOT_STATE
from station.publishing.settings import MqttSettings
from station.records.journal import Journal

SLOT = SlotName(jig="jig1", slot=1)


def flashing(percent: int) -> SlotView:
    facts = {"phase": SlotPhase.WORKING, "reason": Reason.WORKING, "stage": Stage.FLASH, "percent": percent}
    return SlotView.model_validate({"place": SLOT, **facts})


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
        view.set_interlocks("station", [interlock(Reason.DISK_LOW, free=3, least=256, folder="/var")])
        ((topic, payload),) = (await more).items()
        assert topic == journal.topics.slot_state(SLOT)
        told = json.loads(payload)
        jsonschema.Draft202012Validator(SLOT_STATE.shipped_schema()).validate(told)
        assert (told["reason"], told["to_do"]) == ("working", "wait")
        assert told["interlocks"][0]["details"] == {"free": 3, "least": 256, "folder": "/var"}
