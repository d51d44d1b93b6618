"""A hub's end of a raw line: what becomes a packet, what is lost, and when a place that was lost is found again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.smp_line import PROFILES, BufferProfile, PacketPool
from simulators.smp_raw_line import RawCutter, RawReceiver

ECHO = bytes.fromhex("0a00000900000500a161646568656c6c6f".replace(" ", ""))
PROFILE = replace(PROFILES["zephyr"], raw=True)


class Bench:
    def __init__(self, profile: BufferProfile = PROFILE) -> None:
        self.pool = PacketPool(profile.buf_count)
        self.stalled = False
        self.now = 0.0
        self._whole: list[bytes] = []
        self.receiver = RawReceiver(
            profile, self.pool, lambda: self.stalled, self._whole.append, lambda: self.now
        )
        self.fed = 0

    def feed(self, block: bytes) -> None:
        self.fed += len(block)
        self.receiver.feed(block)

    def packets(self) -> list[bytes]:
        """What has been put together; its buffers are given back."""
        whole = self._whole.copy()
        self._whole.clear()
        for _ in whole:
            self.pool.give()
        return whole

    def assert_nothing_unaccounted(self) -> None:
        assert self.receiver.kept + self.receiver.lost + self.receiver.pending == self.fed


def packet(payload: bytes, operation: int = 2) -> bytes:
    return bytes([operation, 0]) + len(payload).to_bytes(2, "big") + bytes([0, 1, 7, 1]) + payload


def test_a_packet_is_what_its_header_says() -> None:
    bench = Bench()
    bench.feed(ECHO[:5])
    assert bench.packets() == []
    bench.feed(ECHO[5:] + ECHO)
    assert bench.packets() == [ECHO, ECHO]
    assert bench.pool.free == bench.pool.count


@given(st.lists(st.builds(packet, st.binary(max_size=376)), max_size=4), st.data())
def test_packets_survive_however_the_bytes_are_cut(packets: list[bytes], data: st.DataObject) -> None:
    bench, cutter = Bench(), RawCutter()
    stream = b"".join(packets)
    pieces: list[bytes] = []
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        bench.feed(stream[:cut])
        pieces += cutter.cut(stream[:cut])
        stream = stream[cut:]
    assert bench.packets() == packets
    assert b"".join(pieces) == b"".join(packets)
    # Each packet ends a piece, so it arrives when its last byte does.
    ends, at = set(), 0
    for piece in pieces:
        at += len(piece)
        ends.add(at)
    assert {len(b"".join(packets[: number + 1])) for number in range(len(packets))} <= ends
    bench.assert_nothing_unaccounted()


@given(st.lists(st.binary(max_size=150) | st.just(ECHO) | st.just(ECHO[:9]), max_size=30))
def test_any_bytes_are_packets_or_lost_and_time_puts_it_right(blocks: list[bytes]) -> None:
    bench = Bench()
    for block in blocks:
        bench.feed(block)
        bench.assert_nothing_unaccounted()
    bench.packets()
    bench.now += PROFILE.input_timeout
    bench.feed(ECHO)
    assert bench.packets() == [ECHO]
    assert bench.pool.free == bench.pool.count
    bench.assert_nothing_unaccounted()


@pytest.mark.parametrize("header", [packet(bytes(377)), packet(b"", operation=6)])
def test_a_header_that_cannot_be_one_is_dropped_with_its_eight_bytes(header: bytes) -> None:
    bench = Bench()
    bench.feed(header[:8] + ECHO)
    assert bench.packets() == [ECHO]
    assert bench.receiver.lost == 8


def test_a_byte_too_few_makes_the_next_packet_part_of_the_first() -> None:
    """There is no CRC: what was taken for a packet is handed on. A packet's time counts from its first byte."""
    bench = Bench()
    bench.feed(ECHO[:-1])
    bench.now += PROFILE.input_timeout * 0.9
    bench.feed(ECHO)
    assert bench.packets() == [ECHO[:-1] + ECHO[:1]]
    bench.feed(ECHO[:3])
    bench.now += PROFILE.input_timeout * 0.9
    bench.feed(ECHO[3:5])
    bench.now += PROFILE.input_timeout * 0.2
    bench.feed(ECHO)
    assert bench.packets() == [ECHO]


def test_bytes_that_find_no_buffer_are_lost_and_the_place_with_them() -> None:
    bench = Bench(replace(PROFILE, buf_count=1))
    bench.feed(ECHO + ECHO[:4])
    assert not bench.receiver.is_ready
    assert bench.packets() == [ECHO]
    bench.feed(ECHO[4:])
    assert bench.packets() == []
    assert bench.receiver.lost >= 4


def test_the_uart_keeps_a_few_bytes_for_a_hub_that_stands_still() -> None:
    bench = Bench()
    bench.stalled = True
    bench.feed(ECHO)
    assert bench.receiver.lost == 1
    bench.stalled = False
    bench.receiver.catch_up()
    assert bench.packets() == []
    bench.feed(ECHO[-1:])
    assert bench.packets() == [ECHO]
