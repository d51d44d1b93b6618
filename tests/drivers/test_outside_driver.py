"""A driver that somebody else wrote: installed as a package, found by `reflash`, held against the kit by its author."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import re
import shutil
import sys
from importlib import import_module
from pathlib import Path

import pytest

from benches.processes import run
from drivers import FOR_PLUGINS

SOURCES = Path(__file__).parent / "outside_driver"


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """Install the package with pip, as an author does; return the folder that it was copied to."""
    home = tmp_path_factory.mktemp("outside")
    shutil.copytree(SOURCES, home / "package", ignore=shutil.ignore_patterns("__pycache__"))
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--quiet"]
    done = run(
        [sys.executable, "-m", "pip", "install", *options, "--target", home / "site", home / "package"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return home / "package"


def environment(installed: Path) -> dict[str, str]:
    paths = [str(installed.with_name("site")), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def imports(file: Path) -> set[str]:
    tree = ast.parse(file.read_text())
    return {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}


def test_it_needs_nothing_but_the_public_contract():
    ours = {"station", "drivers", "firmware_catalog", "simulators"}
    used = set().union(*(imports(file) for file in (SOURCES / "reflash_xmodem").glob("*.py")))
    of_ours = {name for name in used if name.partition(".")[0] in ours}
    assert "drivers.hub" in of_ours
    assert {name for name in of_ours if not name.startswith("firmware_catalog.")} <= FOR_PLUGINS


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_it_keeps_the_contract_as_far_as_its_device_can_show_it(installed, tmp_path):
    done = run(
        [sys.executable, "-m", "pytest", "-q", "--maxfail=3", f"--junitxml={tmp_path / 'report.xml'}"],
        seconds=170,
        cwd=installed,
        env=environment(installed),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"(?m)^xmodem: [1-9]\d+ checks passed, 0 failed, \d+ could not be made$", done.stdout)
    reasons = re.findall(r"(?m)^  \d+ not made: (.+)$", done.stdout)
    assert reasons == [
        "lock: the loader takes an image from whoever speaks to it",
        "exchange within: confirm() tells this hub nothing that would change it",
        "revert: the driver says that its device cannot (can_revert is False)",
    ]


def test_reflash_finds_it_by_its_entry_point_and_its_hub_answers(installed, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(installed / "conformance"))
    simulated = import_module("simulated_hub")
    (tmp_path / "state").mkdir()
    config = tmp_path / "station.toml"
    config.write_text(f"""
site = "site"
station = "bench"
mode = "bench"
state_directory = "{tmp_path}/state"
catalogue = {{ folder = "{tmp_path}/catalogue" }}
unlock = {{ key_file = "{tmp_path}/unlock.pem" }}
mqtt = {{ port = 1 }}

[[jigs]]
name = "jig1"
driver = "xmodem"
driver_settings = {{ return_seconds = 5.0, probe_seconds = 0.1 }}
slots = {{ 1 = "{tmp_path}/port" }}
""")

    async def examine() -> str:
        hub = simulated.SimulatedHub(tmp_path / "port", simulated.Stored("00010000", b"factory"))
        hub.line.plug()
        hub.power_on()
        try:
            doctor = await asyncio.to_thread(
                run,
                [Path(sys.executable).with_name("reflash"), "doctor", "--json", "--config", config],
                env=environment(installed),
                capture_output=True,
                text=True,
                check=False,
            )
        finally:
            hub.power_off()
            hub.line.unplug()
        return doctor.stdout

    report = json.loads(asyncio.run(examine()))
    said = {(finding["where"], finding["verdict"], finding["what"]) for finding in report["findings"]}
    assert ("driver xmodem", "ok", "loads") in said
    assert ("jig1 slot 1", "ok", "opening and closing its port leaves the hub alone") in said
    (found,) = [what for where, _, what in said if where == "jig1 slot 1" and what.startswith("hub ")]
    assert found.startswith("hub 88-73-84-00-00-00-00-51, model 10A8/00000051, firmware 00010000, on /dev/")
