"""Slots on USB: what a client that others wrote sees of hands, cables and faults there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import cbor2
import pytest
from usbip import USBIP
from usbip import open as open_device
from usbip.core import USBError
from usbip.host import Handle, list_devices

from benches.looking import until, until_so
from benches.sim_bench import CHF, make_hub, rig_of, sign, until_mode
from simulators.faults import Fault, FaultName, Occasion
from simulators.hub import Mode
from simulators.rig import Rig, Transport
from simulators.slot import Slot

PATIENCE = 0.25
"""Seconds in which an answer would have come."""
IDENTITY, CHALLENGE = 0, 1
APPLICATION, DFU_MODE = 1, 2
"""Products."""


class Gone(Exception):
    """The device hung up."""


class UsbClient:
    """One imported device, its requests in a thread."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    async def read(self, command: int, seconds: float = 10.0) -> dict[str, Any]:
        """Ask a hub command. Raises TimeoutError, after which nothing can be asked any more, and Gone."""
        return cbor2.loads(await self._control(seconds, 0xC0, 64, command, 0, 4096))

    async def write(self, command: int, fields: dict[str, Any], seconds: float = 10.0) -> dict[str, Any]:
        await self._control(seconds, 0x40, 64, command, 0, cbor2.dumps(fields))
        return cbor2.loads(await self._control(seconds, 0xC0, 65, command, 0, 4096))

    async def detach(self) -> None:
        await self._control(10.0, 0x21, 0, 1000, 0, b"")

    async def _control(self, seconds: float, *request: Any) -> Any:
        self._handle.conn.sock.settimeout(seconds)
        try:
            return await asyncio.to_thread(self._handle.control, *request)
        except TimeoutError:
            raise
        except (OSError, USBError) as error:
            raise Gone from error


@asynccontextmanager
async def client_at(rig: Rig, product: int = APPLICATION) -> AsyncIterator[UsbClient]:
    """Import the hub, once it is there as this product."""
    assert rig.usbip is not None
    transport = USBIP(*rig.usbip)

    def is_there() -> bool:
        return any(device["idProduct"] == product for device in list_devices(transport))

    await until_so(partial(asyncio.to_thread, is_there))
    handle = await asyncio.to_thread(lambda: open_device(busid="1-1", transport=transport))
    try:
        yield UsbClient(handle)
    finally:
        handle.close()


@asynccontextmanager
async def bench(folder: Path) -> AsyncIterator[tuple[Rig, Slot]]:
    async with rig_of(folder, make_hub(), transport=Transport.USB) as rig:
        slot = rig.slot(1, 1)
        await until_mode(slot, Mode.APPLICATION)
        yield rig, slot


async def test_a_pulled_cable_takes_the_hub_off_the_bus_and_not_its_power(tmp_path: Path) -> None:
    async with bench(tmp_path) as (rig, slot):
        async with client_at(rig) as client:
            assert (await client.read(IDENTITY))["chf"] == CHF
            slot.perform(Fault(name=FaultName.UNPLUG_PORT, seconds=0.05))
            with pytest.raises(Gone):
                await client.read(IDENTITY)
        async with client_at(rig) as client:
            assert (await client.read(IDENTITY))["boots"] == 1
            await client.detach()
        async with client_at(rig, DFU_MODE):
            # In DFU mode the host's reset of what it finds newly plugged in is a boot.
            slot.port.unplug()
            slot.port.plug()
            hub = await until_mode(slot, Mode.APPLICATION, boots=2)
            assert hub.boots == 2


async def test_a_stalled_hub_answers_what_is_still_wanted_when_it_goes_on(tmp_path: Path) -> None:
    async with bench(tmp_path) as (rig, slot):
        slot.perform(Fault(name=FaultName.STALL))
        async with client_at(rig) as client:
            with pytest.raises(TimeoutError):
                await client.read(IDENTITY, PATIENCE)
        async with client_at(rig) as client:
            waiting = asyncio.create_task(client.read(IDENTITY))
            await until(lambda: len(slot.port._held) > 0)
            slot.port.resume()
            assert (await waiting)["boots"] == 1


async def test_a_late_answer_comes_late_and_a_lost_one_never_though_the_hub_did_it(tmp_path: Path) -> None:
    async with bench(tmp_path) as (rig, slot):
        for fault in (
            Fault(name=FaultName.DELAY_REPLY, on=Occasion.IDENTITY, seconds=0.3),
            Fault(name=FaultName.LOSE_REQUEST, on=Occasion.CHALLENGE),
            Fault(name=FaultName.DROP_REPLY, on=Occasion.UNLOCK),
        ):
            slot.faults.arm(fault)
        async with client_at(rig) as client:
            begun = time.monotonic()
            assert (await client.read(IDENTITY))["locked"]
            assert time.monotonic() - begun >= 0.3
            with pytest.raises(TimeoutError):
                await client.read(CHALLENGE, PATIENCE)
        async with client_at(rig) as client:
            challenge = await client.read(CHALLENGE)
            assert challenge["chf"] == CHF
            nonce = challenge["nonce"]
            with pytest.raises(TimeoutError):
                await client.write(CHALLENGE, {"sig": sign(CHF, nonce)}, PATIENCE)
        async with client_at(rig) as client:
            assert not (await client.read(IDENTITY))["locked"]


@pytest.mark.parametrize("name", [FaultName.POWER_LOSS, FaultName.UNPLUG_HUB, FaultName.REBOOT])
async def test_power_goes_in_the_middle_of_a_request_and_comes_back(tmp_path: Path, name: FaultName) -> None:
    async with bench(tmp_path) as (rig, slot):
        slot.faults.arm(Fault(name=name, on=Occasion.STATE, seconds=0.05))
        async with client_at(rig) as client:
            with pytest.raises(Gone):
                await client.read(2)
        await until_mode(slot, Mode.APPLICATION, boots=2)
        async with client_at(rig) as client:
            assert (await client.read(IDENTITY))["boots"] == 2


async def test_a_hub_that_is_taken_out_unlocked_is_known_to_have_been(tmp_path: Path) -> None:
    async with bench(tmp_path) as (rig, slot):
        async with client_at(rig) as client:
            challenge = await client.read(CHALLENGE)
            assert challenge["chf"] == CHF
            nonce = challenge["nonce"]
            await client.write(CHALLENGE, {"sig": sign(CHF, nonce)})
            await until(lambda: slot.hub is not None and slot.hub.is_left_unlocked)
            hub = slot.unseat()
        await until(lambda: hub.mode is Mode.OFF)
        assert hub.is_left_unlocked
        assert not hub.lock.is_open
        slot.seat(hub)
        await until_mode(slot, Mode.APPLICATION, boots=2)
        assert not hub.is_left_unlocked
        slot.unseat()
        await until(lambda: hub.mode is Mode.OFF)
        assert not hub.is_left_unlocked
