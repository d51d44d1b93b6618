from __future__ import annotations

import asyncio
import contextlib
import os
import random
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benches.looking import until
from simulators.smp_line import FrameCutter
from simulators.uart import LineSettings, SerialPort, Wire

BYTE = 10 / 100_000


class Ear:
    """A hub's end that keeps what it hears, and when."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self.blocks: list[tuple[float, int]] = []
        self.is_ready = True
        self._wanted: tuple[int, asyncio.Event] | None = None

    def feed(self, block: bytes) -> None:
        self.heard += block
        self.blocks.append((asyncio.get_running_loop().time(), len(block)))
        if self._wanted and len(self.heard) >= self._wanted[0]:
            self._wanted[1].set()

    async def hears(self, count: int) -> None:
        self._wanted = (count, asyncio.Event())
        if len(self.heard) < count:
            await self._wanted[1].wait()


@contextmanager
def plugged(folder: Path, baud: int = 1_000_000, *, rtscts: bool = False) -> Iterator[SerialPort]:
    port = SerialPort(folder / "slot1", LineSettings(baud, rtscts), seed=1, cutter=FrameCutter())
    port.plug()
    try:
        yield port
    finally:
        port.unplug()


@contextmanager
def host_of(port: SerialPort) -> Iterator[int]:
    descriptor = os.open(port.link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


async def write_all(descriptor: int, data: bytes) -> None:
    """Write at the pace that the port takes it."""
    loop = asyncio.get_running_loop()
    while data:
        writable = asyncio.Event()
        loop.add_writer(descriptor, writable.set)
        try:
            await writable.wait()
        finally:
            loop.remove_writer(descriptor)
        data = data[os.write(descriptor, data) :]


async def read_some(descriptor: int, count: int) -> bytes:
    loop = asyncio.get_running_loop()
    found = b""
    while len(found) < count:
        readable = asyncio.Event()
        loop.add_reader(descriptor, readable.set)
        try:
            await readable.wait()
        finally:
            loop.remove_reader(descriptor)
        found += os.read(descriptor, 65536)
    return found


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(1, 60), st.booleans()), min_size=1, max_size=12))
def test_a_wire_is_never_faster_than_its_rate_over_any_window(sends: list[tuple[int, bool]]) -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        arrived: list[tuple[float, int]] = []
        done = asyncio.Event()
        total = sum(size for size, _ in sends)

        def deliver(block: bytes) -> None:
            arrived.append((loop.time(), len(block)))
            if sum(size for _, size in arrived) == total:
                done.set()

        wire = Wire(100_000, deliver, lambda: True)
        started = loop.time()
        for size, pause in sends:
            wire.send(bytes(size))
            usage = wire.usage()
            assert usage.busy_seconds <= loop.time() - started + 1e-9
            if pause:
                await asyncio.sleep(0.001)
        await done.wait()
        # Everything that has come out by then has had its time on the wire, whatever the window.
        for index in range(len(arrived)):
            carried = 0
            for moment, size in arrived[index:]:
                carried += size
                assert moment - started >= carried * BYTE - 1e-6
        assert wire.usage().bytes == total
        assert wire.in_flight == 0

    asyncio.run(run())


async def test_bytes_reach_the_hub_whole_and_at_line_rate(tmp_path: Path) -> None:
    sent = random.Random(1).randbytes(20_000)
    with plugged(tmp_path) as port, host_of(port) as host:
        ear = Ear()
        port.attach(ear)
        loop = asyncio.get_running_loop()
        started = loop.time()
        await write_all(host, sent)
        await ear.hears(len(sent))
        took = loop.time() - started
        statistics = port.statistics()
    assert ear.heard == sent
    assert took >= 0.2
    assert statistics.to_hub.bytes == len(sent)
    assert statistics.to_hub.busy_seconds == pytest.approx(0.2)
    assert statistics.to_hub.busy_seconds <= took


ROUNDS = 60


async def test_both_directions_run_at_once(tmp_path: Path) -> None:
    """One after the other is the control; the best of the rounds, as many as a machine with other work needs."""
    block = bytes(range(256)) * 8
    loop = asyncio.get_running_loop()
    alternating, at_once = [], []
    with plugged(tmp_path) as port, host_of(port) as host:
        ear = Ear()
        port.attach(ear)
        for heard in range(len(block), (ROUNDS + 1) * len(block), len(block)):
            started = loop.time()
            if len(alternating) == len(at_once):
                port.send(block)
                assert await read_some(host, len(block)) == block
                os.write(host, block)
                await ear.hears(heard)
                alternating.append(loop.time() - started)
            else:
                port.send(block)
                os.write(host, block)
                assert await read_some(host, len(block)) == block
                await ear.hears(heard)
                at_once.append(loop.time() - started)
                if len(at_once) > 1 and min(at_once) < 0.8 * min(alternating):
                    break
        assert ear.heard == heard // len(block) * block
    assert min(at_once) < 0.8 * min(alternating)


async def test_frames_are_handed_on_each_at_its_own_moment(tmp_path: Path) -> None:
    frame = b"\x06\x09" + b"A" * 97 + b"\n"
    with plugged(tmp_path, 100_000) as port, host_of(port) as host:
        for _ in range(ROUNDS):  # a machine with other work hands late ones on together
            ear = Ear()
            port.attach(ear)
            os.write(host, 3 * frame)
            await ear.hears(300)
            first, second, third = (moment for moment, _ in ear.blocks)
            assert [size for _, size in ear.blocks] == [100, 100, 100]
            if min(second - first, third - second) > 0.005:
                break
        else:
            raise AssertionError("they never came apart")


async def test_what_comes_while_no_hub_listens_is_gone(tmp_path: Path) -> None:
    with plugged(tmp_path) as port, host_of(port) as host:
        os.write(host, b"into the void\n")
        ear = Ear()
        port.attach(ear)
        port.attach(None)
        await until(lambda: port.statistics().unheard == 14)
        port.attach(ear)
        os.write(host, b"heard\n")
        await ear.hears(6)
        assert ear.heard == b"heard\n"
        assert port.statistics().unheard == 14


async def test_a_host_that_does_not_read_loses_what_its_buffer_cannot_hold(tmp_path: Path) -> None:
    with plugged(tmp_path, 10_000_000) as port, host_of(port) as host:
        gone = asyncio.Event()
        for _ in range(99):
            port.send(bytes(1000))
        port.send(bytes(1000), gone.set)
        await gone.wait()
        overrun = port.statistics().overrun
        assert 0 < overrun < 100_000
        assert len(await read_some(host, 100_000 - overrun)) == 100_000 - overrun


async def test_rts_cts_holds_instead_of_losing_towards_the_host(tmp_path: Path) -> None:
    sent = random.Random(2).randbytes(100_000)
    with plugged(tmp_path, 10_000_000, rtscts=True) as port, host_of(port) as host:
        for start in range(0, len(sent), 1000):
            port.send(sent[start : start + 1000])
        await asyncio.sleep(0.15)  # so that the host's buffer does fill up before it reads
        assert await read_some(host, len(sent)) == sent
        assert port.statistics().overrun == 0


async def test_rts_cts_holds_the_host_while_the_hub_is_not_ready(tmp_path: Path) -> None:
    with plugged(tmp_path, rtscts=True) as port, host_of(port) as host:
        ear = Ear()
        ear.is_ready = False
        port.attach(ear)
        first, second = b"first\n", b"\x06\x09second\n"
        os.write(host, first + second)
        await asyncio.sleep(0.01)  # ten times what the line needs
        await until(
            lambda: port.statistics().to_hub.bytes == len(first)
        )  # once the line itself knows that it is held
        assert not ear.heard
        ear.is_ready = True
        port.listener_is_ready()
        await ear.hears(len(first + second))
        assert ear.heard == first + second
        assert port.statistics().to_hub.bytes == len(first + second)


async def test_a_stalled_line_takes_nothing_until_it_resumes(tmp_path: Path) -> None:
    with plugged(tmp_path) as port, host_of(port) as host:
        ear = Ear()
        port.attach(ear)
        port.stall()
        taken = 0
        with contextlib.suppress(BlockingIOError):
            while taken < 1_000_000:
                taken += os.write(host, bytes(4096))
        assert 4096 < taken < 1_000_000
        assert not ear.heard
        port.resume()
        await ear.hears(taken)


async def test_unplugging_hangs_up_and_replugging_gives_another_port_under_the_same_name(
    tmp_path: Path,
) -> None:
    with plugged(tmp_path) as port:
        with host_of(port) as host:
            os.write(host, bytes(100))
            port.unplug()
            assert not port.is_plugged
            assert not port.link.is_symlink()
            with pytest.raises(OSError, match="Input/output error"):
                os.write(host, b"x")
            port.send(b"to nobody")
        port.plug()
        with host_of(port) as host:
            ear = Ear()
            port.attach(ear)
            os.write(host, b"back")
            await ear.hears(4)
            assert ear.heard == b"back"


async def test_the_port_is_raw(tmp_path: Path) -> None:
    with plugged(tmp_path) as port, host_of(port) as host:
        attributes = termios.tcgetattr(host)
        assert not attributes[tty.LFLAG] & (termios.ICANON | termios.ECHO)
        assert not attributes[tty.OFLAG] & termios.OPOST


async def test_flipped_bits_are_as_many_as_their_rate_says(tmp_path: Path) -> None:
    sent = bytes(20_000)
    with plugged(tmp_path, 10_000_000) as port, host_of(port) as host:
        port.flip_rate = lambda: 0.01
        ear = Ear()
        port.attach(ear)
        await write_all(host, sent)
        await ear.hears(len(sent))
    flipped = [byte for byte in ear.heard if byte]
    assert 100 < len(flipped) < 400
    assert all(byte.bit_count() == 1 for byte in flipped)
