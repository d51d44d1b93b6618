"""Against what others wrote, and against devices that are no hubs or break every rule."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import usb.core
from hypothesis import given, settings
from hypothesis import strategies as st
from pydfuutil.dfu import DfuIf, State
from pydfuutil.dfu_file import DfuFile, DFUFileSize
from pydfuutil.dfu_load import do_download

from benches.processes import PATIENCE_SECONDS, running
from benches.usb_bench import HUB, TARGET, TARGET_IMAGE, Authority, make_hub, open_bench
from benches.usb_strangers import NOT_TOLERANT, SOUND, Stranger, answer_noise, describe, keep_silent, stall
from drivers.dfu.device import DfuDevice
from drivers.dfu.driver import DfuHubDriver
from drivers.dfu.errors import FileNotForThisDevice
from drivers.dfu.plain import PlainDfuDevice
from drivers.dfu.plugin import open_port
from drivers.dfu.protocol import DfuRequest, DfuState
from drivers.dfu.settings import DfuSettings
from drivers.dfu.usbip_backend import UsbIpBackend
from drivers.dfu.work import Work
from drivers.errors import (
    DriverError,
    HubAction,
    HubInSerialRecovery,
    MalformedAnswer,
    NoAnswer,
    NotAHub,
    UploadRejected,
)
from drivers.hub import FlashProgress
from simulators.dfu_profile import DfuProfile
from simulators.image import find_image
from simulators.usbip.device import Descriptors, Transfer
from simulators.usbip.server import serve

PLAIN = DfuProfile(hub_commands=False, off_the_bus=0.02, manifestation=0.01)
# Debian's dfu-suffix 0.11, for 1209:0002, of a file that holds "firmware".
SUFFIXED_FOR_THE_HUB = bytes.fromhex("6669726d7761726500010200091200015546441048ead194")


def whoever(_device: DfuDevice, _work: Any) -> None:
    """Mean whatever sits there."""


def ignore(_: FlashProgress) -> None:
    pass


@contextlib.asynccontextmanager
async def others_device() -> AsyncIterator[tuple[DfuSettings, Callable[[], bytes]]]:
    """Run the device of the package `usbip`; yields how to reach it, and what ends it and returns what it holds."""
    script = Path(__file__).with_name("usbip_package_device.py")
    with running(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        port = int(await asyncio.to_thread(process.stdout.readline))

        def end() -> bytes:
            held, _ = process.communicate("\n", timeout=PATIENCE_SECONDS)
            return bytes.fromhex(held)

        try:
            yield DfuSettings(backend="usbip", usbip_port=port), end
        finally:
            process.kill()


async def test_a_device_that_others_wrote_is_flashed_and_read_back() -> None:
    async with others_device() as (reach, end):
        device = PlainDfuDevice(await open_port("1-1", reach.model_copy(update={"alternate": 1})))
        told: list[FlashProgress] = []
        await device.flash(TARGET, told.append)
        await device.close()
        assert told[-1].sent == len(TARGET)
        assert await asyncio.to_thread(end) == TARGET


async def test_a_device_that_others_wrote_says_why_it_fails() -> None:
    async with others_device() as (reach, _):
        device = PlainDfuDevice(await open_port("1-1", reach))
        with pytest.raises(UploadRejected, match="errVERIFY") as caught:
            await device.flash(TARGET, ignore)
        await device.close()
        assert caught.value.device_code == "errVERIFY"


async def test_pydfuutil_flashes_our_device() -> None:
    async with open_bench() as bench:
        hub = bench.seat(profile=PLAIN).hub
        await bench.until_on_the_bus()
        port = await open_port("1-1", bench.settings())
        await port.enter_dfu_mode(HubAction.FLASH, whoever)

        def flash(device: DfuDevice, _: Any) -> None:
            dif = DfuIf(dev=device.pipe.device, interface=0, altsetting=0)
            assert dif.get_state() is State.DFU_IDLE
            file = DfuFile(name=None, firmware=TARGET)
            file.size = DFUFileSize(total=len(TARGET), prefix=0, suffix=0)
            assert do_download(dif, 1024, file) == len(TARGET)
            assert dif.get_state() is State.DFU_IDLE

        await port.run(HubAction.FLASH, 60, flash)
        assert hub.layout.secondary.read(0, len(TARGET)) == TARGET
        await PlainDfuDevice(port).restart()
        assert find_image(hub.layout.primary).version_text == TARGET_IMAGE.version_text
        await port.close()


async def test_our_device_that_is_not_tolerant_waits_for_its_reset_however_late_it_is_asked() -> None:
    profile = DfuProfile(
        hub_commands=False, off_the_bus=0.02, manifestation=0.0, manifestation_tolerant=False
    )
    async with open_bench() as bench:
        bench.seat(profile=profile)
        await bench.until_on_the_bus()
        port = await open_port("1-1", bench.settings())
        await port.enter_dfu_mode(HubAction.FLASH, whoever)

        def download(device: DfuDevice, work: Work) -> list[DfuState]:
            device.become_idle(work)
            device.download(TARGET, lambda _: None, work)
            device.pipe.dfu_out(DfuRequest.DNLOAD, 0, b"", work)
            return [device.status(work).state for _ in range(3)]

        states = await port.run(HubAction.FLASH, 30, download)
        assert states == [DfuState.DFU_MANIFEST, *[DfuState.DFU_MANIFEST_WAIT_RESET] * 2]
        await port.close()


async def test_a_plain_device_of_ours_is_flashed_by_hand_and_is_no_hub() -> None:
    async with open_bench() as bench:
        hub = bench.seat(profile=PLAIN).hub
        async with bench.driver() as driver:
            with pytest.raises(NotAHub, match="take it out"):
                await driver.wait_for_hub()
        port = await open_port("1-1", bench.settings())
        device = PlainDfuDevice(port)
        await device.flash(TARGET, ignore)
        await device.restart()
        assert find_image(hub.layout.primary).image_hash == TARGET_IMAGE.image_hash
        await port.enter_dfu_mode(HubAction.WAIT, whoever)
        driver = DfuHubDriver(port)
        with pytest.raises(HubInSerialRecovery, match="waits in DFU mode"):
            await driver.identify()
        await device.close()


def test_a_files_suffix_is_checked_and_not_sent() -> None:
    async def show() -> None:
        async with open_bench() as bench:
            bench.seat(profile=PLAIN)
            await bench.until_on_the_bus()
            device = PlainDfuDevice(await open_port("1-1", bench.settings()))
            damaged = SUFFIXED_FOR_THE_HUB[:3] + b"!" + SUFFIXED_FOR_THE_HUB[4:]
            with pytest.raises(UploadRejected, match="CRC"):
                await device.flash(damaged, ignore)
            # It is for this device, which then finds no image in it.
            with pytest.raises(UploadRejected) as caught:
                await device.flash(SUFFIXED_FOR_THE_HUB, ignore)
            assert caught.value.device_code == "errFILE"
            await device.close()

    async def show_other() -> None:
        async with open_bench() as bench:
            bench.seat(profile=DfuProfile(hub_commands=False, off_the_bus=0.02, dfu_product=0x0003))
            await bench.until_on_the_bus()
            device = PlainDfuDevice(await open_port("1-1", bench.settings()))
            with pytest.raises(FileNotForThisDevice, match=r"for 1209:0002, not for .*1209:0001.*1209:0003"):
                await device.flash(SUFFIXED_FOR_THE_HUB, ignore)
            await device.close()

    asyncio.run(show())
    asyncio.run(show_other())


async def test_a_functional_descriptor_is_asked_for_where_the_configuration_has_none() -> None:
    async with serve(["1-1"]) as server:
        described = describe("")
        on_request = Descriptors(
            described.device, described.configuration, of_interfaces={0x21: bytes.fromhex(SOUND)}
        )
        server.ports["1-1"].attach(on_request, Stranger(stall))
        host, port = server.address
        usb_port = await open_port("1-1", DfuSettings(backend="usbip", usbip_host=host, usbip_port=port))
        functional = await usb_port.run(HubAction.STATE, 5, lambda device, _: device.functional)
        assert functional.transfer_size == 1024
        await usb_port.close()


@pytest.mark.parametrize(
    ("descriptors", "rule", "kind", "says"),
    [
        (describe("", triple=(3, 1, 1)), stall, NotAHub, "no DFU interface"),
        (describe("09210be80300001001"), stall, NotAHub, "a transfer size of 0 bytes"),
        (describe("09210be80305001001"), stall, NotAHub, "a transfer size of 5 bytes"),
        (describe("032101"), stall, NotAHub, "a functional descriptor of 3 bytes"),
        (describe(""), stall, NotAHub, "no functional descriptor"),
        (describe(SOUND), stall, NotAHub, "lacks the hub commands"),
        (describe(SOUND), keep_silent, NoAnswer, "answers nothing"),
        (describe(SOUND), answer_noise, MalformedAnswer, "what its commands do not allow"),
        (describe("", device_class=9), stall, NotAHub, "a USB hub sits at 1-1"),
        (describe(SOUND, triple=(0xFE, 1, 2)), answer_noise, MalformedAnswer, "what its commands do not allow"),
    ],
    ids=[
        "other-class", "zero-transfer-size", "absurd-transfer-size", "cut-descriptor", "no-descriptor",
        "stalls-everything", "silent", "noise", "usb-hub", "noise-in-dfu-mode",
    ],
)  # fmt: skip
async def test_what_is_no_hub_gets_one_clear_line(
    descriptors: Descriptors, rule: Any, kind: type[DriverError], says: str
) -> None:
    async with serve(["1-1"]) as server:
        server.ports["1-1"].attach(descriptors, Stranger(rule))
        host, port = server.address
        reach = DfuSettings(
            backend="usbip",
            usbip_host=host,
            usbip_port=port,
            transfer_seconds=0.05,
            return_seconds=0.2,
            poll_seconds=0.02,
        )
        driver = DfuHubDriver(await open_port("1-1", reach))
        with pytest.raises(DriverError) as caught:
            await driver.wait_for_hub()
        assert type(caught.value) is kind
        assert says in str(caught.value)
        assert "1-1" in str(caught.value)
        assert "\n" not in str(caught.value)
        await driver.close()


@pytest.mark.parametrize(
    ("states", "says"),
    [
        ([State.DFU_MANIFEST_SYNC, State.DFU_IDLE], None),
        ([State.DFU_MANIFEST_SYNC, State.DFU_MANIFEST], None),
        ([State.DFU_MANIFEST_WAIT_RESET], None),
        ([State.DFU_DOWNLOAD_IDLE], "in DFU_DNLOAD_IDLE after a whole download"),
        ([State.DFU_UPLOAD_IDLE], "in DFU_UPLOAD_IDLE after a whole download"),
    ],
    ids=lambda value: None if value is None or isinstance(value, str) else "-".join(s.name for s in value),
)
async def test_a_device_that_says_it_cannot_talk_after_a_download_is_believed_where_it_does(
    states: list[State], says: str | None
) -> None:
    left = iter(states)

    def rule(transfer: Transfer) -> None:
        is_status = transfer.setup.request == 3
        transfer.complete(bytes((0, 0, 0, 0, next(left, states[-1]), 0)) if is_status else b"")

    async with serve(["1-1"]) as server:
        server.ports["1-1"].attach(describe(NOT_TOLERANT, triple=(0xFE, 1, 2)), Stranger(rule))
        host, number = server.address
        port = await open_port("1-1", DfuSettings(backend="usbip", usbip_host=host, usbip_port=number))
        manifested = port.run(HubAction.FLASH, 30, lambda device, work: device.manifest(8, work))
        if says is None:
            await manifested
        else:
            with pytest.raises(MalformedAnswer, match=says):
                await manifested
        await port.close()


async def test_devices_behind_a_usb_hub_at_the_place_are_named() -> None:
    async with serve(["1-1", "1-1.2", "1-1.3", "1-10"]) as server:
        for place in ("1-1.2", "1-1.3", "1-10"):
            server.ports[place].attach(describe(SOUND), Stranger(stall))
        server.ports["1-1"].attach(describe("", device_class=9), Stranger(stall))
        host, port = server.address
        driver = DfuHubDriver(
            await open_port("1-1", DfuSettings(backend="usbip", usbip_host=host, usbip_port=port))
        )
        with pytest.raises(NotAHub, match=r"with 1-1\.2, 1-1\.3 behind it: name a place behind it"):
            await driver.wait_for_hub()
        await driver.close()


async def test_a_stranger_in_one_place_costs_the_other_places_nothing() -> None:
    async with open_bench("1-1", "1-2") as bench:
        bench.server.ports["1-1"].attach(describe(SOUND), Stranger(keep_silent))
        bench.seat("1-2")
        async with bench.driver("1-1", return_seconds=3600.0) as stuck, bench.driver("1-2") as driver:
            waiting = asyncio.create_task(stuck.wait_for_hub())
            await driver.wait_for_hub()
            await driver.unlock(HUB, Authority())
            await driver.flash(HUB, TARGET_IMAGE, ignore)
            await driver.activate(HUB, TARGET_IMAGE)
            assert not waiting.done(), "the stranger has not answered yet"
            waiting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await waiting


async def test_looking_at_the_bus_imports_nothing_and_a_backend_for_one_place_sees_no_other() -> None:
    async with serve(["1-1", "1-2"]) as server:
        for place in ("1-1", "1-2"):
            server.ports[place].attach(describe(SOUND), Stranger(stall))

        def look() -> None:
            everything = UsbIpBackend(*server.address)
            assert [device.bus_id for device in everything.listed()] == ["1-1", "1-2"]
            one = UsbIpBackend(*server.address, frozenset({"1-2"}))
            found = list(usb.core.find(find_all=True, backend=one))
            assert [device.port_numbers for device in found] == [(2,)]
            # The other place is still free for whoever wants it.
            other = UsbIpBackend(*server.address, frozenset({"1-1"}))
            assert usb.core.find(backend=other) is not None
            with pytest.raises(usb.core.USBError, match="Resource busy"):
                list(usb.core.find(find_all=True, backend=everything))
            for backend in (everything, one, other):
                backend.close()

        await asyncio.to_thread(look)


async def test_transfers_end_as_they_would_under_libusb() -> None:
    def rule(transfer: Transfer) -> None:
        match transfer.setup.request:
            case 1:
                transfer.complete(b"short")
            case 2:
                transfer.stall()

    async with serve(["1-1"]) as server:
        server.ports["1-1"].attach(describe(SOUND), Stranger(rule))

        def use() -> None:
            backend = UsbIpBackend(*server.address)
            device = usb.core.find(backend=backend)
            assert bytes(device.ctrl_transfer(0xC0, 1, 0, 0, 64)) == b"short"
            assert device.ctrl_transfer(0x40, 1, 0, 0, b"x" * 300) == 300
            with pytest.raises(usb.core.USBError) as stalled:
                device.ctrl_transfer(0xC0, 2, 0, 0, 64)
            assert (stalled.value.errno, stalled.value.backend_error_code) == (32, -9)
            with pytest.raises(usb.core.USBTimeoutError) as late:
                device.ctrl_transfer(0xC0, 3, 0, 0, 64, timeout=30)
            assert (late.value.errno, late.value.backend_error_code) == (110, -7)
            assert bytes(device.ctrl_transfer(0xC0, 1, 0, 0, 64)) == b"short", "the next is none the worse"
            assert device.get_active_configuration().bConfigurationValue == 1
            device.reset()
            with pytest.raises(usb.core.USBError) as gone:
                device.ctrl_transfer(0xC0, 1, 0, 0, 64)
            assert (gone.value.errno, gone.value.backend_error_code) == (19, -4)
            assert usb.core.find(backend=backend) is not None
            backend.close()

        await asyncio.to_thread(use)


REQUESTS = st.lists(st.tuples(st.integers(0, 7), st.booleans(), st.sampled_from([0, 1, 6, 64])), max_size=12)


@settings(max_examples=40)
@given(REQUESTS)
def test_whatever_a_device_in_dfu_mode_was_asked_before_it_becomes_idle_and_takes_an_image(
    requests: list[tuple[int, bool, int]],
) -> None:
    async def show() -> None:
        async with open_bench() as bench:
            hub = make_hub()
            bench.seat_hub(hub, profile=DfuProfile(off_the_bus=0.0, manifestation=0.0))
            await bench.until_on_the_bus()
            port = await open_port("1-1", bench.settings())
            await port.enter_dfu_mode(HubAction.FLASH, whoever)
            driver = DfuHubDriver(port)
            await driver.unlock(HUB, Authority())

            def bother(device: DfuDevice, _: Any) -> None:
                for request, is_in, length in requests:
                    kind = 0xA1 if is_in else 0x21
                    with contextlib.suppress(usb.core.USBError):
                        device.pipe.device.ctrl_transfer(
                            kind, request, 0, 0, length if is_in else bytes(length), timeout=500
                        )

            await port.run(HubAction.FLASH, 30, bother)
            await driver.flash(HUB, TARGET_IMAGE, ignore)
            assert hub.layout.secondary.read(0, len(TARGET)) == TARGET
            await driver.close()

    asyncio.run(show())


async def test_a_driver_uses_one_thread_and_leaves_none() -> None:
    async with open_bench() as bench:
        bench.seat()
        before = threading.active_count()
        async with bench.driver() as driver:
            await driver.wait_for_hub()
            await driver.state()
            assert threading.active_count() == before + 1
        assert threading.active_count() == before
