"""A release that fails hub after hub is stopped; one bad hub, a bad bench or a good mix is no reason."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benches.attempt_samples import FIRST, GPF, MODEL, OLD, SECOND, plan
from firmware_catalog.identity import Eui64
from firmware_catalog.release import ImageReference, Release, ReleaseStatus
from station.attempt.release_gate import GateThresholds, ReleaseGate, ReleaseKey
from station.domain.outcome import Code, Disposition, Outcome, Stage
from station.domain.slot_name import SlotName
from station.records.facts.attempts import AttemptClosed
from station.records.facts.releases import ReleaseResult, ReleaseResumed, ReleaseStopped

LIMIT = GateThresholds(last_hubs=6, failed_hubs=3)


class Shelf:
    """A catalogue with a fixed status for each image."""

    products = None

    def __init__(self, **status):
        self._releases = tuple(
            Release(
                model=MODEL,
                version=image.version,
                status=status.get(name, ReleaseStatus.PRODUCTION),
                permitted_from="any_lower",
                image=ImageReference(file="x.bin", sha256=image.file_sha256.hex(), size=len(image)),
            )
            for name, image in (("first", FIRST), ("second", SECOND))
        )

    def releases(self, model):
        return tuple(one for one in self._releases if one.model == model)


def closed(hub: int, outcome: Outcome, code: Code | None = None) -> AttemptClosed:
    now = datetime.now(UTC)
    return AttemptClosed(
        attempt=1,
        place=SlotName(jig="jig1", slot=1),
        order="WO-1",
        number=1,
        chf=Eui64(hub),
        gpf=GPF,
        manufacturer=MODEL.manufacturer,
        model=MODEL.model,
        hardware_version="1",
        firmware_recorded=OLD,
        firmware_before=OLD,
        firmware_target=FIRST.version,
        firmware_read_back=OLD,
        image_sha256=FIRST.file_sha256.hex(),
        outcome=outcome,
        stage=Stage.VERIFY,
        code=code,
        disposition=Disposition.RETRY_OTHER_SLOT if code else None,
        message="",
        started=now,
        finished=now,
        seconds={},
        operator=None,
        station_version="1",
    )


def failed(hub: int, code: Code = Code.ACTIVATION_FAILURE) -> AttemptClosed:
    return closed(hub, Outcome.FAILED, code)


@pytest.fixture
def gate():
    return ReleaseGate((), Shelf, lambda: LIMIT)


def test_the_third_hub_that_fails_stops_the_release_for_all(gate):
    assert gate.hear(failed(1)) is None
    assert gate.hear(failed(2)) is None
    stop = gate.hear(failed(3))
    assert stop is not None
    assert (stop.manufacturer, stop.model, stop.version) == (MODEL.manufacturer, MODEL.model, FIRST.version)
    assert gate.veto(MODEL, plan(FIRST).targets) is None, "only what is recorded counts"
    gate.hear(stop)
    assert gate.veto(MODEL, plan(FIRST).targets) is Code.RELEASE_STOPPED
    assert gate.veto(MODEL, plan(SECOND).targets) is None
    assert gate.veto(MODEL, plan(FIRST, SECOND).targets) is Code.RELEASE_STOPPED


def test_one_hub_that_fails_again_and_again_does_not_stop_it(gate):
    assert all(gate.hear(failed(1)) is None for _ in range(20))


def test_failures_of_the_bench_do_not_stop_it(gate):
    assert all(gate.hear(failed(hub, Code.LINK_LOST)) is None for hub in range(20))


def test_old_failures_are_forgotten_as_hubs_pass(gate):
    for hub in range(2):
        gate.hear(failed(hub))
    for hub in range(10, 16):
        gate.hear(closed(hub, Outcome.PASSED))
    assert gate.hear(failed(99)) is None


def test_a_person_lets_it_go_on_and_counting_begins_anew(gate):
    for hub in range(3):
        stop = gate.hear(failed(hub))
    gate.hear(stop)
    names = {"manufacturer": stop.manufacturer, "model": stop.model, "version": stop.version}
    gate.hear(ReleaseResumed(**names, reason="adapter replaced"))
    assert gate.veto(MODEL, plan(FIRST).targets) is None
    assert gate.hear(failed(7)) is None


def test_a_release_stopped_before_the_restart_stays_stopped():
    gate = ReleaseGate([ReleaseKey(MODEL, FIRST.version)], Shelf, lambda: LIMIT)
    assert gate.veto(MODEL, plan(FIRST).targets) is Code.RELEASE_STOPPED


def test_a_withdrawn_release_is_vetoed():
    gate = ReleaseGate((), lambda: Shelf(first=ReleaseStatus.WITHDRAWN), lambda: LIMIT)
    assert gate.veto(MODEL, plan(FIRST).targets) is Code.RELEASE_WITHDRAWN
    assert gate.veto(MODEL, plan(SECOND).targets) is None


@given(st.lists(st.tuples(st.integers(0, 8), st.booleans()), max_size=40))
def test_it_stops_exactly_when_enough_of_the_last_hubs_have_failed(history):
    gate = ReleaseGate((), Shelf, lambda: LIMIT)
    newest: list[tuple[int, bool]] = []
    for hub, fails in history:
        newest = [*(one for one in newest if one[0] != hub), (hub, fails)][-LIMIT.last_hubs :]
        stop = gate.hear(failed(hub) if fails else closed(hub, Outcome.PASSED))
        assert (stop is not None) == (sum(bad for _, bad in newest) >= LIMIT.failed_hubs)
        assert stop is None or isinstance(stop, ReleaseStopped)


def recorded(event: AttemptClosed) -> ReleaseResult:
    assert event.chf is not None
    return ReleaseResult(MODEL, FIRST.version, event.chf, event.outcome, event.code)


@given(st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=1, max_size=30))
def test_a_restart_at_any_point_changes_nothing_of_the_count(history):
    """But for the stop itself, which is recalled as one that is recorded."""
    *before, last = [failed(hub) if fails else closed(hub, Outcome.PASSED) for hub, fails in history]
    went_on, restarted = (ReleaseGate((), Shelf, lambda: LIMIT) for _ in range(2))
    for event in before:
        went_on.hear(event)
    restarted.recall(recorded(event) for event in before)
    assert went_on.hear(last) == restarted.hear(last)


def test_a_stop_that_could_not_be_recorded_is_made_up_for_at_the_start():
    gate = ReleaseGate((), Shelf, lambda: LIMIT)
    (stop,) = gate.recall(recorded(failed(hub)) for hub in range(3))
    assert stop.version == FIRST.version
