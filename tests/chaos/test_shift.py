"""A short shift of simulated slots and people, against what `reflash capacity` reckons of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from run_shift import MOST_OFF, play


@pytest.mark.proofs
def test_a_shift_makes_what_capacity_reckons(tmp_path: Path) -> None:
    found = asyncio.run(
        asyncio.wait_for(play(tmp_path, jigs=1, slots=8, people=1, hands=20, hours=0.25, scale=30), 100)
    )
    assert found["bottleneck"] == "person"
    assert found["hubs"] > 20
    assert abs(found["off"]) <= MOST_OFF, found
