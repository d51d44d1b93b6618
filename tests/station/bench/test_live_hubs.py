"""One hub is never called two: an id that is met again has its first slot look again."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from firmware_catalog.identity import Eui64
from station.bench.live_hubs import LiveHubs
from station.domain.slot_name import SlotName

CHF, GPF, OTHER_CHF = Eui64(1), Eui64(2), Eui64(3)


@dataclass(eq=False)
class Guest:
    place: SlotName
    here: bool = True
    asked: int = 0

    async def still_here(self) -> bool:
        await asyncio.sleep(0)
        self.asked += 1
        return self.here


def guest(slot: int) -> Guest:
    return Guest(SlotName(jig="jig1", slot=slot))


async def test_a_hub_that_was_moved_is_let_go_by_the_slot_it_left() -> None:
    hubs, first, second = LiveHubs(), guest(1), guest(2)

    assert await hubs.claim(first, CHF, GPF) is None
    first.here = False
    assert await hubs.claim(second, CHF, GPF) is None
    hubs.release(first)  # as the first slot does once it has found out
    assert hubs.holds(CHF)
    hubs.release(second)
    assert not hubs.holds(CHF)
    assert (first.asked, second.asked) == (1, 0)


async def test_a_hub_that_answers_twice_stays_with_its_first_slot_and_the_second_holds_nothing() -> None:
    hubs, first, twin, third = LiveHubs(), guest(1), guest(2), guest(3)

    assert await hubs.claim(first, CHF, GPF) is None
    assert await hubs.claim(twin, OTHER_CHF, GPF) == first.place
    assert not hubs.holds(OTHER_CHF), "what was refused has no claim to its other id either"
    hubs.release(twin)
    assert hubs.holds(GPF), "nor does its leaving take the first one's away"
    hubs.release(first)
    assert await hubs.claim(third, OTHER_CHF, GPF) is None


async def test_of_two_that_claim_an_id_at_the_same_time_one_gets_it() -> None:
    hubs, gone, guests = LiveHubs(), guest(1), [guest(2), guest(3)]

    await hubs.claim(gone, CHF, GPF)
    gone.here = False
    answers = await asyncio.gather(*(hubs.claim(each, CHF, GPF) for each in guests))
    assert sorted(answer is None for answer in answers) == [False, True]
