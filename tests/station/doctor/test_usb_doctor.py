"""The doctor at a jig of USB hubs: what is at each place, and what to do about it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import usb.backend.libusb1
import usb.libloader

from benches import brokers
from benches.usb_bench import Bench, open_bench
from benches.usb_station import chf_of, usb_settings
from benches.usb_strangers import KEYBOARD, SILENT, STALLS_EVERYTHING, USB_HUB, ZERO_TRANSFER_SIZE, attach
from simulators.faults import Fault, FaultName, Occasion
from station.doctor.examination import examine
from station.doctor.report import Finding, Verdict
from station.settings import StationSettings

OK, WARNING, FAULT = Verdict.OK, Verdict.WARNING, Verdict.FAULT
SLOTS = {number: f"usb:1-{number}" for number in range(1, 9)}
QUICK = {"transfer_seconds": 0.2, "command_seconds": 1.0}


@pytest.fixture
def examined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, list[Finding]]]:
    """Examine a station with a USB jig once the bench is set up, and return the findings by where."""
    monkeypatch.setattr("station.doctor.examination._HUB_SECONDS", 1.0)
    nobody = brokers.free_port()

    def run(set_up: Callable[[Bench], Any], slots: dict[int, str], **driver: Any) -> dict[str, list[Finding]]:
        async def work() -> list[Finding]:
            async with open_bench(*SLOTS_OF_THE_BENCH) as bench:
                await set_up(bench)
                raw = usb_settings(tmp_path, bench, slots, nobody, **{**QUICK, **driver})
                return await examine(StationSettings.model_validate(raw))

        found: dict[str, list[Finding]] = {}
        for finding in asyncio.run(work()):
            assert "\n" not in str(finding)
            found.setdefault(finding.where, []).append(finding)
        return found

    return run


SLOTS_OF_THE_BENCH = (*(f"1-{number}" for number in range(1, 9)), "1-3.1", "1-3.4")


async def nothing(_: Bench) -> None:
    pass


def test_each_place_is_told_with_what_sits_there_and_what_to_do(examined: Any) -> None:
    async def set_up(bench: Bench) -> None:
        ports = bench.server.ports
        bench.seat("1-1", serial=1)
        attach(ports["1-3"], USB_HUB)
        attach(ports["1-3.4"], KEYBOARD)
        attach(ports["1-3.1"], KEYBOARD)
        attach(ports["1-4"], KEYBOARD)
        attach(ports["1-5"], STALLS_EVERYTHING)
        attach(ports["1-6"], SILENT)
        attach(ports["1-7"], ZERO_TRANSFER_SIZE)
        bench.seat("1-8", serial=8, image=None)
        await asyncio.gather(bench.until_on_the_bus("1-1"), bench.until_on_the_bus("1-8"))

    found = examined(set_up, SLOTS)
    told = {
        number: [
            (finding.verdict, str(finding).removeprefix(f"jig1 slot {number}: ")) for finding in findings
        ]
        for number in SLOTS
        if (findings := found[f"jig1 slot {number}"])
    }
    assert told[1] == [
        (OK, f"hub {chf_of(1)}, model 10A8/00000011, firmware 00010120, on 1209:0001 at usb:1-1 (DFU)"),
        (OK, "opening and closing its port leaves the hub alone"),
    ]
    assert told[2] == [
        (OK, "the place can be used, no hub sits here; seat one and check again to see it answer")
    ]
    assert told[3] == [
        (
            FAULT,
            ("a USB hub sits at usb:1-3, with 1-3.1, 1-3.4 behind it: name a place behind it, or unplug it"),
        )
    ]
    assert told[4] == [
        (
            FAULT,
            "a device 1209:00aa (human interface) sits at usb:1-4 and does no DFU: take it out and seat a hub",
        )
    ]
    assert told[5] == [
        (
            WARNING,
            "the device at 1-5 is no Communications Hub, it lacks the hub commands (vendor request 64): take it out",
        )
    ]
    ((verdict, silent),) = told[6]
    assert verdict is WARNING
    assert silent.startswith("something sits here and does not answer (the device at 1-6 did not answer")
    assert silent.endswith("check the slot's contacts, its cable and the jig's driver_settings")
    assert told[7] == [
        (WARNING, "a device 1209:00aa at 1-7 is no hub, it states a transfer size of 0 bytes: take it out")
    ]
    ((verdict, firmwareless),) = told[8]
    assert verdict is WARNING
    assert firmwareless == (
        "the hub at 1-8 does not say who it is, it has no bootable firmware (errFIRMWARE): "
        "take it out and send it to rework"
    )


def test_a_hub_that_boots_between_two_openings_is_told_with_what_can_cause_it(examined: Any) -> None:
    async def set_up(bench: Bench) -> None:
        pulled = Fault(name=FaultName.UNPLUG_HUB, on=Occasion.IDENTITY, at=2, seconds=0.05)
        bench.seat("1-1", serial=1).faults.arm(pulled)
        await bench.until_on_the_bus("1-1")

    _, again = examined(set_up, {1: "usb:1-1"})["jig1 slot 1"]
    assert again.verdict is WARNING
    assert again.what == "opening or closing its port resets the hub (boot 1, then 2)"
    assert "over USB/IP a device that is let go is reset" in str(again.advice)


def test_what_stands_in_every_slots_way_is_told_once(examined: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    both = "jig1 slot 1, jig1 slot 2"
    (nobody,) = examined(nothing, {1: "1-1", 2: "1-2"}, usbip_port=1)[both]
    assert (nobody.verdict, nobody.what) == (
        FAULT,
        "no USB/IP server answers at 127.0.0.1:1: start it, or correct usbip_host and usbip_port",
    )
    monkeypatch.setattr(usb.backend.libusb1, "_lib_object", None)
    monkeypatch.setattr(usb.libloader, "locate_library", lambda *_: None)
    (missing,) = examined(nothing, {1: "1-1", 2: "1-2"}, backend="libusb")[both]
    assert (missing.verdict, missing.what) == (
        FAULT,
        "libusb is not installed: apt-get install libusb-1.0-0",
    )
