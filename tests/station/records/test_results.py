from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from uuid import UUID

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from journal_samples import TOPICS, closed, ticking_clock

from firmware_catalog.identity import Eui64, FirmwareVersion
from station.domain.outcome import Code, Disposition, Outcome, Stage
from station.domain.slot_name import SlotName
from station.messages.forms import RESULT
from station.messages.result import Result
from station.messages.topics import TopicError, Topics
from station.records.chain import GENESIS, ChainHead, RecordedEvent
from station.records.facts.attempts import AttemptClosed
from station.records.results import outgoing_result, result_of

GOLDEN = Path(__file__).with_name("golden") / "result.json"
HEAD = ChainHead(UUID("00112233-4455-6677-8899-aabbccddeeff"), 16, GENESIS)


def recorded(event: AttemptClosed) -> RecordedEvent:
    return HEAD.extend(event, ticking_clock)[0]


def test_golden_result() -> None:
    event = closed(12)
    outgoing = outgoing_result(recorded(event), event, 7, TOPICS)
    assert outgoing.topic == "reflash/v1/leeds/bench-1/jig/jig-1/slot/1/result"
    assert outgoing.station_sequence == 7
    assert outgoing.payload + b"\n" == GOLDEN.read_bytes()


def test_the_envelope_is_a_cloud_event() -> None:
    event = closed(12)
    envelope = json.loads(outgoing_result(recorded(event), event, 7, TOPICS).payload)
    data = envelope.pop("data")
    assert envelope == {
        "specversion": "1.0",
        "id": "00112233-4455-6677-8899-aabbccddeeff:17",
        "source": "/reflash/leeds/bench-1",
        "subject": "88-73-84-00-00-00-00-00",
        "type": "reflash.result.v1",
        "time": "2026-01-02T03:04:05.123456Z",
        "datacontenttype": "application/json",
        "dataschema": "urn:x-reflash:result:1",
    }
    assert data["chain_head"] == recorded(event).hash.hex()
    assert data["firmware_read_back"] == "0002012F"


def test_a_hub_without_a_name_is_no_subject() -> None:
    event = closed(12).model_copy(update={"chf": None, "gpf": None})
    outgoing = outgoing_result(recorded(event), event, 7, TOPICS)
    assert "subject" not in json.loads(outgoing.payload)
    assert outgoing.hub == str(event.scanned_id)
    nameless = event.model_copy(update={"scanned_id": None, "scanned_role": None})
    assert outgoing_result(recorded(nameless), nameless, 7, TOPICS).hub is None


def test_moments_are_told_in_utc() -> None:
    west = datetime(2026, 1, 1, 22, 4, 5, tzinfo=timezone(timedelta(hours=-5)))
    event = closed(12).model_copy(update={"started": west})
    result = result_of(recorded(event), event, 1)
    assert result.started == west
    assert json.loads(result.model_dump_json())["started"] == "2026-01-02T03:04:05Z"


VALIDATOR = jsonschema.Draft202012Validator(RESULT.shipped_schema())
OPTIONAL_VERSION = st.none() | st.integers(0, (1 << 32) - 1).map(FirmwareVersion)
OPTIONAL_ID = st.none() | st.integers(0, (1 << 64) - 1).map(Eui64)
EVENTS = st.builds(
    AttemptClosed,
    attempt=st.integers(1, 1 << 40),
    place=st.builds(
        SlotName, jig=st.from_regex(r"[A-Za-z0-9_-]{1,9}", fullmatch=True), slot=st.integers(1, 8)
    ),
    order=st.none() | st.text(max_size=20),
    number=st.integers(1, 99),
    chf=OPTIONAL_ID,
    gpf=OPTIONAL_ID,
    scanned_id=OPTIONAL_ID,
    scanned_role=st.sampled_from((None, "CHF", "GPF")),
    firmware_recorded=OPTIONAL_VERSION,
    firmware_before=OPTIONAL_VERSION,
    firmware_target=OPTIONAL_VERSION,
    firmware_read_back=OPTIONAL_VERSION,
    outcome=st.sampled_from(Outcome),
    stage=st.sampled_from(Stage),
    code=st.none() | st.sampled_from(Code),
    disposition=st.none() | st.sampled_from(Disposition),
    started=st.datetimes(timezones=st.just(UTC)),
    finished=st.datetimes(timezones=st.just(UTC)),
    seconds=st.dictionaries(st.sampled_from(Stage), st.floats(0, 1e6)),
)


@given(event=EVENTS, station_sequence=st.integers(1, 1 << 40))
def test_every_result_obeys_the_schema_and_reads_back(event: AttemptClosed, station_sequence: int) -> None:
    outgoing = outgoing_result(recorded(event), event, station_sequence, TOPICS)
    data = json.loads(outgoing.payload)["data"]
    VALIDATOR.validate(data)
    assert Result.model_validate_json(json.dumps(data)) == result_of(recorded(event), event, station_sequence)


@pytest.mark.parametrize("name", ["", "a/b", "a b", "+", "#", "ä", "a\n", "$SYS"])
def test_a_name_that_no_topic_level_can_hold_is_refused(name: str) -> None:
    with pytest.raises(TopicError, match="letters, digits"):
        Topics(name, "bench-1")
    with pytest.raises(TopicError):
        Topics("leeds", name)
    for topic in (TOPICS.result, TOPICS.slot_state):
        with pytest.raises(TopicError):
            topic(SlotName(jig=name, slot=1))


def test_topics() -> None:
    assert TOPICS.station_status == "reflash/v1/leeds/bench-1/status"
    assert (
        TOPICS.slot_state(SlotName(jig="jig_2", slot=8)) == "reflash/v1/leeds/bench-1/jig/jig_2/slot/8/state"
    )
