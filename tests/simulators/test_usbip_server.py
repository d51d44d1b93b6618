"""The USB/IP server, judged by bytes from the kernel's documentation and by a client that others wrote."""

from __future__ import annotations

import asyncio
import selectors
import socket
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from usbip import USBIP, Stall
from usbip import open as open_device
from usbip.host import Handle, list_devices

from simulators.usbip.channel import Channel
from simulators.usbip.device import (
    Descriptors,
    Setup,
    Transfer,
    bus_seconds,
    make_configuration,
    make_device_descriptor,
    make_interface,
)
from simulators.usbip.endpoint0 import Endpoint0
from simulators.usbip.server import PortBusy, Server, serve
from simulators.usbip.wire import NotUsbIp, Submit, Unlink, read_command

HEADER = 48


class Echo:
    """Gives back what it was sent; refuses request 2, never ends request 3, and counts resets."""

    def __init__(self) -> None:
        self.data = b""
        self.resets = 0
        self.was_reset = asyncio.Event()
        self.pending: list[Transfer] = []

    def control(self, transfer: Transfer) -> None:
        match transfer.setup.request:
            case 1 if transfer.setup.is_in:
                transfer.complete(self.data)
            case 1:
                self.data = transfer.data
                transfer.complete()
            case 3:
                self.pending.append(transfer)
            case _:
                transfer.stall()

    def bus_reset(self) -> None:
        self.resets += 1
        self.was_reset.set()


DESCRIPTORS = Descriptors(
    device=make_device_descriptor(vendor=0x1209, product=0x0001, release=0x0123, strings=(1, 2, 0)),
    configuration=make_configuration(
        make_interface(0, 0, (0xFE, 1, 2), 2) + make_interface(0, 1, (0xFE, 1, 2)), 1
    ),
    strings=("Müller", "Hub"),
)


@asynccontextmanager
async def echo_at(*bus_ids: str) -> AsyncIterator[tuple[Server, list[Echo]]]:
    async with serve(bus_ids) as server:
        echoes = [Echo() for _ in bus_ids]
        for bus_id, echo in zip(bus_ids, echoes, strict=True):
            server.ports[bus_id].attach(DESCRIPTORS, echo)
        yield server, echoes


class Wire:
    """A client that speaks raw bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    @asynccontextmanager
    async def to(cls, server: Server) -> AsyncIterator[Wire]:
        wire = cls(*await asyncio.open_connection(*server.address))
        try:
            yield wire
        finally:
            wire.writer.close()
            await wire.writer.wait_closed()

    async def ask(self, request: bytes, size: int) -> bytes:
        self.writer.write(request)
        return await self.reader.readexactly(size)

    async def is_hung_up(self) -> bool:
        return await self.reader.read() == b""

    async def take(self, bus_id: str) -> bytes:
        return await self.ask(bytes.fromhex("0111800300000000") + bus_id.encode().ljust(32, b"\0"), 8 + 312)


def submit(sequence: int, setup: str, length: int, data: bytes = b"") -> bytes:
    raw = bytes.fromhex(setup)
    direction = 1 if raw[0] & 0x80 else 0
    head = struct.pack(">IIIIIIIIII", 1, sequence, 0x10001, direction, 0, 0, length, 0, 0, 0)
    return head + raw + data


async def test_the_list_reads_as_the_kernels_documentation_says() -> None:
    async with echo_at("1-2.3") as (server, _), Wire.to(server) as wire:
        reply = await wire.ask(bytes.fromhex("0111800500000000"), 12 + 312 + 4)
        assert reply[:12] == bytes.fromhex("0111000500000000 00000001")
        record = reply[12:324]
        assert record[:256].rstrip(b"\0").endswith(b"/1-2.3")
        assert record[256:288].rstrip(b"\0") == b"1-2.3"
        # Bus, address, speed; vendor, product, release; class triple, configuration, counts.
        assert record[288:] == bytes.fromhex("00000001 00000001 00000002 1209 0001 0123 000000 01 01 01")
        assert reply[324:] == bytes.fromhex("fe010200")
        assert await wire.is_hung_up()


async def test_transfers_read_as_the_kernels_documentation_says() -> None:
    async with echo_at("1-1") as (server, echoes), Wire.to(server) as wire:
        imported = await wire.take("1-1")
        assert imported[:8] == bytes.fromhex("0111000300000000")
        sent = await wire.ask(submit(0xD05, "4001000000000300", 3, b"abc"), HEADER)
        assert sent == bytes.fromhex("00000003 00000d05" + "00" * 12 + "00000000 00000003" + "00" * 20)
        assert echoes[0].data == b"abc"
        got = await wire.ask(submit(0xD06, "c001000000000800", 8), HEADER + 3)
        assert (
            got == bytes.fromhex("00000003 00000d06" + "00" * 12 + "00000000 00000003" + "00" * 20) + b"abc"
        )
        stalled = await wire.ask(submit(0xD07, "c002000000000800", 8), HEADER)
        assert stalled == bytes.fromhex("00000003 00000d07" + "00" * 12 + "ffffffe0" + "00" * 24)


async def test_a_transfer_that_is_unlinked_is_never_answered() -> None:
    async with echo_at("1-1") as (server, echoes), Wire.to(server) as wire:
        await wire.take("1-1")
        wire.writer.write(submit(5, "c003000000000800", 8))
        unlinked = await wire.ask(struct.pack(">IIIIII24x", 2, 6, 0x10001, 0, 0, 5), HEADER)
        assert unlinked == bytes.fromhex("00000004 00000006" + "00" * 12 + "ffffff98" + "00" * 24)
        echoes[0].pending[0].complete(b"late")
        again = await wire.ask(struct.pack(">IIIIII24x", 2, 7, 0x10001, 0, 0, 5), HEADER)
        assert again[20:24] == bytes(4), "what has ended is not unlinked"
        # The pipe is free again.
        got = await wire.ask(submit(8, "c001000000000800", 8), HEADER)
        assert got[:8] == bytes.fromhex("00000003 00000008")


async def test_a_device_is_one_hosts_until_that_host_lets_go_which_resets_it() -> None:
    async with echo_at("1-1") as (server, echoes):
        async with Wire.to(server) as wire:
            await wire.take("1-1")
            async with Wire.to(server) as other:
                refused = await other.ask(bytes.fromhex("0111800300000000") + b"1-1".ljust(32, b"\0"), 8)
                assert refused == bytes.fromhex("0111000300000002")
                assert await other.is_hung_up()
            assert echoes[0].resets == 0
        await echoes[0].was_reset.wait()
        async with Wire.to(server) as wire:
            assert (await wire.take("1-1"))[4:8] == bytes(4)


async def test_a_device_that_leaves_hangs_up_and_comes_back_at_the_same_place_under_another_address() -> None:
    async with echo_at("1-1") as (server, echoes):
        port = server.ports["1-1"]
        async with Wire.to(server) as wire:
            first = await wire.take("1-1")
            port.detach()
            assert await wire.is_hung_up()
        assert server.records() == []
        assert echoes[0].resets == 0, "it left by itself"
        port.attach(DESCRIPTORS, echoes[0])
        with pytest.raises(PortBusy):
            port.attach(DESCRIPTORS, echoes[0])
        async with Wire.to(server) as wire:
            second = await wire.take("1-1")
        assert (first[8 + 292 : 8 + 296], second[8 + 292 : 8 + 296]) == (
            bytes.fromhex("00000001"),
            bytes.fromhex("00000002"),
        )


@pytest.mark.parametrize(
    "noise",
    ["47455420", "0111800400000000", "0222800500000000", "0111800300000000" + "00" * 32],
    ids=["http", "unknown-operation", "other-version", "no-such-device"],
)
async def test_whoever_speaks_something_else_is_hung_up_on(noise: str) -> None:
    async with echo_at("1-1") as (server, _), Wire.to(server) as wire:
        wire.writer.write(bytes.fromhex(noise).ljust(8, b"\0"))
        assert len(await wire.reader.read()) in {0, 8}
        assert len(server.records()) == 1


async def test_a_client_that_others_wrote_uses_30_devices_on_one_listener() -> None:
    bus_ids = [f"1-{number}" for number in range(1, 31)]

    def use(host: str, port: int) -> None:
        transport = USBIP(host, port)
        assert [entry["busid"] for entry in list_devices(transport)] == bus_ids
        handles: list[Handle] = []
        try:
            handles.extend(open_device(busid=bus_id, transport=transport) for bus_id in bus_ids)
            for number, handle in enumerate(handles):
                handle.control(0x40, 1, 0, 0, bytes([number]) * 300)
            for number, handle in enumerate(handles):
                assert handle.control(0xC0, 1, 0, 0, 1024) == bytes([number]) * 300
                assert handle.control(0x80, 6, 0x0301, 0x0409, 255)[2:].decode("utf-16-le") == "Müller"
                assert handle.control(0x81, 10, 0, 0, 1) == b"\0"
                handle.control(0x01, 11, 1, 0, b"")
                assert handle.control(0x81, 10, 0, 0, 1) == b"\1"
                with pytest.raises(Stall):
                    handle.control(0x01, 11, 2, 0, b"")
        finally:
            for handle in handles:
                handle.close()

    async with echo_at(*bus_ids) as (server, _):
        await asyncio.to_thread(use, *server.address)


def test_a_transfer_takes_the_bus_as_long_as_usb_says() -> None:
    # USB 2.0, table 5-2: 13 control transfers of 64 bytes fit into a frame of 1 ms, 14 do not.
    assert 13 * bus_seconds(64) <= 0.001 < 14 * bus_seconds(64)
    assert bus_seconds(0) < bus_seconds(6) < bus_seconds(64) < bus_seconds(65)


async def test_endpoint_0_keeps_the_bus_pace() -> None:
    transfers, size = 60, 1024

    def use(host: str, port: int) -> float:
        with closing(open_device(busid="1-1", transport=USBIP(host, port))) as handle:
            begun = time.monotonic()
            for _ in range(transfers):
                handle.control(0x40, 1, 0, 0, bytes(size))
            return time.monotonic() - begun

    async with echo_at("1-1") as (server, _):
        # The credit for a late timer may spare the last waits.
        assert await asyncio.to_thread(use, *server.address) > transfers * bus_seconds(size) - 0.007


class NoOthersLoop(asyncio.SelectorEventLoop):
    """A loop whose clock no other program's work moves: only a timer that is waited for does."""

    def __init__(self) -> None:
        clock = self

        class Selector(selectors.SelectSelector):
            def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
                clock.now += timeout or 0.0
                return super().select(0.0)

        self.now = 1000.0
        super().__init__(Selector())

    def time(self) -> float:
        return self.now


def by_its_own_clock(use: Callable[[NoOthersLoop], Awaitable[None]]) -> None:
    with closing(NoOthersLoop()) as loop:
        loop.run_until_complete(use(loop))


@pytest.mark.parametrize(("late", "made_up"), [(0.001, 0.001), (60.0, 0.005)], ids=["a-little", "a-minute"])
def test_what_this_machine_is_late_for_the_bus_makes_up_for_and_no_more(late: float, made_up: float) -> None:
    size = 0xFFFF
    setup = Setup(0x40, 1, 0, 0, size)

    async def use(loop: NoOthersLoop) -> None:
        answered: asyncio.Queue[Transfer] = asyncio.Queue()
        endpoint0 = Endpoint0(DESCRIPTORS, Echo(), lambda transfer, _: answered.put_nowait(transfer))

        def submit_since(seconds_ago: float) -> Transfer:
            transfer = Transfer(1, setup, bytes(size), loop.time() - seconds_ago, endpoint0.end)
            endpoint0.submit(transfer)
            return transfer

        read_late = submit_since(bus_seconds(size) + late)
        assert answered.get_nowait() is read_late, "the bus has had its time"
        begun = loop.time()
        read_in_time = submit_since(0.0)
        assert await answered.get() is read_in_time
        assert loop.time() - begun == pytest.approx(bus_seconds(size) - made_up)

    by_its_own_clock(use)


def test_what_the_device_takes_its_time_over_is_not_made_up_for() -> None:
    """The bus of the next transfer is not shortened by the time that the device took over this one."""

    async def use(loop: NoOthersLoop) -> None:
        echo = Echo()
        answered: asyncio.Queue[Transfer] = asyncio.Queue()
        endpoint0 = Endpoint0(DESCRIPTORS, echo, lambda transfer, _: answered.put_nowait(transfer))
        endpoint0.submit(Transfer(1, Setup(0xC0, 3, 0, 0, 4096), b"", loop.time(), endpoint0.end))
        await asyncio.sleep(0.02)
        echo.pending[0].complete(b"a moment")
        await answered.get()
        begun = loop.time()
        endpoint0.submit(Transfer(2, Setup(0x40, 1, 0, 0, 4096), bytes(4096), loop.time(), endpoint0.end))
        await answered.get()
        # The first answer was too short for a timer, so that its time on the bus is added to this one's.
        assert loop.time() - begun == pytest.approx(bus_seconds(len(b"a moment")) + bus_seconds(4096))

    by_its_own_clock(use)


class Heard:
    """What a channel told."""

    def __init__(self) -> None:
        self.pieces: list[tuple[bytes, float]] = []
        self.came = asyncio.Event()
        self.over = asyncio.Event()

    def received(self, data: bytes, since: float) -> None:
        self.pieces.append((data, since))
        self.came.set()

    def ended(self) -> None:
        self.over.set()


@asynccontextmanager
async def channel_to_a_host() -> AsyncIterator[tuple[Channel, Heard, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host = socket.create_connection(listener.getsockname())
        heard = Heard()
        channel = Channel(listener.accept()[0], heard)
        try:
            yield channel, heard, host
        finally:
            host.close()
            channel.drop()
            channel.drop()
            await heard.over.wait()


async def test_a_piece_has_the_time_at_which_it_came_and_not_at_which_it_was_read() -> None:
    async with channel_to_a_host() as (_, heard, host):
        loop = asyncio.get_running_loop()
        since, woke = 0.0, -1.0
        while since >= woke:  # the kernel begins to stamp some time after it is asked to
            heard.came.clear()
            host.sendall(b"piece")
            time.sleep(0.05)  # noqa: ASYNC251 -- a loop that is late is the point
            woke = loop.time()
            await heard.came.wait()
            data, since = heard.pieces[-1]
            assert data == b"piece"


async def test_a_channel_that_is_closed_sends_all_that_it_was_given_first() -> None:
    given = bytes(range(256)) * 64 * 1024

    async with channel_to_a_host() as (channel, heard, host):
        channel.send(given[:1000])
        channel.send(given[1000:-1])
        channel.send(given[-1:])
        channel.close()
        channel.send(b"too late")
        assert not heard.over.is_set(), "more than a socket holds"
        reading = asyncio.to_thread(host.makefile("rb").read)
        assert await reading == given
        await heard.over.wait()


async def test_a_host_that_is_gone_ends_the_channel() -> None:
    async with channel_to_a_host() as (channel, heard, host):
        channel.send(bytes(64 << 20))
        host.close()
        await heard.over.wait()
        channel.send(b"nobody hears")


@given(st.binary(min_size=HEADER, max_size=HEADER))
def test_any_48_bytes_are_a_command_or_refused(raw: bytes) -> None:
    try:
        command = read_command(raw)
    except NotUsbIp:
        return
    assert isinstance(command, Submit | Unlink)
    if isinstance(command, Submit):
        assert 0 <= command.data_size < 1 << 31
