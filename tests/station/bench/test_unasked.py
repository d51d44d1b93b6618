"""How often a hub gets a result where nobody is known to have laid hands on it."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from drivers.hub import ExpectedDevice
from firmware_catalog.devices import HubIds
from firmware_catalog.identity import DeviceModel, Eui64
from station.bench.unasked import MAX_UNASKED, Unasked

HUBS = [
    ExpectedDevice(HubIds(Eui64(number), Eui64(number + 8)), DeviceModel("0B6B", "1")) for number in (1, 2)
]
RESULTS = st.lists(st.tuples(st.sampled_from(HUBS), st.booleans()), min_size=1, max_size=20)


@given(RESULTS)
@example([(HUBS[0], False)] * MAX_UNASKED)
@example([(HUBS[0], True)] * MAX_UNASKED)
@example([(HUBS[1], False)] + [(HUBS[0], True)] + [(HUBS[0], False)] * (MAX_UNASKED - 1))
def test_enough_are_so_many_of_one_hub_in_a_row_without_a_hand_after_the_first(
    results: list[tuple[ExpectedDevice, bool]],
) -> None:
    unasked = Unasked()
    for hub, by_hand in results:
        unasked.count(hub, by_hand=by_hand)
    newest = results[-MAX_UNASKED:]
    for hub in HUBS:
        assert unasked.is_enough(hub) is (
            len(newest) == MAX_UNASKED
            and all(each == hub for each, _ in newest)
            and not any(by_hand for _, by_hand in newest[1:])
        )
