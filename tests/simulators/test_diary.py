"""The rig's diary says what was done to each hub, and its hands keep their times."""

from __future__ import annotations

from pathlib import Path

import pytest

from benches.sim_bench import make_hub, rig_of, sign, until_mode
from simulators.control import Control
from simulators.diary import Diary
from simulators.hub import Mode
from simulators.lock import NoChallenge, WrongAnswer


async def ask(control: Control, text: str) -> dict[str, object]:
    return await control.answer(text.encode())


async def test_hands_move_a_hub_at_their_time_and_leave_what_cannot_be_done(tmp_path: Path) -> None:
    hub, other = make_hub(1), make_hub(2)
    async with rig_of(tmp_path, hub, queue=(other,), slots=2) as rig:
        control = Control(rig)
        first, second = rig.jigs[1].slots.values()
        await until_mode(first, Mode.APPLICATION)
        script = (
            f'[{{"do": "unseat", "jig": 1, "slot": 1}},'
            f'{{"do": "unseat", "jig": 1, "slot": 1}},'
            f'{{"after": 0.05, "do": "seat", "jig": 1, "slot": 2, "chf": "{hub.name}"}},'
            f'{{"do": "seat", "jig": 1, "slot": 1, "chf": "{other.name}"}}]'
        )
        assert (await ask(control, f'{{"do": "hands", "jig": 1, "script": {script}}}'))["ok"]
        await until_mode(second, Mode.APPLICATION, 2)
        await control.hands.idle(1)
        entries = rig.diary.since(0)
        moves = [
            (entry["what"], entry["slot"], entry["chf"])
            for entry in entries
            if entry["what"] in {"seated", "removed"}
        ]
        assert moves == [
            ("seated", 1, hub.name),
            ("removed", 1, hub.name),
            ("seated", 2, hub.name),
            ("seated", 1, other.name),
        ]
        (failed,) = [entry["why"] for entry in entries if entry["what"] == "hands"]
        assert failed == "jig 1 slot 1 is empty: seat a hub first"
        times = [entry["at"] for entry in entries]
        assert times == sorted(times)
        await control.hands.close()


@pytest.mark.parametrize(
    "script",
    ["3", "[4]", '[{"do": "unseat", "after": -1}]', '[{"do": "unseat", "after": 1e9}]'],
)
async def test_a_script_that_is_none_is_refused(tmp_path: Path, script: str) -> None:
    async with rig_of(tmp_path, slots=1) as rig:
        answer = await ask(Control(rig), f'{{"do": "hands", "jig": 1, "script": {script}}}')
        assert not answer["ok"]


async def test_a_hub_notes_what_is_done_to_it_and_what_it_runs_since(tmp_path: Path) -> None:
    hub = make_hub()
    async with rig_of(tmp_path, hub) as rig:
        await until_mode(rig.slot(1, 1), Mode.APPLICATION)
        hub.lock.is_open = True
        await hub.erase()
        hub.note_condition()
        entries = [entry for entry in rig.diary.since(0) if entry.get("chf") == hub.name]
        assert [entry["what"] for entry in entries] == ["seated", "condition", "deed", "condition"]
        before, deed, after = entries[1:]
        assert (before["confirmed"], before["pending"], before["locked"]) == (True, False, True)
        assert deed["deed"] == "written"
        assert after["image_file_sha256"] == before["image_file_sha256"]
        assert not after["locked"]


def test_entries_keep_their_numbers_when_the_oldest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulators.diary._MOST_ENTRIES", 3)
    diary = Diary()
    for number in range(5):
        diary.note("lamp", number=number)
    assert diary.count == 5
    assert [entry["number"] for entry in diary.since(3)] == [3, 4]
    with pytest.raises(ValueError, match="begins with 2"):
        diary.since(1)


async def test_a_hub_tells_the_answers_that_count_from_one_that_it_never_asked_for(tmp_path: Path) -> None:
    hub = make_hub(1)
    async with rig_of(tmp_path, hub, slots=1) as rig:
        await until_mode(rig.jigs[1].slots[1], Mode.APPLICATION)
        with pytest.raises(NoChallenge):
            hub.unlock(bytes(64))
        hub.challenge()
        with pytest.raises(WrongAnswer):
            hub.unlock(bytes(64))
        hub.unlock(sign(hub.nameplate.chf, hub.challenge()))
        deeds = [entry["deed"] for entry in rig.diary.since(0) if entry["what"] == "deed"]
        assert deeds == ["answered", "answered", "refused", "answered", "unlocked"]
