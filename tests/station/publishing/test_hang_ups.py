from __future__ import annotations

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from station.publishing.hang_ups import NO_ACCIDENT, HangUps, Sent

MESSAGES = st.lists(st.builds(Sent, st.sampled_from("abcd"), st.integers(1, 4)), max_size=12)
LIMITS = st.dictionaries(st.sampled_from("abcd"), st.integers(1, 4))
"""From which size on a broker hangs up, a topic."""


class BrokeOff(Exception):
    pass


def send_all(hang_ups: HangUps, waiting: list[Sent], limits: dict[str, int], accidents: list[bool]) -> int:
    """Send until nothing is left that may be sent; return how many connections that took."""
    connections = 1
    hang_ups.connected()
    while batch := [message for message in waiting if not hang_ups.refuses(message)]:
        batch = batch[: hang_ups.together(batch)]
        minded = any(message.size >= limits.get(message.topic, 9) for message in batch)
        with suppress(BrokeOff), hang_ups.sending(batch):
            if minded or (accidents and accidents.pop()):
                raise BrokeOff
            for message in batch:
                waiting.remove(message)
        if hang_ups.under_way:
            hang_ups.broke()
            hang_ups.connected()
            connections += 1
            assert connections < 999, "it never ends"
    return connections


@given(MESSAGES, LIMITS, st.lists(st.booleans(), max_size=NO_ACCIDENT - 1))
def test_all_goes_through_but_what_the_broker_hangs_up_at(
    messages: list[Sent], limits: dict[str, int], accidents: list[bool]
) -> None:
    hang_ups, waiting = HangUps(), list(messages)
    minded = [message for message in messages if message.size >= limits.get(message.topic, 9)]
    connections = send_all(hang_ups, waiting, limits, accidents)
    assert waiting == minded
    # Of a topic at most its few different sizes cost connections, the largest first.
    assert connections <= 1 + len(set(minded)) * (NO_ACCIDENT + 1) + 2 * NO_ACCIDENT
    assert (hang_ups.first_refused is not None) == bool(minded)

    # A second look costs one connection for each of them, and takes what the broker takes by then.
    hang_ups.try_again()
    assert send_all(hang_ups, waiting, limits, []) <= 1 + 2 * len(set(minded))
    assert waiting == minded
    hang_ups.try_again()
    assert hang_ups.rounds == 2
    send_all(hang_ups, waiting, {}, [])
    assert waiting == []
    assert hang_ups.first_refused is None
    assert hang_ups.rounds == (0 if minded else 2)
