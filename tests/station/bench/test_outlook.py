"""What an empty slot waits for, and that it says the same after a restart."""

from __future__ import annotations

import sqlite3
from contextlib import closing as closing_it
from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from benches.sentences import line_of
from drivers.hub import HubIdentity
from firmware_catalog.identity import DeviceModel, Eui64, FirmwareVersion
from station.attempt.closing import facts_of
from station.bench.outlook import Outlook
from station.domain.label import ScannedLabel
from station.domain.outcome import Outcome, Stage
from station.domain.phase import SlotPhase
from station.domain.slot_name import SlotName
from station.records.chain import RecordedEvent
from station.records.facts.attempts import AttemptClosed, AttemptOpened, AttemptResumed, HubLost
from station.records.facts.bench import LabelScanned, waiting_labels
from station.records.facts.events import Event
from station.records.facts.history import open_attempts
from station.records.facts.journal import JournalCreated
from station.records.projection import apply
from station.records.tables import create_derived

JOURNAL = UUID(int=1)


def hub(number: int) -> HubIdentity:
    chf, gpf = Eui64(2 * number), Eui64(2 * number + 1)
    return HubIdentity(
        chf, gpf, DeviceModel("10A8", "1"), "1", "DBCH", FirmwareVersion(1), locked=True, boots=1
    )


def place(slot: int, jig: str = "jig1") -> SlotName:
    return SlotName(jig=jig, slot=slot)


def scanned(device: Eui64, where: SlotName) -> LabelScanned:
    return LabelScanned(place=where, scanned_id=device, scanned_role=None, hub=None)


def opened(who: HubIdentity, where: SlotName, label: Eui64 | None = None) -> AttemptOpened:
    return AttemptOpened(place=where, order="WO-1", hub=facts_of(who), scanned_id=label, number=1)


def resumed(attempt: int, where: SlotName, label: Eui64 | None = None) -> AttemptResumed:
    return AttemptResumed(
        attempt=attempt, place=where, stage=Stage.FLASH, step=0, why="", scanned_id=label, scanned_role=None
    )


def closed(attempt: int, who: HubIdentity, where: SlotName) -> AttemptClosed:
    fields = "manufacturer model hardware_version firmware_recorded firmware_before firmware_target"
    more = "firmware_read_back image_sha256 code disposition operator"
    nothing = dict.fromkeys(f"{fields} {more}".split())
    return AttemptClosed(
        attempt=attempt,
        place=where,
        order="WO-1",
        number=1,
        chf=who.chf,
        gpf=who.gpf,
        outcome=Outcome.PASSED,
        stage=Stage.CHECK,
        message="",
        started=datetime.now(UTC),
        finished=datetime.now(UTC),
        seconds={},
        station_version="0",
        **nothing,
    )


class Told:
    """An outlook that hears events as a journal numbers them."""

    def __init__(self) -> None:
        self.outlook = Outlook()
        self.sequence = 0

    def recorded(self, event: Event) -> RecordedEvent:
        self.sequence += 1
        recorded = RecordedEvent(JOURNAL, self.sequence, datetime.now(UTC), 0, b"", event)
        self.outlook.hear(recorded)
        return recorded

    def hear(self, event: Event) -> int:
        return self.recorded(event).sequence

    def line(self, slot: int) -> str:
        return line_of(self.outlook.empty(place(slot))).partition(": ")[2]


def test_a_label_is_for_one_hub_and_waits_at_one_slot() -> None:
    told, mine = Told(), ScannedLabel(hub(1).chf)
    told.hear(scanned(hub(1).chf, place(2)))
    told.hear(scanned(hub(9).chf, place(1)))
    told.hear(scanned(hub(1).chf, place(1)))
    assert told.line(1) == f"seat hub {hub(1).chf} here", "the last one counts"
    assert told.outlook.label_at(place(2)) is None
    assert told.outlook.label_for(place(2), hub(1)) == mine, "it sits in another slot than expected"
    assert told.outlook.label_for(place(1), hub(1)) == mine
    told.hear(opened(hub(1), place(2), mine.device_id))
    assert told.line(1) == "empty; seat a hub"


def test_another_slots_label_goes_along_only_with_the_hub_that_it_names() -> None:
    told = Told()
    told.hear(scanned(hub(9).chf, place(1)))
    assert told.outlook.label_for(place(2), hub(1)) is None
    told.hear(opened(hub(1), place(2)))
    assert told.line(1) == f"seat hub {hub(9).chf} here"


def test_a_slots_own_label_counts_even_if_another_slots_names_its_hub() -> None:
    """Two hubs exchanged between slots: each meets the other's label."""
    told = Told()
    told.hear(scanned(hub(1).chf, place(1)))
    told.hear(scanned(hub(9).chf, place(2)))
    assert told.outlook.label_for(place(2), hub(1)) == ScannedLabel(hub(9).chf)


def test_a_lost_hub_is_looked_for_where_it_was_until_it_is_seen_or_has_its_result() -> None:
    told = Told()
    first, second = told.hear(opened(hub(1), place(1))), told.hear(opened(hub(2), place(1)))
    told.hear(HubLost(attempt=second, stage=Stage.FLASH))
    view = told.outlook.empty(place(1))
    assert (view.phase, view.chf) == (SlotPhase.FIND_HUB, hub(2).chf)
    assert line_of(view).endswith(
        f"it has no result yet; find hub {hub(2).chf} and seat it here or in any slot"
    )
    told.hear(resumed(second, place(3)))
    assert f"find hub {hub(1).chf} " in told.line(1), "the one lost before it is still to be found"
    told.hear(closed(first, hub(1), place(1)))
    assert told.line(1) == "empty; seat a hub"


def test_a_lost_hub_that_is_expected_elsewhere_is_looked_for_nowhere_else() -> None:
    told = Told()
    told.hear(HubLost(attempt=told.hear(opened(hub(1), place(1))), stage=Stage.FLASH))
    told.hear(scanned(hub(1).gpf, place(2)))
    assert told.line(1) == "empty; seat a hub"
    assert told.line(2) == f"seat hub {hub(1).gpf} here"


def test_listeners_hear_of_what_matters_and_of_nothing_else() -> None:
    told, heard = Told(), []
    told.outlook.listen(lambda: heard.append(told.sequence))
    told.hear(scanned(hub(1).chf, place(1)))
    told.hear(LabelScanned(place=place(1), scanned_id=hub(1).chf, scanned_role=None, hub=hub(2).chf))
    told.hear(opened(hub(1), place(1), hub(1).chf))
    assert heard == [1, 3]


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Draw what may come to pass with three hubs in two slots of two jigs."""
    events: list[Event] = []
    running: dict[int, tuple[HubIdentity, SlotName]] = {}
    places = st.builds(place, st.integers(1, 2), st.sampled_from(["jig1", "jig2"]))
    hubs = st.integers(1, 3).map(hub)
    labels = st.one_of(st.none(), hubs.map(lambda who: who.chf), hubs.map(lambda who: who.gpf))
    for number in range(2, draw(st.integers(3, 18))):  # the journal's first row is its own
        what = draw(st.sampled_from(["scan", "open", "lose", "resume", "close"]))
        where, who = draw(places), draw(hubs)
        if what == "scan":
            events.append(scanned(draw(st.sampled_from([who.chf, who.gpf])), where))
        elif what == "open" or not running:
            events.append(opened(who, where, draw(labels)))
            running[number] = who, where
        else:
            attempt = draw(st.sampled_from(sorted(running)))
            if what == "lose":
                events.append(HubLost(attempt=attempt, stage=Stage.FLASH))
            elif what == "resume":
                events.append(resumed(attempt, where, draw(labels)))
            else:
                events.append(closed(attempt, *running.pop(attempt)))
    return events


@given(histories())
def test_a_restart_at_any_point_changes_nothing_of_what_slots_expect(history: list[Event]) -> None:
    """What was heard event by event is what the journal's tables say."""
    told = Told()
    with closing_it(sqlite3.connect(":memory:")) as tables:
        create_derived(tables)
        created = JournalCreated(journal=JOURNAL, site="leeds", station="bench-1")
        for event in (created, *history):
            apply(tables, told.recorded(event))
            restarted = Outlook()
            restarted.recall(waiting_labels(tables), open_attempts(tables))
            for jig in ("jig1", "jig2"):
                for slot in (1, 2):
                    views = [one.empty(place(slot, jig)) for one in (told.outlook, restarted)]
                    assert line_of(views[0]) == line_of(views[1])
                    assert told.outlook.label_at(place(slot, jig)) == restarted.label_at(place(slot, jig))
