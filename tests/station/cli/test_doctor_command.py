"""`reflash doctor`: its exit codes and its two ways of speaking."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benches import brokers
from benches.station_bench import Bench
from benches.station_config import write_config


@pytest.fixture
def config(bench: Bench, shared_broker: brokers.Mosquitto, tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    settings = bench.settings(tmp_path / "state", {"jig1": [1]}, mqtt={"port": shared_broker.port})
    hub = bench.hub()
    bench.do_now("seat", chf=str(hub.chf), jig=1, slot=1)
    bench.do_now("wait", chf=str(hub.chf), boots=1)
    return write_config(tmp_path / "station.toml", settings)


def test_a_bench_in_order_exits_0(reflash: Any, config: Path) -> None:
    said = reflash("doctor", "--config", config)
    assert said.code == 0, said
    *lines, total = said.out.splitlines()
    assert all(line.startswith(("ok       ", "warning  ")) for line in lines)
    assert total.startswith(f"{len(lines)} findings: 0 faults, ")
    assert "ok       jig1 slot 1: opening and closing its port leaves the hub alone" in lines


def test_a_fault_exits_1_and_json_tells_all(reflash: Any, bench: Bench, config: Path) -> None:
    bench.do_now("port", jig=1, slot=1, plugged=False)
    said = reflash("doctor", "--config", config, "--json")
    assert said.code == 1
    report = json.loads(said.out)
    assert report["faults"] == 1
    (fault,) = [finding for finding in report["findings"] if finding["verdict"] == "fault"]
    assert fault.keys() == {"verdict", "where", "what", "advice"}
    assert fault["where"] == "jig1 slot 1"


def test_a_wrong_configuration_exits_2(reflash: Any, bench: Bench, tmp_path: Path) -> None:
    settings = bench.settings(tmp_path, {"jig1": [1]})
    settings["jigs"][0]["driver_settings"] = {"bauds": 1}
    said = reflash("doctor", "--config", write_config(tmp_path / "station.toml", settings))
    assert "unknown key bauds; remove it or correct its spelling" in said.refused
    assert reflash("doctor", "--config", tmp_path / "none.toml").code == 2
