"""Who is let in at the screen: real requests to the real program, before a real daemon's desk."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from uvicorn.server import ServerState

from benches.certificates import Authority
from benches.looking import until
from benches.screen_process import browser, events, running_screen, until_ready
from benches.station_bench import Bench, slot
from benches.station_daemon import events_of, running_daemon
from station.desk.refusals import NotFound
from station.desk.session_requests import Bearing, ShowBearer
from station.domain.actor import Actor, PersonRole
from station.domain.config_error import ConfigError
from station.domain.phase import SlotPhase
from station.people.operators import Operators
from station.records.facts.bench import LabelScanned
from station.screen import sessions
from station.settings import StationSettings
from station.web import connection
from station.web.certificate import address_of
from station.web.connection import config_of
from station.web.throttle import FREE_GUESSES, NETWORKS_SHARE, SECONDS_A_GUESS, Throttle

PIN, BADGE = "135797", "4711AB42"
PAGE = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True)
class Site:
    settings: StationSettings
    desk: Path
    operators: Operators
    ann: str
    authority: Authority


@pytest.fixture
def site(bench: Bench, tmp_path: Path) -> Site:
    desk = tmp_path / "desk.sock"
    settings = bench.station_settings(
        tmp_path / "state",
        {"jig1": [1]},
        desk_socket=str(desk),
        people={"badge_prefix": "BADGE-", "line_clearance": "off"},
    )
    settings.state_directory.mkdir()
    operators = Operators(settings.operators_file)
    ann = operators.pseudonym_of("Ann Example", PersonRole.SUPERVISOR)
    operators.set_pin(ann, PIN)
    operators.set_badge(ann, BADGE)
    return Site(settings, desk, operators, ann, Authority(tmp_path, "site"))


async def told(answer: httpx.Response) -> tuple[int, Any]:
    content = answer.json()
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert content["status"] == answer.status_code
        return answer.status_code, content["detail"]
    return answer.status_code, content


async def test_nobody_is_let_in_who_has_not_signed_on_or_not_any_more(site: Site, bench: Bench) -> None:
    hub = bench.hub()
    async with (
        running_daemon(site.settings) as station,
        running_screen(site.desk, authority=site.authority) as address,
        browser(address, site.authority) as page,
    ):
        await station.until(slot(1), SlotPhase.EMPTY)
        await until_ready(page)
        async with httpx.AsyncClient(timeout=60) as plain:
            with pytest.raises(httpx.HTTPError):
                await plain.get(f"http{address.removeprefix('https')}/healthz")
        scan = {"page": PAGE, "text": "jig1/1"}
        looks = await page.get("/", headers={"Accept": "text/html"})
        assert (looks.status_code, looks.headers["location"]) == (303, "/sign-on")
        for method, path in (("GET", "/"), ("GET", "/stream"), ("POST", "/scan"), ("GET", "/nowhere")):
            status, detail = await told(await page.request(method, path, json=scan))
            assert (status, detail[:24]) == (401, "nobody is signed on here")
        forged = {"Cookie": f"__Host-session={'A' * 43}; role=supervisor", "X-Role": "supervisor"}
        assert (await told(await page.post("/scan", json=scan, headers=forged)))[0] == 401
        assert (await told(await page.post("/scan", json=scan, headers={"Authorization": "Bearer x"})))[
            0
        ] == 401
        status, detail = await told(
            await page.post("/session", json={"name": "Ann Example", "pin": "975310"})
        )
        unknown = await told(await page.post("/session", json={"name": "Nobody", "pin": "975310"}))
        assert (status, detail) == unknown
        assert (status, detail[:35]) == (403, "this is not somebody's name and PIN")
        odd: list[Any] = [
            {},
            {"name": "Ann Example"},
            {"badge": "x", "name": "a", "pin": PIN},
            {"pin": 7},
            [],
        ]
        for proof in odd:
            status, detail = await told(await page.post("/session", json=proof))
            assert (status, PIN in detail) == (422, False)
        assert (await page.get("/healthz")).json() == {"status": "alive"}
        assert (await page.get("/sign-on")).status_code == 200

        signed = await page.post("/session", json={"badge": f"BADGE-{BADGE}"})
        cookie = signed.headers["set-cookie"]
        secret = page.cookies["__Host-session"]
        assert {"HttpOnly", "Secure", "SameSite=strict", "Path=/"} <= {
            each.strip() for each in cookie.split(";")
        }
        assert secret not in signed.text
        assert (signed.json()["pseudonym"], signed.json()["role"]) == (site.ann, "supervisor")
        await page.post("/scan", json=scan)
        assert (await told(await page.post("/scan", json={"page": PAGE, "text": str(hub.chf)})))[1][
            "kind"
        ] == "taken"
        scanned = events_of(site.settings, LabelScanned)
        assert [each.actor for each in scanned] == [
            Actor(pseudonym=site.ann, role="technician", where="desk")
        ]

        for end in (page.delete("/session"), asyncio.to_thread(site.operators.set_pin, site.ann, "864209")):
            async with page.stream("GET", "/stream") as stream:
                following = events(stream)
                assert (await anext(following))["event"] == "hello"
                await end
                async for _ in following:  # it ends, and by itself
                    pass
            page.cookies.set("__Host-session", secret)
            assert (await told(await page.get("/session")))[0] == 404
            assert (await told(await page.get("/stream")))[0] == 401
            page.cookies.clear()
            secret = await sign_on(page)


async def sign_on(page: httpx.AsyncClient) -> str:
    answer = await page.post("/session", json={"badge": f"BADGE-{BADGE}"})
    assert answer.status_code == 200, answer.text
    return str(page.cookies["__Host-session"])


@asynccontextmanager
async def half_said(address: str, authority: Authority) -> AsyncIterator[None]:
    """Have several say that they sign on, and not how."""
    host = address.removeprefix("https://")
    trusted = ssl.create_default_context(cafile=str(authority.file))
    lines = ("POST /session HTTP/1.1", f"Host: {host}", f"Origin: {address}", "Content-Length: 40")
    writers = []
    try:
        for _ in range(8):
            reader, writer = await asyncio.open_connection(*host.split(":"), ssl=trusted)
            writers.append(writer)
            writer.write("\r\n".join((*lines, "Expect: 100-continue", "", "")).encode())
            await reader.readline()  # its body is waited for, or it was refused
        yield
    finally:
        for writer in writers:
            writer.transport.abort()


async def test_a_session_outlives_both_programs_and_guesses_are_few(site: Site) -> None:
    async with (
        running_screen(site.desk, authority=site.authority) as address,
        browser(address, site.authority) as page,
    ):
        async with running_daemon(site.settings):
            await until_ready(page)
            secret = await sign_on(page)
        status, detail = await told(await page.post("/session", json={"name": "Ann Example", "pin": PIN}))
        assert (status, "no daemon runs in" in detail) == (503, True)
        assert (await told(await page.get("/readyz")))[0] == 503
    async with (
        running_daemon(site.settings),
        running_screen(site.desk, authority=site.authority) as address,
        browser(address, site.authority) as page,
    ):
        await until_ready(page)
        page.cookies.set("__Host-session", secret)
        assert (await page.get("/session")).json()["pseudonym"] == site.ann
        async with half_said(address, site.authority), browser(address, site.authority) as other:
            await sign_on(other)
        for view in ("bench", "pack"):  # a scan is a guess as good as any
            scan = {"page": PAGE, "view": view, "text": "BADGE-99999999"}
            assert "this badge is nobody's here" in (await page.post("/scan", json=scan)).json()["line"]
        answers = [
            await page.post(
                "/session",
                json={"badge": f"BADGE-0000000{number}"},
                headers={"X-Forwarded-For": f"192.0.2.{number}"},
            )
            for number in range(FREE_GUESSES - 1)
        ]
        assert [each.status_code for each in answers] == [403] * (FREE_GUESSES - 2) + [429]
        assert 0 < int(answers[-1].headers["retry-after"]) <= SECONDS_A_GUESS
        assert (await page.get("/session")).status_code == 200, "who is signed on goes on"
        scan = {"page": PAGE, "text": f"BADGE-{BADGE}"}
        assert "too many wrong badges" in (await page.post("/scan", json=scan)).json()["line"]


async def test_a_session_that_is_forgotten_meanwhile_is_asked_about_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sessions, "BELIEVED_SECONDS", -1.0)  # each is old at once
    asked: list[object] = []
    goes_on = asyncio.Event()
    goes_on.set()

    async def ask(request: Any, **_: Any) -> Any:
        asked.append(request)
        if isinstance(request, ShowBearer):
            await goes_on.wait()
        return Bearing(pseudonym="op-7", role=PersonRole.TECHNICIAN, is_person=True, until=None)

    known, secret = sessions.Sessions(ask), "A" * 43
    before = await known.of(secret)
    goes_on.clear()
    looking = asyncio.create_task(known.of(secret))
    await until(lambda: len(asked) == 2)
    await known.close(secret)
    goes_on.set()
    after = await looking
    assert before is not None
    assert after is not None
    assert (before.over.is_set(), after.over.is_set(), len(asked)) == (True, False, 4)


async def test_whoever_makes_secrets_up_leaves_room_at_the_desk() -> None:
    at_once = most = 0

    async def ask(_: Any, **__: Any) -> Any:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0)
        at_once -= 1
        raise NotFound("it is nobody's")

    known = sessions.Sessions(ask)
    found = await asyncio.gather(*(known.of(f"{number:043}") for number in range(40)))
    assert (set(found), most) == ({None}, 4)


def test_after_a_few_wrong_guesses_there_is_one_a_minute_from_each_place() -> None:
    throttle = Throttle()
    for number in range(FREE_GUESSES):
        assert throttle.wait("2001:db8::1", 0.0) == 0.0, number
        throttle.wrong("2001:db8::1", 0.0)
    assert throttle.wait("2001:db8::1", 0.0) == SECONDS_A_GUESS
    assert throttle.wait("2001:db8::ffff:1", 0.0) == 0.0, "who works beside them goes on"
    tried = 0
    for second in range(3600):
        if throttle.wait("2001:db8::1", second) == 0.0:
            throttle.wrong("2001:db8::1", second)
            tried += 1
    assert tried <= 60
    for link, prefix in (("%eth0", "fe80::"), ("", "2001:db8:2::")):
        tried = 0
        for number in range(3600):
            if throttle.wait(f"{prefix}{number:x}{link}", number) == 0.0:
                throttle.wrong(f"{prefix}{number:x}{link}", number)
                tried += 1
        assert tried <= NETWORKS_SHARE * (FREE_GUESSES + 60), "one has a whole /64"
        assert throttle.wait(f"{prefix}ffff:1{link}", 3599.0) > 0.0
    assert throttle.wait("2001:db8:1::1", 3599.0) == throttle.wait("192.0.2.1", 3599.0) == 0.0
    for number in range(2000):
        throttle.wrong(f"198.51.{number // 256}.{number % 256}", 4000.0)
    assert throttle.wait("2001:db8::1", 4000.0) == 0.0, "its memory is bounded"


def test_what_would_let_others_in_unseen_or_unasked_is_not_begun(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "site")
    good, other, over = (
        authority.issue("good", "192.0.2.7"),
        authority.issue("other"),
        authority.issue("over", valid_for=timedelta(seconds=-1)),
    )
    loose = authority.issue("loose")
    loose.key.chmod(0o644)
    files = {"certificate": good.certificate, "key": good.key}
    refused: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("0.0.0.0", "badges and PINs go over the network: give certificate and key", {}),
        ("192.0.2.7", "it is served to this computer alone", {**files, "without_login": True}),
        ("bench-1", "give the address to listen at as a number", files),
        ("0.0.0.0", "belong together", {"certificate": good.certificate}),
        ("0.0.0.0", "is not that of", {"certificate": good.certificate, "key": other.key}),
        (
            "0.0.0.0",
            "renew it, or set this computer's clock",
            {"certificate": over.certificate, "key": over.key},
        ),
        ("0.0.0.0", "chmod 600", {"certificate": loose.certificate, "key": loose.key}),
        ("0.0.0.0", "is no certificate in PEM", {**files, "certificate": good.key}),
        ("0.0.0.0", "is no private key in PEM", {**files, "key": tmp_path / "site.pem"}),
        ("0.0.0.0", "No such file", {**files, "key": tmp_path / "none"}),
        ("0.0.0.0", "names no host", {**files, "certificate": authority.file}),
    )
    (tmp_path / "site.pem").chmod(0o600)
    for host, says, given in refused:
        with pytest.raises(ConfigError, match=says):
            address_of(host, 8443, **{"certificate": None, "key": None, "without_login": False, **given})
    served = address_of("0.0.0.0", 8443, good.certificate, good.key, without_login=False)
    assert (served.url, served.hosts) == ("https://192.0.2.7:8443/", {"192.0.2.7:8443"})
    usual = address_of("0.0.0.0", 443, good.certificate, good.key, without_login=False)
    assert usual.hosts == {"192.0.2.7:443", "192.0.2.7"}


def test_who_connects_and_begins_no_tls_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_HANDSHAKE_SECONDS", 0.05)
    issued = Authority(tmp_path, "site").issue("screen")
    address = address_of("127.0.0.1", 8443, issued.certificate, issued.key, without_login=False)

    config = config_of(Starlette(), address)

    async def say_nothing() -> None:
        config.load()
        server = await asyncio.get_running_loop().create_server(
            lambda: connection.PatientConnection(config, ServerState(), {}), "127.0.0.1", 0, ssl=config.ssl
        )
        async with server, asyncio.timeout(30):  # asyncio itself waits for 60 s
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            assert await reader.read() == b""
            writer.close()

    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(say_nothing())


async def test_who_does_not_say_what_they_want_or_does_not_read_is_let_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "_LOOK_SECONDS", 0.05)
    begun = asyncio.Event()

    async def pour(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        begun.set()
        while True:
            await send({"type": "http.response.body", "body": bytes(1 << 16), "more_body": True})

    config = uvicorn.Config(pour, lifespan="off", log_config=None)
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: connection.PatientConnection(config, state, {}), "127.0.0.1", 0
    )
    async with server, asyncio.timeout(60):
        port = server.sockets[0].getsockname()[1]
        for half in (b"", b"GET / HTTP/1.1\r\nHost: x\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(half)
            assert await reader.read() == b""
            writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await begun.wait()
        for task in state.tasks:  # as where its reader was waited for long enough
            task.cancel()
        await until(lambda: not state.connections)
        writer.close()


async def test_who_comes_in_crowds_keeps_nobody_else_out_and_one_too_many_is_told_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "_MOST_CONNECTIONS", 3)
    monkeypatch.setattr(connection, "_MOST_OF_ONE", 2)
    config = uvicorn.Config(JSONResponse("served"), lifespan="off", log_config=None)
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: connection.PatientConnection(config, state, {}), "127.0.0.1", 0
    )
    port = server.sockets[0].getsockname()[1]
    writers = []

    async def asks(number: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(f"127.0.0.{number}", 0))
        writers.append(writer)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in answer.splitlines() if line.startswith(b"content-length"))
        return answer + await reader.readexactly(int(length.partition(b":")[2]))

    async with server, asyncio.timeout(60):
        for number in (1, 1, 2):
            assert b'"served"' in await asks(number)
        for number, says in ((1, b"2 connections come from your address"), (3, b"3 browsers and programs")):
            told = await asks(number)
            assert told.startswith(b"HTTP/1.1 503")
            assert b"application/problem+json" in told
            assert says in told
        writers[0].close()
        await until(lambda: len(state.connections) <= 2)
        assert b'"served"' in await asks(3)
        for writer in writers:
            writer.close()
        await until(lambda: not state.connections)
