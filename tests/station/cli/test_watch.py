"""`reflash watch` and `reflash scan`: the bench as it is, on a terminal and for scripts, and labels into it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import stat
import termios
import tty
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from benches import brokers
from benches.desk_client import THE_ACCOUNT
from benches.looking import until
from benches.station_bench import Bench, at_broker, give_order, slot
from benches.station_config import write_config
from benches.station_daemon import RunningDaemon, events_of, running_daemon
from benches.terminal import Screen, program
from station.control.client import ask_daemon
from station.control.server import serve_control
from station.desk.bench_requests import EnableSlot, ResetJig, Status, Stop
from station.desk.label_requests import TakeBackLabel
from station.desk.order_requests import AssignOrder, CloseOrder, ImportOrder
from station.desk.record_requests import Republish, ResumeRelease
from station.desk.refusals import Conflict, NotAllowed
from station.domain.actor import Actor
from station.domain.phase import SlotPhase
from station.domain.scan_said import ScanCode
from station.people.operators import Operators
from station.records.facts.bench import LabelScanned
from station.settings import StationSettings
from station.settings_file import load_settings

FIRST = slot(1)


@pytest.fixture
def config(bench: Bench, shared_broker: brokers.Mosquitto, tmp_path: Path) -> Path:
    places = {"jig1": [1, 2], "jig2": [1]}
    settings = bench.settings(tmp_path, places, **at_broker(shared_broker.port))
    return write_config(tmp_path / "station.toml", settings)


async def test_a_script_hears_each_slot_and_each_change_and_of_the_next_daemon_too(
    bench: Bench, config: Path
) -> None:
    settings, hub = load_settings(config), bench.hub()
    pipe = {"stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.PIPE}

    await give_order(settings, hub)
    async with contextlib.AsyncExitStack() as stack:
        async with running_daemon(settings) as station:
            await station.until(FIRST, SlotPhase.EMPTY)
            arguments = ("watch", "--config", config, "--json", "--jig", "jig1")
            watching = await stack.enter_async_context(program(*arguments, **pipe))
            heard = [json.loads(await watching.stdout.readline()) for _ in range(2)]
            assert [view["place"] for view in heard] == [{"jig": "jig1", "slot": n} for n in (1, 2)]
            await bench.seat(hub, FIRST)
            while heard[-1]["phase"] != "passed":
                heard.append(json.loads(await watching.stdout.readline()))
            assert heard[-1]["chf"] == str(hub.chf)
            assert "working" in {view["phase"] for view in heard}
            assert {view["place"]["jig"] for view in heard} == {"jig1"}
        told = b"reflash: the daemon has stopped; it is waited for (Ctrl+C to end)\n"
        assert await watching.stderr.readline() == told
        async with running_daemon(settings) as station:
            while heard[-1]["phase"] != "passed":
                heard.append(json.loads(await watching.stdout.readline()))
            await station.until(FIRST, SlotPhase.PASSED)
            watching.send_signal(signal.SIGINT)
            assert await watching.wait() == 0


async def test_a_terminal_shows_the_picture_and_takes_what_a_scanner_types(
    bench: Bench, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REFLASH_PEOPLE__BADGE_PREFIX", "BADGE-")
    settings, hub = load_settings(config), bench.hub()

    await give_order(settings, hub)
    operators = Operators(settings.operators_file)
    who = operators.pseudonym_of("Example Person")
    operators.set_badge(who, "4711AB42")
    screen = Screen()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "160", "LINES": "40"}
    ends = dict.fromkeys(("stdin", "stdout", "stderr"), screen.slave)
    try:
        async with running_daemon(settings) as station:
            await station.until(FIRST, SlotPhase.EMPTY)
            watching = program("watch", "--config", config, env=environment, **ends)
            async with watching as process:
                await screen.until("what to do")
                await screen.until(f"MQTT broker {settings.mqtt.host}:{settings.mqtt.port}: connected")
                screen.type("noise\n")
                await screen.until(
                    "a scan of 5 characters is neither an id on a label nor a slot's code, nor a badge"
                )
                screen.type("BADGE-4711AB42\n")
                await screen.until(f"{who} is signed on for the bench")
                await screen.until(f"; signed on: {who}")
                screen.type(f"{hub.gpf}\n")
                await screen.until("this label is for which slot? Scan the slot's code first, such as jig1/3")
                screen.type("jig1/1\n")
                await screen.until("jig1 slot 1: scan the label of what is to sit there")
                screen.type(f"GPF {hub.gpf}\n")
                await screen.until(f"jig1 slot 1: seat hub {hub.gpf} here")
                await bench.seat(hub, FIRST)
                shown = await screen.until("PASSED")
                assert str(hub.chf) in shown
                assert "noise\r\n" not in shown, "what is typed would tear the picture"
                assert "4711" not in shown
                process.send_signal(signal.SIGINT)
            assert process.returncode == 0
    finally:
        screen.close()


async def test_a_watch_that_is_terminated_leaves_the_terminal_as_it_was(bench: Bench, config: Path) -> None:
    screen = Screen()
    before = termios.tcgetattr(screen.slave)
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "160", "LINES": "40"}
    ends = dict.fromkeys(("stdin", "stdout", "stderr"), screen.slave)
    try:
        async with running_daemon(load_settings(config)):
            async with program("watch", "--config", config, env=environment, **ends) as process:
                screen.type("noise\n")
                await screen.until("scan it again")
                assert termios.tcgetattr(screen.slave) != before
                process.terminate()
            assert process.returncode == 128 + signal.SIGTERM
        assert termios.tcgetattr(screen.slave) == before
    finally:
        screen.close()


@pytest.mark.parametrize(
    ("there", "told"),
    [
        (contextlib.nullcontext, "no daemon runs in {folder}; start it: reflash run; it is waited for"),
        (
            lambda folder: serve_control(folder, None, THE_ACCOUNT, most=0),
            "0 commands and screens are connected to the station already: end some, then ask again; room is waited for",
        ),
    ],
    ids=["no daemon", "no room"],
)
async def test_a_watch_without_a_daemon_or_room_says_so_and_waits_for_it(
    config: Path, there: Any, told: str
) -> None:
    pipe = {"stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.PIPE}

    async with program("watch", "--config", config, **pipe) as watching:
        async with there(config.parent):
            said = (await watching.stderr.readline()).decode()
            assert said.startswith(f"reflash: {told.format(folder=config.parent)}")
        async with running_daemon(load_settings(config)):
            assert b"jig1 slot 1: " in await watching.stdout.readline()
            watching.send_signal(signal.SIGINT)
            assert await watching.wait() == 0


@contextlib.asynccontextmanager
async def passed_in_sight(bench: Bench, config: Path) -> AsyncIterator[tuple[Process, Process, Screen]]:
    """A daemon, who watches it in a terminal, and that terminal, which shows a hub that passed."""
    hub = bench.hub()
    await give_order(load_settings(config), hub)
    screen = Screen()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "160", "LINES": "40"}
    ends = dict.fromkeys(("stdin", "stdout", "stderr"), screen.slave)
    quiet = dict.fromkeys(("stdout", "stderr"), asyncio.subprocess.DEVNULL)
    try:
        async with program("run", "--config", config, **quiet) as daemon:  # noqa: SIM117 - it ends last
            async with program("watch", "--config", config, env=environment, **ends) as watching:
                await screen.until("seat a hub")
                await bench.seat(hub, FIRST)
                await screen.until("PASSED")
                yield daemon, watching, screen
    finally:
        screen.close()


async def until_waited_for(screen: Screen, words: str) -> None:
    """Wait for words that stand there alone, twice: green stands over what is known now alone."""
    await screen.until(words)
    screen.forget()
    await screen.until(words)
    assert "PASSED" not in await screen.until("what to do")


async def test_what_a_killed_daemon_showed_is_shown_no_more(bench: Bench, config: Path) -> None:
    async with passed_in_sight(bench, config) as (daemon, watching, screen):
        daemon.kill()
        await until_waited_for(screen, "it is waited for (Ctrl+C to end)")
        watching.send_signal(signal.SIGINT)


async def test_what_a_daemon_showed_that_hangs_is_shown_no_more_until_it_answers(
    bench: Bench, config: Path
) -> None:
    async with passed_in_sight(bench, config) as (daemon, watching, screen):
        for _ in range(2):
            daemon.send_signal(signal.SIGSTOP)
            await until_waited_for(
                screen, "has not answered for some seconds; it is waited for (Ctrl+C to end)"
            )
            daemon.send_signal(signal.SIGCONT)
            screen.forget()
            await screen.until("PASSED")
            screen.forget()
        watching.send_signal(signal.SIGINT)
        await watching.wait()
        daemon.send_signal(signal.SIGINT)


def test_a_jigs_own_scanner_is_answered_on_every_screen(config: Path, bench: Bench, tmp_path: Path) -> None:
    master, slave = os.openpty()
    tty.setraw(slave)
    settings = load_settings(config).model_dump(mode="json", exclude_none=True)
    settings["jigs"][0]["scanner"] = {"port": os.ttyname(slave)}
    with_scanner, hub = StationSettings.model_validate(settings), bench.hub()
    pipe = {"stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.PIPE}

    async def work() -> None:
        async with running_daemon(with_scanner) as station:
            await station.until(FIRST, SlotPhase.EMPTY)
            async with program("watch", "--config", config, **pipe) as watching:
                view = station.daemon.view
                said = b""
                while not view.scans():  # what comes before its port is open is lost
                    os.write(master, b"]C1jig7/1\r")
                    await asyncio.sleep(0.05)
                while b"scanner of jig1" not in said:
                    said = await watching.stdout.readline()
                assert said.endswith(b" scanner of jig1: there is no jig jig7; this bench has jig1, jig2\n")
                watching.send_signal(signal.SIGINT)
            os.write(master, f"{hub.gpf}\r".encode())
            await view.changes.until(lambda: view.scans()[0].said.code is ScanCode.SEAT_HERE)
        (scanned,) = events_of(with_scanner, LabelScanned)
        assert scanned.actor == Actor(
            pseudonym=with_scanner.operator, role="technician", where="scanner of jig1"
        )

    try:
        asyncio.run(work())
    finally:
        os.close(master)
        os.close(slave)


NOT_FOR_TECHNICIANS = [
    Stop(),
    EnableSlot(jig="jig1", slot=1),
    ResetJig(jig="jig1"),
    ImportOrder(source="x.csv", size=0, sha256="0" * 64),
    AssignOrder(order="WO-1", jig="jig1"),
    CloseOrder(order="WO-1", reason="r"),
    Republish(first=1, last=1),
    ResumeRelease(manufacturer="m", model="o", version="00000001", reason="r"),
]


async def test_at_the_desk_socket_people_look_and_scan_and_nothing_else(
    config: Path, bench: Bench, tmp_path: Path, reflash: Any
) -> None:
    desk = tmp_path / "desk" / "desk.sock"
    desk.parent.mkdir()
    settings = load_settings(config).model_copy(update={"desk_socket": desk})
    hub = bench.hub()

    async with running_daemon(settings) as station:
        await station.until(FIRST, SlotPhase.EMPTY)
        await until(desk.exists)
        assert stat.S_IMODE(desk.stat().st_mode) == 0o660
        at = ("--config", tmp_path / "not there", "--desk", desk)
        said = await asyncio.to_thread(reflash, "scan", *at, "--jig", "jig1", "--slot", 2, hub.gpf)
        assert said.out == f"jig1 slot 2: seat hub {hub.gpf} here\n"
        said = await asyncio.to_thread(reflash, "scan", *at, "--jig", "jig1", "--slot", 2, "undo")
        assert said.out == f"jig1 slot 2: label {hub.gpf} waits no more\n"
        with pytest.raises(Conflict):
            await ask_daemon(desk, TakeBackLabel(jig="jig1", slot=2))
        told = [
            (scan.scanner, scan.said.code, scan.said.place, scan.refused)
            for scan in station.daemon.view.scans()
        ]
        assert told == [("desk", ScanCode.NONE_WAITS, slot(2), True)], "everybody sees it, refused or not"
        assert (
            "there is no jig jig9"
            in (await asyncio.to_thread(reflash, "scan", *at, "--jig", "jig9", hub.gpf)).complaint
        )
        for request in NOT_FOR_TECHNICIANS:
            with pytest.raises(
                NotAllowed, match=f"^{request.name.replace('_', ' ')} is not for a technician, but for "
            ):
                await ask_daemon(desk, request)
        with pytest.raises(NotAllowed, match="who does something at the desk is not said by who asks"):
            await ask_daemon(desk, Status(), by="op-1")
    assert not desk.exists()


async def scanning(station: RunningDaemon, reflash: Any, *arguments: object) -> Any:
    await station.until(FIRST, SlotPhase.EMPTY)
    return await asyncio.to_thread(reflash, "scan", *arguments)


async def test_labels_are_scanned_one_by_one_or_as_lines(
    reflash: Any, bench: Bench, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, hub, other = load_settings(config), bench.hub(), bench.hub()
    lines = [f"{hub.gpf}\r\n", "\n", "\x00\xff??\n", "2\n", f"{other.gpf}\n", "jig2/9\n"]
    monkeypatch.setattr("sys.stdin", lines)

    async with running_daemon(settings) as station:
        for place in (FIRST, slot(2)):
            await station.until(place, SlotPhase.EMPTY)
        of = ("--config", config, "--jig", "jig1")
        one = await scanning(station, reflash, *of, "--slot", 2, hub.chf)
        assert (one.code, one.out) == (0, f"jig1 slot 2: seat hub {hub.chf} here\n")
        expected = await scanning(station, reflash, *of, hub.gpf)
        assert expected.out == f"jig1 slot 1: seat hub {hub.gpf} here\n"
        absent = await scanning(station, reflash, *of, "--slot", 7, hub.gpf)
        assert (absent.code, absent.complaint) == (1, "jig1: there is no slot 7")
        garbled = await scanning(station, reflash, *of, "88-73")
        assert garbled.code == 2
        assert "'88-73' is neither an id on a label nor a slot's code" in garbled.complaint
        many = await scanning(station, reflash, *of)
        assert many.code == 1
        assert many.out.splitlines() == [
            f"jig1 slot 1: seat hub {hub.gpf} here",
            "jig1 slot 2: scan the label of what is to sit there",
            f"jig1 slot 2: seat hub {other.gpf} here",
        ]
        assert many.err.splitlines()[-1] == "reflash: 2 scans refused"


def test_a_scan_without_a_daemon_or_a_jig_says_so(reflash: Any, bench: Bench, config: Path) -> None:
    label = bench.hub().chf
    assert "no daemon runs" in reflash("scan", label, "--jig", "jig1", "--config", config).complaint
    assert "which slot?" in reflash("scan", label, "--config", config).complaint
    assert "there is no jig jig9" in reflash("scan", label, "--jig", "jig9", "--config", config).complaint
    assert "lines name their slots" in reflash("scan", "--slot", 3, "--config", config).complaint
