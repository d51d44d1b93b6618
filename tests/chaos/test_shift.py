"""A short shift of simulated slots and people, against what `reflash capacity` reckons of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from run_shift import MOST_OFF, play

from station.throughput.capacity import Loading


@pytest.mark.proofs
def test_a_shift_makes_what_capacity_reckons(tmp_path: Path) -> None:
    # Slow hands, so that it is the person who holds it up on a busy computer, too: near the balance the formula says less.
    found = asyncio.run(
        asyncio.wait_for(play(tmp_path, jigs=1, slots=8, people=1, hands=20, hours=0.2, scale=15), 300)
    )
    assert found["hubs"] > 8
    assert abs(found["off"]) <= MOST_OFF, found


@pytest.mark.proofs
def test_a_shift_is_played_by_the_batch(tmp_path: Path) -> None:
    """How near the formula comes is for `make shift LOADING=batch`: with hands so quick a busy computer is measured, not a bench."""
    played = play(tmp_path, jigs=1, slots=2, people=1, hands=4, hours=0.06, scale=10, loading=Loading.BATCH)
    found = asyncio.run(asyncio.wait_for(played, 300))
    assert found["loading"] is Loading.BATCH
    assert found["hubs"] > 2, "a jig was unloaded, and loaded again"
