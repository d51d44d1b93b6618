from __future__ import annotations

import asyncio
import ctypes
import socket
import threading
from pathlib import Path

import pytest

from drivers.dfu import hotplug
from drivers.dfu.hotplug import HotPlug
from drivers.dfu.work import Work, Worker
from drivers.errors import HubAction, NoAnswer


async def test_work_is_done_in_the_workers_one_thread() -> None:
    worker = Worker("usb 1-1")
    names = [
        await worker.run(Work("1-1", HubAction.STATE, 5), lambda _: threading.current_thread().name)
        for _ in range(3)
    ]
    worker.close()
    assert len(set(names)) == 1
    assert names[0].startswith("usb 1-1")


async def test_a_workers_sleeps_end_when_they_are_due() -> None:
    get_timer_slack = 30  # PR_GET_TIMERSLACK of linux/prctl.h

    def slack(_: object) -> int:
        return ctypes.CDLL(None).prctl(get_timer_slack)

    before = slack(None)
    worker = Worker("usb 1-1")
    assert await worker.run(Work("1-1", HubAction.STATE, 5), slack) == 1
    assert slack(None) == before > 1, "no other thread's are changed"
    worker.close()


async def test_a_cancelled_caller_waits_until_the_work_has_stopped() -> None:
    worker = Worker("usb 1-1")
    begun, ended = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def work(work: Work) -> None:
        loop.call_soon_threadsafe(begun.set)
        try:
            work.pause(60)
        finally:
            ended.set()

    task = asyncio.create_task(worker.run(Work("1-1", HubAction.FLASH, 120), work))
    await begun.wait()
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
    assert await worker.run(Work("1-1", HubAction.STATE, 5), lambda _: "free") == "free"
    worker.close()


async def test_work_past_its_deadline_ends_with_a_typed_error() -> None:
    worker = Worker("usb 1-1")
    with pytest.raises(NoAnswer, match=r"at 1-1 was not done in 0\.05 s") as caught:
        await worker.run(Work("1-1", HubAction.FLASH, 0.05, writes=True), lambda work: work.pause(3600))
    assert caught.value.action is HubAction.FLASH
    assert not caught.value.state_known
    worker.close()


async def test_a_usb_event_wakes_the_waiter_and_others_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, kernels = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    ours.setblocking(False)
    monkeypatch.setattr(hotplug, "_listening_socket", lambda: ours)

    hot_plug = HotPlug(60, listen=True)
    assert hot_plug.hears_events
    loop = asyncio.get_running_loop()
    begun = loop.time()
    kernels.send(b"add@/devices/pci0\0ACTION=add\0SUBSYSTEM=net\0")
    await hot_plug.wait(0.05)
    assert loop.time() - begun >= 0.05
    waiter = asyncio.create_task(hot_plug.wait(3600))
    kernels.send(b"libudev\0\xfe\xed\xca\xfeACTION=add\0SUBSYSTEM=usb\0DEVTYPE=usb_device\0")
    await waiter
    hot_plug.close()
    hot_plug.close()
    kernels.close()


def test_events_are_listened_for_where_udev_runs_and_not_where_none_would_come(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(hotplug, "_UDEV", tmp_path / "control")

    async def hears() -> bool:
        hot_plug = HotPlug(60, listen=True)
        try:
            return hot_plug.hears_events
        finally:
            hot_plug.close()

    assert not asyncio.run(hears())
    (tmp_path / "control").touch()
    assert asyncio.run(hears())


async def test_without_events_a_place_is_looked_at_from_time_to_time() -> None:
    hot_plug = HotPlug(0.02, listen=False)
    assert not hot_plug.hears_events
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await hot_plug.wait()
    assert loop.time() - begun > 0.01
    hot_plug.close()
