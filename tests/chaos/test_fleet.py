"""Ten stations, a broker and an inventory in small, some of which die: what the stations' journals say is in the inventory, once."""

from __future__ import annotations

from pathlib import Path

import pytest
from fleet_world import Request, World


@pytest.mark.proofs
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_what_ten_stations_record_is_in_the_inventory_once_whatever_dies(
    database: str, tmp_path: Path
) -> None:
    world = World(tmp_path, Request(seed=7, rate=40, seconds=2, kills=3, seconds_a_kill=3, database=database))
    found = world.play()
    assert world.finding == []
    assert world.killed == {"broker": 1, "inventory": 1, "station": 1}
    assert found["results"] > 40 * (2 + 3 * 3)
