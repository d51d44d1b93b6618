"""A jig of USB hubs with something wrong in most slots: each gets its line, and the hubs in the others pass."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from benches import brokers
from benches.sentences import line_of
from benches.station_bench import slot
from benches.station_daemon import RunningDaemon, events_of, outcomes, running_daemon
from benches.usb_bench import TIMING, Bench, open_bench
from benches.usb_station import chf_of, order_hubs, usb_settings
from benches.usb_strangers import (
    KEYBOARD,
    NOISY,
    SILENT,
    STALLS_EVERYTHING,
    USB_HUB,
    ZERO_TRANSFER_SIZE,
    attach,
)
from simulators.faults import Fault, FaultName, Occasion
from simulators.hub import HubTiming, Mode
from simulators.usbip.server import serve
from station.domain.outcome import Code, Disposition, Outcome, Stage
from station.domain.phase import SlotPhase
from station.records.facts.attempts import AttemptClosed
from station.settings import StationSettings

SLOTS = {number: f"usb:1-{number}" for number in range(1, 9)}
RESULTS = {SlotPhase.PASSED, SlotPhase.REJECTED, SlotPhase.FAILED}
PATIENCE = {"return_seconds": 3.0, "transfer_seconds": 0.3, "command_seconds": 1.0}
"""A hub here is off the bus for less than a tenth of a second when it boots."""


@pytest.fixture
def at_work(shared_broker: brokers.Mosquitto, tmp_path: Path) -> Callable[..., StationSettings]:
    """Play a scene with a daemon at a USB jig; return its settings, by which its journal is found."""

    def play(
        set_up: Callable[[Bench], Any],
        scene: Callable[[RunningDaemon, Bench], Awaitable[None]],
        change: Callable[[dict[str, Any]], None] = lambda _: None,
    ) -> StationSettings:
        async def run() -> StationSettings:
            async with open_bench(*(f"1-{n}" for n in SLOTS), "1-2.3") as bench:
                raw = usb_settings(tmp_path, bench, SLOTS, shared_broker.port, **PATIENCE)
                change(raw)
                settings = StationSettings.model_validate(raw)
                await order_hubs(settings, range(1, 20))
                set_up(bench)
                async with running_daemon(settings) as station:
                    await scene(station, bench)
                return settings

        return asyncio.run(run())

    return play


def shown(station: RunningDaemon, number: int, phase: SlotPhase) -> str | None:
    """Return the last line that a slot showed in a phase."""
    lines = [line_of(view) for view in station.seen if view.place == slot(number) and view.phase is phase]
    return lines[-1].removeprefix(f"jig1 slot {number}: ") if lines else None


def results(settings: StationSettings) -> dict[int, tuple[Any, ...]]:
    """Return what the journal says of each slot's last result."""
    return {
        event.place.slot: (event.outcome, event.stage, event.code, event.disposition)
        for event in events_of(settings, AttemptClosed)
    }


PASSED = (Outcome.PASSED, Stage.CHECK, None, None)


def failed(code: Code, disposition: Disposition, stage: Stage = Stage.IDENTIFY) -> tuple[Any, ...]:
    return Outcome.FAILED, stage, code, disposition


NOT_A_HUB = failed(Code.NOT_A_HUB, Disposition.RETRY_HERE)
UNIDENTIFIED = failed(Code.HUB_UNIDENTIFIED, Disposition.RETRY_OTHER_SLOT)


def test_what_is_no_hub_or_says_nothing_gets_its_line_and_the_hubs_beside_it_pass(at_work: Any) -> None:
    def set_up(bench: Bench) -> None:
        ports = bench.server.ports
        attach(ports["1-2"], USB_HUB)
        attach(ports["1-2.3"], KEYBOARD)
        for number, kind in {
            3: KEYBOARD, 4: ZERO_TRANSFER_SIZE, 5: STALLS_EVERYTHING, 6: SILENT, 7: NOISY,
        }.items():  # fmt: skip
            attach(ports[f"1-{number}"], kind)
        for number in (1, 8):
            bench.seat(f"1-{number}", serial=number)

    async def scene(station: RunningDaemon, bench: Bench) -> None:
        await asyncio.gather(*(station.until(slot(number), *RESULTS, seconds=30) for number in SLOTS))
        aside = "put it aside for the supervisor"
        assert shown(station, 2, SlotPhase.FAILED) == (f"a USB hub sits here, with 1-2.3 behind it; {aside}")
        assert shown(station, 3, SlotPhase.FAILED) == (
            f"a device 1209:00aa here is no hub, it has no DFU interface; {aside}"
        )
        assert shown(station, 4, SlotPhase.FAILED) == (
            f"a device 1209:00aa here is no hub, it states a transfer size of 0 bytes; {aside}"
        )
        assert shown(station, 5, SlotPhase.FAILED) == (
            f"the device here is no Communications Hub, it lacks the hub commands; {aside}"
        )
        assert shown(station, 6, SlotPhase.FAILED) == (
            "a device 1209:00aa here answers nothing; seat it in another slot"
        )
        assert shown(station, 7, SlotPhase.FAILED) == (
            "the hub here answered what its commands do not allow, no valid CBOR; seat it in another slot"
        )
        # A stranger that is taken out leaves a slot that works.
        bench.server.ports["1-4"].detach()
        await station.until(slot(4), SlotPhase.EMPTY)
        bench.seat("1-4", serial=4)
        await station.until(slot(4), SlotPhase.PASSED)

    settings = at_work(set_up, scene)
    assert results(settings) == {
        **dict.fromkeys((1, 4, 8), PASSED),
        **dict.fromkeys((2, 3, 5), NOT_A_HUB),
        **dict.fromkeys((6, 7), UNIDENTIFIED),
    }


@pytest.mark.slow
def test_what_does_not_come_back_as_it_left_is_judged_and_the_hubs_beside_it_pass(at_work: Any) -> None:
    boot = Occasion.BOOT
    faults = {
        2: Fault(name=FaultName.SERIAL_RECOVERY, on=boot, at=2, times=9),
        3: Fault(name=FaultName.ANOTHER_HUB, on=boot, at=2),
        4: Fault(name=FaultName.CRASH, on=boot, at=2, times=1_000_000),
        6: Fault(name=FaultName.SERIAL_RECOVERY, on=boot),
        7: Fault(name=FaultName.NO_ANSWER, on=boot, at=2, times=1_000_000),
    }
    slow_boot = HubTiming(boot_loader=2.0, start=TIMING.start, reset_delay=TIMING.reset_delay)

    def set_up(bench: Bench) -> None:
        for number in SLOTS:
            timing = slow_boot if number == 5 else TIMING
            seated = bench.seat(f"1-{number}", serial=number, timing=timing)
            if number in faults:
                seated.faults.arm(faults[number])

    async def scene(station: RunningDaemon, bench: Bench) -> None:
        await bench.seated["1-5"].hub.reach(Mode.BOOTING, boots=2)
        await bench.seated["1-5"].power_off()
        attach(bench.server.ports["1-5"], STALLS_EVERYTHING)
        ends = dict.fromkeys(SLOTS, RESULTS) | {4: {SlotPhase.FIND_HUB}}
        await asyncio.gather(*(station.until(slot(n), *phases, seconds=30) for n, phases in ends.items()))
        rework = "put it in the rework crate"
        assert shown(station, 2, SlotPhase.FAILED) == (
            f"the hub here could not activate, it has no bootable firmware (errFIRMWARE); {rework}"
        )
        another = str(shown(station, 3, SlotPhase.FIND_HUB))
        assert another.startswith("another hub answers there; find hub ")
        assert another.endswith(f"find hub {chf_of(3)} and seat it here or in any slot")
        for number in (4, 5, 7):
            assert shown(station, number, SlotPhase.FIND_HUB) == (
                f"the hub no longer answers; find hub {chf_of(number)} and seat it here or in any slot"
            )
        assert str(shown(station, 5, SlotPhase.FAILED)).startswith("the device here is no Communications Hub")
        assert str(shown(station, 7, SlotPhase.FAILED)).endswith("; seat it in another slot")

    settings = at_work(set_up, scene)
    found = results(settings)
    assert found.pop(3)[:3] == (Outcome.REJECTED, Stage.AUTHORISE, Code.NOT_ON_ORDER)
    assert found == {
        **dict.fromkeys((1, 6, 8), PASSED),  # the sixth once it was told to boot
        2: failed(Code.SERIAL_RECOVERY, Disposition.REWORK, Stage.ACTIVATE),
        5: NOT_A_HUB,
        7: UNIDENTIFIED,
    }
    # Who left and was not seen again has no result: their attempts wait for them.
    waiting = {chf for chf, outcome in outcomes(settings).items() if outcome is None}
    assert {chf_of(number) for number in (3, 4, 5, 7)} <= waiting
    assert not {chf_of(number) for number in (1, 2, 8)} & waiting


def test_a_server_that_is_not_there_costs_its_own_jig_and_is_found_once_it_is(at_work: Any) -> None:
    later = brokers.free_port()

    def change(raw: dict[str, Any]) -> None:
        (jig,) = raw["jigs"]
        jig["slots"] = {"1": "usb:1-1"}
        other = {**jig, "name": "jig2", "slots": {"1": "usb:2-1"}}
        raw["jigs"] = [jig, other | {"driver_settings": jig["driver_settings"] | {"usbip_port": later}}]

    async def scene(station: RunningDaemon, bench: Bench) -> None:
        absent = await station.until(slot(1, jig=2), SlotPhase.NO_PORT)
        assert line_of(absent) == (
            f"jig2 slot 1: no USB/IP server answers at 127.0.0.1:{later}; start it, or correct usbip_host and usbip_port"
        )
        await station.until(slot(1), SlotPhase.PASSED)
        async with serve(["2-1"], later):
            await station.until(slot(1, jig=2), SlotPhase.EMPTY)
        gone = await station.until(slot(1, jig=2), SlotPhase.NO_PORT)
        assert "no USB/IP server answers" in line_of(gone)

    settings = at_work(lambda bench: bench.seat("1-1", serial=1), scene, change)
    assert results(settings) == {1: PASSED}
