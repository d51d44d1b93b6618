"""Benches for what hands do: with jig boards and without, a station for them, and an order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benches import brokers
from benches.station_bench import Bench, running_bench
from benches.two_slots import Hands


@pytest.fixture(scope="session")
def boarded_bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A rig whose jigs have I/O boards: hubs have power when the station gives it."""
    with running_bench(tmp_path_factory.mktemp("boards"), stock={"old": 90}, boards=True) as bench:
        yield bench


@pytest.fixture(params=["link", "board"])
def at(
    request: pytest.FixtureRequest,
    shared_bench: Bench,
    boarded_bench: Bench,
    shared_broker: brokers.Mosquitto,
    tmp_path: Path,
) -> Iterator[Hands]:
    """A bench without boards, and one with."""
    bench = shared_bench if request.param == "link" else boarded_bench
    yield Hands(bench, shared_broker, tmp_path, boards=request.param == "board")
    bench.tidy()


@pytest.fixture
def linked(bench: Bench, shared_broker: brokers.Mosquitto, tmp_path: Path) -> Hands:
    return Hands(bench, shared_broker, tmp_path, boards=False)


@pytest.fixture
def boarded(boarded_bench: Bench, shared_broker: brokers.Mosquitto, tmp_path: Path) -> Iterator[Hands]:
    yield Hands(boarded_bench, shared_broker, tmp_path, boards=True)
    boarded_bench.tidy()
