"""The user, the folders and the broker that a bench PC gets, made by systemd's and Debian's own programs in a root of their own."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from benches import processes
from inventory.settings import load_settings as load_inventory

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
CONFIGURATION = DEPLOY / "station.toml"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with the users and groups that Debian has, and the shipped files where they go."""
    for program in ("systemd-sysusers", "systemd-tmpfiles"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: apt-get install systemd")
    if os.geteuid() != 0:
        pytest.skip("only root gives files to others: run as root, or in a container")
    etc = tmp_path / "root" / "etc"
    for folder in ("sysusers.d", "tmpfiles.d"):
        (etc / folder).mkdir(parents=True)
    (etc / "passwd").write_text("root:x:0:0:root:/root:/bin/bash\n")
    (etc / "group").write_text("root:x:0:\ndialout:x:20:\nplugdev:x:46:\n")
    shutil.copy(DEPLOY / "sysusers" / "reflash.conf", etc / "sysusers.d")
    shutil.copy(DEPLOY / "tmpfiles" / "reflash.conf", etc / "tmpfiles.d")
    return etc.parent


def make(root: Path) -> None:
    """Do what docs/operating.md says of the two files."""
    run("systemd-sysusers", f"--root={root}")
    run("systemd-tmpfiles", f"--root={root}", "--create")


def run(*command: str) -> None:
    done = processes.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, "rror" in done.stderr) == (0, False), done.stderr


def ids_of(root: Path) -> tuple[int, int]:
    """Return the station's user and group."""
    (user,) = re.findall(
        r"(?m)^reflash:x:(\d+):(\d+):([^:]*):([^:]*):([^:\n]*)$", (root / "etc" / "passwd").read_text()
    )
    assert user[3:] == ("/var/lib/reflash", "/usr/sbin/nologin")
    assert int(user[0]) > 0
    return int(user[0]), int(user[1])


def about(path: Path) -> tuple[int, int, str]:
    found = path.lstat()
    return found.st_uid, found.st_gid, f"{found.st_mode & 0o7777:04o}"


def documented_mode(of: str) -> str:
    """Return the mode that docs/security.md gives."""
    (mode,) = re.findall(
        rf"(?m)^\| {re.escape(of)}[^|]*\| (?:yours: )?(\d{{4}})\b",
        (ROOT / "docs" / "security.md").read_text(),
    )
    return mode


def secrets() -> set[str]:
    """Return the files for which the shipped configuration asks for the mode 0600."""
    lines = CONFIGURATION.read_text().splitlines()
    return {found[1] for line in lines if "mode 0600" in line and (found := re.search(r'= "(/[^"]+)"', line))}


def test_user_and_folders_are_made_with_the_modes_that_are_documented(root: Path) -> None:
    make(root)
    user, group = ids_of(root)
    assert about(root / "var/lib/reflash") == (user, group, documented_mode("state directory"))
    assert about(root / "etc/reflash") == (0, group, "0750")
    for public in ("srv/reflash", "srv/reflash/catalogue"):
        assert about(root / public) == (0, 0, "0755")


def test_who_asks_as_the_stations_user_may_open_the_ports_that_the_unit_may(root: Path) -> None:
    make(root)
    members = dict(re.findall(r"(?m)^(\w+):x:\d+:(.*)$", (root / "etc/group").read_text()))
    (groups,) = re.findall(
        r"(?m)^SupplementaryGroups=(.*)$", (DEPLOY / "systemd" / "reflash.service").read_text()
    )
    assert {group: members[group] for group in groups.split()} == dict.fromkeys(groups.split(), "reflash")


def test_the_screen_opens_the_reports_and_the_desk_and_nothing_else_of_the_stations(root: Path) -> None:
    reports = root / "var/lib/reflash/reports"
    make(root)
    (reports / "before").write_text("made by an installation from before")
    make(root)
    named = dict(re.findall(r"(?m)^([\w-]+):x:(\d+):", (root / "etc/group").read_text()))
    unit = (DEPLOY / "systemd" / "reflash-screen.service").read_text()
    (groups,) = re.findall(r"(?m)^SupplementaryGroups=(.*)$", unit)
    mine = {int(named[group]) for group in (*groups.split(), "reflash-screen")}
    opened = {path.relative_to(root) for path in root.rglob("*") if about(path)[1] in mine}
    assert opened == {
        Path("run/reflash"),
        Path("var/lib/reflash/reports"),
        Path("var/lib/reflash/reports/before"),
    }
    assert about(reports) == (ids_of(root)[0], int(named["reflash-reports"]), "2750")
    os.setegid(ids_of(root)[1])
    try:
        (reports / "after").mkdir()
    finally:
        os.setegid(0)
    assert (reports / "after").stat().st_gid == int(named["reflash-reports"]), (
        "what comes later takes its group"
    )


def test_the_screens_certificate_is_for_all_and_its_key_for_the_screen_alone(root: Path) -> None:
    make(root)
    assert about(root / "etc/reflash-screen") == (0, 0, "0755")
    for name in ("screen.pem", "screen.key"):
        (root / "etc/reflash-screen" / name).touch(0o644)
    make(root)
    (screen,) = re.findall(r"(?m)^reflash-screen:x:(\d+):(\d+):", (root / "etc/passwd").read_text())
    assert about(root / "etc/reflash-screen/screen.key") == (*map(int, screen), documented_mode("key files"))
    assert about(root / "etc/reflash-screen/screen.pem") == (0, 0, "0644"), "whose end the station watches"


def test_the_inventory_starts_from_the_file_that_is_shipped() -> None:
    shipped = load_inventory(DEPLOY / "inventory.toml")
    assert shipped.database.startswith("sqlite:////var/lib/reflash-inventory/")


def test_secrets_that_were_put_there_by_root_become_the_stations_alone(root: Path) -> None:
    assert len(secrets()) == 5
    make(root)
    for secret in secrets():
        (root / secret[1:]).write_text("secret")
        (root / secret[1:]).chmod(0o644)
    (root / "etc/reflash/station.toml").write_text("")
    (root / "etc/reflash/station.toml").chmod(0o644)
    make(root)
    user, group = ids_of(root)
    for secret in secrets():
        assert about(root / secret[1:]) == (user, group, documented_mode("key files")), secret
    assert about(root / "etc/reflash/station.toml") == (0, 0, "0644"), "others' files stay theirs"


def test_doing_it_again_changes_nothing(root: Path) -> None:
    make(root)
    before = {path: about(path) for path in root.rglob("*")}
    users = (root / "etc/passwd").read_text(), (root / "etc/group").read_text()
    make(root)
    assert {path: about(path) for path in root.rglob("*")} == before
    assert ((root / "etc/passwd").read_text(), (root / "etc/group").read_text()) == users
