from __future__ import annotations

import asyncio

from hypothesis import example, given
from hypothesis import strategies as st

from station.publishing.returns import Held, Returns, first_of_each_key
from station.records.facts.outbox import Number
from station.records.outgoing import OutgoingMessage

RESULTS = [
    OutgoingMessage(Number("result", number), f"hub {number}", f"topic {number % 3}", b"%d" % number)
    for number in range(8)
]
HEARD = st.lists(
    st.tuples(
        st.sampled_from([f"topic {n}" for n in range(4)]), st.sampled_from([b"%d" % n for n in range(9)])
    )
)


@given(st.lists(st.sampled_from(RESULTS), unique=True), HEARD)
def test_only_what_came_back_byte_for_byte_on_its_own_topic_is_back(
    sent: list[OutgoingMessage], heard: list[tuple[str, bytes]]
) -> None:
    async def main() -> None:
        returns = Returns(sent)
        for topic, payload in heard:
            returns.hear(topic, payload)
        expected = {each.number for each in sent if (each.topic, each.payload) in heard}
        assert set(returns.back) == expected
        assert len(returns.back) == len(expected)
        assert {each.number for each in returns.missing} == {each.number for each in sent} - expected
        if not returns.missing:
            await returns.all_back()
        else:
            waiting = asyncio.ensure_future(returns.all_back())
            await asyncio.sleep(0)
            assert not waiting.done()
            waiting.cancel()

    asyncio.run(main())


def result(number: int, hub: int, topic: int) -> OutgoingMessage:
    key = f"hub {hub}" if hub else None
    return OutgoingMessage(Number("result", number), key, f"topic {topic}", b"%d" % number)


MANY = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=30).map(
    lambda made: [result(number, hub, topic) for number, (hub, topic) in enumerate(made)]
)


# Two of a hub before the denied one, on a page behind that on which the topic was found to be: neither need wait.
@example(
    [result(number, *each) for number, each in enumerate([(0, 0), (0, 0), (0, 1), (1, 0), (1, 0), (1, 1)])],
    {1},
    3,
)
@given(MANY, st.sets(st.integers(0, 3)), st.integers(1, 5))
def test_what_waits_is_what_is_denied_and_what_follows_it_of_the_same_hub(
    results: list[OutgoingMessage], denied: set[int], size: int
) -> None:
    topics = {f"topic {number}" for number in denied}
    held, delivered = Held({}), []
    for first in range(0, len(results), size):
        waiting = held.let_through(results[first : first + size])
        while batch := first_of_each_key(waiting):
            held.hold(each for each in batch if each.topic in topics)
            delivered += [each for each in batch if each.topic not in topics]
            waiting = held.let_through(each for each in waiting if each not in batch)
    expected, stopped = [], set()
    for result in results:
        if result.topic in topics:
            stopped.add(result.ordering_key)
        elif result.ordering_key is None or result.ordering_key not in stopped:
            expected.append(result)
    assert sorted(delivered, key=lambda each: each.number.number) == expected
    for hub in {each.ordering_key for each in delivered} - {None}:
        sequence = [each.number.number for each in delivered if each.ordering_key == hub]
        assert sequence == sorted(sequence)
    assert (held.topic is None) == (not any(each.topic in topics for each in results))
