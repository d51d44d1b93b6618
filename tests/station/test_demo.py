"""`reflash demo`: the whole way from a work order to MQTT, judged from outside."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import station.demo.broker
from benches import brokers
from benches.processes import last_words, run, running
from station.demo.demonstration import DemoRequest, run_demonstration
from station.demo.transport import Transport

REFLASH = Path(sys.executable).with_name("reflash")
DEMO_SECONDS = 110.0
"""For what hangs, just below what a test may take; nothing is measured by it."""


def demo(*options: object, expect: int = 0) -> subprocess.CompletedProcess[str]:
    done = run([REFLASH, "demo", *map(str, options)], capture_output=True, text=True, seconds=DEMO_SECONDS)
    assert done.returncode == expect, done.stderr
    return done


def in_order(hubs: int, summary: dict[str, Any]) -> None:
    seconds = summary.pop("seconds")
    assert seconds > 0
    assert summary == {
        "hubs": hubs,
        "passed": hubs,
        "already_current": 0,
        "rejected": 0,
        "failed": 0,
        "published": hubs,
        "contradicted": 0,
        "packed": hubs,
        "misplaced": 0,
    }


@pytest.mark.slow
def test_24_hubs_on_three_jigs_one_of_them_on_usb_pass_and_the_broker_hears_of_each_once(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "demo"
    with brokers.mosquitto(tmp_path) as broker:
        listener = [
            brokers.installed("mosquitto_sub", "mosquitto-clients"),
            "-p",
            str(broker.port),
            "-q",
            "1",
            "-t",
            "reflash/v1/+/+/jig/+/slot/+/result",
        ]
        with running([*listener, "-C", "24", "-v"], stdout=subprocess.PIPE, text=True) as hearing:
            where = ("--broker", f"mqtt://127.0.0.1:{broker.port}", "--dir", folder)
            done = demo("--json", "--transport", "mixed", *where)
            heard, _ = last_words(hearing)
    in_order(24, json.loads(done.stdout.splitlines()[-1]))
    results = [line.partition(" ") for line in heard.splitlines()]
    topics = {topic for topic, _, _ in results}
    assert topics == {
        f"reflash/v1/demo/bench/jig/jig{jig}/slot/{slot}/result" for jig in (1, 2, 3) for slot in range(1, 9)
    }
    events = [json.loads(payload) for _, _, payload in results]
    hubs = {
        hub["chf"] for jig in (1, 2, 3) for hub in json.loads((folder / f"hubs-jig{jig}.json").read_text())
    }
    assert sorted(event["subject"] for event in events) == sorted(hubs)
    assert sorted(event["data"]["station_sequence"] for event in events) == list(range(1, 25))


@pytest.mark.slow
def test_hubs_and_a_set_of_bridges_pass_beside_each_other_on_usb_alone(tmp_path: Path) -> None:
    options = ("--jigs", 2, "--slots", 3, "--family", "mixed", "--transport", "usb")
    done = demo(*options, "--dir", tmp_path / "demo")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("demonstration: 6 simulated devices, 2 jigs, USB, broker ")
    assert "2 cartons on 2 pallets, 4 labels printed" in done.stdout
    assert lines[-1].endswith(
        ": 6 passed, 0 already current, 0 rejected, 0 failed, 6 published, 0 contradicted, 6 packed, 0 misplaced"
    )
    assert not list((tmp_path / "demo" / "ports").rglob("slot*")), "no serial port was made"


@pytest.mark.slow
def test_where_no_mosquitto_is_installed_a_broker_is_made_and_a_technician_brings_the_next_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(station.demo.broker.shutil, "which", lambda *_, **__: None)
    said = io.StringIO()
    request = DemoRequest(
        jigs=1,
        slots=1,
        hubs=2,
        seed=7,
        faults="none",
        mix_ups=0.0,
        transport=Transport.SERIAL,
        broker=None,
        upstream=None,
        folder=tmp_path,
    )
    in_order(2, asyncio.run(run_demonstration(request, Console(file=said))))
    # Whether the last hub was taken out before the station had stopped is the technician's affair.
    stopped = r"jig1 slot 1: stopped; hub [0-9A-F-]{23} passed and still sits here"
    lines = [line for line in said.getvalue().splitlines() if not re.fullmatch(stopped, line)]
    assert lines == [
        f"demonstration: 2 simulated hubs, 1 jig, 921600 baud, broker made for the occasion, everything in {tmp_path}",
        "its catalogue is signed, its unlock key lies in a file, all made for the occasion: for no real hub",
        "jig1 slot 1: passed; take it out, it is done",
        "jig1 slot 1: passed; take it out, it is done",
        "1 carton on 1 pallet, 2 labels printed; 0 hubs mixed up at the table",
    ]


@pytest.mark.proofs
def test_on_a_bad_day_with_mix_ups_every_hub_is_in_its_place_in_the_end(tmp_path: Path) -> None:
    faults = tmp_path / "faults.json"
    faults.write_text(json.dumps([{"name": "refuse_unlock", "slot": 2}]))
    done = demo(
        "--jigs",
        1,
        "--slots",
        2,
        "--hubs",
        4,
        "--faults",
        faults,
        "--mix-ups",
        1,
        "--upstream",
        "n3",
        "--json",
    )
    summary = json.loads(done.stdout.splitlines()[-1])
    assert (summary["passed"], summary["packed"], summary["failed"]) == (3, 3, 1)
    assert (summary["published"], summary["misplaced"], summary["contradicted"]) == (4, 0, 0)
    assert (summary["smi_updated"], summary["smi_mismatches"]) == (3, 0)
    assert summary["dispatched"] == 3
    assert (summary["charged"], summary["charged_pounds"]) == (3, "22.80")
    for line in (
        "does not go to rework: it has no result in order DEMO-1: it goes into a slot",
        "put it in the rework crate",
        "1 carton on 1 pallet, 2 labels printed",
    ):
        assert line in done.stderr


@pytest.mark.slow
def test_a_broker_that_forgets_and_comes_back_costs_the_demonstration_nothing(tmp_path: Path) -> None:
    broker = brokers.Mosquitto(tmp_path)
    broker.start()
    said = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    where = ("--broker", f"mqtt://127.0.0.1:{broker.port}", "--jigs", "1", "--slots", "1", "--hubs", "3")
    try:
        with running([REFLASH, "demo", *where], **said) as process:
            for line in process.stdout:
                if line.startswith("jig1 slot 1: passed"):
                    break
            broker.kill()  # with whatever it had not passed on
            for line in process.stdout:
                if line.startswith("jig1 slot 1: passed"):
                    break
            broker.start()
            out, err = last_words(process)
    finally:
        broker.kill()
    assert process.returncode == 0, err
    assert (
        "3 passed, 0 already current, 0 rejected, 0 failed, 3 published, 0 contradicted, 3 packed, 0 misplaced"
        in out
    )


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """An empty folder whose path leaves room for those of sockets."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def test_a_demonstration_that_is_terminated_leaves_nothing_behind(short_folder: Path) -> None:
    everything = {**os.environ, "TMPDIR": str(short_folder)}
    said = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with running([REFLASH, "demo", "--jigs", "1", "--slots", "2"], env=everything, **said) as process:
        assert "2 simulated hubs" in process.stdout.readline()
        process.terminate()
        _, complaint = last_words(process)  # to the end of what its rig could say, and so to the rig's
    assert complaint == ""
    assert process.returncode == 128 + signal.SIGTERM
    assert not list(short_folder.iterdir())


def test_a_demonstration_that_nobody_reads_any_more_goes_on_in_silence() -> None:
    said = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with running([REFLASH, "demo", "--jigs", "1", "--slots", "1"], **said) as process:
        assert "1 simulated hub," in process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1
