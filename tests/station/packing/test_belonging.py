"""Where a hub belongs says what its slot said; and a code shows the digit that is wrong."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_catalog.identity import FirmwareVersion
from station.bench.labels import ScanUnreadable, read_scan
from station.domain.destination import Destination
from station.domain.next_step import to_do
from station.domain.outcome import Code, Disposition, Outcome
from station.domain.phase import SlotPhase
from station.domain.reason import Reason
from station.domain.to_do import ToDo
from station.packing.belonging import KnownHub, Result, Stand, belongs, elsewhere, refusal
from station.packing.codes import CodeError, Package, PackageCode

PASSED = Result(
    order="WO-1",
    outcome=Outcome.PASSED,
    code=None,
    disposition=None,
    unsettled=None,
    mislabelled=False,
    firmware=FirmwareVersion(2),
)
HUB = KnownHub(
    hub="88-73-84-00-00-00-00-02",
    order="WO-1",
    listed=True,
    at_work=None,
    unfinished=None,
    last=PASSED,
    touched=True,
    stands=None,
)
WORDS = {
    ToDo.PASS: {Destination.CARTON},
    ToDo.FAIL: {Destination.REWORK, Destination.SCRAP},
    ToDo.HOLD: {Destination.QUARANTINE, Destination.PARTY},
    ToDo.TURN: {None},
    ToDo.MOVE: {None},
    ToDo.CALL: {None},
}
PHASES = {
    Outcome.PASSED: SlotPhase.PASSED,
    Outcome.ALREADY_CURRENT: SlotPhase.ALREADY_CURRENT,
    Outcome.REJECTED: SlotPhase.REJECTED,
    Outcome.FAILED: SlotPhase.FAILED,
}


@pytest.mark.parametrize("outcome", Outcome)
def test_the_place_is_what_the_slot_said(outcome: Outcome) -> None:
    done = outcome in {Outcome.PASSED, Outcome.ALREADY_CURRENT}
    for code in (None,) if done else Code:
        for disposition in Disposition if outcome is Outcome.FAILED else (None,):
            last = replace(PASSED, outcome=outcome, code=code, disposition=disposition)
            phase = PHASES[outcome]
            if outcome is Outcome.REJECTED and code is Code.ALREADY_PASSED:
                phase = SlotPhase.PASSED_BEFORE
            wanted = WORDS[to_do(phase, code or Reason.PASSED, code, disposition)]
            if disposition in {Disposition.REWORK, Disposition.SCRAP}:
                wanted = wanted | WORDS[ToDo.FAIL]  # its line sends it there, whatever the code
            assert belongs(replace(HUB, last=last)).to in wanted, last


@pytest.mark.parametrize(
    ("known", "to", "line"),
    [
        (HUB, Destination.CARTON, None),
        (HUB, Destination.REWORK, "does not go to rework: it passed: it goes into a carton"),
        (replace(HUB, last=None), Destination.CARTON, "it has no result in order WO-1: it goes into a slot"),
        (
            replace(HUB, listed=False),
            Destination.CARTON,
            "order WO-1 does not list it: it goes to quarantine",
        ),
        (
            replace(HUB, golden=True, listed=False),
            Destination.QUARANTINE,
            "does not go to quarantine: it is a golden hub: it stays at the bench; a supervisor retires it first",
        ),
        (replace(HUB, at_work="jig1 slot 3"), Destination.CARTON, "being worked on in jig1 slot 3; wait"),
        (replace(HUB, unfinished="jig1 slot 3"), Destination.CARTON, "left jig1 slot 3 before it was done"),
        (
            replace(HUB, last=replace(PASSED, unsettled="is unlocked")),
            Destination.CARTON,
            "it passed, but it is unlocked: it goes to quarantine",
        ),
        (
            replace(HUB, last=replace(PASSED, mislabelled=True)),
            Destination.CARTON,
            "is another hub's: it goes to q",
        ),
        (replace(HUB, last=replace(PASSED, firmware=None)), Destination.CARTON, "the version that it runs"),
        (
            replace(HUB, last=replace(PASSED, order="WO-2")),
            Destination.CARTON,
            "worked on for order WO-2 since",
        ),
        (
            replace(HUB, last=replace(PASSED, outcome=Outcome.FAILED, disposition=Disposition.SCRAP)),
            Destination.SCRAP,
            "a supervisor confirms scrap, with a reason",
        ),
    ],
)
def test_what_is_refused_says_where_the_hub_must_go(
    known: KnownHub, to: Destination, line: str | None
) -> None:
    said = refusal(known, to, decided=False)
    assert said is None if line is None else said is not None and line in said


@given(st.sampled_from(Destination), st.booleans())
def test_a_supervisor_puts_hubs_aside_and_none_into_a_carton(to: Destination, touched: bool) -> None:
    failed = replace(
        HUB, last=replace(PASSED, outcome=Outcome.FAILED, disposition=Disposition.RETRY_HERE), touched=touched
    )
    refused = refusal(failed, to, decided=True) is not None
    assert refused == (to is Destination.CARTON or (to is Destination.PARTY and touched))
    assert refusal(replace(failed, at_work="jig1 slot 1"), to, decided=True) is not None
    assert refusal(replace(failed, golden=True), to, decided=True) is not None


def test_a_hub_that_is_somewhere_is_told_so() -> None:
    packed = replace(HUB, stands=Stand(Destination.CARTON, 123))
    assert "in carton CTN00001234 already; nothing was changed" in (
        elsewhere(packed, Destination.CARTON, 123) or ""
    )
    assert "that carton lacks it or holds another" in (elsewhere(packed, Destination.CARTON, 124) or "")
    assert "in quarantine already" in (
        elsewhere(replace(HUB, stands=Stand(Destination.QUARANTINE, None)), Destination.REWORK, None) or ""
    )


@given(st.sampled_from(Package), st.integers(0, 9_999_999), st.data())
def test_a_code_shows_every_wrong_digit_and_every_exchange(
    package: Package, number: int, data: st.DataObject
) -> None:
    code = str(PackageCode(package, number))
    assert (
        PackageCode.parse(f" {code[:3].lower()}-{code[3:]} ")
        == PackageCode(package, number)
        == read_scan(f"]C1{code}")
    )
    at = data.draw(st.integers(3, 10))
    other = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != code[at]]))
    wrong = [code[:at] + other + code[at + 1 :]]
    if at < 10 and code[at] != code[at + 1]:
        wrong.append(code[:at] + code[at + 1] + code[at] + code[at + 2 :])
    for each in wrong:
        with pytest.raises(CodeError, match="a digit of this code is wrong"):
            PackageCode.parse(each)
        with pytest.raises(ScanUnreadable, match="a digit of this code is wrong"):
            read_scan(each)


@given(st.text(max_size=30))
def test_whatever_is_no_code_is_refused(text: str) -> None:
    with suppress(CodeError):
        read = PackageCode.parse(text)
        assert PackageCode.parse(str(read)) == read


def test_places_and_two_labels_are_told_apart_from_hubs() -> None:
    assert read_scan("REWORK") is Destination.REWORK
    for two in ("8873840000000002 8873840000000004", "88-73-84-00-00-00-00-02;88-73-84-00-00-00-00-04"):
        with pytest.raises(ScanUnreadable, match="two labels in one scan"):
            read_scan(two)
