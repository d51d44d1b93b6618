"""What keeps hubs from being begun with: said of the slots that it reaches, since it began, and gone when it is over."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benches.sentences import line_of
from station.bench.latch import Latch
from station.bench.view import BenchView
from station.daemon import hindrances
from station.daemon.hindrances import Hindrances
from station.domain.interlock import Interlock, interlock
from station.domain.outcome import Stage
from station.domain.phase import SlotPhase
from station.domain.reason import Reason
from station.domain.slot_name import SlotName
from station.domain.slot_view import SlotView
from station.domain.statement import Statement
from station.records.facts.bench import SlotOutOfUse

ONE, TWO, OTHER = (SlotName(jig=jig, slot=slot) for jig, slot in (("jig1", 1), ("jig1", 2), ("jig2", 1)))


def told(view: BenchView) -> dict[SlotName, list[Reason]]:
    return {slot.place: [Reason(each.reason) for each in slot.interlocks] for slot in view.slots()}


def test_each_cause_stands_at_the_slots_that_it_reaches_and_is_one_however_often_it_is_told() -> None:
    view = BenchView(iter([ONE, TWO, OTHER]))
    view.set_interlocks("board", [interlock(Reason.POWER_STAYS_ON, jig="jig1", slots=(1, 2))])
    view.set_interlocks("latch", [interlock(Reason.HUBS_FAILED, jig="jig1", slot=2, times=3)])
    view.set_interlocks("station", [interlock(Reason.CATALOGUE_UNUSABLE, detail="none was accepted")])
    everywhere, of_jig, of_slot = view.interlocks()
    assert [each.scope for each in view.interlocks()] == ["station", "jig", "slot"]
    assert {each.lifted_by for each in view.interlocks()} == {"supervisor"}
    assert told(view) == {
        ONE: [everywhere.reason, of_jig.reason],
        TWO: [everywhere.reason, of_jig.reason, of_slot.reason],
        OTHER: [everywhere.reason],
    }
    before = view.of(OTHER)
    view.set_interlocks("board", [interlock(Reason.POWER_STAYS_ON, jig="jig1", slots=(2,))])
    (now,) = (each for each in view.interlocks() if each.scope == "jig")
    assert (now.since, now.details.slots) == (of_jig.since, (2,)), "the same, since it began"
    assert view.of(OTHER) is before, "nobody is told what does not reach him"
    view.set_interlocks("board", [])
    assert told(view)[ONE] == [everywhere.reason]


def test_a_slot_is_out_of_use_since_it_was_taken_out_of_it_also_after_a_restart() -> None:
    shown: list[Interlock] = []
    nowhere: Any = None
    latch = Latch(TWO, nowhere, shown.extend)
    since = datetime(2026, 1, 2, tzinfo=UTC)
    latch.recall(SlotOutOfUse(TWO, Statement.of(Reason.HUBS_FAILED, times=3), since), [])
    assert [(each.since, each.jig, each.slot) for each in shown] == [(since, "jig1", 2)]
    assert not latch.in_use


async def test_what_hinders_is_shown_until_it_is_over_though_nobody_begins_with_a_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hindrances, "ROOM_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(hindrances, "MOMENT_SECONDS", 0.0)
    thresholds = SimpleNamespace(least_free_mebibytes=0)
    settings: Any = SimpleNamespace(state_directory=tmp_path, thresholds=thresholds)
    why: list[str] = ["no catalogue has been accepted yet"]
    view = BenchView(iter([ONE]))
    found = Hindrances(
        lambda: next(iter(why), None), lambda: settings, lambda each: view.set_interlocks("", each)
    )
    telling = asyncio.create_task(found.keep_telling())
    try:
        assert found.line() == "no catalogue has been accepted yet"
        assert told(view)[ONE] == [Reason.CATALOGUE_UNUSABLE]
        why.clear()
        await view.changes.until(lambda: not told(view)[ONE])
        thresholds.least_free_mebibytes = 1 << 40
        assert "make room for" in (found.line() or "")
        assert told(view)[ONE] == [Reason.DISK_LOW]
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)


def test_descriptors_are_counted_once_for_all_who_begin_in_the_same_moment_unless_there_are_too_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = ["only 3 left", None, "only 2 left"]
    monkeypatch.setattr(hindrances, "hindrance", lambda: counts.pop(0))
    monkeypatch.setattr(hindrances, "MOMENT_SECONDS", 3600.0)
    thresholds = SimpleNamespace(least_free_mebibytes=0)
    settings: Any = SimpleNamespace(state_directory=tmp_path, thresholds=thresholds)
    why: list[str] = []
    found = Hindrances(lambda: next(iter(why), None), lambda: settings, lambda _: None)
    assert "only 3 left" in (found.line() or "")
    assert [found.line() for _ in range(24)] == [None] * 24
    assert counts == ["only 2 left"]
    why.append("no catalogue any more")
    assert found.line() == "no catalogue any more"


@pytest.mark.parametrize(
    ("left", "do"), [(189, r"leave it in, 3:0\d left"), (-9, "leave it in"), (None, "leave it in")]
)
def test_a_hub_at_work_is_said_to_take_so_long_and_nothing_once_it_is_late(
    left: float | None, do: str
) -> None:
    due = None if left is None else datetime.now(UTC) + timedelta(seconds=left)
    facts = {"phase": SlotPhase.WORKING, "reason": Reason.WORKING, "stage": Stage.VERIFY}
    view = SlotView.model_validate({"place": ONE, "due": due, **facts})
    assert re.fullmatch(f"{ONE}: verify; {do}", line_of(view))
