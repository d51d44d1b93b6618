"""Messages into rows: each once, whatever the order, and what cannot be taken in nobody's way."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select, text
from structlog.testing import capture_logs

from benches.told_results import SITE, SOURCE, TOPICS, Said, SayingStation, carton_of, chf_of, gpf_of, stands
from firmware_catalog.identity import Eui64
from inventory.assets import asset
from inventory.database.engine import Database, WrongRevision
from inventory.database.packing_tables import carton_recalls, cartons, hub_places, pallets
from inventory.database.tables import (
    asset_records,
    counts,
    findings,
    gaps,
    hubs,
    messages,
    order_facts,
    results,
    standings,
)
from inventory.intake.findings import open_findings
from inventory.intake.intake import Intake
from inventory.intake.missing import missing
from inventory.intake.store import Taken
from inventory.intake.whose_order import not_closed_at
from station.domain.outcome import Outcome
from station.messages.topics import Topics

NOW = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
OTHER_JOURNAL = "0b8f8b52-6f0c-4f0a-9d5e-000000000002"


@pytest.fixture
def intake(database: Database) -> Intake:
    other = Topics(SITE, "bench-2")
    return Intake(database, {SOURCE: TOPICS, other.source: other}, lambda: NOW)


def rows(database: Database, *columns: Any) -> list[tuple[Any, ...]]:
    with database.read() as connection:
        return sorted(tuple(row) for row in connection.execute(select(*columns)))


def what_follows(database: Database) -> list[list[tuple[Any, ...]]]:
    """All that follows from the messages, without what depends on when they came."""
    of_message = messages.c.event_id
    with database.read() as connection:
        return [
            sorted(map(tuple, connection.execute(each)), key=str)
            for each in (
                select(counts),
                select(gaps.c.source, gaps.c.kind, gaps.c.first, gaps.c.last),
                select(*[c for c in hubs.c if c is not hubs.c.firmware_message]),
                select(hubs.c.device, of_message).join(messages, hubs.c.firmware_message == messages.c.id),
                select(standings.c.work_order, standings.c.device, standings.c.outcome, of_message).join(
                    messages, standings.c.message == messages.c.id
                ),
                select(asset_records.c.device, asset_records.c.firmware, of_message).join(
                    messages, asset_records.c.message == messages.c.id
                ),
                *(
                    select(*[c for c in each.c if c is not each.c.message])
                    for each in (hub_places, cartons, pallets, carton_recalls)
                ),
            )
        ]


def some_days() -> list[Said]:
    """Retries, a success that stands, two versions, a hub that says nothing of itself, and another journal."""
    station = SayingStation()
    said = [station.result(hub, version=1 + hub % 2) for hub in range(1, 5)]
    said.append(station.result(5, outcome=Outcome.FAILED, read_back="0001012F"))
    said.append(station.result(5))
    said.append(station.result(5, outcome=Outcome.REJECTED, read_back="0002012F"))
    said.append(station.result(6, outcome=Outcome.FAILED, read_back=None))
    said.append(station.result(7, outcome=Outcome.REJECTED, read_back=None, device=None, gpf=None))
    said += [
        station.order_fact("WO-1", "imported", hubs=7),
        station.order_fact("WO-1", "closed", reason="done"),
    ]
    said += [*station.packed((1, 2), "CTN1", "PLT1"), *station.packed((3, 4), "CTN2")]
    said.append(
        station.packing(
            "hub_seen_in_slot", hub=stands(3, None), cartons=(carton_of("CTN2", 1, state="held"),)
        )
    )
    said.append(station.packing("cartons_recalled", recalled=("CTN1", "CTN2")))
    station.journal = "0b8f8b52-6f0c-4f0a-9d5e-000000000002"
    said.append(station.result(1, order="WO-2", outcome=Outcome.ALREADY_CURRENT, read_back="0002012F"))
    # Restored: it counts on from its backup, in which hub 2 was in no carton yet, and tells later.
    station.packing_facts = 1
    said += station.packed((2,), "CTN1")
    said.append(station.packing("recall_ended", recalled=("CTN2",)))
    other = SayingStation(station="bench-2", row=5000)
    said += other.packed((4,), "CTN1")
    return said


def test_whatever_comes_first_and_however_often_the_same_rows_follow(
    database: Database, intake: Intake, tmp_path_factory: pytest.TempPathFactory
) -> None:
    said = some_days()
    assert intake.take_heard(said) == Taken(len(said), 0, [])
    assert intake.take_heard(said) == Taken(0, len(said), [])
    expected = what_follows(database)
    assert rows(database, standings.c.work_order, standings.c.device, standings.c.outcome) == [
        *(("WO-1", chf_of(hub), "passed") for hub in range(1, 6)),
        ("WO-1", chf_of(6), "failed"),
        ("WO-2", chf_of(1), "already_current"),
    ]
    assert rows(database, order_facts.c.what) == [("closed",), ("imported",)]
    with database.read() as connection:
        in_cartons = connection.execute(
            select(hub_places.c.hub, hub_places.c.source, hub_places.c.carton).where(hub_places.c.current)
        )
        assert sorted(map(tuple, in_cartons)) == [
            (chf_of(1), SOURCE, "CTN1"),
            (chf_of(2), SOURCE, "CTN1"),
            (chf_of(3), SOURCE, None),
            (chf_of(4), SOURCE.replace("1", "2"), "CTN1"),
        ]
        held = connection.execute(
            select(cartons.c.source, cartons.c.carton, cartons.c.state, cartons.c.hubs).where(
                cartons.c.current
            )
        )
        assert sorted(map(tuple, held)) == [
            (SOURCE, "CTN1", "closed", 1),
            (SOURCE, "CTN2", "held", 1),
            (SOURCE.replace("1", "2"), "CTN1", "closed", 1),
        ]
        recalled = select(carton_recalls.c.carton).where(carton_recalls.c.current, carton_recalls.c.recalled)
        assert connection.scalars(recalled).all() == ["CTN1"]
    chance = random.Random(7)
    with database.write_alone() as connection:
        books = (hub_places, cartons, pallets, carton_recalls)
        for table in (*books, asset_records, standings, hubs, results, order_facts, gaps, counts, messages):
            connection.execute(table.delete())
    twice = chance.sample(said, len(said)) + chance.sample(said, len(said))
    while twice:
        batch, twice = twice[:3], twice[3:]
        intake.take_heard(batch)
    assert what_follows(database) == expected


def test_an_asset_record_has_both_devices_and_the_evidence_of_each_thing_they_said(
    database: Database, intake: Intake
) -> None:
    station = SayingStation()
    first = station.result(1, outcome=Outcome.FAILED, read_back="0001012F")
    second = station.result(1)
    intake.take_heard([second, first])
    with database.read() as connection:
        by_gpf = asset(connection, Eui64.parse(gpf_of(1)))
        assert asset(connection, Eui64.parse(chf_of(1))) == by_gpf
        assert asset(connection, Eui64.parse(chf_of(2))) is None
    assert by_gpf is not None
    assert by_gpf.hub["firmware"] == "0002012F"
    assert [(each.role, each.device, each.firmware, each.event_id) for each in by_gpf.history] == [
        (role, device, event["data"]["firmware_read_back"], event["id"])
        for event in (first.event, second.event)
        for role, device in (("CHF", chf_of(1)), ("GPF", gpf_of(1)))
    ]
    assert by_gpf.history[0].chain_head == first.event["data"]["chain_head"]


def test_a_bridge_has_an_asset_record_and_its_set_a_carton(database: Database, intake: Intake) -> None:
    station = SayingStation()
    bridge = {"gpf": None, "family": "bridge", "bridge_type": "B2", "premises": "P1", "region": None}
    held = {"device": chf_of(1), "bridge_type": "B2", "manufacturer": "10A8", "model": "000000B2"}
    holds_set = {"owner": "PARTY", "premises": "P1", "bridges": [{**held, "firmware": "0002012F"}]}
    taken = intake.take_heard(
        [
            station.result(1, **bridge),
            station.packing("hub_placed", cartons=(carton_of("C1", 1, holds=None, holds_set=holds_set),)),
        ]
    )
    assert (taken.new, taken.found) == (2, [])
    with database.read() as connection:
        kept = asset(connection, Eui64.parse(chf_of(1)))
    assert kept is not None
    assert (kept.hub["gpf"], kept.hub["firmware"]) == (None, "0002012F")
    assert [(each.role, each.device, each.firmware) for each in kept.history] == [
        ("device", chf_of(1), "0002012F")
    ]
    assert rows(database, cartons.c.carton, cartons.c.owner, cartons.c.model) == [("C1", "PARTY", None)]


def changed(said: Said, **data: Any) -> Said:
    event = said.event
    return Said(said.topic, json.dumps({**event, "data": {**event["data"], **data}}).encode())


def envelope(said: Said, **fields: Any) -> Said:
    return Said(said.topic, json.dumps({**said.event, **fields}).encode())


WRONG: dict[str, tuple[Callable[[Said], Said], str]] = {
    "no JSON": (lambda said: Said(said.topic, b"\xff\x00{"), "no JSON"),
    "deep": (lambda said: Said(said.topic, b"[" * 100_000), "no JSON"),
    "no event": (lambda said: Said(said.topic, b"[1]"), "no CloudEvent"),
    "schema": (lambda said: envelope(said, dataschema="urn:x-reflash:result:9"), "schema"),
    "schema is no text": (lambda said: envelope(said, dataschema=[]), "schema"),
    "id": (lambda said: envelope(said, id="1"), "id"),
    "time": (lambda said: envelope(said, time="today"), "time"),
    "a field's form": (lambda said: changed(said, firmware_read_back=2), "firmware_read_back"),
    "a number out of bounds": (lambda said: changed(said, station_sequence=1 << 80), "out of all bounds"),
    "one id twice": (lambda said: changed(said, gpf=said.event["data"]["device"]), "both ids"),
    "a text no database takes": (lambda said: changed(said, work_order="a\0b"), "not taken"),
    "another station": (lambda said: envelope(said, source="/reflash/north-site/bench-9"), "no station"),
    "another's topic": (
        lambda said: Said(said.topic.replace("bench-1", "bench-2"), said.payload),
        "another station's topic",
    ),
    "too long": (lambda said: changed(said, message="x" * 300_000), "bytes"),
}


def test_what_cannot_be_taken_is_put_aside_by_name_and_the_rest_goes_on(
    database: Database, intake: Intake
) -> None:
    station = SayingStation()
    wrong = [spoil(station.result(90)) for spoil, _ in WRONG.values()]
    good = [station.result(hub) for hub in (1, 2)]
    taken = intake.take_heard([good[0], *wrong, good[1]])
    # SQLite keeps a NUL in a text as it is, PostgreSQL does not.
    nul = "a text no database takes"
    refused = [name for name in WRONG if not (name == nul and database.is_sqlite)]
    assert (taken.new, len(taken.found)) == (2 + len(WRONG) - len(refused), len(refused))
    with database.read() as connection:
        lines = [row.line for row in open_findings(connection)]
    for name in refused:
        assert any(WRONG[name][1] in line for line in lines), (name, lines)
    again = intake.take_heard([good[0], *wrong, good[1]])
    assert (again.new, len(again.found)) == (0, len(refused))


def test_no_message_is_blamed_for_tables_of_another_version_and_none_is_taken(
    database: Database, intake: Intake
) -> None:
    database.require_current()
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'of_2031'"))
    with capture_logs() as logged, pytest.raises(WrongRevision, match="install that version"):
        intake.take_heard([SayingStation().result(1)])
    assert logged == []


def test_a_batch_takes_as_many_statements_as_one_message_and_reads_no_table_to_its_end(
    database: Database, intake: Intake
) -> None:
    first, second = SayingStation(), SayingStation(station="bench-2")
    said: list[tuple[str, Any]] = []

    def listen(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        said.append((statement, parameters))

    # Orders first: else the database knows that there are none, and looks for none.
    intake.take_heard([first.order_fact("WO-1", "imported"), second.order_fact("WO-2", "imported")])
    intake.take_heard([first.result(1)])
    event.listen(Engine, "before_cursor_execute", listen)
    try:
        intake.take_heard([first.result(2)])
        of_one, said = said, []
        intake.take_heard(
            [
                one.result(hub, order=f"WO-{n}")
                for n, one in ((1, first), (2, second))
                for hub in (n + 2, n + 12)
            ]
        )
    finally:
        event.remove(Engine, "before_cursor_execute", listen)
    heads = [[" ".join(statement.split()[:3]) for statement, _ in every] for every in (of_one, said)]
    if not database.is_sqlite:
        assert heads[0] == heads[1]
        return
    with database.read() as connection:
        plans = {
            row[-1]
            for statement, parameters in said
            if statement.startswith("SELECT")
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        }
    assert [each for each in plans if each.startswith("SCAN")] == []


def test_a_message_that_contradicts_one_that_came_is_found_and_the_first_one_stands(
    database: Database, intake: Intake
) -> None:
    station = SayingStation()
    first = station.result(1)
    intake.take_heard([first])
    other_head = changed(first, chain_head="cd" * 32)
    other_id = envelope(first, id=first.event["id"] + "0")
    taken = intake.take_heard([other_head, other_id])
    assert (taken.new, [each.what for each in taken.found]) == (0, ["contradicting_message"] * 2)
    assert rows(database, messages.c.chain_head) == [(first.event["data"]["chain_head"],)]


def test_ids_that_contradict_what_is_known_change_no_hub(database: Database, intake: Intake) -> None:
    station = SayingStation()
    intake.take_heard([station.result(1), station.result(2)])
    taken = intake.take_heard([station.result(1, gpf=gpf_of(3)), station.result(4, gpf=gpf_of(2))])
    assert (taken.new, [each.what for each in taken.found]) == (2, ["contradicting_ids"] * 2)
    assert rows(database, hubs.c.device, hubs.c.gpf)[:2] == [(chf_of(n), gpf_of(n)) for n in (1, 2)]
    with database.read() as connection:
        assert connection.scalar(select(hubs.c.gpf).where(hubs.c.device == chf_of(4))) is None


def test_an_order_that_a_second_station_works_on_too_is_found_once_for_that_station(
    database: Database, intake: Intake
) -> None:
    one, other = SayingStation(), SayingStation(station="bench-2", journal=OTHER_JOURNAL)
    intake.take_heard([one.order_fact("WO-1", "imported"), other.order_fact("WO-2", "imported")])
    taken = intake.take_heard([one.result(1), other.result(2, order="WO-2"), other.result(3, order=None)])
    assert taken.found == []
    taken = intake.take_heard([other.result(4)])
    taken = intake.take_heard([other.order_fact("WO-1", "imported"), other.result(5), one.result(6)])
    with database.read() as connection:
        (found,) = open_findings(connection)
    assert found.what == "order_at_two_stations"
    assert found.line.startswith(
        "/reflash/north-site/bench-2 works on WO-1, which is /reflash/north-site/bench-1's: "
    )
    assert not_closed(database) == {"WO-1": SOURCE, "WO-2": other.topics.source, "WO-3": "the bench"}
    intake.take_heard([other.order_fact("WO-1", "closed"), other.order_fact("WO-2", "closed")])
    assert not_closed(database) == {"WO-1": SOURCE, "WO-2": None, "WO-3": "the bench"}
    intake.take_heard([one.order_fact("WO-1", "closed")])
    assert not_closed(database)["WO-1"] is None
    # Whose facts of an order are lost has it all the same, as its results say.
    intake.take_heard([one.order_fact("WO-3", "closed"), other.result(7, order="WO-3")])
    assert not_closed(database)["WO-3"] == other.topics.source


def not_closed(database: Database) -> dict[str, str | None]:
    with database.read() as connection:
        return {order: not_closed_at(connection, order) for order in ("WO-1", "WO-2", "WO-3")}


def test_what_never_came_is_told_with_the_command_that_sends_it_again(
    database: Database, intake: Intake
) -> None:
    station = SayingStation()
    said = [station.result(hub) for hub in range(1, 10)]
    facts = [station.order_fact("WO-1", what) for what in ("imported", "assigned", "closed")]
    intake.take_heard([*said[2:4], said[7], facts[0], facts[2]])

    def told() -> list[str]:
        with database.read() as connection:
            return [each.command for each in missing(connection)]

    assert told() == [
        "reflash journal republish 2 2 --message order",
        "reflash journal republish 1 2",
        "reflash journal republish 5 7",
    ]
    # A journal that was restored counts on from the last number in its backup, under a new identity.
    station.results = 5
    station.journal = "0b8f8b52-6f0c-4f0a-9d5e-000000000002"
    intake.take_heard([station.result(11), *said[0:2], facts[1]])
    assert told() == ["reflash journal republish 5 7"]
    intake.take_heard(said[4:7])
    assert told() == []
    with database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(findings)) == 0
