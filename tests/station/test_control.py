"""The control socket: frames to requests and answers to frames, whatever comes, from however many."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import socket
import stat
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from benches.desk_client import THE_ACCOUNT, frame, no_check, order_file, say
from benches.looking import until
from firmware_catalog.files import read_open_file
from firmware_catalog.identity import Eui64, FirmwareVersion
from station.bench.labels import Badge
from station.bench.view import BrokerView, ScanView
from station.control import server
from station.control.client import (
    ConnectionLost,
    ControlError,
    DaemonSilent,
    NoDaemon,
    ask_daemon,
    follow_daemon,
)
from station.control.frames import (
    PROTOCOL,
    Asked,
    NoAnswer,
    answer_frame,
    read_answer,
    read_request,
    refusal_frame,
    request_frame,
)
from station.control.server import serve_control
from station.desk import request
from station.desk.act import Act, Bearer, Pin
from station.desk.bench_requests import BenchNews, EnableSlot, ResetJig, Status, Stop, Watch
from station.desk.count_requests import CountResults
from station.desk.desk import Desk
from station.desk.health_requests import ShowHealth
from station.desk.label_printing_requests import PrintLabel
from station.desk.label_requests import ScanAnswer, ScanLabel, TakeBackLabel
from station.desk.looking_requests import FindHub, ListBoxes, ListOrders, ShowBox, ShowOrder
from station.desk.order_requests import (
    AssignOrder,
    CloseOrder,
    CompareOrder,
    ExpectedOrder,
    ImportOrder,
    OrderTaken,
    ReviseOrder,
    UnassignOrder,
    WorksOn,
)
from station.desk.packing_requests import (
    CloseCarton,
    ClosePallet,
    DecideHub,
    HoldCarton,
    OpenCarton,
    OpenPallet,
    PackHub,
    PutHub,
    PutOnPallet,
    Recall,
    ReleaseCarton,
    TakeOffPallet,
)
from station.desk.people_requests import ExpectedPerson, LiftPinLock, SignOff, SignOn
from station.desk.record_requests import Republish, ResumeRelease
from station.desk.refusals import Conflict, Invalid, NotFound, Refused, Unavailable
from station.desk.request import Done
from station.desk.rights import MAY
from station.desk.session_requests import CloseSession, OpenSession, ShowBearer, ShowRight
from station.desk.shift_requests import EnrolGoldenHub, RetireGoldenHub, SignCheckList
from station.desk.standing_requests import ListPeople, ListReleases, ShowShift, ShowUpkeep
from station.desk.upkeep_requests import ServiceJig
from station.domain.destination import Destination
from station.domain.interlock import Notice, interlock
from station.domain.reason import Reason
from station.domain.scan_said import ScanSaid
from station.domain.slot_name import SlotName
from station.domain.slot_view import SlotView

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
IDS = st.builds(Eui64, st.integers(0, (1 << 64) - 1))
SLOTS = st.integers(1, 8)
ROLES = st.sampled_from(["CHF", "GPF", None])
CODES = st.sampled_from(["CTN00001236", "PLT00000013", "?"])
PLACES = st.sampled_from([place for place in Destination if place is not Destination.CARTON])
WHY = st.sampled_from(["dropped", "ü"])
EXPECTED_PEOPLE = st.none() | st.builds(ExpectedPerson, pseudonym=st.none() | NAMES)
SECRETS = st.from_regex("[A-Za-z0-9_-]{43}", fullmatch=True)
PROOFS = (
    st.none()
    | st.builds(Pin, st.text(max_size=64).filter(str.isprintable))
    | st.builds(Bearer, SECRETS)
    | st.builds(Badge, st.from_regex("[0-9A-Z]{8,64}", fullmatch=True))
)
REQUESTS = {
    OpenSession: st.builds(OpenSession),
    ShowBearer: st.builds(ShowBearer, secret=SECRETS),
    CloseSession: st.builds(CloseSession, secret=SECRETS),
    CountResults: st.builds(CountResults),
    ShowHealth: st.builds(ShowHealth),
    SignOn: st.builds(SignOn, jig=st.none() | NAMES, expected=EXPECTED_PEOPLE),
    SignOff: st.builds(SignOff, jig=st.none() | NAMES, expected=EXPECTED_PEOPLE),
    LiftPinLock: st.builds(LiftPinLock, pseudonym=NAMES),
    Status: st.builds(Status),
    Watch: st.builds(Watch),
    ListOrders: st.builds(ListOrders, after=st.none() | NAMES, limit=SLOTS),
    ShowOrder: st.builds(ShowOrder, order=NAMES),
    FindHub: st.builds(FindHub, hub=NAMES),
    ListBoxes: st.builds(ListBoxes, order=st.none() | NAMES, after=st.none() | CODES),
    ShowShift: st.builds(ShowShift),
    ShowUpkeep: st.builds(ShowUpkeep, days=SLOTS),
    ListPeople: st.builds(ListPeople, after=st.none() | NAMES),
    ListReleases: st.builds(ListReleases, after=st.none() | NAMES, limit=SLOTS),
    ShowBox: st.builds(ShowBox, code=CODES),
    Stop: st.builds(Stop),
    EnableSlot: st.builds(
        EnableSlot, jig=NAMES, slot=SLOTS, expected_why=st.none() | st.sampled_from(Reason)
    ),
    ResetJig: st.builds(ResetJig, jig=NAMES),
    ScanLabel: st.builds(ScanLabel, jig=NAMES, slot=st.none() | SLOTS, id=IDS, role=ROLES),
    TakeBackLabel: st.builds(
        TakeBackLabel, jig=NAMES, slot=st.none() | SLOTS, id=st.none() | IDS, role=ROLES
    ),
    ImportOrder: st.builds(
        ImportOrder, source=NAMES, size=SLOTS, sha256=st.just("0f" * 32), number=st.none() | NAMES
    ),
    AssignOrder: st.builds(
        AssignOrder,
        order=NAMES,
        jig=NAMES,
        expected=st.none() | st.builds(ExpectedOrder, order=st.none() | NAMES),
    ),
    UnassignOrder: st.builds(UnassignOrder, order=NAMES, jig=NAMES, trays_empty=st.booleans()),
    ServiceJig: st.builds(ServiceJig, jig=NAMES, what=NAMES, slots=st.lists(SLOTS, max_size=3).map(tuple)),
    ShowRight: st.builds(ShowRight, request=NAMES),
    CompareOrder: st.builds(CompareOrder, source=NAMES, size=SLOTS, sha256=st.just("0f" * 32)),
    ReviseOrder: st.builds(
        ReviseOrder,
        source=NAMES,
        size=SLOTS,
        sha256=st.just("0f" * 32),
        amends=st.just("f0" * 32),
        reason=WORDS,
    ),
    EnrolGoldenHub: st.builds(EnrolGoldenHub, chf=IDS, gpf=IDS),
    RetireGoldenHub: st.builds(RetireGoldenHub, chf=IDS, reason=WORDS, as_it_is=st.booleans()),
    SignCheckList: st.builds(SignCheckList, items=st.lists(NAMES, max_size=3).map(tuple)),
    CloseOrder: st.builds(
        CloseOrder,
        order=NAMES,
        reason=WORDS,
        incomplete_accepted=st.booleans(),
        expected_waiting=st.none() | SLOTS,
    ),
    Republish: st.builds(Republish, first=SLOTS, last=st.integers(0, (1 << 63) - 1)),
    ResumeRelease: st.builds(
        ResumeRelease,
        manufacturer=NAMES,
        model=NAMES,
        version=st.builds(FirmwareVersion, st.integers(0, (1 << 32) - 1)),
        reason=WORDS,
    ),
    OpenCarton: st.builds(OpenCarton, order=NAMES),
    PackHub: st.builds(PackHub, id=IDS, role=ROLES, carton=CODES),
    PutHub: st.builds(PutHub, id=IDS, role=ROLES, place=PLACES),
    DecideHub: st.builds(
        DecideHub,
        id=st.none() | IDS,
        role=ROLES,
        digits=st.none() | st.just("00012F"),
        place=PLACES,
        reason=WHY,
    ),
    CloseCarton: st.builds(CloseCarton, carton=CODES, reason=WORDS, expected_hubs=st.none() | SLOTS),
    HoldCarton: st.builds(HoldCarton, carton=CODES, reason=WHY, found=st.none() | IDS),
    ReleaseCarton: st.builds(ReleaseCarton, carton=CODES, reason=WHY),
    OpenPallet: st.builds(OpenPallet, order=NAMES),
    PutOnPallet: st.builds(PutOnPallet, pallet=CODES, carton=CODES),
    TakeOffPallet: st.builds(TakeOffPallet, carton=CODES, reason=WHY),
    ClosePallet: st.builds(ClosePallet, pallet=CODES, reason=WORDS, expected_cartons=st.none() | SLOTS),
    PrintLabel: st.builds(PrintLabel, code=CODES),
    Recall: st.builds(Recall),
}


@given(st.one_of(*REQUESTS.values()), st.none() | NAMES, st.none() | st.uuids(), PROOFS)
def test_every_request_comes_out_as_it_went_in(
    request: Any, by: str | None, key: UUID | None, proof: Any
) -> None:
    line = request_frame(Asked(request, by, key, proof))
    assert line.count(b"\n") == 1
    assert read_request(line) == Asked(request, by, key, proof)


def test_no_request_is_left_out_above() -> None:
    assert set(REQUESTS) == set(MAY)


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.integers() | WORDS, st.lists).map(lambda o: json.dumps(o).encode())
)
def test_whatever_is_no_request_is_refused_in_one_line(line: bytes) -> None:
    with pytest.raises(Refused) as refused:
        read_request(line)
    assert "\n" not in str(refused.value)


@given(WORDS, st.dictionaries(WORDS, st.none() | st.integers(-9, 9) | WORDS))
def test_answers_and_refusals_come_out_as_they_went_in(line: str, facts: dict[str, Any]) -> None:
    place = SlotName(jig="jig1", slot=3)
    full = interlock(Reason.HELD_UP, jig="jig1", detail=line)
    for answer in (
        ScanAnswer(said=ScanSaid.words(line)),
        BenchNews(
            slots=(SlotView(place=place, details={"detail": line}, interlocks=(full,)),),
            broker=BrokerView("waiting", line),
            faults=(Notice(reason=full.reason, details=full.details),),
            scans=(ScanView(scanner="desk", jig=None, said=ScanSaid.words(line), refused=True),),
        ),
    ):
        assert read_answer(answer_frame(answer), type(answer)) == answer
    with pytest.raises(Conflict) as refused:
        read_answer(refusal_frame(Conflict(line, **facts)), Done)
    assert refused.value.facts == facts


def test_the_bytes_on_the_wire() -> None:
    """Other programs speak this. A change here wants another PROTOCOL."""
    assert PROTOCOL == 2
    asked = Asked(
        AssignOrder(order="WO-1", jig="jig1", expected=ExpectedOrder(order=None)), by="op-1", key=UUID(int=1)
    )
    assert request_frame(asked) == (
        b'{"protocol":2,"do":"assign_order","with":{"order":"WO-1","jig":"jig1","expected":{"order":null}},'
        b'"by":"op-1","key":"00000000-0000-0000-0000-000000000001"}\n'
    )
    assert request_frame(Asked(Status())) == b'{"protocol":2,"do":"status"}\n'
    assert answer_frame(WorksOn(order="WO-1", jig="jig1")) == b'{"answer":{"order":"WO-1","jig":"jig1"}}\n'
    assert refusal_frame(NotFound("why", jig="jig9")) == (
        b'{"refused":{"code":"not_found","line":"why","facts":{"jig":"jig9"}}}\n'
    )


async def status(_: Status, __: Act) -> Any:
    return Done()


@asynccontextmanager
async def serving(
    folder: Path, followed: Any = None, *, most: int = 256, **handlers: Any
) -> AsyncIterator[None]:
    by_kind = {Status: handlers.get("status", status), ResetJig: handlers.get("reset", status)}
    by_kind |= {ShowRight: handlers["right"]} if "right" in handlers else {}
    desk = Desk(None, no_check, by_kind, {} if followed is None else {Watch: followed})  # type: ignore[arg-type]
    async with serve_control(folder, desk, THE_ACCOUNT, most=most):
        yield


BROKEN = [
    (b"\n", "invalid", "a line of JSON in UTF-8 was expected"),
    (b"{\n", "invalid", "a line of JSON"),
    (b"\xff\xfe\n", "invalid", "a line of JSON"),
    (b'{"protocol": 2, "do": "status", "with": {"a": NaN}}\n', "invalid", "a line of JSON"),
    (b"[" * 5000 + b"\n", "invalid", "a line of JSON"),
    (b"[]\n", "invalid", "a JSON object was expected"),
    (frame(1), "invalid", "this is no request: do: "),
    (frame([]), "invalid", "this is no request: do: "),
    (
        frame("dance"),
        "not_found",
        "there is no request 'dance'; the station knows: assign_order, close_carton",
    ),
    (frame("reset_jig"), "invalid", "the request is not as reset_jig needs it: jig: it is missing"),
    (frame("reset_jig", jig="j", more=1), "invalid", "as reset_jig needs it: more: there is no such field"),
    (b'{"protocol": 2, "do": "status", "more": 1}\n', "invalid", "this is no request: more: "),
    (
        b'{"protocol": 2, "do": "reset_jig", "with": {"jig": "j"}, "key": "7"}\n',
        "invalid",
        "this is no request: key: ",
    ),
]


async def test_what_is_no_request_is_answered_and_the_next_one_too(tmp_path: Path) -> None:
    (tmp_path / "control.sock").touch()  # a dead daemon's
    async with serving(tmp_path):
        assert stat.S_IMODE((tmp_path / "control.sock").stat().st_mode) == 0o600
        answers = await say(tmp_path, *(line for line, _, _ in BROKEN), frame("status"))
        for (line, code, says), answer in zip(BROKEN, answers, strict=False):
            assert answer["refused"]["code"] == code, (line, answer)
            assert says in answer["refused"]["line"], (line, answer)
        assert answers[-1] == {"answer": {}}
    with pytest.raises(NoDaemon, match="no daemon runs in"):
        await ask_daemon(tmp_path, Status())


# An object is another version's request, perhaps, and the last that is answered: see OTHERS.
LINES = st.binary(max_size=80).filter(lambda line: b"\n" not in line and b"{" not in line)


@settings(max_examples=20)
@given(st.lists(LINES, min_size=1, max_size=8))
def test_any_lines_get_as_many_refusals(lines: list[bytes]) -> None:
    async def work(directory: Path) -> None:
        async with serving(directory):
            answers = await say(directory, *(line + b"\n" for line in lines))
            assert all("refused" in answer for answer in answers)

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(work(Path(folder)))


OTHERS = [
    b'{"do": "status"}\n',
    b'{"protocol": 3, "do": "status"}\n',
    b'{"protocol": true, "do": "status"}\n',
    b'{"protocol": "2"}\n',
]


@pytest.mark.parametrize("first", OTHERS)
async def test_a_program_of_another_version_is_told_so_in_words_that_it_knows(
    tmp_path: Path, first: bytes
) -> None:
    async with serving(tmp_path):
        (answer,) = await say(tmp_path, first)
        assert answer["ok"] is False, "what a program from before there were numbers looks at"
        assert answer["error"] == answer["refused"]["line"]
        assert "use the reflash that was installed with it, or restart the station" in answer["error"]


@pytest.mark.parametrize(
    "answer", [b'{"ok": false, "error": "no such request"}', b"{}", b"7", b"\xff", b'{"answer": {"more": 1}}']
)
def test_an_answer_of_another_version_is_told_as_that(answer: bytes) -> None:
    with pytest.raises(NoAnswer, match="the daemon that runs is of another version than this reflash"):
        read_answer(answer, Done)


async def test_a_request_too_large_or_broken_off_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "LONGEST_REQUEST", 1000)

    async def last_word(data: bytes) -> dict[str, Any]:
        reader, writer = await asyncio.open_unix_connection(tmp_path / "control.sock")
        writer.write(data)
        writer.write_eof()
        answer = json.loads(await reader.readline())
        assert await reader.read() == b"", "nothing more is read"
        writer.close()
        return answer["refused"]

    async with serving(tmp_path):
        assert (await last_word(b"x" * 100_000))["line"] == "a request of more than 1000 bytes"
        half = frame("status")[:-5]
        assert (await last_word(half))["line"].startswith(
            "the request broke off in the middle, and nothing was done"
        )
        with pytest.raises(Invalid, match="a request of more than 1000 bytes"):
            await ask_daemon(tmp_path, ResumeRelease.model_construct(reason="x" * 3_000_000, version="0"))
        assert await ask_daemon(tmp_path, ResetJig(jig="j")) == Done(), "it goes on"


async def test_a_request_that_was_begun_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_LINE_SECONDS", 0.05)

    async with serving(tmp_path):
        reader, writer = await asyncio.open_unix_connection(tmp_path / "control.sock")
        writer.write(frame("status") + frame("status")[:-5])
        assert json.loads(await reader.readline()) == {"answer": {}}
        refused = json.loads(await reader.readline())["refused"]
        assert refused["line"] == "the request did not end within 0.05 s, and nothing was done: ask again"
        assert await reader.read() == b""
        writer.close()


async def test_one_too_many_is_told_so_and_is_served_once_there_is_room(tmp_path: Path) -> None:
    crowd = "2 commands and screens are connected to the station already: end some, then ask again"

    source = Source()
    async with serving(tmp_path, source.news, most=2):
        _, silent = await asyncio.open_unix_connection(tmp_path / "control.sock")
        async with follow_daemon(tmp_path, Watch()) as news:
            source.next.release()
            await anext(news)
            with pytest.raises(Unavailable, match=crowd):
                await ask_daemon(tmp_path, Status())
            reader, mute = await asyncio.open_unix_connection(tmp_path / "control.sock")
            assert json.loads(await reader.readline())["refused"]["line"] == crowd
            assert await reader.read() == b"", "who does not ask is told, too"
            mute.close()
        await source.left.wait()
        assert await ask_daemon(tmp_path, ResetJig(jig="j")) == Done()
        silent.close()


async def test_who_follows_and_does_not_read_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_LINE_SECONDS", 0.2)
    large = "x" * 100_000
    made = 0

    async def news(_: Watch, __: Act) -> AsyncGenerator[BenchNews, None]:
        nonlocal made
        try:
            while True:
                made += 1
                yield BenchNews(slots=(), broker=BrokerView("waiting", large), faults=(), scans=())
        finally:
            left.set()

    left = asyncio.Event()
    with socket.socket(socket.AF_UNIX) as client, capture_logs() as logs:
        async with serving(tmp_path, news):
            client.connect(str(tmp_path / "control.sock"))
            client.send(frame("watch"))
            await left.wait()
            assert await ask_daemon(tmp_path, ResetJig(jig="j")) == Done(), "others are served"
        kernel = client.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
    assert made * len(large) <= kernel + 2 * len(large), "no more is held for it than one answer"
    assert [entry["reason"] for entry in logs] == ["it does not read its answers"]


async def test_two_hundred_clients_at_once_are_all_answered_while_some_hang_up_in_the_middle(
    tmp_path: Path,
) -> None:
    async def hang_up(after: bytes) -> None:
        _, writer = await asyncio.open_unix_connection(tmp_path / "control.sock")
        writer.write(after)
        writer.close()

    done = 0

    async def reset(_: ResetJig, __: Act) -> Done:
        nonlocal done
        await asyncio.sleep(0)
        done += 1
        return Done()

    async with serving(tmp_path, reset=reset):
        asking = [ask_daemon(tmp_path, ResetJig(jig="j")) for _ in range(200)]
        leaving = [hang_up(line) for line in (b"", b"{", frame("status"), frame("watch")) for _ in range(5)]
        answers = await asyncio.gather(*asking, *leaving)
        assert answers[:200] == [Done()] * 200
        assert done == 200


async def test_what_was_begun_is_done_although_its_asker_hangs_up(tmp_path: Path) -> None:
    reached, go_on, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def reset(_: ResetJig, __: Act) -> Done:
        reached.set()
        await go_on.wait()
        done.set()
        return Done()

    async with serving(tmp_path, reset=reset):
        _, writer = await asyncio.open_unix_connection(tmp_path / "control.sock")
        writer.write(frame("reset_jig", jig="j"))
        await reached.wait()
        writer.close()
        await writer.wait_closed()
        go_on.set()
        await done.wait()


class Source:
    """News for whoever follows it, as often as `next` is released; knows who listens."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.listeners = 0
        self.left = asyncio.Event()
        self.next = asyncio.Semaphore(0)
        self._fault = fault

    async def news(self, _: Watch, __: Act) -> AsyncGenerator[BenchNews, None]:
        self.listeners += 1
        try:
            for number in range(3):
                await self.next.acquire()
                yield BenchNews(slots=(), broker=BrokerView("waiting", str(number)), faults=(), scans=())
            if self._fault is not None:
                raise self._fault
        finally:
            self.listeners -= 1
            self.left.set()


async def test_news_come_as_things_happen_and_others_are_answered_meanwhile(tmp_path: Path) -> None:
    source = Source()
    async with serving(tmp_path, source.news), follow_daemon(tmp_path, Watch()) as news:
        for number in range(3):
            assert await ask_daemon(tmp_path, ResetJig(jig="j")) == Done()
            source.next.release()
            assert (await anext(news)).broker.line == str(number)
        assert [each async for each in news] == [], "it is over"


async def test_a_daemon_that_takes_a_follower_on_and_says_nothing_is_found_to_hang(tmp_path: Path) -> None:
    mute = asyncio.Event()
    met = 0

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal met
        met += 1
        await mute.wait()
        writer.close()

    async with await asyncio.start_unix_server(serve, tmp_path / "control.sock"):
        with pytest.raises(DaemonSilent, match="has not answered for some seconds; look at its log"):
            async with follow_daemon(tmp_path, Watch()) as news:
                await anext(news)
        assert met > 1, "it was asked whether it is there"
        mute.set()


@pytest.mark.parametrize("in_a_question", [False, True])
async def test_who_follows_and_was_held_up_itself_does_not_say_that_the_daemon_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_a_question: bool
) -> None:
    """As one that was stopped at its terminal for a minute."""
    source, loop, asked = Source(), asyncio.get_running_loop(), asyncio.Semaphore(0)
    clock, held_up = loop.time, 0.0

    def hold_up() -> None:
        nonlocal held_up
        held_up = 60.0

    async def right(_: ShowRight, __: Act) -> Done:
        if in_a_question:
            hold_up()
        asked.release()
        raise Conflict("an answer, too")

    monkeypatch.setattr(loop, "time", lambda: clock() + held_up)
    async with serving(tmp_path, source.news, right=right), follow_daemon(tmp_path, Watch()) as news:
        following = asyncio.ensure_future(anext(news))
        await asyncio.sleep(0)
        if not in_a_question:
            hold_up()
        for _ in range(2):
            await asyncio.wait(
                (following, asyncio.ensure_future(asked.acquire())), return_when=asyncio.FIRST_COMPLETED
            )
        source.next.release()
        assert (await following).broker.line == "0"


@contextmanager
def full_socket(folder: Path) -> Iterator[socket.socket]:
    """Listen with as many waiting as the socket takes."""
    with socket.socket(socket.AF_UNIX) as listening, ExitStack() as before:
        listening.bind(str(folder / "control.sock"))
        listening.listen(0)
        refused = 0
        while refused != errno.EAGAIN:
            waiting = before.enter_context(socket.socket(socket.AF_UNIX))
            waiting.setblocking(False)
            refused = waiting.connect_ex(str(folder / "control.sock"))
        yield listening


async def test_a_daemon_that_takes_nobody_on_any_more_is_said_to_hang(tmp_path: Path) -> None:
    """As one that was stopped with as many waiting as its socket takes."""
    with full_socket(tmp_path), pytest.raises(DaemonSilent):
        await ask_daemon(tmp_path, Status())


async def test_a_daemon_that_many_ask_at_once_is_not_said_to_hang(tmp_path: Path) -> None:
    async def end(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    with full_socket(tmp_path) as listening:
        asking = asyncio.ensure_future(ask_daemon(tmp_path, Status()))
        for _ in range(10):
            await asyncio.sleep(0)  # it has been refused by now
        async with await asyncio.start_unix_server(end, sock=listening):
            with pytest.raises(ConnectionLost):
                await asking


async def test_who_follows_and_leaves_ends_that_although_nothing_happens(tmp_path: Path) -> None:
    source = Source()
    async with serving(tmp_path, source.news):
        async with follow_daemon(tmp_path, Watch()) as news:
            source.next.release()
            await anext(news)
            assert source.listeners == 1
        await source.left.wait()
        assert source.listeners == 0


async def test_news_that_cannot_go_on_end_with_a_refusal(tmp_path: Path) -> None:
    source = Source(Conflict("not any more"))
    for _ in range(3):
        source.next.release()
    async with serving(tmp_path, source.news), follow_daemon(tmp_path, Watch()) as news:
        with pytest.raises(Conflict, match="not any more"):
            [each async for each in news]
    async with serving(tmp_path), follow_daemon(tmp_path, Watch()) as news:
        with pytest.raises(Invalid, match="watch is answered once"):
            await anext(news)
    with pytest.raises(NoDaemon):
        async with follow_daemon(tmp_path, Watch()) as news:
            await anext(news)


async def test_a_daemon_that_stops_leaves_nobody_waiting(tmp_path: Path) -> None:
    reached, source = asyncio.Event(), Source()

    async def wait(_: ResetJig, __: Act) -> Done:
        reached.set()
        await asyncio.Event().wait()
        return Done()

    async with serving(tmp_path, source.news, reset=wait):
        asking = asyncio.create_task(ask_daemon(tmp_path, ResetJig(jig="j")))
        following = follow_daemon(tmp_path, Watch())
        news = await following.__aenter__()
        source.next.release()
        await anext(news)
        await reached.wait()
    with pytest.raises(ConnectionLost, match="look at its log"):
        await asking
    assert [each async for each in news] == []
    await following.__aexit__(None, None, None)


async def test_a_daemon_that_does_not_answer_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request, "ANSWER_SECONDS", 0.05)

    async def wait(_: ResetJig, __: Act) -> Done:
        await asyncio.Event().wait()
        return Done()

    async with serving(tmp_path, reset=wait):
        with pytest.raises(ControlError, match="the daemon did not answer; look at its log"):
            await ask_daemon(tmp_path, ResetJig(jig="j"))


def test_a_disk_that_fails_under_the_socket_hides_no_other_fault(tmp_path: Path) -> None:
    class JournalsOwn(Exception):
        pass

    async def work() -> None:
        folder = tmp_path / "state"
        folder.mkdir()
        async with serving(folder):
            folder.rename(tmp_path / "away")
            folder.touch()  # now the socket can neither be found nor removed
            raise JournalsOwn

    with pytest.raises(JournalsOwn):
        asyncio.run(work())


async def test_a_file_comes_along_and_is_closed_on_both_sides_whatever_else_is_sent(tmp_path: Path) -> None:
    content = b"x" * 200_000
    came: list[bytes | None] = []

    async def take(_: ImportOrder, act: Act) -> OrderTaken:
        came.append(None if act.file is None else read_open_file(act.file, 1 << 20))
        return OrderTaken(order="WO-1", hubs=len(content), new=True)

    desk = Desk(None, no_check, {ImportOrder: take, ResetJig: status}, {})  # type: ignore[arg-type]
    async with serve_control(tmp_path, desk, THE_ACCOUNT):
        before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names
        with order_file(content) as (taking, file):
            assert (await ask_daemon(tmp_path, taking, file=file)).hubs == 200_000
            await ask_daemon(tmp_path, taking)
            await ask_daemon(tmp_path, ResetJig(jig="j"), file=file)
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(tmp_path / "control.sock"))
                for byte in request_frame(Asked(taking))[:20]:
                    socket.send_fds(client, [bytes([byte])], [file] * 9)
        assert came == [content, None]
        assert await ask_daemon(tmp_path, ResetJig(jig="j")) == Done()
        await until(lambda: set(os.listdir("/proc/self/fd")) == before)  # noqa: PTH208 - names, not paths
