"""Journals that this user may not write: the true cause is said, and no sound disk is blamed."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benches.journal_samples import STARTED, ledger_in, write
from station.records.errors import JournalFailed
from station.records.segments import segment_path

STATION, STRANGER = 65534, 65533
"""Users by their numbers; the second has no name."""

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: files are given to other users")


@contextmanager
def acting_as(user: int) -> Iterator[None]:
    os.seteuid(user)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def journal() -> Iterator[Path]:
    """A journal that the station's user has written."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        folder = Path(name) / "journal"
        folder.mkdir()
        folder.chmod(0o755)  # whatever the mask
        os.chown(folder, STATION, STATION)
        with acting_as(STATION), ledger_in(folder) as ledger:
            write(ledger, STARTED)
        yield folder


def refusal(user: int, folder: Path) -> str:
    def work() -> None:
        with ledger_in(folder) as ledger:
            write(ledger, STARTED)

    with acting_as(user), pytest.raises(JournalFailed) as refused:
        work()
    return str(refused.value)


@needs_root
@pytest.mark.parametrize("what", [lambda folder: segment_path(folder, 1), lambda folder: folder / "lock"])
def test_a_file_that_another_user_left_is_named_with_how_to_get_it_back(
    journal: Path, what: Callable[[Path], Path]
) -> None:
    os.chown(what(journal), 0, 0)
    said = refusal(STATION, journal)
    assert f"{what(journal)} belongs to root, and user nobody may not write it" in said
    assert f"sudo chown nobody {journal}/*" in said
    assert "disk" not in said


@needs_root
def test_another_user_is_told_to_be_the_stations(journal: Path) -> None:
    said = refusal(STRANGER, journal)
    assert f"belongs to nobody, and user {STRANGER} may not write it" in said
    assert "run this as the station's user" in said


@needs_root
def test_a_read_only_file_system_is_called_so(journal: Path) -> None:
    mounted = subprocess.run(
        ["mount", "--bind", "-o", "ro", journal, journal], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount: run as root outside a container")
    try:
        said = refusal(STATION, journal)
        assert f"the file system of {journal} is read-only; mount it writable" in said
    finally:
        subprocess.run(["umount", journal], check=True)
