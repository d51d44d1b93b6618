"""The wheel, as somebody gets it: what is in it, and that it works in an empty environment, away from the checkout."""

from __future__ import annotations

import os
import re
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from benches import processes

ROOT = Path(__file__).parents[1]
PACKAGES = {"station", "drivers", "firmware_catalog", "simulators", "inventory"}


def run(*command: object, cwd: Path) -> str:
    """Run a command that must not see this checkout's Python."""
    ours = ("PYTHON", "COVERAGE", "COV_", "VIRTUAL_ENV", "REFLASH")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    done = processes.run(
        command, seconds=580, cwd=cwd, capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


def test_it_holds_the_five_packages_with_their_types_and_data_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(names)
    tracked = run("git", "ls-files", *PACKAGES, cwd=ROOT).split()
    assert sorted(set(tracked) - set(names)) == []
    assert [name for name in names if "test" in Path(name).name] == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_installed_plainly_in_an_empty_environment_it_runs_the_demonstration(
    wheel: Path, tmp_path: Path
) -> None:
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=False)
    # The versions that this checkout was tested with; the wheel itself says which packages it needs.
    pinned = re.findall(r"(?m)^([A-Za-z0-9._-]+==\S+)", (ROOT / "requirements" / "dev.txt").read_text())
    (tmp_path / "constraints.txt").write_text("\n".join(pinned))
    pip = (
        sys.executable,
        "-m",
        "pip",
        "--python",
        environment / "bin" / "python",
        "--disable-pip-version-check",
    )
    run(*pip, "install", "--quiet", "--no-compile", "--constraint", "constraints.txt", wheel, cwd=tmp_path)
    run(*pip, "check", cwd=tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    # Nor is there a mosquitto: what the demonstration needs, a plain install brings along.
    reflash = "import shutil; shutil.which = lambda *_, **__: None; from station.cli import main; main()"
    demo = (environment / "bin" / "python", "-c", reflash, "demo", "--jigs", 1, "--slots", 2)
    said = run(*demo, cwd=elsewhere)
    assert "broker made for the occasion" in said
    *_, last = said.splitlines()
    assert last.startswith("2 hubs in ")
    assert ": 2 passed, 0 already current, 0 rejected, 0 failed, 2 published" in last
    assert list(elsewhere.iterdir()) == []
