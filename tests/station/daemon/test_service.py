"""What systemd hears from the daemon."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import closing

import pytest

from benches.descriptor_limits import descriptors_left
from benches.tasks import beside
from station.daemon.service import ServiceManager


@pytest.fixture
def manager_socket(tmp_path):
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(path))
        channel.settimeout(60)
        yield path, channel


def test_ready_stopping_status_and_reload_reach_the_manager(manager_socket):
    path, channel = manager_socket
    with closing(ServiceManager.from_environment({"NOTIFY_SOCKET": str(path)})) as service:
        service.ready()
        service.reloading()
        service.status("24 slots")
        service.stopping()
        service.still_starting("12 of 24 events")
    heard = [channel.recv(200).decode() for _ in range(5)]
    assert heard[0] == "READY=1"
    assert heard[1].startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert heard[2:4] == ["STATUS=24 slots", "STOPPING=1"]
    assert heard[4] == "EXTEND_TIMEOUT_USEC=60000000\nSTATUS=12 of 24 events"


async def test_the_watchdog_is_told_twice_in_each_period(manager_socket):
    path, channel = manager_socket
    environment = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "40000", "WATCHDOG_PID": str(os.getpid())}

    with closing(ServiceManager.from_environment(environment)) as service:
        async with beside(service.keep_watchdog()):
            await asyncio.to_thread(lambda: [channel.recv(200) for _ in range(3)])


def test_the_manager_hears_a_station_that_has_no_more_descriptors(manager_socket):
    path, channel = manager_socket
    with closing(ServiceManager.from_environment({"NOTIFY_SOCKET": str(path)})) as service:
        with descriptors_left(0):
            service.ready()
        assert channel.recv(100) == b"READY=1"


async def test_a_watchdog_meant_for_another_process_is_ignored(manager_socket):
    path, channel = manager_socket
    environment = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}

    with closing(ServiceManager.from_environment(environment)) as service, pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await service.keep_watchdog()
    channel.setblocking(False)
    with pytest.raises(BlockingIOError):
        channel.recv(200)


def test_without_a_manager_nothing_is_said_and_nothing_fails(tmp_path):
    ServiceManager.from_environment({}).ready()
    with closing(ServiceManager(str(tmp_path / "nobody"), None)) as service:
        service.ready()


def test_an_abstract_socket_is_reached(tmp_path):
    name = f"@reflash-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind("\0" + name[1:])
        channel.settimeout(60)
        with closing(ServiceManager(name, None)) as service:
            service.ready()
        assert channel.recv(100) == b"READY=1"
