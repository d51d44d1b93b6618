"""The operator's lines: short enough to be read at a glance, with the particulars that help, and one thing to do."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st
from test_authorise import FRESH, LINE

from benches.attempt_samples import CHF, GPF, hub
from benches.sentences import operator_line
from drivers.errors import DriverError, HubAction
from firmware_catalog.identity import Eui64
from station.attempt.authorise import Question, against_order
from station.attempt.settling import may_lack
from station.domain.label import ScannedLabel, told_apart
from station.domain.outcome import Code, Disposition, Outcome, Stage
from station.texts.results import LONGEST_LINE, ways_to_say
from station.texts.texts import ENGLISH

PLACES = st.builds(
    "{} slot {}".format, st.from_regex(r"[A-Za-z0-9_-]{1,20}", fullmatch=True), st.integers(1, 8)
)
IDS = st.integers(0, (1 << 64) - 1).map(Eui64)
PORTS = st.sampled_from(
    ["/dev/serial/by-path/pci-0000:00:14.0-usb-0:1.2.4:1.0-port0", "1-2.3", "usb:1-2.3:1.0"]
)
WORDS = st.text(st.characters(codec="ascii", categories=["L", "N", "P", "Zs"]), max_size=200)
LACKING = [may_lack(stage, LINE.recorded_firmware) for stage in Stage]


@st.composite
def details(draw: st.DrawFn) -> str:
    """What a driver may say: what happened and where. Its advice is for others."""
    error = DriverError(
        f"the hub at {draw(PORTS)} {draw(WORDS)}",
        action=HubAction.FLASH,
        state_known=False,
        device_code=draw(st.none() | WORDS),
        advice="seat it anew",
    )
    assert str(error) == f"{error.fact}: seat it anew"
    return error.fact


@given(
    PLACES,
    st.sampled_from(Outcome),
    st.sampled_from(Code),
    st.none() | st.sampled_from(Disposition),
    st.none() | details(),
    st.booleans(),
    st.sampled_from(LACKING) | WORDS,
)
def test_no_line_is_too_long_to_be_read_at_a_glance(
    where, outcome, code, disposition, detail, mislabelled, lacking
):
    line = operator_line(
        where, outcome, code, disposition, detail, mislabelled=mislabelled, unsettled=lacking
    )
    assert len(line) <= LONGEST_LINE
    assert line.startswith(f"{where}: ")
    assert "/dev/" not in line
    assert "usb:" not in line
    assert "seat it anew" not in line
    if lacking is None and not mislabelled:
        assert line.endswith(f"; {next(ways_to_say(ENGLISH, outcome, code, disposition)).do}")


def test_what_is_too_long_loses_the_hubs_own_code_and_not_what_it_did():
    happened = "the hub (in its boot loader) answered nothing of use"
    error = DriverError(
        happened, action=HubAction.FLASH, state_known=False, device_code="group 1 (images), rc 4", advice=""
    )
    ways = ways_to_say(ENGLISH, Outcome.FAILED, Code.NO_ANSWER, None, detail=error.fact)
    told = [way.what for way in ways]
    assert [happened in line for line in told] == [True, True, True, True, False], told
    assert ["rc 4" in line for line in told] == [True, False, True, False, False], told


@st.composite
def disagreements(draw: st.DrawFn) -> tuple[Question, tuple[str, ...]]:
    """A hub that its order or its label speaks against, and what the line must tell of it."""
    one, other = draw(IDS), draw(IDS.map(lambda each: each if each not in (CHF, GPF) else Eui64(1)))
    return draw(
        st.sampled_from(
            [
                (replace(FRESH, seen_elsewhere="jig12 slot 8"), (f"{CHF} also answers in jig12 slot 8",)),
                (replace(FRESH, line=None), (str(CHF), "WO-1")),
                (replace(FRESH, label=ScannedLabel(other, "CHF")), told_apart(other, CHF)),
                (replace(FRESH, label=ScannedLabel(other)), told_apart(other, GPF)),
                (replace(FRESH, line=LINE.model_copy(update={"gpf": other})), told_apart(GPF, other)),
                (replace(FRESH, line=LINE.model_copy(update={"chf": other})), told_apart(CHF, other)),
                (replace(FRESH, line=LINE.model_copy(update={"chf": GPF, "gpf": one})), ("CHF as GPF",)),
                (
                    replace(FRESH, line=LINE.model_copy(update={"model": "8" * 8})),
                    ("8" * 8, hub().model.model),
                ),
            ]
        )
    )


@given(disagreements())
@example((replace(FRESH, label=ScannedLabel(Eui64(GPF.value ^ 1 << 63))), ("08-73-84…", "88-73-84…")))
def test_what_disagrees_is_told_of_both_sides(case):
    question, told = case
    rejected = against_order(question)
    assert rejected is not None
    line = operator_line("jig12 slot 8", Outcome.REJECTED, rejected.code, None, rejected.detail)
    assert len(line) <= LONGEST_LINE
    for particular in told:
        assert particular in line


@given(IDS, IDS | st.integers(0, 63).map(lambda bit: Eui64(GPF.value ^ 1 << bit)))
@example(GPF, Eui64(GPF.value ^ 1 << 24))
def test_two_ids_are_told_by_as_much_of_them_as_tells_them_apart(one, other):
    first, second = told_apart(one, other)
    assert (first == second) == (one == other)
    assert 9 <= len(first) == len(second) <= 15
    for seen, told in ((str(one), first), (str(other), second)):
        assert seen.endswith(told.removeprefix("…")) or seen.startswith(told.removesuffix("…"))
