"""SMP's raw framing against golden bytes, against the `smp` package's headers, and against garbage."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smp.header import OP, Header
from smp.os_management import EchoWriteResponse

from drivers.smp.raw_framing import LARGEST_PACKET, RawDecoder, RawEncoder

# An image state request: v1 read, group 1, sequence 66, command 0, an empty map.
STATE_REQUEST = bytes.fromhex("0000000100014200a0")
# The answer to an echo of "x": v2, group 0, sequence 9.
ECHO_ANSWER = bytes.fromhex("0b000005000009 00 a1617261 78".replace(" ", ""))


def answer(payload: bytes, sequence: int) -> bytes:
    header = Header(
        op=OP.WRITE_RSP,
        version=1,
        flags=0,
        length=len(payload),
        group_id=1,
        sequence=sequence,
        command_id=1,
    )
    return bytes(header) + payload


answers = st.builds(answer, st.binary(max_size=600), st.integers(0, 255))


def test_golden_bytes():
    assert RawEncoder().encode(STATE_REQUEST) == STATE_REQUEST
    assert RawEncoder().encode(STATE_REQUEST[:8], memoryview(STATE_REQUEST)[8:]) == STATE_REQUEST
    assert bytes(EchoWriteResponse(r="x", sequence=9)) == ECHO_ANSWER
    assert RawDecoder(1024).feed(ECHO_ANSWER) == [ECHO_ANSWER]


def test_a_packet_beyond_the_length_field_is_refused():
    RawEncoder().encode(bytes(LARGEST_PACKET))
    with pytest.raises(ValueError, match=str(LARGEST_PACKET)):
        RawEncoder().encode(bytes(LARGEST_PACKET + 1))


@given(
    sent=st.lists(answers, min_size=1, max_size=5),
    cuts=st.lists(st.integers(min_value=1, max_value=200), min_size=1, max_size=50),
)
def test_packets_are_found_however_the_bytes_arrive(sent, cuts):
    stream = b"".join(map(RawEncoder().encode, sent))
    decoder = RawDecoder(1024)
    found = []
    while stream:
        for cut in cuts:
            found += decoder.feed(stream[:cut])
            stream = stream[cut:]
    assert found == sent
    assert decoder.damaged == decoder.unfinished == 0


@given(garbage=st.lists(st.binary(max_size=300), max_size=10), sent=answers)
def test_after_any_garbage_and_a_silence_the_next_packet_is_found(garbage, sent):
    decoder = RawDecoder(1024)
    for piece in garbage:
        decoder.feed(piece)
    decoder.resync()
    assert decoder.unfinished == 0
    assert decoder.feed(sent) == [sent]


@given(sent=st.lists(answers, min_size=2, max_size=4), lost=st.data())
def test_what_was_lost_is_seen_to_be(sent, lost):
    """A byte too few leaves the rest unfinished, or the place lost: nothing counts as whole that the silence does not end."""
    stream = b"".join(sent)
    at = lost.draw(st.integers(0, len(stream) - 1))
    decoder = RawDecoder(1024)
    found = decoder.feed(stream[:at] + stream[at + 1 :])
    assert sum(map(len, found)) + decoder.unfinished == len(stream) - 1
    decoder.resync()
    assert decoder.damaged or sum(map(len, found)) == len(stream) - 1


def test_a_place_that_was_lost_is_found_again_by_silence_alone():
    decoder = RawDecoder(100)
    text = b"[00:00:07.123,456] <inf> app: sensor\r\n"
    assert decoder.feed(text) == decoder.feed(ECHO_ANSWER) == []
    assert decoder.unfinished == len(text) + len(ECHO_ANSWER)
    decoder.resync()
    assert decoder.feed(ECHO_ANSWER + answer(bytes(93), 1) + ECHO_ANSWER) == [ECHO_ANSWER]  # one is too long
    assert decoder.damaged == 2


def test_endless_garbage_occupies_no_memory():
    decoder = RawDecoder(1024)
    for _ in range(1000):
        decoder.feed(b"\xff" * 1000)
    assert not decoder._rest
