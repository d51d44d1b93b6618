"""What a running daemon answers, and what it leaves at the broker."""

from __future__ import annotations

import asyncio
import json
import resource
import socket
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from structlog.testing import capture_logs

from benches import brokers
from benches.desk_client import frame, order_file, say, watching
from benches.journal_samples import closed, opened
from benches.looking import until
from benches.sentences import SENTENCES, line_of
from benches.station_bench import MODEL, Bench, at_broker, import_order, journal_of, order_csv, slot, version
from benches.station_daemon import events_of, running_daemon, starting_daemon
from station.control.client import ask_daemon
from station.daemon.assembly import Daemon
from station.daemon.service import ServiceManager
from station.desk.order_requests import ImportOrder
from station.desk.refusals import Unavailable
from station.domain.outcome import Stage
from station.domain.phase import SlotPhase
from station.domain.reason import Reason
from station.records.errors import JournalFailed, JournalOutdated
from station.records.facts.attempts import AttemptClosed
from station.records.facts.journal import StationStarted, StationStopped
from station.records.facts.orders import orders
from station.records.journal import Journal
from station.records.reader import JournalReader
from station.records.replay import SLICE
from station.records.segments import segment_path, segment_paths
from station.settings import StationSettings
from station.version import station_version

PLACE = slot(1)
WENT_BEFORE = {
    "place": PLACE,
    "manufacturer": MODEL.manufacturer,
    "model": MODEL.model,
    "seconds": dict.fromkeys(Stage, 1.0),
}
"""An earlier visit of such a hub, in which each stage took a second."""


@pytest.fixture
def settings(bench: Bench, shared_broker: brokers.Mosquitto, tmp_path: Path) -> StationSettings:
    facts = {**at_broker(shared_broker.port)}
    return bench.station_settings(tmp_path, {"jig1": [1, 2]}, **facts)


WRONG_REQUESTS = {
    "a name that nothing has": ("dance", {}, "not_found", "there is no request 'dance'; the station knows: "),
    "a slot that is not there": (
        "enable_slot",
        {"jig": "jig1", "slot": 5},
        "not_found",
        "there is no jig1 slot 5 on this bench",
    ),
    "a slot that is no number": (
        "enable_slot",
        {"jig": "jig1", "slot": "five"},
        "invalid",
        "the request is not as enable_slot needs it: slot: ",
    ),
    "no slot": ("enable_slot", {"jig": "jig1"}, "invalid", "as enable_slot needs it: slot: "),
    "more than is asked for": ("status", {"jig": "jig1"}, "invalid", "as status needs it: jig: "),
    "a jig without a board": (
        "reset_jig",
        {"jig": "jig1"},
        "not_found",
        "jig1 has no board on this bench",
    ),
    "a label that is none": (
        "scan_label",
        {"jig": "jig1", "slot": 1, "id": "12"},
        "invalid",
        "as scan_label needs it: id: '12' is no EUI-64",
    ),
    "a label of no role": (
        "scan_label",
        {"jig": "jig1", "slot": 1, "id": "88-73-84-00-00-00-00-01", "role": "HUB"},
        "invalid",
        "as scan_label needs it: role: ",
    ),
    "a slot in use, out of it for a reason that was seen": (
        "enable_slot",
        {"jig": "jig1", "slot": 1, "expected_why": "hubs_failed"},
        "conflict",
        "jig1 slot 1 is in use: look again, then decide anew",
    ),
    "results that are not there": (
        "republish",
        {"first": 1, "last": 2},
        "not_found",
        "there are no result messages 1 to 2",
    ),
    "an order that is not there": (
        "assign_order",
        {"order": "WO-9", "jig": "jig1"},
        "not_found",
        "there is no order WO-9",
    ),
    "an order without its file": (
        "import_order",
        {"source": "x.csv", "size": 0, "sha256": "0" * 64},
        "invalid",
        "the order's file did not come along; import it again",
    ),
    "a release that is not stopped": (
        "resume_release",
        {"manufacturer": "m", "model": "o", "version": "00000001", "reason": "r"},
        "not_found",
        "release 00000001 of m/o is not stopped",
    ),
}


async def test_a_wrong_request_is_refused_in_one_line_and_harms_nothing(settings: StationSettings) -> None:
    async with running_daemon(settings) as station:
        await station.until(PLACE, SlotPhase.EMPTY)
        lines = [frame(do, **fields) for do, fields, _, _ in WRONG_REQUESTS.values()]
        answers = await say(settings.state_directory, *lines)
        for (_, _, code, says), answer in zip(WRONG_REQUESTS.values(), answers, strict=True):
            assert answer["refused"]["code"] == code, answer
            assert says in answer["refused"]["line"]
            assert "\n" not in answer["refused"]["line"]
        slots = (await station.ask("status"))["slots"]
        assert [(view["place"], view["phase"]) for view in slots] == [
            ({"jig": "jig1", "slot": number}, "empty") for number in (1, 2)
        ]
        await station.ask("stop")
        await station.task
    (started,) = events_of(settings, StationStarted)
    assert started.station_version == station_version()
    assert len(started.boot_id) == 36
    assert len(events_of(settings, StationStopped)) == 1


async def test_the_broker_is_told_the_result_once_and_keeps_the_states(
    bench: Bench, shared_broker: brokers.Mosquitto, settings: StationSettings
) -> None:
    hub = bench.hub()
    heard: list[tuple[str, bool, dict[str, Any]]] = []

    async def listen(client: aiomqtt.Client, done: asyncio.Event) -> None:
        async for message in client.messages:
            heard.append((str(message.topic), message.retain, json.loads(bytes(message.payload))))
            if str(message.topic).endswith("/result"):
                done.set()

    async with journal_of(settings) as journal:
        await import_order(journal, order_csv(hub), "jig1")
    root = f"reflash/v1/{settings.site}/{settings.station}"
    async with aiomqtt.Client("127.0.0.1", shared_broker.port) as client, asyncio.TaskGroup() as group:
        await client.subscribe(f"{root}/#", qos=1)
        published = asyncio.Event()
        listening = group.create_task(listen(client, published))
        async with running_daemon(settings) as station:
            await bench.seat(hub, PLACE)
            await station.until(PLACE, SlotPhase.PASSED)
            await published.wait()
        listening.cancel()
    (result,) = [event for topic, _, event in heard if topic == f"{root}/jig/jig1/slot/1/result"]
    assert result["subject"] == str(hub.chf)
    assert result["source"] == f"/reflash/{settings.site}/{settings.station}"
    data = result["data"]
    assert (data["outcome"], data["firmware_read_back"]) == ("passed", str(version("new")))
    (closed,) = events_of(settings, AttemptClosed)
    assert data["image_sha256"] == closed.image_sha256
    assert (await bench.look(hub))["image_file_sha256"] == closed.image_sha256

    async with aiomqtt.Client("127.0.0.1", shared_broker.port) as late:
        await late.subscribe(f"{root}/#", qos=1)
        kept = {}
        async for message in late.messages:
            assert message.retain
            kept[str(message.topic).removeprefix(root)] = json.loads(bytes(message.payload))
            if len(kept) == 3:
                break
    assert kept["/status"] == {"status": "offline"}
    assert kept["/jig/jig1/slot/1/state"]["phase"] == "stopped"
    assert kept["/jig/jig1/slot/2/state"]["phase"] == "stopped"


def test_a_journal_that_fails_in_a_request_stops_the_station(bench: Bench, settings: StationSettings) -> None:
    async def work(taking: ImportOrder, file: int) -> None:
        async with starting_daemon(settings) as station:
            await station.until(PLACE, SlotPhase.EMPTY)
            before = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1, before[1]))  # the disk takes nothing more
            try:
                with pytest.raises(Unavailable, match="check that its disk is mounted, writable and sound"):
                    await ask_daemon(settings.state_directory, taking, file=file)
                await asyncio.wait((station.task,))
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, before)
            error = station.task.exception()
            assert isinstance(error, BaseExceptionGroup)
            assert error.subgroup(JournalFailed) is not None

    # Lines are kept in memory: without the station's own logging they would go to a file, which takes nothing either.
    with order_file(order_csv(bench.hub())) as (taking, file), capture_logs():
        asyncio.run(work(taking, file))


def test_a_start_that_brings_the_journal_up_to_date_says_so_and_can_be_stopped(
    settings: StationSettings, tmp_path: Path
) -> None:
    async def older_journal() -> None:
        async with journal_of(settings) as journal:
            await journal.append(*[StationStarted(station_version="0", boot_id="b")] * SLICE)

    async def work() -> None:
        stopped = Daemon(settings)
        stopped.stop()
        await stopped.run()
        with pytest.raises(JournalOutdated, match="start the station"):
            events_of_orders()
        service = ServiceManager(str(tmp_path / "notify"), None)
        daemon = Daemon(settings, service=service)
        running = asyncio.create_task(daemon.run())
        said = [await asyncio.to_thread(channel.recv, 300) for _ in range(3)]
        daemon.stop()
        await running
        service.close()
        assert said == [
            b"EXTEND_TIMEOUT_USEC=60000000\nSTATUS=the journal is being brought up to date: "
            + f"{done} of {SLICE + 1} events".encode()
            for done in (0, SLICE)
        ] + [b"READY=1"]

    def events_of_orders() -> None:
        with JournalReader(settings.journal_folder) as reader:
            reader.ask(orders)

    asyncio.run(older_journal())
    with closing(sqlite3.connect(segment_path(settings.journal_folder, 1))) as segment:
        segment.execute("PRAGMA user_version = 1")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(tmp_path / "notify"))
        channel.settimeout(15)
        asyncio.run(work())
    events_of_orders()


async def test_who_watches_sees_last_what_sits_where_when_the_station_has_stopped(
    bench: Bench, settings: StationSettings
) -> None:
    hub = bench.hub()
    lines: dict[int, str] = {}
    shown: list[dict[str, Any]] = []

    async def watch() -> None:
        async with watching(settings.state_directory) as answers:
            async for answer in answers:
                shown.extend(answer["slots"])
                lines.update((slot["place"]["slot"], line_of(slot)) for slot in answer["slots"])

    async with journal_of(settings) as journal:
        await import_order(journal, order_csv(hub), "jig1")
        for number in range(3):  # earlier visits tell how long this one takes
            (attempt,) = await journal.append(opened(number, order=None))
            await journal.append(closed(attempt.sequence, number, order=None).model_copy(update=WENT_BEFORE))
    async with running_daemon(settings) as station:
        await station.until(PLACE, SlotPhase.EMPTY)
        watcher = asyncio.create_task(watch())
        await until(lambda: lines)
        await bench.seat(hub, PLACE)
        await station.until(PLACE, SlotPhase.PASSED)
        await station.stopped()
        await watcher
    assert lines == {
        1: f"jig1 slot 1: stopped; hub {hub.chf} passed and still sits here",
        2: "jig1 slot 2: stopped",
    }
    assert {slot["order"] for slot in shown if slot["phase"] not in {"starting", "stopped"}} == {"WO-1"}
    assert any(slot["due"] for slot in shown), "while it was worked on"
    assert all(slot["recorded"] for slot in shown if slot["outcome"])


async def test_a_new_segment_that_cannot_be_begun_is_shown_until_it_is(
    settings: StationSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("station.daemon.assembly.Journal.open", partial(Journal.open, segment_rows=8))
    in_the_way = segment_path(settings.journal_folder, 2).with_suffix(".sqlite.partial")
    in_the_way.mkdir(parents=True)
    async with running_daemon(settings) as station:
        await station.until(PLACE, SlotPhase.EMPTY)
        view = station.daemon.view

        async def append() -> None:
            await station.ask("scan_label", jig="jig1", slot=1, id="88-73-84-00-00-00-00-01", role="GPF")

        while not view.faults():
            await append()
        (fault,) = view.faults()
        assert fault.reason is Reason.JOURNAL_UNTIDY
        assert SENTENCES.notice(fault) == (
            "journal: no new segment could be begun (Is a directory);"
            " nothing is lost: see to its disk and folder before it is full"
        )
        in_the_way.rmdir()
        while view.faults():
            await append()
    assert len(segment_paths(settings.journal_folder)) > 1
