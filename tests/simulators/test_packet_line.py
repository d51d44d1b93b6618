from __future__ import annotations

import pytest
import smp.packet
from hypothesis import given
from hypothesis import strategies as st

from simulators.smp_line import PROFILES, BufferProfile, PacketPool, PacketReceiver, encode_frame

GOLDEN_PACKET = bytes.fromhex("0a00000d00000500a161646968656c6c6f20687562")
GOLDEN_FRAME = b"\x06\x09ABcKAAANAAAFAKFhZGloZWxsbyBodWJvfA==\n"


class Bench:
    def __init__(self, profile: BufferProfile = PROFILES["default"]) -> None:
        self.pool = PacketPool(profile.buf_count)
        self.stalled = False
        self._whole: list[bytes] = []
        self.receiver = PacketReceiver(profile, self.pool, lambda: self.stalled, self._whole.append)
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


def test_golden_frame_of_an_echo() -> None:
    assert encode_frame(GOLDEN_PACKET) == GOLDEN_FRAME
    bench = Bench()
    bench.feed(GOLDEN_FRAME)
    assert bench.packets() == [GOLDEN_PACKET]


@given(st.binary(max_size=1500))
def test_frames_are_those_of_the_smp_package(packet: bytes) -> None:
    assert encode_frame(packet) == b"".join(smp.packet.encode(packet, line_length=128))


@given(st.lists(st.binary(min_size=1, max_size=1020), max_size=5), st.data())
def test_packets_survive_however_the_bytes_are_cut(packets: list[bytes], data: st.DataObject) -> None:
    bench = Bench()
    stream = b"".join(encode_frame(packet) for packet in packets)
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        bench.feed(stream[:cut])
        stream = stream[cut:]
    assert bench.packets() == packets
    assert bench.receiver.lost == 0
    bench.assert_nothing_unaccounted()


fragments = st.sampled_from(
    [
        b"\x06\x09",
        b"\x04\x14",
        b"\n",
        b"ABcK",
        b"boot: hello\n",
        b"=",
        b"A" * 200,
        GOLDEN_FRAME,
        GOLDEN_FRAME[:9],
    ]
)


@given(st.lists(st.binary(max_size=150) | fragments, max_size=40))
def test_any_bytes_are_packets_or_lost_and_no_buffer_leaks(blocks: list[bytes]) -> None:
    bench = Bench(PROFILES["zephyr"])
    for block in blocks:
        bench.feed(block)
        bench.assert_nothing_unaccounted()
    bench.feed(b"\n" + GOLDEN_FRAME)
    bench.packets()
    bench.feed(GOLDEN_FRAME)
    assert bench.packets() == [GOLDEN_PACKET]
    assert bench.pool.free == bench.pool.count
    bench.assert_nothing_unaccounted()


def test_a_request_that_finds_no_buffer_is_lost_whole() -> None:
    bench = Bench(PROFILES["one-buffer"])
    second = encode_frame(bytes(300))
    bench.feed(GOLDEN_FRAME + second)
    assert bench.receiver.lost == len(second)
    assert not bench.receiver.is_ready
    assert bench.packets() == [GOLDEN_PACKET]
    assert bench.receiver.is_ready


@pytest.mark.parametrize(("size", "arrives"), [(380, True), (381, False)])
def test_length_and_crc_share_the_buffer_with_the_packet(size: int, arrives: bool) -> None:
    bench = Bench(PROFILES["zephyr"])
    bench.feed(encode_frame(bytes(size)))
    assert bool(bench.packets()) is arrives
    assert bench.pool.free == 4


@pytest.mark.parametrize(("length", "arrives"), [(128, True), (132, False)])
def test_a_line_must_fit_its_buffer(length: int, arrives: bool) -> None:
    bench = Bench()
    bench.feed(b"".join(smp.packet.encode(bytes(300), line_length=length)))
    assert bool(bench.packets()) is arrives


def test_two_lines_wait_for_a_hub_that_stands_still_and_more_are_lost() -> None:
    bench = Bench()
    lines = encode_frame(bytes(250)).splitlines(keepends=True)
    assert len(lines) == 3
    bench.stalled = True
    bench.feed(lines[0] + lines[1])
    assert bench.packets() == []
    bench.stalled = False
    bench.receiver.catch_up()
    bench.feed(lines[2])
    assert bench.packets() == [bytes(250)]
    bench.stalled = True
    bench.feed(b"".join(lines))
    assert bench.receiver.lost == len(lines[2])
    bench.stalled = False
    bench.receiver.catch_up()
    assert bench.packets() == []
    bench.assert_nothing_unaccounted()


def test_a_flipped_bit_loses_its_packet_only() -> None:
    bench = Bench()
    damaged = bytearray(GOLDEN_FRAME)
    damaged[10] ^= 1
    bench.feed(bytes(damaged) + GOLDEN_FRAME)
    assert bench.packets() == [GOLDEN_PACKET]
