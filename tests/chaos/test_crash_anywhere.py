"""Crash anywhere, restart: nothing lost, nothing doubled, no hub unbootable."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from chaos_books import KINDS
from crash_lives import End, Lives
from crash_machine import crash_anywhere
from crash_points import Point
from crash_world import DoomedStation, World

from benches import brokers
from benches.station_bench import running_bench, slot

SERIAL, USB, SERIAL_WITH_BOARD, USB_WITH_BOARD = 1, 2, 3, 4
"""Jigs."""
pytestmark = pytest.mark.proofs

NOTHING = dict.fromkeys(KINDS, 0)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    with (
        brokers.mosquitto(folder) as broker,
        running_bench(
            folder, stock={"old": 150, "chained-old": 100}, transport="mixed", jigs=4, slots=2, boards="3,4"
        ) as bench,
        Lives() as lives,
    ):
        yield World(folder, bench, broker, lives)


@pytest.mark.parametrize(
    ("point", "jig"),
    [
        (Point("commit", "after", 4), SERIAL),
        (Point("flash", "before", 1), SERIAL),
        (Point("frame", "after", 30), SERIAL),
        (Point("activate", "after", 1), SERIAL),
        (Point("confirm", "before", 1), SERIAL),
        (Point("publish", "after", 1), SERIAL),
        (Point("show", "before", 3), SERIAL),
        (Point("unlock", "after", 1), USB),
        (Point("transfer", "after", 15), USB),
        (Point("activate", "before", 2), USB),
        (Point("ask", "after", 25), SERIAL_WITH_BOARD),
        (Point("flash", "after", 1), SERIAL_WITH_BOARD),
        (Point("ask", "before", 40), USB_WITH_BOARD),
    ],
    ids=str,
)
def test_a_station_that_dies_at_a_point_goes_on_from_there(world: World, point: Point, jig: int) -> None:
    station = DoomedStation(world, [slot(1, jig)], [world.bench.hub("chained-old")])
    try:
        assert station.live(point) is End.POINT
        assert station.live() is End.FINISHED
        findings = station.compare()
        assert findings.numbers == NOTHING, findings
        assert findings.outcomes == {"passed": 1}
    finally:
        station.close()


@pytest.mark.timeout(600)
def test_crash_anywhere(world: World) -> None:
    crash_anywhere(world, seed=7, examples=6, steps=8)
    assert world.deaths.total() >= 6
