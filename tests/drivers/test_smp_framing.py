"""SMP's console framing against golden bytes, against the `smp` package, and against garbage."""

from __future__ import annotations

from base64 import b64encode

import pytest
import smp.packet
from hypothesis import example, given
from hypothesis import strategies as st

from drivers.smp.framing import LARGEST_PACKET, FrameDecoder, FrameEncoder

# An image state request: v1 read, group 1, sequence 66, command 0, an empty map.
STATE_REQUEST = bytes.fromhex("0000000100014200a0")
STATE_FRAME = bytes.fromhex("0609") + b"AAsAAAABAAFCAKD1Mw==" + b"\n"

# 100 bytes need a second line at 127 bytes a line.
TWO_LINES = bytes(range(100))
TWO_LINES_FRAME = (
    b"\x06\tAGYAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8wMTIzNDU2Nzg5Ojs8PT4/"
    b"QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFla\n"
    b"\x04\x14W1xdXl9gYWJjAp4=\n"
)

packets = st.binary(min_size=1, max_size=600)
line_lengths = st.integers(min_value=16, max_value=1024)


def decoded_by_smp(frame: bytes) -> bytes:
    decoder = smp.packet.decode()
    next(decoder)
    for line in frame.splitlines(keepends=True):
        try:
            decoder.send(line)
        except StopIteration as done:
            return done.value
    raise AssertionError("the frame is not whole")


def test_golden_bytes_of_one_line():
    assert FrameEncoder(127).encode(STATE_REQUEST) == STATE_FRAME
    assert FrameDecoder(1024).feed(STATE_FRAME) == [STATE_REQUEST]


def test_golden_bytes_of_two_lines():
    assert FrameEncoder(127).encode(TWO_LINES[:40], memoryview(TWO_LINES)[40:]) == TWO_LINES_FRAME
    assert FrameDecoder(1024).feed(TWO_LINES_FRAME) == [TWO_LINES]


def test_a_full_packet_takes_1404_bytes_on_the_line():
    assert len(FrameEncoder(127).encode(bytes(1020))) == 1404


def test_a_packet_beyond_the_length_field_is_refused():
    encoder = FrameEncoder(127)
    encoder.encode(bytes(LARGEST_PACKET))
    with pytest.raises(ValueError, match=str(LARGEST_PACKET)):
        encoder.encode(bytes(LARGEST_PACKET + 1))


@given(packet=packets, line_length=line_lengths)
def test_the_smp_package_reads_our_frames(packet, line_length):
    frame = FrameEncoder(line_length).encode(packet)
    assert decoded_by_smp(frame) == packet
    assert all(len(line) <= line_length for line in frame.splitlines(keepends=True))


@given(packet=packets, line_length=line_lengths)
def test_we_write_what_the_smp_package_writes(packet, line_length):
    # It leaves one byte of each line unused.
    theirs = b"".join(smp.packet.encode(packet, line_length=line_length // 4 * 4 + 4))
    ours = FrameEncoder(line_length // 4 * 4 + 3).encode(packet)
    assert ours == theirs


@given(
    sent=st.lists(packets, min_size=1, max_size=5),
    cuts=st.lists(st.integers(min_value=1, max_value=200), min_size=1, max_size=50),
)
def test_frames_are_found_however_the_bytes_arrive(sent, cuts):
    stream = b"".join(FrameEncoder(127).encode(packet) for packet in sent)
    decoder = FrameDecoder(1024)
    found = []
    while stream:
        for cut in cuts:
            found += decoder.feed(stream[:cut])
            stream = stream[cut:]
    assert found == sent
    assert decoder.damaged == 0


logs = st.binary(max_size=80).filter(lambda text: b"\x06\t" not in text and b"\x04\x14" not in text)


@given(packet=packets, noise=st.lists(logs, min_size=1, max_size=6))
def test_log_output_before_and_between_lines_does_no_harm(packet, noise):
    decoder = FrameDecoder(1024)
    lines = FrameEncoder(127).encode(packet).splitlines(keepends=True)
    stream = b""
    for number, line in enumerate(lines):
        text = noise[number % len(noise)]
        stream += text.replace(b"\n", b" ") + line + text + b"\n"
    assert decoder.feed(stream) == [packet]


@given(packet=packets)
def test_carriage_returns_do_no_harm(packet):
    frame = FrameEncoder(127).encode(packet)
    assert FrameDecoder(1024).feed(frame.replace(b"\n", b"\r\n")) == [packet]


garbage = st.lists(
    st.one_of(
        st.binary(max_size=300),
        st.sampled_from([b"\n", b"\x06\t", b"\x04\x14", b"\x06\tAAAA\n", b"\x06\t//8=\n", b"\x04\x14AAAA\n"]),
    ),
    max_size=30,
)


@given(garbage=garbage, packet=packets)
@example(garbage=[b"\x06\t" + b64encode(b"\x00\x20" + bytes(10)) + b"\n"], packet=b"x")
def test_after_any_garbage_the_next_frame_is_found(garbage, packet):
    decoder = FrameDecoder(1024)
    for piece in garbage:
        decoder.feed(piece)
    assert decoder.feed(b"\n" + FrameEncoder(127).encode(packet))[-1:] == [packet]


@given(packet=packets, position=st.integers(min_value=0), bit=st.integers(min_value=0, max_value=7))
def test_one_flipped_bit_never_yields_another_packet(packet, position, bit):
    frame = bytearray(FrameEncoder(127).encode(packet))
    frame[position % len(frame)] ^= 1 << bit
    assert FrameDecoder(1024).feed(bytes(frame) + b"\n") in ([], [packet])


def test_what_is_dropped_is_counted():
    decoder = FrameDecoder(100)
    spoilt = TWO_LINES_FRAME.replace(b"QEFC", b"QEFD")
    too_long = FrameEncoder(127).encode(bytes(101))
    cut = TWO_LINES_FRAME.splitlines(keepends=True)[0]
    no_base64 = b"\x06\t*\n" + cut + b"\x04\x14*\n"
    assert decoder.feed(spoilt + too_long + cut + no_base64 + TWO_LINES_FRAME) == [TWO_LINES]
    assert decoder.damaged == 5


def test_an_endless_line_occupies_little_memory():
    decoder = FrameDecoder(1024)
    for _ in range(1000):
        decoder.feed(bytes(1000))
    assert len(decoder._rest) <= 4096
    assert decoder.feed(b"\n" + STATE_FRAME) == [STATE_REQUEST]
