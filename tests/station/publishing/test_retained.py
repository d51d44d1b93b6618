from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from station.publishing.retained import RetainedStates


async def test_values_replace_each_other_until_they_are_taken() -> None:
    states = RetainedStates()
    states.set("a", b"1")
    states.set("b", b"1")
    states.set("a", b"2")
    assert await states.changes() == {"a": b"2", "b": b"1"}
    states.set("b", b"1")
    waiting = asyncio.create_task(states.changes())
    await asyncio.sleep(0)
    assert not waiting.done(), "the same value again is no change"
    states.set("b", b"3")
    assert await waiting == {"b": b"3"}


async def test_what_changes_soon_after_a_taking_is_gathered_unless_somebody_waits_until_all_is_sent() -> None:
    states = RetainedStates(gather_seconds=3600.0)
    states.set("a", b"1")
    assert await states.changes() == {"a": b"1"}, "the first is told at once"
    states.set("a", b"2")
    taking = asyncio.create_task(states.changes())
    for _ in range(9):
        await asyncio.sleep(0)
    assert not taking.done()
    states.set("a", b"3")
    sent = asyncio.create_task(states.all_sent())
    assert await taking == {"a": b"3"}
    more = asyncio.create_task(states.changes())
    await sent
    more.cancel()


async def test_everything_is_sent_again_to_a_broker_that_came_back() -> None:
    states = RetainedStates()
    states.send_all_again()
    states.set("a", b"1")
    await states.changes()
    states.send_all_again()
    assert await states.changes() == {"a": b"1"}


async def test_all_is_sent_once_the_taker_asks_for_more() -> None:
    states = RetainedStates()
    states.set("a", b"1")
    await states.changes()
    sent = asyncio.create_task(states.all_sent())
    await asyncio.sleep(0)
    assert not sent.done()
    taking = asyncio.create_task(states.changes())
    await sent
    states.set("a", b"2")
    again = asyncio.create_task(states.all_sent())
    assert await taking == {"a": b"2"}
    await asyncio.sleep(0)
    assert not again.done()
    again.cancel()


@given(st.lists(st.tuples(st.sampled_from("abc"), st.binary(max_size=2)) | st.none()))
def test_the_taker_ends_with_the_latest_values(steps: list[tuple[str, bytes] | None]) -> None:
    """None stands for the taker's turn."""

    async def main() -> None:
        states, set_so_far, taken = RetainedStates(), {}, {}
        pending = False
        for step in (*steps, None):
            if step is not None:
                pending = pending or set_so_far.get(step[0]) != step[1]
                states.set(*step)
                set_so_far[step[0]] = step[1]
            elif pending:
                taken.update(await states.changes())
                pending = False
        assert taken == set_so_far

    asyncio.run(main())
