"""What a failure asks of the operator: every code has a blame, a disposition and a line to act on."""

from __future__ import annotations

import inspect

import pytest

from benches.sentences import operator_line
from drivers import errors
from drivers.errors import DriverError, HubAction
from station.attempt.failure import (
    Blame,
    blame,
    code_of,
    disposition,
    may_be_the_slot,
    may_try_again,
    why_left_open,
)
from station.domain.outcome import Code, Disposition, Outcome, Stage
from station.domain.reason import Reason
from station.domain.slot_name import SlotName
from station.texts.by_hand import line_by_hand
from station.texts.texts import ENGLISH

HERE, THERE = SlotName(jig="jig1", slot=1), SlotName(jig="jig2", slot=1)


@pytest.mark.parametrize("failed_before", [(), (HERE,), (HERE, THERE)], ids=["never", "here", "there too"])
def test_scrap_is_for_hubs_that_failed_by_themselves_in_two_slots(failed_before) -> None:
    for code in Code:
        said = disposition(code, HERE, failed_before)
        if said is Disposition.SCRAP:
            assert blame(code) is Blame.HUB
            assert THERE in failed_before
        if blame(code) is not Blame.HUB:
            assert said in {Disposition.RETRY_HERE, Disposition.RETRY_OTHER_SLOT}
    assert (disposition(Code.NO_ANSWER, HERE, failed_before) is Disposition.SCRAP) == (THERE in failed_before)


@pytest.mark.parametrize("outcome", [Outcome.REJECTED, Outcome.FAILED])
def test_every_code_gives_one_line_with_the_place_and_what_to_do(outcome: Outcome) -> None:
    for code in Code:
        said = disposition(code, HERE, ()) if outcome is Outcome.FAILED else None
        line = operator_line("jig1 slot 1", outcome, code, said, "detail")
        where, _, rest = line.partition(": ")
        what, _, todo = rest.rpartition("; ")
        assert where == "jig1 slot 1"
        assert "detail" in what, code
        assert todo, code
        assert "\n" not in line, code


def test_a_stopped_release_says_who_does_what() -> None:
    line = operator_line("jig1 slot 1", Outcome.REJECTED, Code.RELEASE_STOPPED, None)
    assert line == (
        "jig1 slot 1: release stopped, too many failed with it; "
        "call the supervisor (then: reflash catalog resume)"
    )


@pytest.mark.parametrize("outcome", [Outcome.REJECTED, Outcome.FAILED])
def test_what_a_person_flashed_by_hand_is_told_without_slots(outcome: Outcome) -> None:
    not_by_hand = {Code.IN_TWO_SLOTS}
    for code in Code:
        for said in (None, *Disposition):
            for unsettled in (None, "no longer answers"):
                line = line_by_hand(
                    ENGLISH, "/dev/ttyUSB0", outcome, code, said, detail="detail", unsettled=unsettled
                )
                assert code in not_by_hand or "slot" not in line, code
                assert line.startswith("/dev/ttyUSB0: "), line
                assert line.rpartition("; ")[2], line


def test_an_image_that_a_hub_will_never_take_speaks_against_neither_hub_nor_slot() -> None:
    error = errors.ImageUnsuitable("too large", action=HubAction.FLASH, state_known=False)
    code = code_of(error, Stage.FLASH)
    assert not may_try_again(error, 1)
    assert not may_be_the_slot(code)
    assert disposition(code, HERE, (THERE,)) is Disposition.RETRY_HERE
    line = operator_line("jig1 slot 1", Outcome.FAILED, code, disposition(code, HERE, ()), str(error))
    assert "another slot" not in line


def test_neither_the_station_s_key_nor_the_operator_speaks_against_a_slot() -> None:
    others = {Code.UNLOCK_UNAVAILABLE, Code.CATALOGUE_UNAVAILABLE, Code.RELEASE_STOPPED, Code.EMERGENCY_STOP}
    assert not any(may_be_the_slot(code) for code in (*others, Code.OPERATOR_REMOVED, Code.HUB_GONE))
    assert all(may_be_the_slot(code) for code in (Code.NO_ANSWER, Code.LINK_LOST, Code.FILE_TRANSFER_FAILURE))


KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, DriverError)]


def test_every_driver_error_has_a_code_in_every_stage_and_an_end_to_its_tries() -> None:
    assert len(KINDS) > 15
    for kind in KINDS:
        error = kind("it happened", action=HubAction.FLASH, state_known=False)
        for stage in Stage:
            assert isinstance(code_of(error, stage), Code)
        assert not may_try_again(error, 3)


@pytest.mark.parametrize(
    ("stage", "code"),
    [
        (Stage.UNLOCK, Code.PROTOCOL_ERROR),
        (Stage.FLASH, Code.FILE_TRANSFER_FAILURE),
        (Stage.ACTIVATE, Code.ACTIVATION_FAILURE),
        (Stage.CONFIRM, Code.NOT_CONFIRMED),
    ],
)
def test_a_refusal_means_what_its_stage_is_there_for(stage: Stage, code: Code) -> None:
    refused = errors.HubLocked("no", action=HubAction.FLASH, state_known=True)
    assert code_of(refused, stage) is code
    locked_out = errors.HubLockedOut("no", action=HubAction.UNLOCK, state_known=True)
    assert code_of(locked_out, stage) is Code.UNLOCK_LOCKED_OUT


def test_of_what_may_be_a_boot_loader_it_is_said_that_nobody_knows_whatever_was_wanted_of_it() -> None:
    unknown = errors.ApplicationUnknown("tells too little", action=HubAction.ACTIVATE, state_known=True)
    assert {code_of(unknown, stage) for stage in Stage} == {Code.HUB_UNIDENTIFIED}
    line = line_by_hand(
        ENGLISH, "/dev/ttyUSB0", Outcome.FAILED, Code.HUB_UNIDENTIFIED, None, detail=str(unknown)
    )
    assert line.startswith(
        "/dev/ttyUSB0: what runs on the device is not known (tells too little); power it off and on"
    )


def test_an_attempt_is_left_open_for_what_its_hub_or_port_did() -> None:
    other = errors.AnotherHub("hub 1 answers at /dev/x, not 2", action=HubAction.FLASH, state_known=True)
    assert why_left_open(other) is Reason.ANOTHER_ANSWERS
    lost = errors.LinkLost("/dev/x is gone: plug it in", action=HubAction.FLASH, state_known=False)
    assert why_left_open(lost) is Reason.PORT_TOOK_IT
    silent = errors.NoAnswer("the hub at /dev/x is silent", action=HubAction.FLASH, state_known=False)
    assert why_left_open(silent) is Reason.SILENT
