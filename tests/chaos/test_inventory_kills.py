"""An inventory whose workers, database, broker and upstream die at any moment: each hub is told of once, with its last word."""

from __future__ import annotations

from pathlib import Path

import pytest
from inventory_world import World


@pytest.mark.proofs
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_is_held_of_each_hub_is_what_it_said_last_and_each_act_has_its_record(
    kind: str, tmp_path: Path
) -> None:
    world = World(tmp_path, seed=7, hubs=120, kills=12, order_hubs=30, kind=kind)
    found = world.play()
    assert world.finding == []
    assert world.killed.total() == 12
    assert found["updates"] > 90
