"""The systemd unit that is shipped, by systemd's own judgement and against the program that it starts."""

from __future__ import annotations

import json
import re
import shutil
import sys
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from benches.processes import run
from drivers.descriptors import ENOUGH
from inventory.cli import program as inventory_program
from station.cli import program
from station.descriptors import needed
from station.settings_file import load_settings

DEPLOY = Path(__file__).parents[2] / "deploy"
UNIT = DEPLOY / "systemd" / "reflash.service"
REFLASH = Path(sys.executable).with_name("reflash")
MOST_EXPOSED = 2.0
"""As `systemd-analyze security` of systemd 252 sums it up; 10 is a service that may do anything."""


@pytest.fixture
def analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("systemd-analyze is not installed: apt-get install systemd")
    return found


def unit() -> ConfigParser:
    parser = ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str
    parser.read(UNIT)
    return parser


def seconds(key: str) -> float:
    return float(unit()["Service"][key])


def complaints(analyze: str, unit: Path) -> list[str]:
    """Return what systemd says of this unit; others that it loads along are somebody else's."""
    done = run([analyze, "verify", "--man=no", unit], capture_output=True, text=True, check=False)
    return [line for line in done.stderr.splitlines() if unit.name in line]


INVENTORYS = tuple(DEPLOY / "systemd" / f"reflash-inventory{name}.service" for name in ("", "-web"))


def test_systemd_finds_nothing_wrong_with_the_inventorys_and_they_may_do_little(
    analyze: str, tmp_path: Path
) -> None:
    for shipped in INVENTORYS:
        copy = tmp_path / shipped.name
        copy.write_text(shipped.read_text().replace("/opt/reflash/venv/bin/reflash", str(REFLASH)))
        assert complaints(analyze, copy) == []
        command = [analyze, "security", "--offline=true", "--no-pager", shipped]
        told = run(command, capture_output=True, text=True, check=False).stdout
        overall = re.search(r"Overall exposure level for .*: ([0-9.]+)", told)
        assert overall is not None, told
        assert float(overall[1]) <= MOST_EXPOSED, told
        (line,) = re.findall(r"(?m)^ExecStart=\S+ (.*)$", shipped.read_text())
        words = line.split()
        assert words[-2:] == ["--config", "/etc/reflash-inventory/inventory.toml"]
        assert words[0] == "inventory"
        command: Any = get_command(inventory_program())
        for word in words[1:-2]:
            command = command.commands[word]
        assert any("--config" in option.opts for option in command.params)


def test_systemd_finds_nothing_wrong_with_the_backups_and_it_makes_one(analyze: str, tmp_path: Path) -> None:
    service, timer = (UNIT.with_name(f"reflash-backup.{kind}") for kind in ("service", "timer"))
    for shipped in (service, timer):
        copy = tmp_path / shipped.name
        copy.write_text(shipped.read_text().replace("/opt/reflash/venv/bin/reflash", str(REFLASH)))
    for copy in sorted(tmp_path.iterdir(), reverse=True):
        assert complaints(analyze, copy) == []
    command = [analyze, "security", "--offline=true", "--no-pager", service]
    told = run(command, capture_output=True, text=True, check=False).stdout
    overall = re.search(r"Overall exposure level for .*: ([0-9.]+)", told)
    assert overall is not None, told
    assert float(overall[1]) <= MOST_EXPOSED, told
    (line,) = re.findall(r"(?m)^ExecStart=\S+ (.*)$", service.read_text())
    command = get_command(program(["backup"]))
    words = line.split()
    for word in words[:2]:
        command = command.commands[word]
    assert words[2:] == ["--config", "/etc/reflash/station.toml"]
    assert any("--config" in option.opts for option in command.params)


def test_systemd_finds_nothing_wrong_with_it(analyze: str, tmp_path: Path) -> None:
    text = UNIT.read_text()
    installed = "/opt/reflash/venv/bin/reflash"
    assert installed in text
    copy = tmp_path / UNIT.name
    copy.write_text(text.replace(installed, str(REFLASH)))
    assert complaints(analyze, copy) == []
    copy.write_text(text.replace("ProtectSystem=strict", "ProtectSystem=loose"))
    assert len(complaints(analyze, copy)) == 2, "a value that is none, and a program that is not there"


def test_it_may_do_little_besides_its_work(analyze: str) -> None:
    command = [analyze, "security", "--offline=true", "--no-pager"]
    told = run([*command, UNIT], capture_output=True, text=True, check=False).stdout
    overall = re.search(r"Overall exposure level for reflash.service: ([0-9.]+)", told)
    assert overall is not None, told
    assert float(overall[1]) <= MOST_EXPOSED, told
    judged = run([*command, "--json=short", UNIT], capture_output=True, text=True, check=False)
    unset = {line["json_field"] for line in json.loads(judged.stdout) if line["set"] is False}
    assert not {field for field in unset if field.startswith(("CapabilityBoundingSet", "UserOrDynamicUser"))}


def test_it_starts_a_command_that_there_is() -> None:
    program, *arguments = unit()["Service"]["ExecStart"].split()
    command, option, config = arguments
    assert Path(program).name == REFLASH.name
    shown = run([REFLASH, command, "--help"], capture_output=True, text=True, check=True).stdout
    assert option in shown
    assert config in shown, "where the program looks by itself"


def test_its_times_leave_the_station_room() -> None:
    settings = load_settings(DEPLOY / "station.toml")
    # After the drain a stop gives the broker five seconds more for the last results.
    assert seconds("TimeoutStopSec") >= 2 * (settings.drain_seconds + 5)
    assert seconds("WatchdogSec") >= 30
    service = unit()["Service"]
    assert (service["Type"], service["Restart"]) == ("notify", "always")
    assert unit()["Unit"]["StartLimitIntervalSec"] == "0", "it would give up after five starts that failed"


def test_it_allows_as_many_descriptors_as_the_largest_bench_needs() -> None:
    settings = load_settings(DEPLOY / "station.toml")
    (jig,) = settings.jigs
    benches = settings.model_copy(update={"jigs": (jig,) * 16})
    assert needed(benches) < int(unit()["Service"]["LimitNOFILE"]) == ENOUGH
