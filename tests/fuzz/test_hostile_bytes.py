"""The gate: every reader of others' bytes meets hostile ones. Long runs are `make fuzz`."""

from __future__ import annotations

import logging
import signal
import tracemalloc
from pathlib import Path
from random import Random

import pytest
from campaign import TooSlow, give_up_after
from hypothesis import given, settings
from hypothesis import strategies as st
from mutation import hostile
from target import LONGEST_INPUT
from targets import BOUNDARIES, PARSERS, TARGETS

SECONDS = 5.0
MEMORY = 24 << 20
"""Bytes for one input of at most `LONGEST_INPUT`."""


@pytest.fixture(autouse=True)
def quiet_libraries() -> None:
    logging.getLogger("mqtt").setLevel(logging.CRITICAL)


@pytest.mark.parametrize("name", TARGETS)
def test_hostile_bytes_meet_the_readers_own_errors_alone(name: str, tmp_path: Path) -> None:
    with TARGETS[name](tmp_path) as target:
        for seed in target.seeds:
            with give_up_after(SECONDS):
                target.read(seed)

        @settings(max_examples=40 if name in PARSERS else 25)
        @given(st.randoms(use_true_random=False))
        def attack(random: Random) -> None:
            data = hostile(random, target)
            with give_up_after(SECONDS):
                target.read(data)

        attack()


@pytest.mark.parametrize("name", PARSERS)
def test_no_input_makes_its_reader_hoard_memory(name: str, tmp_path: Path) -> None:
    with TARGETS[name](tmp_path) as target:
        inputs = [*target.seeds, *(seed[:1] * LONGEST_INPUT for seed in target.seeds)]
        target.read(target.seeds[0])  # what is imported and cached on first use is no input's
        for data in inputs:
            tracemalloc.start()
            try:
                target.read(data)
                _, peak = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            assert peak < MEMORY, data[:40]


def test_every_kind_of_target_is_there() -> None:
    assert len(PARSERS) >= 15
    assert {"modbus", "tuf-metadata", "toml-changed", "mqtt"} <= set(BOUNDARIES)


def test_giving_up_takes_no_others_alarm_away() -> None:
    """A test has a limit of its own, on the same timer: it stands while an input is read, and after."""
    left, again = signal.getitimer(signal.ITIMER_REAL)
    handler = signal.getsignal(signal.SIGALRM)
    assert left > 0
    with pytest.raises(TooSlow), give_up_after(0.05):
        _spin()
    after, still = signal.getitimer(signal.ITIMER_REAL)
    assert 0 < after < left
    assert (still, signal.getsignal(signal.SIGALRM)) == (again, handler)


def _spin() -> None:
    while True:
        pass
