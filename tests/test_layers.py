"""The layers of the project, enforced: who may import whom, and where each import package ends."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import pytest

from benches.processes import run

ROOT = Path(__file__).parents[1]
PACKAGES = ("station", "drivers", "firmware_catalog", "simulators", "inventory")


def test_every_import_contract_is_kept() -> None:
    done = run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "The demonstration alone makes use of the simulators KEPT" in done.stdout


FORBIDDEN = [
    ("firmware_catalog", "drivers.errors"),
    ("drivers", "station.settings"),
    ("simulators", "firmware_catalog.identity"),
    ("station/bench", "simulators.firmware"),
    ("station/bench", "drivers.conformance.suite"),
    ("station/records", "station.attempt.plan"),
    ("station/domain", "firmware_catalog.release"),
    ("inventory/intake", "station.records.chain"),
    ("station/daemon", "inventory.database.engine"),
    ("station/daemon", "sqlalchemy"),
    ("station/daemon", "fastapi"),
]


@pytest.mark.parametrize(("package", "imported"), FORBIDDEN)
def test_a_forbidden_import_breaks_a_contract(tmp_path: Path, package: str, imported: str) -> None:
    """The contracts mean what they say: each package or room with one import too many."""
    for name in PACKAGES:
        (tmp_path / name).symlink_to(ROOT / name)
    folder = tmp_path
    for part in Path(package).parts:
        folder /= part
        original = folder.resolve()
        folder.unlink()
        folder.mkdir()
        for entry in original.iterdir():
            (folder / entry.name).symlink_to(entry)
    (folder / "intruder.py").write_text(f"import {imported}\n")
    (tmp_path / "pyproject.toml").symlink_to(ROOT / "pyproject.toml")
    done = run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{package.replace('/', '.')}.intruder -> {imported}" in " ".join(done.stdout.split())


def test_each_package_says_that_it_is_typed_and_none_is_forgotten() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert sorted(settings["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) == sorted(PACKAGES)
    for name in PACKAGES:
        assert (ROOT / name / "py.typed").is_file()
        assert (ROOT / name / "__init__.py").is_file()


ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()


def test_the_drawing_has_every_room_and_every_file_that_it_names_is_there() -> None:
    table = ARCHITECTURE.partition("## The rooms")[2].partition("\n\nWithin")[0]
    cells = " ".join(line.split("|")[1] for line in table.splitlines() if line.startswith("| `"))
    rooms = {each.stem for each in (ROOT / "station").iterdir() if not each.name.startswith(("_", "py."))}
    assert set(re.findall(r"`(\w+)`", cells)) == rooms
    for name in re.findall(r"`(\w+(?:/\w+)+)(?:\.py)?`", ARCHITECTURE):
        places = [ROOT / name, ROOT / "station" / name]
        assert any(each.is_dir() or each.with_suffix(".py").is_file() for each in places), name
