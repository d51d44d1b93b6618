"""The whole check-up of a simulated bench with everything wrong that can be, and of one with a daemon at work."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benches import brokers
from benches.processes import last_words, running
from benches.station_bench import DRIVER_SETTINGS, Bench, at_broker, running_bench, slot
from benches.station_daemon import running_daemon
from station.descriptors import allowed, needed
from station.doctor.examination import examine
from station.doctor.report import Finding, Verdict
from station.domain.phase import SlotPhase
from station.domain.reason import Reason
from station.domain.statement import Statement
from station.settings import StationSettings

OK, WARNING, FAULT = Verdict.OK, Verdict.WARNING, Verdict.FAULT


@pytest.fixture
def third_party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the resetting driver as a package of its own, found by its entry point."""
    installed = tmp_path / "site-packages" / "resetting_driver-1.0.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: resetting-driver\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text("[reflash.drivers]\nresetting = resetting_driver:PLUGIN\n")
    monkeypatch.syspath_prepend(str(installed.parent))


@contextmanager
def held(port: str) -> Iterator[int]:
    """Have another program hold a port; yield its process id."""
    program = (
        "import serial, sys; port = serial.Serial(sys.argv[1], exclusive=True); print(flush=True);"
        " sys.stdin.read(); port.close()"
    )
    with running(
        [sys.executable, "-c", program, port], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        last_words(process)


def at(findings: list[Finding], where: str) -> list[tuple[Verdict, str]]:
    for finding in findings:
        assert "\n" not in str(finding)
    return [(finding.verdict, str(finding)) for finding in findings if finding.where == where]


def test_a_makers_driver_that_raises_what_it_may_not_is_named(
    bench: Bench, shared_broker: brokers.Mosquitto, third_party: None, tmp_path: Path
) -> None:
    raw = bench.settings(tmp_path / "state", {"jig1": [1]}, mqtt={"port": shared_broker.port})
    raw["jigs"][0] |= {
        "driver": "resetting",
        "driver_settings": {**DRIVER_SETTINGS, "control": str(tmp_path / "no.sock")},
    }
    found = at(asyncio.run(examine(StationSettings.model_validate(raw))), "jig1 slot 1")
    assert [verdict for verdict, _ in found] == [FAULT]
    assert "the check by driver resetting failed (FileNotFoundError" in found[0][1]


def test_a_bench_with_something_wrong_in_every_slot_is_told_slot_by_slot_in_finite_time(
    bench: Bench, shared_broker: brokers.Mosquitto, third_party: None, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    state.mkdir()
    raw = bench.settings(state, {"jig1": [1, 2, 3, 4], "jig2": [1]}, mqtt={"port": shared_broker.port})
    raw["jigs"][1] |= {
        "driver": "resetting",
        "driver_settings": {**DRIVER_SETTINGS, "control": str(bench.folder / "control.sock")},
        "scanner": {"port": str(tmp_path / "no-scanner")},
    }
    settings = StationSettings.model_validate(raw)
    hub, recovering, resetting = bench.hub(), bench.hub(), bench.hub()

    async def work() -> list[Finding]:
        await bench.seat(hub, slot(1))
        await bench.do("port", jig=1, slot=2, plugged=False)
        await bench.fault(slot(3), "serial_recovery", on="boot")
        await bench.seat(recovering, slot(3))
        await bench.seat(resetting, slot(1, jig=2))
        return await examine(settings)

    with held(bench.port(slot(4))) as holder:
        findings = asyncio.run(work())
    assert at(findings, "jig1 slot 1") == [
        (
            OK,
            (
                f"jig1 slot 1: hub {hub.chf}, model {hub.model}, firmware 01020100,"
                f" on {Path(bench.port(slot(1))).resolve()}"
            ),
        ),
        (OK, "jig1 slot 1: opening and closing its port leaves the hub alone"),
    ]
    ((verdict, absent),) = at(findings, "jig1 slot 2")
    assert verdict is FAULT
    assert "is not there: plug the adapter in" in absent
    ((verdict, boot_loader),) = at(findings, "jig1 slot 3")
    assert verdict is WARNING
    assert "waits in its boot loader" in boot_loader
    ((verdict, taken),) = at(findings, "jig1 slot 4")
    assert verdict is FAULT
    assert "is held by another program" in taken
    assert f"(process {holder})" in taken
    _, (verdict, reset) = at(findings, "jig2 slot 1")
    assert verdict is WARNING
    assert "opening or closing its port resets the hub (boot " in reset
    assert "set dtr = false" in reset
    ((verdict, scanner),) = at(findings, "jig2 scanner")
    assert verdict is FAULT
    assert "no-scanner is not there" in scanner
    others = {finding.where for finding in findings if finding.verdict is OK}
    assert {"file descriptors", "packages", f"catalogue {bench.catalogue}", "unlock key"} <= others


def test_hubs_on_a_jig_with_a_board_get_power_for_as_long_as_they_are_asked(
    shared_broker: brokers.Mosquitto, tmp_path: Path
) -> None:
    folder = tmp_path / "rig"
    folder.mkdir()
    state = tmp_path / "state"
    state.mkdir()
    with running_bench(folder, stock={"old": 1}, boards=True) as bench:
        raw = bench.settings(state, {"jig1": [1, 2]}, mqtt={"port": shared_broker.port})
        port = str(folder / "jig1" / "board")
        quick = {"heartbeat_seconds": 0.2, "watchdog_seconds": 1.0, "debounce_seconds": 0.05}
        raw["jigs"][0]["board"] = {"port": port, "serial_number": 1001, **quick}
        raw["jigs"][0]["recognition_seconds"] = 1.0
        settings = StationSettings.model_validate(raw)
        hub = bench.hub()
        bench.do_now("seat", chf=str(hub.chf), jig=1, slot=1)
        bench.do_now("board", jig=1, act="lie", slots=[2])
        findings = asyncio.run(examine(settings))
        assert bench.do_now("board", jig=1)["powered"] == [False] * 8
        bench.do_now("board", jig=1, act="press_stop")
        stopped = asyncio.run(examine(settings))
    assert at(findings, "jig1 board")[-1] == (OK, "jig1 board: its watchdog leaves the slots' power alone")
    assert at(findings, "jig1 slot 1")[0][1].startswith(f"jig1 slot 1: hub {hub.chf}")
    ((verdict, upside_down),) = at(findings, "jig1 slot 2")
    assert verdict is WARNING
    assert "something sits here and does not answer" in upside_down
    assert "seat it the right way up" in upside_down
    assert [verdict for verdict, _ in at(stopped, "jig1 board")] == [OK, WARNING, FAULT]
    assert "hubs were not looked at: the emergency stop is pressed" in at(stopped, "jig1 board")[-1][1]


def test_a_daemon_at_work_is_not_disturbed_and_its_word_is_taken(
    bench: Bench, shared_broker: brokers.Mosquitto, tmp_path: Path
) -> None:
    settings = bench.station_settings(tmp_path, {"jig1": [1, 2]}, **at_broker(shared_broker.port))

    async def work() -> list[Finding]:
        await bench.do("port", jig=1, slot=2, plugged=False)
        async with running_daemon(settings) as station:
            await station.until(slot(1), SlotPhase.EMPTY)
            await station.until(slot(2), SlotPhase.NO_PORT)
            view = station.daemon.view
            await view.changes.until(lambda: view.broker.state == "connected")
            view.set_fault(
                "label printer", Statement.of(Reason.LABELS_NOT_PRINTED, detail="it is off; see to it")
            )
            findings = await examine(settings)
            assert station.daemon.view.broker.state == "connected", "it was not pushed off the broker"
            return findings

    findings = asyncio.run(work())
    assert at(findings, "daemon")[0][0] is OK
    ((verdict, descriptors),) = at(findings, "file descriptors")
    assert verdict is OK
    assert f"file descriptors: {allowed()} are allowed, this bench needs {needed(settings)}" in descriptors
    assert at(findings, "broker") == [(OK, f"broker: MQTT broker 127.0.0.1:{shared_broker.port}: connected")]
    assert (WARNING, "station: it is off; see to it") in at(findings, "station")
    assert at(findings, "jig1 slot 1") == [(OK, "jig1 slot 1: empty; seat a hub")]
    ((verdict, missing),) = at(findings, "jig1 slot 2")
    assert verdict is FAULT
    assert "plug the adapter in" in missing
