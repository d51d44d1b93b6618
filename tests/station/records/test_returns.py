from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from station.records.results import OutgoingResult
from station.records.returns import Returns

RESULTS = [
    OutgoingResult(number, f"hub {number}", f"topic {number % 3}", b"%d" % number) for number in range(8)
]
HEARD = st.lists(
    st.tuples(
        st.sampled_from([f"topic {n}" for n in range(4)]), st.sampled_from([b"%d" % n for n in range(9)])
    )
)


@given(st.lists(st.sampled_from(RESULTS), unique=True), HEARD)
def test_only_what_came_back_byte_for_byte_on_its_own_topic_is_back(
    sent: list[OutgoingResult], heard: list[tuple[str, bytes]]
) -> None:
    async def main() -> None:
        returns = Returns(sent)
        for topic, payload in heard:
            returns.hear(topic, payload)
        expected = {each.station_sequence for each in sent if (each.topic, each.payload) in heard}
        assert set(returns.back) == expected
        assert len(returns.back) == len(expected)
        assert {each.station_sequence for each in returns.missing} == {
            each.station_sequence for each in sent
        } - expected
        if not returns.missing:
            await returns.all_back()
        else:
            waiting = asyncio.ensure_future(returns.all_back())
            await asyncio.sleep(0)
            assert not waiting.done()
            waiting.cancel()

    asyncio.run(main())
