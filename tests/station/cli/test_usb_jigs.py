"""`reflash jigs` for hubs on USB: places seen without opening anything, and bound by seating hubs."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from benches.station_config import write_config
from benches.usb_bench import Bench, open_bench
from benches.usb_station import chf_of, usb_settings
from benches.usb_strangers import KEYBOARD, STALLS_EVERYTHING, USB_HUB, attach
from simulators.dfu_profile import DfuProfile

COMMENT = "# the jig by the window"
PLACES = ("1-1", "1-2", "1-2.1", "1-2.2", "1-3", "1-4")


class Person:
    """A standard input whose lines are moments in which something is done on the bench's loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *deeds: Callable[[], Any]) -> None:
        self._loop = loop
        self._deeds = iter(deeds)

    def readline(self) -> str:
        deed = next(self._deeds, None)
        if deed is None:
            return ""

        async def do() -> str:
            done = deed()
            if asyncio.iscoroutine(done):
                await done
            return done if isinstance(done, str) else "\n"

        return asyncio.run_coroutine_threadsafe(do(), self._loop).result(10)


class Desk:
    """A bench on USB, its station's file, and the program."""

    def __init__(self, bench: Bench, config: Path, reflash: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bench = bench
        self.config = config
        self._reflash = reflash
        self._monkeypatch = monkeypatch

    async def list(self, *options: str) -> Any:
        return await asyncio.to_thread(self._reflash, "jigs", "list", "--config", self.config, *options)

    async def bind(
        self, *deeds: Callable[[], Any], seconds: float = 10.0, options: tuple[Any, ...] = ()
    ) -> Any:
        self._monkeypatch.setattr("sys.stdin", Person(asyncio.get_running_loop(), *deeds))
        arguments = ("jigs", "bind", "jig1", "--config", self.config, "--seconds", seconds, *options)
        return await asyncio.to_thread(self._reflash, *arguments)

    @property
    def slots(self) -> dict[str, str]:
        found: dict[str, str] = tomllib.loads(self.config.read_text())["jigs"][0]["slots"]
        return found


@pytest.fixture
def at_desk(reflash: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    @asynccontextmanager
    async def sit_down(slots: dict[int, str], **driver: Any) -> AsyncIterator[Desk]:
        async with open_bench(*PLACES) as bench:
            raw = usb_settings(tmp_path, bench, slots, 1, **driver)
            (jig,) = raw.pop("jigs")
            config = write_config(tmp_path / "station.toml", raw)
            described = write_config(tmp_path / "jig.toml", jig).read_text()
            config.write_text(f"{config.read_text()}\n[[jigs]]  {COMMENT}\n{described}")
            yield Desk(bench, config, reflash, monkeypatch)

    return sit_down


async def test_the_list_shows_what_sits_at_each_place_and_imports_nothing(at_desk: Any) -> None:
    async with at_desk({1: "usb:1-1", 2: "1-2", 3: "usb:1-2.1", 4: "usb:1-2.2", 5: "1-3"}) as desk:
        ports = desk.bench.server.ports
        desk.bench.seat("1-1", serial=1)
        desk.bench.seat("1-3", DfuProfile(dfu_product=0x0009), serial=3, image=None)
        desk.bench.seat("1-4", serial=4)
        attach(ports["1-2"], USB_HUB)
        attach(ports["1-2.1"], KEYBOARD)
        for place in ("1-1", "1-3", "1-4"):
            await desk.bench.until_on_the_bus(place)
        rows = (await desk.list("--json")).json
        assert [(row["slot"], row["place"], row["hindrance"] or row["port"]) for row in rows] == [
            (1, "usb:1-1", "1209:0001 at usb:1-1 (DFU)"),
            (2, "1-2", "a USB hub sits at usb:1-2, with 1-2.1 behind it: name a place behind it, or unplug it"),
            (3, "usb:1-2.1", "a device 1209:00aa (human interface) sits at usb:1-2.1 and does no DFU: take it out and seat a hub"),
            (4, "usb:1-2.2", None),
            (5, "1-3", "1209:0009 at usb:1-3 (in DFU mode)"),
            (None, "usb:1-4", "1209:0001 at usb:1-4 (DFU)"),
        ]  # fmt: skip
        assert {row["state"] for row in rows} == {None}, "words are for people"
        text = (await desk.list()).out
        assert "-     -     usb:1-4    1209:0001 at usb:1-4 (DFU)" in text
        for place in PLACES:
            assert ports[place]._importer is None
        assert [seated.hub.boots for seated in desk.bench.seated.values()] == [1, 1, 1]


async def test_each_slot_is_bound_to_where_a_hub_appears_and_the_comments_stay(at_desk: Any) -> None:
    async with at_desk({1: "usb:7-1", 2: "usb:7-2"}) as desk:
        bench = desk.bench
        bench.seat("1-1", serial=1)  # sat there all along, so it is nobody's sign
        await bench.until_on_the_bus("1-1")
        said = await desk.bind(lambda: bench.seat("1-2.2", serial=2), lambda: bench.seat("1-4", serial=3))
        assert said.code == 0, said
        assert "jig1: places in sight: 1\n" in said.out
        assert f"jig1 slot 1: hub {chf_of(2)} answers at usb:1-2.2" in said.out
        assert f"jig1 slot 2: hub {chf_of(3)} answers at usb:1-4" in said.out
        assert f"wrote {desk.config}: slot 1, slot 2 of jig1" in said.out
        assert desk.slots == {"1": "usb:1-2.2", "2": "usb:1-4"}
        assert COMMENT in desk.config.read_text()


async def test_what_binds_nothing_is_said_and_the_same_slot_is_asked_for_again(at_desk: Any) -> None:
    async with at_desk({1: "usb:7-1"}) as desk:
        bench, ports = desk.bench, desk.bench.server.ports
        before = desk.config.read_text()

        def exchange() -> None:
            ports["1-3"].detach()
            attach(ports["1-4"], STALLS_EVERYTHING)

        async def seat_two_at_once() -> None:
            ports["1-4"].detach()
            bench.seat("1-1", serial=1)
            bench.seat("1-3", serial=2)
            await asyncio.gather(bench.until_on_the_bus("1-1"), bench.until_on_the_bus("1-3"))

        said = await desk.bind(
            lambda: None,
            lambda: attach(ports["1-3"], KEYBOARD),
            exchange,
            seat_two_at_once,
            lambda: "q\n",
            seconds=0.3,
        )
        assert said.code == 1
        lines = [line for line in said.out.splitlines() if line.startswith("jig1 slot 1: ")]
        asked = [line for line in lines if "seat a hub, press enter" in line]
        told = [line.removeprefix("jig1 slot 1: ") for line in lines if line not in asked]
        assert len(asked) == 5
        assert told == [
            "no hub newly answers anywhere; check how it sits and its power, and try again",
            (
                "no hub newly answers anywhere (a device 1209:00aa (human interface) sits at usb:1-3 and does no DFU: "
                "take it out and seat a hub); check how it sits and its power, and try again"
            ),
            (
                "no hub newly answers anywhere (the device at 1-4 is no Communications Hub, it lacks the hub commands "
                "(vendor request 64): take it out); check how it sits and its power, and try again"
            ),
            "hubs newly answer at usb:1-1 and usb:1-3; seat one hub at a time",
        ]
        assert "no slot was bound; the configuration is as it was" in said.err
        assert desk.config.read_text() == before


async def test_a_place_that_is_another_slots_is_refused_however_it_is_written(at_desk: Any) -> None:
    async with at_desk({1: "1-1", 2: "usb:7-2"}) as desk:
        before = desk.config.read_text()
        said = await desk.bind(lambda: desk.bench.seat("1-1", serial=1), options=("--slot", 2))
        assert said.code == 2
        assert "jig1 slot 1 and jig1 slot 2 are both bound to usb:1-1" in said.err
        assert desk.config.read_text() == before


async def test_what_cannot_be_looked_at_is_said_before_anybody_seats_a_hub(
    at_desk: Any, tmp_path: Path
) -> None:
    async with at_desk({1: "1-1"}) as desk:
        desk.config.write_text(re.sub(r'"usbip_port" = \d+', '"usbip_port" = 1', desk.config.read_text()))
        nobody = "no USB/IP server answers at 127.0.0.1:1: start it, or correct usbip_host and usbip_port"
        assert (await desk.bind()).err == f"reflash: {nobody}\n"
        assert (await desk.list("--json")).json[0]["hindrance"] == nobody
        refused = await desk.bind(options=("--among", tmp_path))
        assert refused.complaint == f"{tmp_path}: the driver dfu has no serial ports; leave --among out"


async def test_libusb_is_looked_through_without_a_fault_where_nothing_is_plugged_in(
    at_desk: Any,
) -> None:
    async with at_desk({1: "usb:99-1"}, backend="libusb") as desk:
        # Its context lasts as long as the process, so it gets one of its own.
        command = [
            Path(sys.executable).with_name("reflash"),
            "jigs",
            "list",
            "--json",
            "--config",
            desk.config,
        ]
        listed = await asyncio.to_thread(
            subprocess.run, command, capture_output=True, text=True, timeout=30, check=False
        )
        assert listed.returncode == 0, listed
        assert json.loads(listed.stdout)[0]["port"] is None
