from __future__ import annotations

import pytest

from benches.sentences import SENTENCES
from drivers.jig_board.registers import Lamp
from station.attempt.failure import disposition
from station.bench.jig import LAMPS
from station.domain.next_step import to_do
from station.domain.outcome import Code, Disposition, Outcome
from station.domain.phase import SlotPhase
from station.domain.reason import Reason
from station.domain.slot_name import SlotName
from station.domain.slot_view import SlotView
from station.domain.to_do import ToDo

HERE, ELSEWHERE = (SlotName(jig="jig1", slot=number) for number in (1, 2))
DISPOSITIONS = (None, *Disposition)
SAYS = {
    ToDo.FAIL: ("rework crate", "scrap crate"),
    ToDo.MOVE: ("another slot",),
    ToDo.HOLD: ("put it aside", "for the supervisor", "scan its own label"),
    ToDo.TURN: ("seat it again", "seat the hub again"),
    ToDo.CALL: ("call the supervisor", "assign an order"),
}
"""What the sentence beside each word has in it."""


@pytest.mark.parametrize("phase", SlotPhase)
def test_every_phase_has_a_word_and_green_is_pass(phase: SlotPhase) -> None:
    words = {
        to_do(phase, code or Reason.EMPTY, code, disposition)
        for code in (None, *Code)
        for disposition in DISPOSITIONS
    }
    if phase not in {SlotPhase.REJECTED, SlotPhase.FAILED}:
        assert len(words) == 1
    assert (words == {ToDo.PASS}) is (LAMPS[phase] is Lamp.GREEN)
    assert (ToDo.PASS in words) is (LAMPS[phase] is Lamp.GREEN)


@pytest.mark.parametrize("code", Code)
@pytest.mark.parametrize("outcome", [Outcome.REJECTED, Outcome.FAILED])
@pytest.mark.parametrize("failed_before", [set(), {ELSEWHERE}], ids=["first", "second slot"])
def test_the_word_and_the_sentence_say_the_same(
    code: Code, outcome: Outcome, failed_before: set[SlotName]
) -> None:
    if code is Code.ALREADY_PASSED:
        return  # shown as passed before
    of_failure = (
        disposition(code, HERE, failed_before, unsettled=False) if outcome is Outcome.FAILED else None
    )
    phase = {Outcome.REJECTED: SlotPhase.REJECTED, Outcome.FAILED: SlotPhase.FAILED}[outcome]
    view = SlotView(place=HERE, phase=phase, reason=code, outcome=outcome, code=code, disposition=of_failure)
    word, sentence = view.to_do, SENTENCES.of_slot(view).do
    assert any(part in sentence for part in SAYS[word]), (word, sentence)


def test_nobody_is_told_to_take_out_a_hub_that_answers_against_its_switch() -> None:
    assert to_do(SlotPhase.RESEAT, Reason.SWITCH_DOUBTED, None, None) is ToDo.WAIT
    assert to_do(SlotPhase.RESEAT, Reason.NO_CURRENT, None, None) is ToDo.TURN


def test_who_reads_a_view_finds_the_word_in_it() -> None:
    view = SlotView(place=HERE, phase=SlotPhase.FAILED, disposition=Disposition.RETRY_OTHER_SLOT)
    told = view.model_dump(mode="json")
    assert told["to_do"] == "move"
    assert SlotView.model_validate(told).to_do is ToDo.MOVE
