from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benches.journal_samples import (
    TOPICS,
    closed,
    ledger_in,
    opened,
    order_events,
    order_line,
    ticking_clock,
    write,
)
from firmware_catalog.devices import BridgeType
from firmware_catalog.identity import Eui64, FirmwareVersion
from station.domain.actor import Actor
from station.domain.outcome import Code, Disposition, Outcome, Stage
from station.domain.slot_name import SlotName
from station.messages.order_fact import ORDER_FACT
from station.messages.packing_fact import PACKING_FACT
from station.messages.result import RESULT, RESULT_OF_DEVICE, ResultVersion
from station.messages.topics import TopicError, Topics
from station.records.chain import GENESIS, ChainHead, RecordedEvent
from station.records.facts.attempts import AttemptClosed
from station.records.facts.events import Event
from station.records.facts.journal import StationStarted
from station.records.facts.orders import OrderAssigned, OrderClosed, OrderLinesAdded
from station.records.facts.outbox import Number, OutboxRow, ResultVersionChosen, rows_of
from station.records.facts.packing import CartonHeld, CartonOpened
from station.records.outgoing import ImportedFile, NotToBeTold, OutgoingMessage, outgoing_message
from station.records.reader import JournalReader

GOLDEN = Path(__file__).with_name("golden")
HEAD = ChainHead(UUID("00112233-4455-6677-8899-aabbccddeeff"), 16, GENESIS)
FILE = ImportedFile(2, "5c" * 32)


def recorded(event: Event) -> RecordedEvent:
    return HEAD.extend(event, ticking_clock)[0]


def told(event: Event, number: int = 7, version: int = 1) -> OutgoingMessage:
    kind = RESULT.kind if isinstance(event, AttemptClosed) else ORDER_FACT.kind
    row = OutboxRow(Number(kind, number), HEAD.sequence + 1, version, "key")
    return outgoing_message(row, recorded(event), TOPICS, FILE)


def data_of(message: OutgoingMessage) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(message.payload)["data"]
    return data


def of_an_order() -> AttemptClosed:
    line = order_line(0).model_copy(update={"chts_version": "CHTS V1.4"})
    return closed(12).model_copy(update={"line": line})


@pytest.mark.parametrize(
    ("name", "event", "version"),
    [
        ("result.json", closed(12), 1),
        ("result-2.json", of_an_order(), 2),
        ("order.json", OrderAssigned(order="WO 1", jig="jig-1", actor=Actor(pseudonym="op-7")), 1),
    ],
)
def test_golden_messages(name: str, event: Event, version: int) -> None:
    assert told(event, version=version).payload + b"\n" == (GOLDEN / name).read_bytes()


def test_where_a_message_goes_and_under_which_number() -> None:
    assert told(closed(12)).topic == "reflash/v1/leeds/bench-1/jig/jig-1/slot/1/result"
    assert told(OrderClosed(order="WO/1 ä", reason="done")).topic == "reflash/v1/leeds/bench-1/orders"
    assert told(closed(12)).number == Number("result", 7)
    assert data_of(told(closed(12)))["station_sequence"] == 7


def test_the_envelope_is_a_cloud_event() -> None:
    event = closed(12)
    envelope = json.loads(told(event).payload)
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
    assert "subject" not in json.loads(told(event).payload)


def test_version_2_says_what_the_order_does_and_leaves_out_what_is_not() -> None:
    data = data_of(told(of_an_order(), version=2))
    line = order_line(0)
    assert data["device"] == str(closed(12).chf)
    assert "chf" not in data
    assert (data["region"], data["han_variant"], data["owner"]) == (line.region, line.variant, line.owner)
    assert (data["status_recorded"], data["device_type"]) == (line.inventory_status, None)
    assert data["chts_version"] == "CHTS V1.4"
    no_hub = closed(12).model_copy(update={"gpf": None})
    assert "gpf" not in data_of(told(no_hub, version=2))
    assert data_of(told(no_hub, version=2))["owner"] is None


def test_an_order_is_told_of_as_imported_assigned_and_closed() -> None:
    imported = data_of(told(OrderLinesAdded(order="WO 1", lines=(order_line(1),))))
    assert (imported["what"], imported["hubs"], imported["file_sha256"]) == ("imported", 2, FILE.sha256)
    assigned = data_of(told(OrderAssigned(order="WO 1", jig="jig-1", actor=Actor(pseudonym="op-7"))))
    assert (assigned["what"], assigned["jig"], assigned["actor"]) == ("assigned", "jig-1", "op-7")
    ended = data_of(told(OrderClosed(order="WO 1", reason="complete")))
    assert (ended["what"], ended["reason"], ended["actor"]) == ("closed", "complete", None)
    assert json.loads(told(OrderClosed(order="WO 1", reason="done")).payload)["subject"] == "WO 1"


def test_a_fact_of_packing_is_told_as_it_was_composed(folder: Path) -> None:
    opening = CartonOpened(carton=1, order="WO-1", capacity=16, actor=Actor(pseudonym="op-7"))
    with ledger_in(folder) as ledger, JournalReader(folder) as reader:
        write(ledger, *order_events())
        write(ledger, opening)
        write(ledger, CartonHeld(carton=1, found=None, reason="recount", actor=None))
        (message, held) = reader.messages(PACKING_FACT.kind, 1, 9)
    steady = re.sub(rb"[0-9a-f-]{36}:|[0-9a-f]{64}", b"", message.payload)  # a journal has its own id
    assert steady + b"\n" == (GOLDEN / "packing.json").read_bytes()
    assert message.topic == "reflash/v1/leeds/bench-1/packing"
    assert data_of(held)["cartons"][0]["state"] == "held"
    for each in (message, held):
        jsonschema.Draft202012Validator(PACKING_FACT.shipped_schema()).validate(data_of(each))


def test_what_this_program_has_no_message_for_is_refused() -> None:
    with pytest.raises(NotToBeTold, match="no version 9 of a result"):
        told(closed(12), version=9)
    with pytest.raises(NotToBeTold, match="row 17 is nothing that leaves"):
        told(StationStarted(station_version="1", boot_id="2"))


def test_moments_are_told_in_utc() -> None:
    west = datetime(2026, 1, 1, 22, 4, 5, tzinfo=timezone(timedelta(hours=-5)))
    event = closed(12).model_copy(update={"started": west})
    assert data_of(told(event))["started"] == "2026-01-02T03:04:05Z"


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
    line=st.none() | st.integers(0, 9).map(order_line),
    seconds=st.dictionaries(st.sampled_from(Stage), st.floats(0, 1e6)),
)


TEXT = st.text(max_size=20)
ORDER_EVENTS = (
    st.builds(OrderAssigned, order=TEXT, jig=TEXT, actor=st.none())
    | st.builds(OrderClosed, order=TEXT, reason=TEXT, actor=st.none())
    | st.builds(OrderLinesAdded, order=TEXT, lines=st.just(()))
)


@given(event=EVENTS | ORDER_EVENTS, number=st.integers(1, 1 << 40), version=st.sampled_from((1, 2)))
def test_every_message_obeys_its_schema_and_reads_back(event: Event, number: int, version: int) -> None:
    form = {1: RESULT, 2: RESULT_OF_DEVICE}[version] if isinstance(event, AttemptClosed) else ORDER_FACT
    data = data_of(told(event, number, version))
    jsonschema.Draft202012Validator(form.shipped_schema()).validate(data)
    read = form.model.model_validate_json(json.dumps(data))
    assert read.model_dump(mode="json") == data
    assert read.station_sequence == number


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


@pytest.mark.parametrize("chosen", [1, 2])
def test_a_bridge_s_result_is_of_the_version_that_knows_bridges(
    tmp_path: Path, chosen: ResultVersion
) -> None:
    of_bridge = closed(1).model_copy(update={"gpf": None, "bridge_type": BridgeType.B3})
    with ledger_in(tmp_path) as ledger:
        write(ledger, *order_events(), ResultVersionChosen(version=chosen))
        one, other = write(ledger, opened(0), opened(1))
        write(
            ledger,
            of_bridge.model_copy(update={"attempt": one.sequence}),
            closed(other.sequence, 1),
        )
    with JournalReader(tmp_path) as reader:
        rows = reader.ask(rows_of, [Number(RESULT.kind, 1), Number(RESULT.kind, 2)])
    assert [row.version for row in rows.values()] == [2, chosen]
    data = data_of(told(of_bridge, version=2))
    assert (data["device"], data["family"], data["bridge_type"]) == (str(of_bridge.chf), "bridge", "B3")
    assert "gpf" not in data
    of_hub = data_of(told(closed(1), version=2))
    assert not {"family", "bridge_type"} & of_hub.keys()
