"""The daemon's control socket: one request a line, one answer a line, whatever comes."""

from __future__ import annotations

import asyncio
import json
import stat
import tempfile
from pathlib import Path
from typing import Any

import pytest
import structlog
import structlog.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from station.control import ControlError, NoDaemon, RequestWrong, ask_daemon, follow_daemon, serve_control
from station.domain.slot_name import Place


async def echo(request: dict[str, Any]) -> dict[str, Any]:
    return {"said": request["what"]}


async def refuse(_: dict[str, Any]) -> dict[str, Any]:
    raise ControlError("not today")


async def count(request: dict[str, Any]) -> Any:
    for number in range(request["to"]):
        yield {"number": number}


HANDLERS = {"echo": echo, "refuse": refuse}


async def say(directory: Path, *lines: bytes) -> list[dict[str, Any]]:
    reader, writer = await asyncio.open_unix_connection(directory / "control.sock")
    try:
        writer.write(b"".join(line + b"\n" for line in lines))
        return [json.loads(await reader.readline()) for _ in lines]
    finally:
        writer.close()
        await writer.wait_closed()


def test_requests_are_answered_in_order_and_the_socket_is_the_owners_alone(tmp_path: Path) -> None:
    async def work() -> None:
        (tmp_path / "control.sock").touch()  # a dead daemon's
        async with serve_control(tmp_path, HANDLERS):
            assert stat.S_IMODE((tmp_path / "control.sock").stat().st_mode) == 0o600
            assert await ask_daemon(tmp_path, {"do": "echo", "what": "ä"}) == {"said": "ä"}
            with pytest.raises(ControlError, match=r"^not today$"):
                await ask_daemon(tmp_path, {"do": "refuse"})
            answers = await say(tmp_path, *(json.dumps({"do": "echo", "what": n}).encode() for n in range(3)))
            assert answers == [{"ok": True, "said": n} for n in range(3)]
        with pytest.raises(NoDaemon, match="no daemon runs in"):
            await ask_daemon(tmp_path, {"do": "echo"})

    asyncio.run(work())


def test_what_is_no_request_gets_an_answer_too(tmp_path: Path) -> None:
    async def work() -> None:
        async with serve_control(tmp_path, HANDLERS):
            unknown = {
                "ok": False,
                "wrong": True,
                "error": "no such request; the daemon knows: echo, refuse",
            }
            lines = [b"", b"{", b"[]", b"7", b"{}", b'{"do": 1}', b'{"do": []}', b'{"do": "dance"}', b"\xff"]
            assert await say(tmp_path, *lines) == [unknown] * len(lines)
            (lacking,) = await say(tmp_path, b'{"do": "echo"}')
            needs = "the request is not as echo needs it: what is missing"
            assert lacking == {"ok": False, "wrong": True, "error": needs}
            assert await ask_daemon(tmp_path, {"do": "echo", "what": 1}) == {"said": 1}

    asyncio.run(work())


@settings(max_examples=20)
@given(st.lists(st.binary(max_size=80).filter(lambda line: b"\n" not in line), min_size=1, max_size=8))
def test_any_lines_get_as_many_answers(lines: list[bytes]) -> None:
    async def work(directory: Path) -> None:
        async with serve_control(directory, HANDLERS):
            assert all(not answer["ok"] for answer in await say(directory, *lines))

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(work(Path(folder)))


def test_a_stream_goes_on_until_it_ends_or_the_client_leaves(tmp_path: Path) -> None:
    async def work() -> None:
        async with serve_control(tmp_path, HANDLERS, {"count": count}):
            async with follow_daemon(tmp_path, {"do": "count", "to": 3}) as answers:
                assert [answer["number"] async for answer in answers] == [0, 1, 2]
            async with follow_daemon(tmp_path, {"do": "count", "to": 1 << 60}) as answers:
                async for answer in answers:
                    if answer["number"] == 5:
                        break
            assert await ask_daemon(tmp_path, {"do": "echo", "what": 1}) == {"said": 1}

    asyncio.run(work())


def test_a_daemon_that_stops_leaves_no_client_waiting(tmp_path: Path) -> None:
    async def work() -> None:
        reached = asyncio.Event()

        async def wait(_: dict[str, Any]) -> dict[str, Any]:
            reached.set()
            await asyncio.Event().wait()
            return {}

        async with serve_control(tmp_path, {"wait": wait}):
            asking = asyncio.create_task(ask_daemon(tmp_path, {"do": "wait"}))
            await reached.wait()
        with pytest.raises(ControlError, match="look at its log"):
            await asking

    asyncio.run(work())


@pytest.mark.parametrize(
    "fault", [KeyError("what"), ValueError("7"), AttributeError("x"), RuntimeError("odd")]
)
def test_a_fault_of_the_stations_own_is_told_as_such_and_its_traceback_logged(
    tmp_path: Path, fault: Exception
) -> None:
    async def trip(request: dict[str, Any]) -> dict[str, Any]:
        raise fault

    async def trip_later(request: dict[str, Any]) -> Any:
        yield {"number": 1}
        raise fault

    async def work() -> None:
        async with serve_control(tmp_path, {"trip": trip, "echo": echo}, {"trip_later": trip_later}):
            own = rf"^a fault of the station's own in trip \({type(fault).__name__}\); its log has the traceback, tell"
            with pytest.raises(ControlError, match=own) as told:
                await ask_daemon(tmp_path, {"do": "trip"})
            assert not isinstance(told.value, RequestWrong)
            async with follow_daemon(tmp_path, {"do": "trip_later"}) as each:
                assert await anext(each) == {"number": 1}
                with pytest.raises(ControlError, match="a fault of the station's own in trip_later"):
                    await anext(each)
            assert await ask_daemon(tmp_path, {"do": "echo", "what": 1}) == {"said": 1}, "it goes on"

    with structlog.testing.capture_logs() as log:
        asyncio.run(work())
    assert [(line["event"], line["request"]) for line in log] == [
        ("request failed", "trip"),
        ("request failed", "trip_later"),
    ]
    assert all(line["exc_info"] is fault and fault.__traceback__ for line in log)


def test_what_is_wrong_with_a_request_comes_back_as_the_askers_own(tmp_path: Path) -> None:
    async def shaped(request: dict[str, Any]) -> dict[str, Any]:
        return {"slot": Place(jig="jig1", slot=request["slot"]).slot}

    async def work() -> None:
        async with serve_control(tmp_path, {"shaped": shaped}):
            with pytest.raises(RequestWrong, match="the request is not as shaped needs it: slot: "):
                await ask_daemon(tmp_path, {"do": "shaped", "slot": "third"})
            with pytest.raises(RequestWrong, match="slot is missing"):
                await ask_daemon(tmp_path, {"do": "shaped"})

    asyncio.run(work())
