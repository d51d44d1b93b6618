"""What the bench remembers over a restart: latches, rows of failures, answers that were sent, what is unsettled."""

from __future__ import annotations

from pathlib import Path

import pytest

from benches.journal_samples import chf, closed, gpf, hub_facts, ledger_in, one_result, opened, place, write
from firmware_catalog.identity import DeviceModel, FirmwareVersion
from station.domain.actor import Actor
from station.domain.outcome import Code, Outcome, Stage
from station.domain.reason import Reason
from station.domain.statement import Statement
from station.records.facts import bench, releases
from station.records.facts.attempts import AttemptInterrupted, AttemptResumed, HubLost, StageEnded
from station.records.facts.bench import (
    JigReset,
    JigStopped,
    SlotEnabled,
    SlotTakenOutOfUse,
    slot_failures,
    slots_out_of_use,
    stopped_jigs,
)
from station.records.facts.history import hub_history, open_attempt_of, open_attempts
from station.records.facts.releases import ReleaseResumed, ReleaseStopped, release_results
from station.records.facts.unlocks import UnlockAnswerDue, UnlockAnswerRefused, UnlockAnswerVoid
from station.records.ledger import Ledger
from station.records.reader import JournalReader
from station.records.rebuild import rebuild

SUPERVISOR = Actor(pseudonym="s-1", role="supervisor", where="desk")
RELEASE = {"manufacturer": "11A2", "model": "0A0B0C0D", "version": FirmwareVersion(0x0002012F)}


def test_an_answer_counts_from_before_it_is_sent_until_the_hub_takes_one(folder: Path) -> None:
    with ledger_in(folder) as ledger, JournalReader(folder) as reader:
        (first,) = write(ledger, opened(order=None))
        attempt = first.sequence

        def wrong_after(*events: object) -> int:
            write(ledger, *events)  # type: ignore[arg-type]
            return reader.ask(hub_history, chf(0)).wrong_unlock_answers

        due = UnlockAnswerDue(attempt=attempt, chf=chf(0))
        void = UnlockAnswerVoid(attempt=attempt, chf=chf(0))
        assert wrong_after(due) == 1
        assert wrong_after(void) == 0
        assert wrong_after(void) == 0
        assert wrong_after(due, UnlockAnswerRefused(attempt=attempt, chf=chf(0))) == 2
        failed = StageEnded(attempt=attempt, stage=Stage.UNLOCK, seconds=1, code=Code.NO_ANSWER)
        assert wrong_after(failed) == 2
        assert wrong_after(StageEnded(attempt=attempt, stage=Stage.UNLOCK, seconds=1)) == 0
    assert rebuild(folder).differing == ()


def test_a_stopped_jig_and_a_slot_out_of_use_stay_so_until_a_person_lifts_it(folder: Path) -> None:
    failed = Statement.of(Reason.HUBS_FAILED, times=3)
    in_words = {"kind": "slot_taken_out_of_use", "place": place(4), "why": "a fault"}
    with ledger_in(folder) as ledger:
        write(ledger, JigStopped(jig="jig-1"), JigStopped(jig="jig-2"), JigStopped(jig="jig-2"))
        write(ledger, SlotTakenOutOfUse(place=place(3), why=failed))
        write(ledger, SlotTakenOutOfUse.model_validate(in_words))  # as rows said it that knew no codes
    with ledger_in(folder) as ledger, JournalReader(folder) as reader:
        assert [stopped.jig for stopped in reader.ask(stopped_jigs)] == ["jig-1", "jig-2"]
        out = reader.ask(slots_out_of_use)
        other = Statement.of(Reason.TAKEN_OUT_OF_USE, detail="a fault")
        assert [(slot.place, slot.why) for slot in out] == [(place(3), failed), (place(4), other)]
        write(ledger, JigReset(jig="jig-2", actor=SUPERVISOR), SlotEnabled(place=place(3), actor=SUPERVISOR))
        write(ledger, JigReset(jig="jig-2"), SlotEnabled(place=place(8)))  # neither was latched: no matter
        assert [stopped.jig for stopped in reader.ask(stopped_jigs)] == ["jig-1"]
        assert [slot.place for slot in reader.ask(slots_out_of_use)] == [place(4)]
    assert rebuild(folder).differing == ()


def failing_in(reader: JournalReader, slot: int) -> list[tuple[object, object]]:
    return [(failure.hub, failure.code) for failure in reader.ask(slot_failures, place(slot))]


def test_a_slots_failures_are_in_a_row_until_one_passes_or_a_person_enables_it(folder: Path) -> None:
    failed = Code.FILE_TRANSFER_FAILURE
    with ledger_in(folder) as ledger, JournalReader(folder) as reader:
        for number in (0, 1, 0):
            one_result(ledger, number, Outcome.FAILED, slot=2, order=None)
        one_result(ledger, 5, Outcome.REJECTED, slot=2, order=None)
        for _ in range(2):
            (attempt,) = write(ledger, opened(order=None, slot=2))
            nobody = {"chf": None, "gpf": None, "scanned_id": None, "scanned_role": None}
            silent = closed(attempt.sequence, 0, Outcome.FAILED, slot=2, order=None)
            write(ledger, silent.model_copy(update=nobody))
        assert failing_in(reader, 2) == [(chf(1), failed), (chf(0), failed), (None, failed), (None, failed)]
        one_result(ledger, 3, Outcome.PASSED, slot=1, order=None)
        assert len(failing_in(reader, 2)) == 4
        one_result(ledger, 3, Outcome.PASSED, slot=2, order=None)
        assert failing_in(reader, 2) == []
        one_result(ledger, 4, Outcome.FAILED, slot=2, order=None)
        write(ledger, SlotEnabled(place=place(2)))
        assert failing_in(reader, 2) == []
    assert rebuild(folder).differing == ()


def test_how_hubs_fared_with_a_release_is_told_since_it_was_resumed(folder: Path) -> None:
    with ledger_in(folder) as ledger, JournalReader(folder) as reader:

        def told() -> list[tuple[object, Outcome]]:
            results = reader.ask(release_results)
            model = DeviceModel("11A2", "0A0B0C0D")
            assert {(one.model, one.version) for one in results} <= {(model, RELEASE["version"])}
            return [(one.hub, one.outcome) for one in results]

        for number, outcome in enumerate((Outcome.PASSED, Outcome.FAILED, Outcome.REJECTED, Outcome.FAILED)):
            one_result(ledger, number, outcome, order=None)
        assert told() == [
            (chf(0), Outcome.PASSED),
            (chf(1), Outcome.FAILED),
            (chf(3), Outcome.FAILED),
        ]
        write(ledger, ReleaseStopped(**RELEASE, why="two of three"))
        assert told() == []
        write(ledger, ReleaseResumed(**RELEASE, reason="bad cable", actor=SUPERVISOR))
        assert told() == []
        one_result(ledger, 1, Outcome.FAILED, order=None)
        assert told() == [(chf(1), Outcome.FAILED)]
    assert rebuild(folder).differing == ()


def test_only_the_newest_are_kept_to_be_counted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(releases, "KEPT_OF_A_RELEASE", 2)
    monkeypatch.setattr(bench, "KEPT_OF_A_SLOT", 3)
    with ledger_in(folder) as ledger, JournalReader(folder) as reader:
        for number in range(5):
            one_result(ledger, number, Outcome.FAILED, order=None)
        assert [one.hub for one in reader.ask(release_results)] == [chf(3), chf(4)]
        assert [hub for hub, _ in failing_in(reader, 1)] == [chf(2), chf(3), chf(4)]


def interrupted_stage(ledger: Ledger, attempt: int) -> None:
    write(ledger, AttemptInterrupted(attempt=attempt, stage=Stage.FLASH, code=Code.EMERGENCY_STOP))


def test_an_attempt_that_the_bench_ended_is_open_and_says_why(folder: Path) -> None:
    with ledger_in(folder) as ledger, JournalReader(folder) as reader:
        (first,) = write(ledger, opened(order=None))
        interrupted_stage(ledger, first.sequence)
        (attempt,) = reader.ask(open_attempts)
        assert (attempt.interrupted, attempt.lost) == (Code.EMERGENCY_STOP, False)
        write(ledger, HubLost(attempt=first.sequence, stage=Stage.FLASH))
        (attempt,) = reader.ask(open_attempts)
        assert (attempt.interrupted, attempt.lost) == (Code.EMERGENCY_STOP, True)
        seen = AttemptResumed(
            attempt=first.sequence, place=place(2), stage=Stage.FLASH, step=0, why="it answers"
        )
        write(ledger, seen)
        (attempt,) = reader.ask(open_attempts)
        assert (attempt.interrupted, attempt.lost) == (None, False)
        interrupted_stage(ledger, first.sequence)
        write(ledger, closed(first.sequence, order=None))
    assert rebuild(folder).differing == ()


def test_what_could_not_be_settled_stays_with_the_hubs_history(folder: Path) -> None:
    with ledger_in(folder) as ledger, JournalReader(folder) as reader:
        (first,) = write(ledger, opened(order=None))
        result = closed(first.sequence, 0, Outcome.FAILED, order=None)
        write(ledger, result.model_copy(update={"unsettled": "unlocked"}))
        one_result(ledger, 0, order=None)
        history = reader.ask(hub_history, chf(0))
        assert [attempt.unsettled for attempt in history.attempts] == ["unlocked", None]
    assert rebuild(folder).differing == ()


def test_an_open_attempt_is_found_by_either_id_of_its_hub(folder: Path) -> None:
    with ledger_in(folder) as ledger, JournalReader(folder) as reader:
        (first,) = write(ledger, opened(0, order=None))
        write(ledger, opened(1, order=None))
        for ids in ((chf(0), None), (None, gpf(0)), (chf(0), gpf(5)), (chf(5), gpf(0))):
            found = reader.ask(open_attempt_of, *ids)
            assert found is not None
            assert (found.attempt, found.hub) == (first.sequence, hub_facts(0))
        assert reader.ask(open_attempt_of, chf(5), gpf(5)) is None
        assert reader.ask(open_attempt_of, None, None) is None
