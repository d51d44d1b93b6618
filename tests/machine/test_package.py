"""The package and dpkg alone, on Debian without a kernel: what is refused leaves the bench as it was, what is cut off can be ended."""

from __future__ import annotations

import hashlib
import os
import random
import re
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from deb_variants import older, package_version, variant
from debian_image import DebianImage
from debian_root import DebianRoot, debian_root

SEED = 7
CUTS = 4
CONFIGURATION = "/etc/reflash/station.toml"
OURS = "# ours\n"
pytestmark = [pytest.mark.machine, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def version(package: Path) -> str:
    return package_version(package)


@pytest.fixture(scope="module")
def root(image: DebianImage, package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DebianRoot]:
    """A Debian with the version before installed and configured, and the packages in /srv."""
    folder = tmp_path_factory.mktemp("root")
    with debian_root(image, folder / "root") as made:
        packages = made.place / "srv"
        shutil.copy(package, packages / "station.deb")
        older(package, packages / "before.deb")
        # Somebody else writes to the disk after it was looked at.
        look = '"$free" -ge "$needed"'
        variant(package, packages / "unlooked.deb", "DEBIAN/preinst", look, look.replace("$needed", "0"))
        # A version that calls a key of the configuration by another name.
        settings = f"opt/reflash/{package_version(package)}/lib/python3.11/site-packages/station/settings.py"
        variant(package, packages / "other-key.deb", settings, "drain_seconds", "patience_seconds")
        elsewhere(made)
        made.run("dpkg -i /srv/before.deb")
        with (made.place / CONFIGURATION[1:]).open("a") as configuration:
            configuration.write(OURS)
        (made.place / "var/lib/reflash/journal").mkdir()
        yield made


def elsewhere(root: DebianRoot) -> None:
    """See it refused on another Debian, before anything is there."""
    release = root.place / "usr/lib/os-release"
    known = release.read_text()
    release.write_text(known.replace('VERSION_ID="12"', 'VERSION_ID="13"'))
    line = refused(root, "/srv/before.deb")
    assert (
        line
        == "this package is for Debian 12, this is debian 13: use the bundle (docs/operating.md#from-the-bundle)"
    )
    assert not (root.place / "opt/reflash").exists()
    release.write_text(known)


def refused(root: DebianRoot, package: str) -> str:
    """Return the one line with which a package is refused."""
    code, said = root.try_out(f"dpkg -i {package}")
    assert code != 0, said
    (line,) = [line for line in said.splitlines() if line.startswith("reflash-station: ")]
    return line.removeprefix("reflash-station: ")


def whole(root: DebianRoot, version: str) -> None:
    """See that this version is installed, with nothing of another one, and is what starts."""
    assert (
        root.run("dpkg-query -W -f '${Status} ${Version}' reflash-station")
        == f"install ok installed {version}"
    )
    assert (root.place / "var/lib/dpkg/info/reflash-station.md5sums").stat().st_size > 0
    assert root.try_out("dpkg --verify reflash-station")[1] == ""
    assert root.run("find /opt/reflash /lib/systemd /etc/reflash -name '*.dpkg-*'") == ""
    assert sorted(path.name for path in (root.place / "opt/reflash").iterdir()) == [version, "venv"]
    assert starts(root) == version
    assert (root.place / CONFIGURATION[1:]).read_text().endswith(OURS)
    assert root.run("reflash --version").startswith("reflash-station ")


def starts(root: DebianRoot) -> str:
    """Return the version that a boot would start now."""
    return (root.place / "opt/reflash/venv").readlink().name


def content(root: DebianRoot, version: str) -> dict[str, bytes]:
    """Return a digest of every file of a version's program."""
    home = root.place / "opt/reflash" / version
    return {
        str(path.relative_to(home)): hashlib.blake2b(path.read_bytes()).digest()
        for path in home.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


OWNED = {
    "/etc/reflash": "750 root reflash",
    "/etc/reflash-screen": "755 root root",
    "/etc/reflash-inventory": "750 root reflash-inventory",
    "/var/lib/reflash": "750 reflash reflash",
    "/var/lib/reflash/reports": "2750 reflash reflash-reports",
    "/var/lib/reflash-inventory": "750 reflash-inventory reflash-inventory",
    "/var/backups/reflash": "750 reflash reflash",
    "/run/reflash": "2750 reflash reflash-desk",
}
INVENTORY = "/etc/reflash-inventory/inventory.toml"


def test_everything_that_its_units_read_is_there_for_who_reads_it(root: DebianRoot) -> None:
    found = root.run(f"stat --format '%n %a %U %G' {' '.join(OWNED)}").splitlines()
    assert dict(line.split(" ", 1) for line in found) == OWNED
    # Each unit's own program, as that unit's user, with no more said to it than the unit says.
    root.run("runuser -u reflash -- reflash run --check --config /etc/reflash/station.toml")
    root.run("runuser -u reflash-inventory -- reflash inventory database upgrade")
    root.run("runuser -u reflash-inventory -- reflash inventory requests list")
    root.run("runuser -u reflash -- test -x /etc/reflash-screen")
    (root.place / "etc/reflash-screen/screen.key").touch(0o644)
    root.run("systemd-tmpfiles --create reflash.conf")
    assert root.run("stat --format '%a %U' /etc/reflash-screen/screen.key") == "600 reflash-screen\n"
    (root.place / "etc/reflash-screen/screen.key").unlink()


def test_an_upgrade_asks_nothing_and_leaves_the_configuration(root: DebianRoot, version: str) -> None:
    root.run("dpkg -i /srv/station.deb")
    whole(root, version)
    line = refused(root, "/srv/before.deb")
    assert line == (
        f"{version} was installed and has written the journal, {version}~before is older: put the journal away first"
        " (reflash journal set-aside), see docs/operating.md#going-back"
    )
    whole(root, version)
    go_back(root, version)


def go_back(root: DebianRoot, version: str) -> None:
    journal = root.place / "var/lib/reflash/journal"
    journal.rmdir()
    root.run("dpkg -i /srv/before.deb")
    journal.mkdir()
    whole(root, f"{version}~before")


def test_a_configuration_that_the_new_version_does_not_take_is_told(root: DebianRoot, version: str) -> None:
    line = refused(root, "/srv/other-key.deb")
    assert line.startswith(f"{version} does not take this configuration: reflash: {CONFIGURATION}: ")
    assert "drain_seconds" in line
    whole(root, f"{version}~before")


def test_a_full_disk_is_told_before_anything_is_unpacked(root: DebianRoot, version: str) -> None:
    root.leave_free(150)
    line = refused(root, "/srv/station.deb")
    assert "MiB are needed on the disk of /opt/reflash, 1" in line
    assert line.endswith(" are free: make room, then install again")
    whole(root, f"{version}~before")


@pytest.mark.parametrize("free", [100, 3])
def test_a_disk_that_fills_in_the_middle_leaves_the_version_before(
    root: DebianRoot, version: str, free: int
) -> None:
    root.leave_free(free)
    code, said = root.try_out("dpkg -i /srv/unlooked.deb")
    assert code != 0
    assert "No space left on device" in said, said
    whole(root, f"{version}~before")
    root.leave_free(1000)


def test_an_upgrade_that_is_killed_anywhere_starts_a_whole_version_and_ends_with_the_same_command(
    root: DebianRoot, version: str
) -> None:
    root.leave_free(1000)
    contents = {f"{version}~before": content(root, f"{version}~before")}
    begun = time.monotonic()
    root.run("dpkg -i /srv/station.deb")
    takes = time.monotonic() - begun
    contents[version] = content(root, version)
    chance = random.Random(SEED)
    for _ in range(CUTS):
        go_back(root, version)
        with root.start("exec dpkg -i /srv/station.deb") as upgrade:
            time.sleep(chance.uniform(0, takes))  # any instant: none is waited for
            os.killpg(upgrade.pid, signal.SIGKILL)
        there = starts(root)
        assert content(root, there) == contents[there], "what starts now is of two versions"
        root.run("dpkg -i /srv/station.deb")
        whole(root, version)


def test_a_purge_takes_all_away_but_configuration_and_records_and_says_so(root: DebianRoot) -> None:
    owned = root.run("dpkg-query -L reflash-station").split()
    root.run("dpkg --remove reflash-station")
    said = root.run("dpkg --purge reflash-station")
    kept = re.findall(r"(?m)^reflash-station: kept: (.*)$", said)
    assert kept == [
        "/etc/reflash",
        "/etc/reflash-inventory",
        "/var/lib/reflash",
        "/var/lib/reflash-inventory",
    ]
    assert (root.place / CONFIGURATION[1:]).read_text().endswith(OURS)
    assert (root.place / INVENTORY[1:]).exists()
    assert (root.place / "var/lib/reflash/journal").is_dir()
    assert (root.place / "var/lib/reflash-inventory/inventory.db").is_file()
    ours = [path for path in owned if "reflash" in path]
    assert ours
    assert [path for path in ours if os.path.lexists(root.place / path[1:])] == []
    assert not (root.place / "opt/reflash").exists()
    for empty in ("etc/reflash-screen", "var/backups/reflash", "srv/reflash"):
        assert not (root.place / empty).exists()
