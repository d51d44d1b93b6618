"""A sync that fails: what was refused never appears later, and what was confirmed never goes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benches.journal_samples import STARTED, ledger_in, write
from station.records.facts.journal import StationStarted
from station.records.reader import JournalReader
from station.records.rebuild import rebuild
from station.records.verify import verify

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def failing_sync(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler to make a failing fsync: apt install gcc libc6-dev")
    library = tmp_path_factory.mktemp("sync") / "failing_sync.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-o", library, HERE / "failing_sync.c", "-ldl"], check=True, timeout=60
    )
    return library


@pytest.mark.parametrize("reader", [(), ("reader",)])
@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("once", {"before": "ok", "failing": "JournalFailed"}),
        ("once", {"before": "ok", "failing": "JournalFailed", "after": "ok"}),
        ("always", {"before": "ok", "failing": "JournalInDoubt", "after": "JournalInDoubt"}),
    ],
)
def test_a_fact_that_could_not_be_synced_is_not_there_after_a_restart(
    folder: Path, tmp_path: Path, failing_sync: Path, how: str, said: dict[str, str], reader: tuple[str, ...]
) -> None:
    control = tmp_path / "control"
    victim = subprocess.run(
        [sys.executable, HERE / "sync_victim.py", folder, control, how, *reader, *said],
        env={**os.environ, "LD_PRELOAD": str(failing_sync), "FAILING_SYNC": str(control)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert dict(json.loads(line) for line in victim.stdout.splitlines()) == said
    with ledger_in(folder) as ledger:
        write(ledger, STARTED)
    with JournalReader(folder) as kept:
        versions = [
            recorded.event.station_version
            for recorded in kept.events()
            if isinstance(recorded.event, StationStarted)
        ]
    confirmed = [name for name, outcome in said.items() if outcome == "ok"]
    assert versions == [*confirmed, STARTED.station_version]
    assert verify(folder).events == len(versions) + 1
    assert rebuild(folder).differing == ()
