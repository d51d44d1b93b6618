from __future__ import annotations

from pathlib import Path

import pytest

from benches.looking import until
from benches.sim_bench import make_hub, rig_of, until_mode
from simulators.hub import Mode
from simulators.slot import SlotError


async def test_finished_hubs_leave_and_the_queue_moves_up_until_it_is_empty(tmp_path: Path) -> None:
    hubs = [make_hub(number) for number in range(1, 5)]
    async with rig_of(tmp_path, *hubs[:2], queue=tuple(hubs[2:])) as rig:
        technician = rig.jigs[1].technician
        first, second = rig.slot(1, 1), rig.slot(1, 2)
        await until_mode(first, Mode.APPLICATION)
        assert technician.swap(first) is hubs[2]
        assert technician.swap(second) is hubs[3]
        assert not first.is_occupied
        assert await until_mode(first, Mode.APPLICATION) is hubs[2]
        assert await until_mode(second, Mode.APPLICATION) is hubs[3]
        assert technician.swap(first) is None
        assert technician.done == [hubs[0], hubs[1], hubs[2]]
        with pytest.raises(SlotError, match="jig 1 slot 1 is empty"):
            technician.swap(first)


async def test_a_slot_filled_meanwhile_sends_the_hub_back_to_the_queue(tmp_path: Path) -> None:
    here, following = make_hub(1), make_hub(2)
    async with rig_of(tmp_path, here, queue=(following,)) as rig:
        slot, technician = rig.slot(1, 1), rig.jigs[1].technician
        technician.swap(slot)
        slot.seat(here)
        await until(lambda: bool(technician.queue))
        assert technician.queue[0] is following
        assert slot.hub is here


async def test_closing_the_rig_ends_what_is_in_hand(tmp_path: Path) -> None:
    async with rig_of(tmp_path, make_hub(1), queue=(make_hub(2),)) as rig:
        rig.jigs[1].technician.swap(rig.slot(1, 1))
    assert not rig.slot(1, 1).is_occupied
