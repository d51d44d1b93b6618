"""The serial link on real pseudo-terminals."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import re
import termios
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import pytest

from benches.descriptor_limits import descriptors_left
from benches.looking import until
from benches.pty_port import pty_port
from drivers import serial_link
from drivers.errors import HubAction, PlaceUnavailable
from drivers.serial_link import SerialSettings, open_serial_link
from drivers.serial_places import SerialPlaces


class Recorder:
    """Keeps what a link tells, and lets a test wait for it."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.told: list[tuple[str, str]] = []
        self._changed = asyncio.Event()

    def received(self, data: bytes) -> None:
        self.data += data
        self._changed.set()

    def link_stalled(self, why: str) -> None:
        self.told.append(("stalled", why))
        self._changed.set()

    def link_lost(self, why: str) -> None:
        self.told.append(("lost", why))
        self._changed.set()

    async def until(self, reached) -> None:
        while not reached():
            self._changed.clear()
            await self._changed.wait()


@asynccontextmanager
async def with_link(**settings):
    """Give a port, its link and the link's recorder."""
    async with pty_port() as port:
        link = await open_serial_link(port.path, SerialSettings(**settings))
        recorder = Recorder()
        link.start(recorder)
        try:
            yield port, link, recorder
        finally:
            await link.close()


async def test_every_byte_value_passes_both_ways():
    every = bytes(range(256))

    async with with_link() as (port, link, recorder):
        far = Recorder()
        port.listen(far.received)
        link.write(every)
        await far.until(lambda: len(far.data) >= 256)
        port.send(every)
        await recorder.until(lambda: len(recorder.data) >= 256)
        assert far.data == recorder.data == every


async def test_more_than_the_port_takes_at_once_arrives_in_order():
    sent = os.urandom(60_000)

    async with with_link() as (port, link, _):
        for start in range(0, len(sent), 6000):
            link.write(sent[start : start + 6000])
        assert link.unsent_seconds > 0
        far = Recorder()
        port.listen(far.received)
        await far.until(lambda: len(far.data) >= len(sent))
        assert far.data == sent
        assert link.unsent_seconds == 0


async def test_a_peer_that_stops_reading_is_told_after_the_stall_time_and_the_link_stays():
    async with with_link(stall_seconds=0.1) as (port, link, recorder):
        link.write(bytes(60_000))
        await recorder.until(lambda: recorder.told)
        [(what, why)] = recorder.told
        assert what == "stalled"
        assert port.path in why
        assert link.loss is None
        far = Recorder()
        port.listen(far.received)
        link.write(b"after")
        await far.until(lambda: far.data.endswith(b"after"))


async def test_a_slow_peer_is_no_stalled_one():
    stall, longest = 0.3, math.inf
    clock = asyncio.get_running_loop().time
    while longest > stall:  # a busy machine may hold a pause up
        longest = 0.0
        async with with_link(stall_seconds=stall) as (port, link, recorder):
            far = Recorder()
            begun = clock()
            link.write(bytes(60_000))
            for taken in (10_000, 30_000, 60_000):
                port.listen(far.received)
                await until(lambda far=far, goal=taken, told=recorder.told: len(far.data) >= goal or told)
                port.stop_listening()
                await asyncio.sleep(0.15)
                longest, begun = max(longest, clock() - begun), clock()
    assert recorder.told == []


async def test_unsent_bytes_are_bounded():
    async with with_link() as (_, link, recorder):
        for _ in range(100):
            link.write(bytes(10_000))
        assert ("stalled", recorder.told[0][1]) == recorder.told[0]
        assert link.unsent_seconds * 11520 <= 65536


async def test_an_unplugged_port_is_told_once_and_then_takes_everything_in_silence():
    async with with_link() as (port, link, recorder):
        port.close()
        await recorder.until(lambda: recorder.told)
        link.write(b"nobody hears this")
        assert [what for what, _ in recorder.told] == ["lost"]
        assert link.loss


_FOR_GOOD = 3600.0
_SOON = 0.01


async def test_what_arrives_at_a_port_that_may_wait_lies_until_another_wants_its_own():
    async with with_link() as (port, link, recorder), with_link() as (other_port, other_link, other_recorder):
        link.may_wait(_FOR_GOOD)
        port.send(b"one")
        other_port.send(b"at once")
        await other_recorder.until(lambda: other_recorder.data)
        assert not recorder.data
        other_link.may_wait(_SOON)
        await recorder.until(lambda: recorder.data == b"one")
        other_link.may_wait(0)
        await asyncio.sleep(2 * _SOON)  # the look that it had asked for is over: timers come in their order
        port.send(b"two")
        other_port.send(b"at once")
        await other_recorder.until(lambda: other_recorder.data == b"at once" * 2)
        assert recorder.data == b"one"
        link.may_wait(0)
        await recorder.until(lambda: recorder.data == b"onetwo")


async def test_an_unplugged_port_that_may_wait_is_told_once():
    async with with_link() as (port, link, recorder), with_link() as (other_port, other_link, other_recorder):
        link.may_wait(_SOON)
        other_link.may_wait(_SOON)
        port.close()
        await recorder.until(lambda: recorder.told)
        other_port.send(b"still read")
        await other_recorder.until(lambda: other_recorder.data)
        link.may_wait(0)
        link.may_wait(_SOON)
        assert [what for what, _ in recorder.told] == ["lost"]
        assert link.loss


async def test_who_is_told_of_one_port_may_have_another_waited_for_no_longer():
    errors = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    async with with_link() as (port, link, recorder), with_link() as (other_port, other_link, other_recorder):
        for sender, told, other in ((port, recorder, other_link), (other_port, other_recorder, link)):
            received = told.received
            told.received = lambda data, received=received, other=other: (received(data), other.may_wait(0))
            sender.send(b"x")
        link.may_wait(_SOON)
        other_link.may_wait(_SOON)
        await recorder.until(lambda: recorder.data)
        await other_recorder.until(lambda: other_recorder.data)
    assert errors == []


async def test_writing_to_an_unplugged_port_tells_the_loss():
    async with with_link() as (port, link, recorder):
        port.close()
        link.write(b"x")
        assert [what for what, _ in recorder.told] == ["lost"]


async def test_closing_twice_is_fine_and_says_nothing():
    async with with_link() as (_, link, recorder):
        await link.close()
        await link.close()
        assert recorder.told == []


async def test_closing_with_unsent_bytes_does_not_wait_for_the_peer():
    async with with_link() as (_, link, _):
        link.write(bytes(60_000))
        await link.close()


async def test_a_close_does_not_hang_up_on_the_hub():
    async with with_link(baud=921_600, rts_cts=True) as (port, link, _):
        attributes = termios.tcgetattr(port._slave)
        assert not attributes[2] & termios.HUPCL
        assert attributes[2] & termios.CRTSCTS
        assert attributes[4] == termios.B921600
        assert link.low_latency is False, "a pseudo-terminal has no latency timer"


def unavailable(path: str) -> PlaceUnavailable:
    with pytest.raises(PlaceUnavailable) as caught:
        asyncio.run(open_serial_link(path, SerialSettings()))
    assert caught.value.action is HubAction.OPEN
    assert caught.value.state_known
    assert path in str(caught.value)
    return caught.value


def test_an_absent_port_says_to_plug_it_in():
    assert "plug the adapter in" in str(unavailable("/dev/no-such-port"))


def test_a_file_is_no_serial_port(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"")
    assert "cannot be used as a serial port" in str(unavailable(str(path)))


async def test_a_port_held_by_another_program_says_so():
    async with with_link() as (port, _, _):
        with pytest.raises(PlaceUnavailable, match="held by another program"):
            await open_serial_link(port.path, SerialSettings())


@pytest.mark.parametrize("left", range(5))
async def test_a_port_that_cannot_be_opened_for_want_of_descriptors_says_so_and_leaves_none_open(left):
    async with pty_port() as port:
        with descriptors_left(left), pytest.raises(PlaceUnavailable) as caught:
            await open_serial_link(port.path, SerialSettings())
        assert re.match(r"no more file descriptors \(\d+ allowed\): raise LimitNOFILE or ", str(caught.value))
        with descriptors_left(5):
            await (await open_serial_link(port.path, SerialSettings())).close()


async def test_without_descriptors_a_place_is_not_said_to_be_empty():
    with descriptors_left(0), pytest.raises(PlaceUnavailable, match="no more file descriptors"):
        await open_serial_link("usb:9-9", SerialSettings())


@contextlib.contextmanager
def as_a_user():
    """Be no root: root is refused nothing."""
    before = os.geteuid()
    os.seteuid(65534 if before == 0 else before)
    try:
        yield
    finally:
        os.seteuid(before)


@pytest.mark.parametrize(("mode", "advice"), [(0o060, "add the user to the group"), (0o000, "udev rules")])
async def test_a_forbidden_port_names_the_group_or_else_the_udev_rules(mode, advice):
    async with pty_port() as port:
        if os.geteuid() == 0:
            os.fchown(port._slave, 0, 5)  # tty's, as a pseudo-terminal of anybody else is already
        os.fchmod(port._slave, mode)
        with as_a_user(), pytest.raises(PlaceUnavailable, match=f"may not be opened.*{advice}"):
            await open_serial_link(port.path, SerialSettings())


async def test_a_closed_port_can_be_opened_again_whatever_fills_the_shared_threads(tmp_path):
    done = threading.Event()
    shared = ThreadPoolExecutor(max_workers=1)
    asyncio.get_running_loop().set_default_executor(shared)
    shared.submit(done.wait)
    try:
        async with pty_port() as port:
            (tmp_path / "port").symlink_to(port.path)
            places = SerialPlaces(tmp_path)
            for _ in range(3):
                assert await places.see_place(port.path, SerialSettings())
                assert await places.find_places(SerialSettings())
                link = await open_serial_link(port.path, SerialSettings())
                await link.close()
    finally:
        done.set()


async def test_cancelling_an_opening_leaks_no_port(monkeypatch):
    """The port opens only after the caller has gone; the leak check of every test does the judging."""
    async with pty_port() as port:
        loop = asyncio.get_running_loop()
        entered, may_open, is_open = asyncio.Event(), asyncio.Event(), asyncio.Event()
        really_open = serial_link._open

        def open_late(path, settings):
            loop.call_soon_threadsafe(entered.set)
            asyncio.run_coroutine_threadsafe(may_open.wait(), loop).result(60)
            opened = really_open(path, settings)
            loop.call_soon_threadsafe(is_open.set)
            return opened

        monkeypatch.setattr(serial_link, "_open", open_late)
        opening = asyncio.create_task(open_serial_link(port.path, SerialSettings()))
        await entered.wait()
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        may_open.set()
        await is_open.wait()
        monkeypatch.setattr(serial_link, "_open", really_open)
        link = None
        while link is None:
            with contextlib.suppress(PlaceUnavailable):  # until the port that nobody wants any more is closed
                link = await open_serial_link(port.path, SerialSettings())
        await link.close()
