"""The screen's program without a browser: what it lets in, and what it tells while there is no daemon."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn
from uuid import uuid4

import httpx
import pytest

from benches.brokers import free_port
from benches.processes import running
from benches.screen_process import until_served
from station.domain.interlock import interlock
from station.domain.outcome import Code, Disposition, Outcome
from station.domain.phase import SlotPhase
from station.domain.reason import Reason
from station.domain.slot_name import SlotName
from station.domain.slot_view import SlotView
from station.reports.errors import ReportError
from station.screen.app import screen_app
from station.screen.board import Board
from station.screen.tiles import comes_first, jig, tile
from station.screen.views import shift
from station.sentences import Sentences
from station.texts.texts import ENGLISH
from station.web.address import Address

PROGRAM = (sys.executable, "-c", "from station.cli import main; main()")
SENTENCES = Sentences(ENGLISH)


def place(number: int, name: str = "jig1") -> SlotName:
    return SlotName(jig=name, slot=number)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    number = free_port()
    desk = tmp_path_factory.mktemp("desk") / "desk.sock"
    command = (*PROGRAM, "screen", "--desk", desk, "--port", number, "--without-login")
    with running(command) as process:
        asyncio.run(until_served(process, number))
        yield number
        process.terminate()


@contextlib.contextmanager
def asking(
    port: int, method: str, path: str, body: bytes | None = None, **headers: str
) -> Iterator[http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, {"Host": f"127.0.0.1:{port}", **names})
    with contextlib.closing(connection), contextlib.closing(connection.getresponse()) as answer:
        yield answer


def scan(port: int, content: object, **headers: str) -> tuple[int, dict[str, str]]:
    sent = {"Origin": f"http://127.0.0.1:{port}", "Content_Type": "application/json", **headers}
    with asking(port, "POST", "/scan", json.dumps(content).encode(), **sent) as answer:
        return answer.status, json.loads(answer.read()) if answer.status in {200, 422} else {}


PAGE = "00000000-0000-4000-8000-000000000000"


def test_a_page_may_run_its_own_script_and_make_markup_of_nothing(port: int) -> None:
    with asking(port, "GET", "/") as answer:
        policy, page = answer.headers["Content-Security-Policy"], answer.read().decode()
    assert "unsafe" not in policy
    assert "trusted-types 'none'" in policy
    nonce = policy.partition("'nonce-")[2].partition("'")[0]
    assert page.count("<script") == page.count(f'nonce="{nonce}"') == 1
    assert page.count("http") == page.count("http://www.w3.org/2000/svg")  # nothing is fetched from elsewhere


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}, 403),
        ({"Authorization": "Basic !"}, 401),
        ({"Authorization": "Digest x"}, 401),
        ({"Transfer_Encoding": "chunked"}, 411),
        ({"Content_Type": "text/plain"}, 422),
        ({}, 200),
    ],
)
def test_only_its_own_pages_may_ask(port: int, headers: dict[str, str], status: int) -> None:
    assert scan(port, {"page": PAGE, "text": "jig1/1"}, **headers)[0] == status


def test_another_page_may_lead_here_and_read_nothing(port: int) -> None:
    elsewhere = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}
    for headers, status in (
        ({**elsewhere, "Sec_Fetch_Dest": "document"}, 200),
        ({**elsewhere, "Sec_Fetch_Dest": "iframe"}, 403),
        ({"Sec_Fetch_Site": "none", "Sec_Fetch_Mode": "navigate", "Sec_Fetch_Dest": "document"}, 200),
        ({"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "cors"}, 403),
        ({"Origin": "http://evil.example"}, 403),
    ):
        with asking(port, "GET", "/", **headers) as answer:
            assert answer.status == status, headers


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ({"page": PAGE, "text": "x" * 70_000}, 413),
        ({"page": PAGE, "text": "x" * 1001}, 422),
        ({"page": "x", "text": "jig1/1"}, 422),
        ({"page": PAGE, "text": 7}, 422),
        ([], 422),
    ],
)
def test_what_is_no_scan_is_refused(port: int, content: object, status: int) -> None:
    assert scan(port, content)[0] == status


def test_a_scan_is_answered_in_words_as_a_scan_is(port: int) -> None:
    status, said = scan(port, {"page": PAGE, "text": "<b>rubbish</b>"})
    assert (status, said["kind"]) == (200, "refused")
    assert "neither an id on a label nor a slot's code" in said["line"]


def test_a_page_that_the_station_does_not_fill_says_why(port: int) -> None:
    with asking(port, "GET", "/orders") as answer:
        status, page = answer.status, answer.read().decode()
    assert status == 503
    assert 'role="alert">no daemon runs in' in page


@pytest.mark.parametrize(
    ("name", "fields", "code", "line"),
    [
        ("close_order", {"order": "<b>", "reason": ""}, "away", "no daemon runs"),
        ("close_order", {"order": 7}, "invalid", "close_order: order"),
        ("list_orders", {}, "not_found", "changes nothing"),
        ("erase_everything", {}, "not_found", "there is no request"),
    ],
)
def test_what_a_page_asks_is_one_request_of_the_desk(
    port: int, name: str, fields: dict[str, object], code: str, line: str
) -> None:
    asked = {"with": fields, "key": str(uuid4())}
    sent = {"Origin": f"http://127.0.0.1:{port}", "Content_Type": "application/json"}
    with asking(port, "POST", f"/do/{name}", json.dumps(asked).encode(), **sent) as answer:
        kind, told = answer.headers["Content-Type"], json.loads(answer.read())
    assert (kind, told["status"]) == ("application/problem+json", answer.status)
    assert told["type"] == f"urn:reflash:problem:{code}"
    assert line in told["detail"]


def test_without_a_daemon_the_stream_lives_and_says_so(port: int) -> None:
    lines = []
    with asking(port, "GET", "/stream") as answer:
        for line in answer:
            lines.append(line.decode().strip())
            if "id: beat" in lines and any("no daemon" in each for each in lines):
                break
    assert lines.index("event: hello") < lines.index("id: daemon")
    assert 'data: {"away":null}' not in lines


async def test_who_reads_slowly_skips_what_was_replaced_and_keeps_nobody_waiting() -> None:
    board = Board()
    board.put("a", 1)
    following = board.follow()
    assert (await anext(following))[1].content == "1"
    for number in range(1000):
        board.put("a", number)
    board.put("b", 0)
    async with asyncio.timeout(10):
        assert [(name, part.content) for name, part in [await anext(following), await anext(following)]] == [
            ("a", "999"),
            ("b", "0"),
        ]
    await following.aclose()


def test_a_cause_of_the_whole_jig_is_said_once_and_not_on_each_tile() -> None:
    lost = interlock(Reason.BOARD_LOST, jig="jig1", detail="the board is silent: check its cable")
    slots = [
        SlotView(
            place=place(n),
            phase=SlotPhase.OUT_OF_USE,
            reason=Reason.BOARD_LOST,
            details=lost.details,
            interlocks=(lost,),
        )
        for n in (1, 2)
    ]
    assert jig("jig1", slots, SENTENCES)["cause"] == "the board is silent: check its cable"
    assert [(each["do"], each["what"]) for each in (tile(slot, SENTENCES) for slot in slots)] == [
        ("call the supervisor", "")
    ] * 2


def test_what_comes_first_is_said_first_with_every_slot_where_it_waits() -> None:
    passed = {"phase": SlotPhase.PASSED, "reason": Reason.PASSED, "outcome": Outcome.PASSED}
    failed = SlotView(
        place=place(1, "jig2"),
        phase=SlotPhase.FAILED,
        reason=Code.ACTIVATION_FAILURE,
        outcome=Outcome.FAILED,
        code=Code.ACTIVATION_FAILURE,
        disposition=Disposition.REWORK,
    )
    slots = [SlotView(place=place(n), **passed) for n in (3, 1)]
    assert comes_first(slots, SENTENCES) == {
        "todo": "pass",
        "word": "PASS",
        "where": "jig1, slot 1, 3",
        "do": "take it out, it is done",
    }
    assert comes_first([*slots, failed], SENTENCES)["word"] == "FAIL"
    assert comes_first([], SENTENCES)["word"] == ""


async def test_figures_are_reckoned_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    meeting, met = threading.Barrier(2), threading.Event()

    def reckon(*_: object) -> NoReturn:
        with contextlib.suppress(threading.BrokenBarrierError):
            meeting.wait(0.2)
            met.set()
        meeting.reset()
        raise ReportError("there are no figures")

    monkeypatch.setattr(shift, "_told", reckon)
    app = screen_app(tmp_path / "desk.sock", tmp_path, Address(host="127.0.0.1", port=8080), sign_on=False)
    asked = httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8080", timeout=60
    )
    async with asked as page:
        answers = await asyncio.gather(*(page.get("/shift?of=day") for _ in range(3)))
    assert [each.status_code for each in answers] == [503] * 3
    assert not met.is_set()
