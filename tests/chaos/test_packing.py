"""People who pack with mix-ups while the station is killed: no hub in a carton without its pass, none lost, none in two places."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from packing_hands import Hall


@pytest.mark.slow
def test_what_lies_in_the_crates_is_what_the_books_say(tmp_path: Path) -> None:
    hall = Hall(tmp_path, seed=7, scans=150, hubs=80, kills=2)
    found = asyncio.run(asyncio.wait_for(hall.play(), 100))
    assert (found["escapes"], found["lost"]) == (0, 0), hall.finding
    assert found["kills"] == 2
    assert found["packed"] > 50
    assert min(found["mix-ups"], found["refused"]) > 0
