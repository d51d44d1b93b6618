"""A slot's port comes back, and is had without anybody looking again: real ptys under real links."""

from __future__ import annotations

import asyncio
import os
import tty
from collections.abc import Callable
from pathlib import Path

import pytest

from drivers.errors import PlaceUnavailable
from drivers.port_watch import PortWatch
from drivers.smp.plugin import PLUGIN
from drivers.smp.settings import SmpSettings
from station.bench import port as slot_port
from station.bench.loop_watch import LoopWatch
from station.bench.port import SlotPort
from station.bench.seat import LinkSeat


def link(place: Path, port: str) -> None:
    place.symlink_to(port)


def as_udev_does(place: Path, port: str) -> None:
    """Make the folder, which is there only while it holds links, and move the link into it."""
    place.parent.mkdir(parents=True)
    made = place.with_name(f".{place.name}")
    made.symlink_to(port)
    made.replace(place)


def behind_a_link_of_ones_own(place: Path, port: str) -> None:
    (place.parent / "by-path").mkdir()
    as_udev_does(place.parent / "by-path" / "serial" / "first", port)


@pytest.mark.parametrize(
    ("place", "leads_to", "plug"),
    [
        ("slot-1", None, link),
        ("serial/by-path/slot-1", None, as_udev_does),
        ("slot-1", "by-path/serial/first", behind_a_link_of_ones_own),
    ],
)
async def test_a_port_is_had_as_soon_as_it_is_there(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    leads_to: str | None,
    plug: Callable[[Path, str], None],
) -> None:
    monkeypatch.setattr(slot_port, "RETRY_SECONDS", (3600.0,))
    path = tmp_path / place
    if leads_to is not None:
        path.symlink_to(leads_to)

    master, slave = os.openpty()
    tty.setraw(slave)
    port = os.ttyname(slave)
    seat = LinkSeat(LoopWatch())
    slot = SlotPort(str(path), PLUGIN, SmpSettings(), seat, 1.0)
    looks, looked_twice = [], asyncio.Event()

    def absent(error: PlaceUnavailable) -> None:
        looks.append(error)
        if len(looks) > 1:
            looked_twice.set()

    opening = asyncio.create_task(slot.open(absent))
    await looked_twice.wait()
    plug(path, port)
    driver = await opening
    assert len(looks) < 10, "it is not looked for again and again"
    await driver.close()
    os.close(master)
    os.close(slave)


async def test_a_device_is_heard_of_when_it_appears_and_when_it_is_permitted(tmp_path: Path) -> None:
    watch = PortWatch("usb:1-2", tmp_path)
    await watch.changed(3600)  # what was there before was not heard
    (tmp_path / "ttyUSB0").touch(0o600)
    await watch.changed(3600)
    (tmp_path / "ttyUSB0").chmod(0o660)
    await watch.changed(3600)
    watch.close()
    watch.close()


async def test_of_a_place_of_another_kind_nothing_is_heard(tmp_path: Path) -> None:
    watch = PortWatch("1-2.3", tmp_path)
    begun = asyncio.get_running_loop().time()
    await watch.changed(0.05)
    assert asyncio.get_running_loop().time() - begun >= 0.05
    watch.close()
