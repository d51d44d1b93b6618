"""What the journal keeps of scanned labels."""

from __future__ import annotations

import json
from pathlib import Path

from benches.journal_samples import chf, closed, gpf, ledger_in, opened, place, write
from firmware_catalog.identity import Eui64
from station.domain.outcome import Outcome, Stage
from station.records.facts.attempts import AttemptResumed
from station.records.facts.bench import LabelScanned, waiting_labels
from station.records.facts.history import hub_history, open_attempt_of, open_attempts
from station.records.reader import JournalReader
from station.records.rebuild import rebuild


def test_a_label_waits_at_one_slot_until_its_hub_or_the_slots_next_hub_is_seen(folder: Path) -> None:
    def scanned(number: int, slot: int, hub: int | None = None) -> LabelScanned:
        held = None if hub is None else chf(hub)
        return LabelScanned(place=place(slot), scanned_id=gpf(number), scanned_role="GPF", hub=held)

    with ledger_in(folder) as ledger, JournalReader(folder) as reader:

        def waiting() -> dict[int, Eui64]:
            return {label.place.slot: label.scanned_id for label in reader.ask(waiting_labels)}

        write(ledger, scanned(1, slot=1), scanned(2, slot=2), scanned(3, slot=2), scanned(1, slot=3))
        assert waiting() == {2: gpf(3), 3: gpf(1)}, "the last label of a slot, the last slot of a label"
        elsewhere = opened(1, slot=4, order=None).model_copy(
            update={"scanned_id": gpf(1), "scanned_role": "GPF"}
        )
        (attempt,) = write(ledger, elsewhere)
        assert waiting() == {2: gpf(3)}
        write(ledger, opened(5, slot=2, order=None))
        assert waiting() == {}

        write(ledger, scanned(7, slot=4, hub=1))
        (first, second) = reader.ask(open_attempts)
        assert (first.attempt, first.scanned_id) == (attempt.sequence, gpf(7))
        assert second.scanned_id is None
        write(ledger, scanned(8, slot=6))
        resumed = AttemptResumed(
            attempt=attempt.sequence, place=place(6), stage=Stage.FLASH, step=0, why="seen",
            scanned_id=gpf(8), scanned_role="GPF",
        )  # fmt: skip
        write(ledger, resumed)
        assert waiting() == {}
        assert reader.ask(open_attempt_of, chf(1)).scanned_id == gpf(8)
        write(ledger, closed(attempt.sequence, 1), scanned(9, slot=4, hub=1), scanned(9, slot=4, hub=99))
        (past,) = reader.ask(hub_history, chf(1)).attempts
        assert (past.outcome, past.scanned_id) == (Outcome.PASSED, gpf(9))
        (result,) = reader.messages("result", 1, 1)
        assert json.loads(result.payload)["data"]["scanned_id"] == str(gpf(1)), "results are never amended"
    assert rebuild(folder).differing == ()
