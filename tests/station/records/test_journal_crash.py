"""SIGKILL and exits at named points: what was acknowledged is there afterwards, and nothing is half there."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from benches.journal_samples import STARTED, ledger_in, write
from benches.processes import last_words, running
from station.records.reader import JournalReader
from station.records.rebuild import rebuild
from station.records.verify import verify

VICTIM = Path(__file__).with_name("journal_victim.py")


def run_victim(folder: Path, *point: str) -> AbstractContextManager[subprocess.Popen[str]]:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
    }  # the samples lie beside this folder
    command = [sys.executable, str(VICTIM), str(folder), *point]
    return running(command, env=environment, stdout=subprocess.PIPE, text=True)


def check(folder: Path, acknowledged: list[str]) -> None:
    """Everything acknowledged is there, the chain holds, the tables follow, and work goes on."""
    with ledger_in(folder, segment_rows=60) as ledger:
        write(ledger, STARTED)
    with JournalReader(folder) as reader:
        kept = {recorded.sequence: recorded.hash.hex() for recorded in reader.events()}
    for line in acknowledged:
        sequence, digest = json.loads(line)
        assert kept[sequence] == digest
    assert verify(folder).events == len(kept)
    assert rebuild(folder).differing == ()


def test_killed_at_random_nothing_acknowledged_is_lost(folder: Path) -> None:
    acknowledged: list[str] = []
    chance = random.Random(7)
    for _ in range(4):
        with run_victim(folder) as victim:
            assert victim.stdout is not None
            acknowledged.extend(victim.stdout.readline() for _ in range(chance.randint(1, 60)))
            victim.kill()
            rest = victim.stdout.read()
        acknowledged.extend(line for line in rest.splitlines(keepends=True) if line.endswith("\n"))
        check(folder, acknowledged)


@pytest.mark.parametrize(
    "point",
    [
        "commit",
        "projection",
        "checkpoint",
        "taking over",
        "following",
        "segment made",
        "segment whole",
        "segment renamed",
        "segment begun",
        "published head",
    ],
)
def test_dead_at_a_named_point_nothing_is_half_there(folder: Path, point: str) -> None:
    with run_victim(folder, point) as victim:
        acknowledged, _ = last_words(victim)
    assert victim.returncode == 77, "the point was never reached"
    check(folder, acknowledged.splitlines())
