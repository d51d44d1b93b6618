"""What a slot shows of a result: green only what may go home."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from benches.sentences import line_of
from drivers.hub import HubIdentity
from firmware_catalog.identity import DeviceModel, Eui64, FirmwareVersion
from station.bench.shown import tried_enough, view_of_past, view_of_result, view_when_stopped
from station.domain.interlock import interlock
from station.domain.label import ScannedLabel
from station.domain.outcome import Code, Disposition, Outcome, Stage
from station.domain.phase import SlotPhase
from station.domain.reason import Reason
from station.domain.slot_name import SlotName
from station.domain.slot_view import SlotView
from station.domain.to_do import ToDo
from station.records.facts.attempts import AttemptClosed
from station.records.facts.history import PastAttempt

PLACE = SlotName(jig="jig1", slot=1)
HUB = HubIdentity(
    Eui64(1), Eui64(2), DeviceModel("10A8", "1"), "1", "DBCH", FirmwareVersion(1), locked=True, boots=1
)
OTHERS, OWN = ScannedLabel(Eui64(9)), ScannedLabel(HUB.gpf)
GREEN = {SlotPhase.PASSED, SlotPhase.ALREADY_CURRENT}


def result(outcome: Outcome, code: Code | None = None, **changes: object) -> AttemptClosed:
    fields = (
        "hardware_version firmware_recorded firmware_before firmware_target firmware_read_back image_sha256"
    )
    facts = {
        **dict.fromkeys(f"manufacturer model {fields} disposition operator".split()),
        "attempt": 1,
        "place": PLACE,
        "order": "WO-1",
        "number": 1,
        "chf": HUB.chf,
        "gpf": HUB.gpf,
        "outcome": outcome,
        "stage": Stage.CHECK,
        "code": code,
        "message": "",
        "started": datetime.now(UTC),
        "finished": datetime.now(UTC),
        "seconds": {},
        "station_version": "0",
        **changes,
    }
    return AttemptClosed.model_validate(facts)


def past(outcome: Outcome, **changes: object) -> PastAttempt:
    facts = {
        **dict.fromkeys(PastAttempt.__slots__),
        "attempt": 1,
        "number": 1,
        "place": PLACE,
        "outcome": outcome,
        **changes,
    }
    return PastAttempt(**facts)


@pytest.mark.parametrize("outcome", [Outcome.PASSED, Outcome.ALREADY_CURRENT])
def test_what_a_label_or_the_attempt_itself_speaks_against_is_not_green(outcome: Outcome) -> None:
    assert view_of_result(result(outcome), HUB, OWN).phase in GREEN
    against = [
        view_of_result(result(outcome), HUB, OTHERS),
        view_of_result(result(outcome, scanned_id=OTHERS.device_id), HUB),
        view_of_result(result(outcome, unsettled="is not locked"), HUB, OWN),
        view_of_past(PLACE, past(outcome, scanned_id=OTHERS.device_id), HUB),
        view_of_past(PLACE, past(outcome), HUB, OTHERS),
        view_of_past(PLACE, past(outcome, unsettled="is not locked"), HUB, OWN),
    ]
    for view in against:
        assert view.phase is SlotPhase.PUT_ASIDE
        assert line_of(view).endswith("; put it aside for the supervisor")
        assert "\n" not in line_of(view)


def test_an_earlier_result_is_shown_as_it_was() -> None:
    told = {"outcome": Outcome.REJECTED, "code": Code.NOT_ON_ORDER}
    new = view_of_result(result(**told, detail="hub 1 is of WO-2", disposition=None), HUB)
    again = view_of_past(PLACE, past(**told, order="WO-1", stage=Stage.CHECK), HUB, detail="hub 1 is of WO-2")
    assert line_of(again) == line_of(new)
    assert "hub 1 is of WO-2" in line_of(again)


def test_a_hub_said_to_have_passed_before_is_no_more_to_go_with_the_passed_ones() -> None:
    again = result(Outcome.REJECTED, Code.ALREADY_PASSED)
    shown = view_of_result(again, HUB, OWN)
    assert (shown.phase, shown.outcome) == (SlotPhase.PASSED_BEFORE, Outcome.REJECTED)
    assert line_of(shown).endswith("put it with the passed hubs")
    assert view_of_result(again, HUB, OTHERS).phase is SlotPhase.PUT_ASIDE
    open_now = result(Outcome.REJECTED, Code.ALREADY_PASSED, unsettled="is not locked")
    assert view_of_result(open_now, HUB, OWN).phase is SlotPhase.PUT_ASIDE


def test_a_hub_that_is_not_to_go_home_keeps_its_line_whatever_its_label_says() -> None:
    failed = result(Outcome.FAILED, Code.NO_ANSWER)
    assert line_of(view_of_result(failed, HUB, OTHERS)) == line_of(view_of_result(failed, HUB))


@pytest.mark.parametrize("phase", list(SlotPhase))
def test_a_stopped_slot_is_dark_and_says_what_was_last_known_to_sit_there(phase: SlotPhase) -> None:
    last = SlotView(place=PLACE, phase=phase, chf=HUB.chf, interlocks=(interlock(Reason.STOP_PRESSED),))
    stopped = view_when_stopped(last)
    assert stopped.phase is SlotPhase.STOPPED
    assert (str(HUB.chf) in line_of(stopped)) == ("still sits here" in line_of(stopped))
    assert ("passed" in line_of(stopped)) == (phase in {SlotPhase.PASSED, SlotPhase.PASSED_BEFORE})


@pytest.mark.parametrize(
    ("disposition", "action"),
    [
        (Disposition.RETRY_HERE, "seat it in another slot, or scan its label first"),
        (Disposition.REWORK, "put it in the rework crate"),
    ],
)
def test_a_hub_that_was_tried_enough_is_not_to_be_seated_again_where_it_sits(
    disposition: Disposition, action: str
) -> None:
    failed = result(Outcome.FAILED, Code.FILE_TRANSFER_FAILURE, disposition=disposition)
    shown = tried_enough(view_of_result(failed, HUB, OWN), 5)
    assert line_of(shown).endswith(f", 5 times in a row; {action}")
    assert (shown.to_do is ToDo.MOVE) is (disposition is Disposition.RETRY_HERE)
    home = view_of_result(result(Outcome.PASSED), HUB, OWN)
    assert tried_enough(home, 5) == home
