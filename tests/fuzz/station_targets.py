"""What comes from people, other programs, disks and the broker."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import UUID

import aiomqtt
from target import Opener, Target, stateless

from benches.desk_client import THE_ACCOUNT, ask, frame, no_check
from benches.journal_samples import hub_facts, order_line
from firmware_catalog.identity import Eui64
from station.bench.controller import Controller
from station.bench.duty import Duty
from station.bench.outlook import Outlook
from station.bench.scans import BenchScans
from station.bench.view import BenchView
from station.control.server import serve_control
from station.desk.bench_desk import BenchDesk
from station.desk.desk import Desk
from station.desk.label_desk import LabelDesk
from station.desk.line_clearance import LineClearance
from station.desk.order_desk import OrderDesk
from station.desk.record_desk import RecordDesk
from station.domain.config_error import ConfigError
from station.domain.outcome import Stage
from station.domain.slot_name import SlotName
from station.orders.csv_columns import HEADINGS
from station.orders.csv_import import parse_order
from station.orders.errors import OrderFileRefused
from station.people.operators import Operators, OperatorsUnreadable
from station.publishing.broker import BrokerRefuses, connected
from station.publishing.settings import MqttSettings
from station.records import copies
from station.records.chain import GENESIS, BrokenChain, ChainHead, RecordedEvent, follow
from station.records.derive import derive, read_rows
from station.records.errors import JournalError
from station.records.facts.attempts import AttemptOpened, StageStarted
from station.records.facts.journal import StationStarted
from station.records.facts.orders import OrderAssigned, OrderImported, OrderLinesAdded
from station.records.head import HEAD_NAME, read_published_head
from station.records.identities import Identities
from station.records.journal import Journal
from station.records.reader import JournalReader
from station.records.rebuild import rebuild
from station.records.tables import create_derived
from station.records.verify import verify
from station.settings_change import bind_slots
from station.settings_file import load_settings
from station.unlocking.key_file import UnlockKeyError
from station.unlocking.tokens import TokenFileAuthority

_JSON_WORDS = (b"{", b"}", b"[", b"]", b'"', b"null", b"true", b"1e999", b"NaN", b"-1", b"\\ud800", b"9" * 30)
_PLACE = SlotName(jig="jig1", slot=1)
_CHF, _GPF = Eui64(0x8873840000000001), Eui64(0x8873840000000002)
_JOURNAL = UUID(int=7)


def _order_csv(data: bytes) -> None:
    with suppress(OrderFileRefused):
        file = parse_order(data, "order.csv", "WO-1")
        assert file.lines
    with suppress(OrderFileRefused):
        parse_order(data, "order.csv")


_HEADER = ",".join(("order_number", *HEADINGS)).encode()
_ROW = f"WO-1,{_CHF},{_GPF},10A8,00000011,Central,DBCH,0002012E,Pending,PARTY".encode()
_ORDER = _HEADER + b"\r\n" + _ROW + b"\r\n"

_EVENTS = (
    StationStarted(station_version="1.0", boot_id="b"),
    OrderImported(order="WO-1", source="order.csv", sha256="00" * 32, hubs=1),
    OrderLinesAdded(order="WO-1", lines=(order_line(1),)),
    OrderAssigned(order="WO-1", jig=_PLACE.jig),
    AttemptOpened(place=_PLACE, order="WO-1", hub=hub_facts(1), number=1),
    StageStarted(attempt=6, stage=Stage.FLASH),
)
_FURTHER_BODIES = (
    '{"kind":"journal_created","journal":"00000000-0000-0000-0000-000000000007","site":"s","station":"b"}',
    '{"kind":"segment_started","previous_segment":"journal-000001.sqlite","previous_hash":"zz"}',
    '{"kind":"stage_ended","attempt":4,"stage":"flash","step":0,"seconds":1e999}',
    '{"kind":"results_acknowledged","station_sequences":[99999999999999999999]}',
    '{"kind":"release_stopped","manufacturer":"m","model":"o","version":"00000001","why":"w"}',
)


@contextmanager
def _journal_rows(_: Path) -> Iterator[Target]:
    """Rows of a journal that somebody else wrote: 8 bytes of time and a kind of damage, then a body a line."""
    tables = sqlite3.connect(":memory:", isolation_level=None)
    create_derived(tables)

    def read(data: bytes) -> None:
        utc = int.from_bytes(data[:8], "little", signed=True)
        odd = (utc, float(utc), None, "1", float("inf"), b"1")[data[8] % 6 if len(data) > 8 else 0]
        bodies = data[9:].split(b"\n")
        raw = [(number, odd, 7, body, bytes(32)) for number, body in enumerate(bodies, start=1)]
        with suppress(BrokenChain):
            follow(ChainHead(_JOURNAL, 0, GENESIS), raw)
        rows = [(number, utc, 7, body.decode("utf-8", "replace"), b"") for number, _, _, body, _ in raw]
        recorded: list[RecordedEvent] = []
        with suppress(JournalError):
            for event in read_rows(Path("journal"), Identities([(1, _JOURNAL)]), iter(rows)):
                recorded.append(event)
                json.loads(copies.exported(event))
        tables.execute("BEGIN")
        try:
            derive(tables, iter(recorded))
        except (JournalError, sqlite3.Error):
            pass
        finally:
            tables.execute("ROLLBACK")

    time = (1_767_323_045_123_456).to_bytes(8, "little")
    bodies = [*(event.model_dump_json() for event in _EVENTS), *_FURTHER_BODIES]
    seeds = [time + b"\0" + "\n".join(bodies).encode(), b"\xff" * 7 + b"\x7f\0" + bodies[0].encode()]
    seeds += [time + b"\1" + body.encode() for body in bodies]
    try:
        yield Target(read, tuple(seeds), (*_JSON_WORDS, *(body.encode() for body in bodies)))
    finally:
        tables.close()


@contextmanager
def _journal_files(folder: Path) -> Iterator[Target]:
    """A journal's SQLite file with some of its bytes changed: three bytes of place, one of length, the bytes."""
    good = folder / "good"

    async def write() -> None:
        async with Journal.open(good, site="leeds", station="bench-1") as journal:
            await journal.append(*_EVENTS[:4])  # an attempt opens on an order that is there
            await journal.append(*_EVENTS[4:])

    asyncio.run(write())
    backup = folder / "backup"
    copies.backup(good, backup)
    (segment,) = backup.glob("*.sqlite")
    whole = segment.read_bytes()

    def read(data: bytes) -> None:
        content = bytearray(whole)
        while len(data) > 4:
            place, length = int.from_bytes(data[:3], "little") % len(content), 1 + data[3] % 32
            content[place : place + length] = data[4 : 4 + length]
            data = data[4 + length :]
        segment.write_bytes(content)
        with suppress(JournalError):
            verify(backup)
        with suppress(JournalError):
            rebuild(backup)
        with suppress(JournalError), JournalReader(backup) as reader:
            for _ in copies.export(reader):
                pass

    places = [0, 18, 60, 100, *(whole.find(mark) for mark in (b"CREATE TABLE events", b"station_started"))]
    found = ("1210000001", "a381a9a7e0f89d0181a9a7e0f89d0181a9a7e0f89d01")
    seeds = (*(place.to_bytes(3, "little") + b"\0\1" for place in places), *map(bytes.fromhex, found))
    yield Target(read, seeds)


@contextmanager
def _state_files(folder: Path) -> Iterator[Target]:
    """The small JSON files of the state directory."""

    def read(data: bytes) -> None:
        for name in (HEAD_NAME, "operators.json"):
            (folder / name).write_bytes(data)
        with suppress(JournalError):
            read_published_head(folder)
        with suppress(OperatorsUnreadable):
            Operators(folder / "operators.json").people()

    head = json.dumps({"journal": str(_JOURNAL), "sequence": 4, "hash": "00" * 32}).encode()
    yield Target(
        read,
        (head, b'{"op-1a2b3c4d":"NAME"}', b"[" * 5000, head.replace(b"4", b"Infinity"), b'{"a":' * 3000),
        _JSON_WORDS,
    )


@contextmanager
def _token_file(folder: Path) -> Iterator[Target]:
    file = folder / "tokens.csv"
    file.touch(mode=0o600)

    def read(data: bytes) -> None:
        file.write_bytes(data)
        with suppress(UnlockKeyError):
            TokenFileAuthority(file, folder / "used")._check()

    good = f"chf,nonce,signature\r\n{_CHF},,{'ab' * 64}\r\n".encode()
    yield Target(read, (good,), (b",", b'"', b"\n", b"\0", b"\xef\xbb\xbf"))


_CONFIG = b"""site = "site-1"
station = "bench-1"
state_directory = "/var/lib/reflash"
operator = "op-17"
[catalogue]
folder = "/srv/reflash/catalogue"
[unlock]
key_file = "/etc/reflash/unlock.pem"
[mqtt]
host = "127.0.0.1"
password_file = "/etc/reflash/password"
username = "bench"
[[jigs]]
name = "jig1"
driver = "smp"
[jigs.slots]
1 = "/dev/ttyS0"
2 = "usb:1-2.3:1.1"
[jigs.driver_settings]
baud = 115200
"""
_NESTED_TOML = (
    b"a = " + b"[" * 5000,
    b"a = " + b"{a=" * 2000,
    b"a." * 2000 + b"a = 1",
    b"a = " + b"9" * 5000,
)
_TOML_WORDS = (
    b"[jigs.board]\n",
    b"[[jigs]]\n",
    b'"""',
    b" = ",
    b"1979-05-27T07:32:00Z",
    b"\\u0000",
    b"0x",
    b"nan",
)


@contextmanager
def _configuration(folder: Path) -> Iterator[Target]:
    file = folder / "station.toml"

    def read(data: bytes) -> None:
        file.write_bytes(data)
        with suppress(ConfigError):
            load_settings(file)

    yield Target(read, (_CONFIG, *_NESTED_TOML), _TOML_WORDS)


@contextmanager
def _changed_configuration(folder: Path) -> Iterator[Target]:
    file = folder / "station.toml"

    def read(data: bytes) -> None:
        file.write_bytes(data)
        with suppress(ConfigError):
            bind_slots(file, "jig1", {3: "/dev/ttyS1"})

    yield Target(read, (_CONFIG, *_NESTED_TOML), _TOML_WORDS)


@contextmanager
def _control_requests(folder: Path) -> Iterator[Target]:
    """What is written to the control socket of a station without a bench: each line has its answer."""
    with asyncio.Runner() as runner:
        failures: list[str] = []
        runner.get_loop().set_exception_handler(lambda _, context: failures.append(repr(context)))
        opened = _serving(folder)
        runner.run(anext(opened))

        def read(data: bytes) -> None:
            runner.run(_say(folder / "control.sock", data))
            assert not failures, failures[0]

        seeds = [
            frame("status"),
            frame("watch"),
            frame("enable_slot", jig="jig1", slot=1),
            frame("scan_label", jig="jig1", slot=1, id=str(_CHF), role="CHF"),
            frame("republish", first=1, last=2),
            frame("resume_release", manufacturer="m", model="o", version="00000001", reason="r"),
            frame("import_order", source="order.csv", size=5, sha256="0" * 64, number=None),
            frame("assign_order", order="WO-1", jig="jig1", expected={"order": None}),
            frame("close_order", order="WO-1", reason="r", incomplete_accepted=False),
            frame("scan_label", jig=[], slot={}, id=5),
            frame("republish", first=1 << 70, last=None),
        ]
        try:
            yield Target(read, (*seeds, b"[" * 5000, b'{"do":' * 3000, b"".join(seeds)), _JSON_WORDS)
        finally:
            runner.run(opened.aclose())


async def _serving(folder: Path):
    async def nothing_there(jigs):
        return dict.fromkeys(jigs, ())

    async with Journal.open(folder / "journal", site="leeds", station="bench-1") as journal:
        view = BenchView([_PLACE])
        controller = Controller([])
        duty = Duty()
        bench = BenchDesk(controller, {}, view, duty, None, "en", lambda _: None)
        labels = LabelDesk(BenchScans(controller, view, Outlook()), duty, view.show_scan)
        clearance = LineClearance(lambda: True, look=nothing_there)
        orders = OrderDesk(journal, ["jig1", "jig2"], is_seated=lambda _: False, clearance=clearance)
        handlers = {
            **bench.handlers(),
            **labels.handlers(),
            **orders.handlers(),
            **RecordDesk().handlers(),
        }
        desk = Desk(journal, no_check, handlers, bench.followers())
        async with serve_control(folder, desk, THE_ACCOUNT):
            yield
            await ask(folder, "status")  # it still answers


async def _say(place: Path, data: bytes) -> None:
    reader, writer = await asyncio.open_unix_connection(place)
    writer.write(data)
    writer.write_eof()
    answers = (await reader.read()).splitlines()
    writer.close()
    lines = data.splitlines() if data else []
    for answer in answers:
        assert len(json.loads(answer)) in {1, 3}
    if b"watch" not in data and not any(b'"ok"' in answer for answer in answers):
        assert len(answers) == data.count(b"\n") + (not data.endswith(b"\n") and bool(data)), (lines, answers)


@contextmanager
def _mqtt(_: Path) -> Iterator[Target]:
    """What a broker sends, up to its hanging up; one input in sixteen without a proper beginning."""
    with asyncio.Runner() as runner:
        failures: list[str] = []
        runner.get_loop().set_exception_handler(lambda _, context: failures.append(repr(context)))
        said: list[bytes] = []

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.write(said[-1])
            writer.close()

        async def listen() -> asyncio.Server:
            return await asyncio.start_server(answer, "127.0.0.1", 0)

        server = runner.run(listen())
        port = server.sockets[0].getsockname()[1]

        def read(data: bytes) -> None:
            said[:] = [data[1:] if data[:1] == b"\0" else b"\x20\x02\0\0" + data[1:]]
            runner.run(_listen_to(port))
            assert not failures, failures[0]

        payload = b"\x30\x0c\x00\x04a/bc" + b"online"
        seeds = (b"\1" + payload, b"\1\x40\x02\0\1", b"\1\x90\x03\0\1\1", b"\1\xd0\0", b"\0\x20\x02\0\5")
        try:
            yield Target(read, seeds)
        finally:
            server.close()


async def _listen_to(port: int) -> None:
    settings = MqttSettings(port=port, timeout_seconds=0.2, keepalive_seconds=5)
    with suppress(BrokerRefuses, aiomqtt.MqttError):
        async with asyncio.timeout(4), connected(settings, "bench-1", aiomqtt.Will("a", b"b")) as client:
            async for message in client.messages:
                bytes(message.payload)


STATION_PARSERS: dict[str, Opener] = {
    "order-csv": stateless(_order_csv, (_ORDER, _ORDER + _ROW + b"\n"), (b",", b'"', b"\r\n", _ROW, b"\0")),
    "journal-rows": _journal_rows,
    "state-files": _state_files,
    "token-file": _token_file,
    "configuration": _configuration,
    "control-requests": _control_requests,
}

STATION_BOUNDARIES: dict[str, Opener] = {
    "journal-files": _journal_files,
    "mqtt": _mqtt,
    "toml-changed": _changed_configuration,
}
