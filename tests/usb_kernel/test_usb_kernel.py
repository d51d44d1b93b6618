"""Our hubs and our driver on a real kernel's USB: vhci_hcd, usbfs, libusb, udev, and Debian's own tools."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from kernel_guest import HOST_IN_GUEST, Guest, GuestUnavailable, Ran, running_guest

from benches.processes import run
from benches.usb_bench import TARGET, TARGET_IMAGE, UNLOCK_KEY, Bench, SeatedHub, open_bench
from simulators.dfu_profile import DfuProfile
from simulators.image import find_image

ROOT = Path(__file__).parents[2]
PACKAGES = ["drivers", "firmware_catalog", "station"]
pytestmark = [pytest.mark.usb, pytest.mark.timeout(600)]

WHOLE_LIFE = ["wait", "unlock", "flash", "activate", "verify", "confirm", "reboot", "verify"]


class Machine:
    """The guest, and the one loop that everything about it lives on."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self.runner = runner
        self.guest: Guest

    def run(self, coroutine: Any) -> Any:
        return self.runner.run(coroutine)


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    # The guest can write none of it down, and would compile all it imports at each start, on its slow processor.
    run([sys.executable, "-m", "compileall", "-q", *PACKAGES], cwd=ROOT, check=True, seconds=300)
    with asyncio.Runner() as runner:
        machine = Machine(runner)
        stack = AsyncExitStack()
        try:
            machine.guest = runner.run(stack.enter_async_context(running_guest()))
        except GuestUnavailable as error:
            pytest.skip(str(error))
        yield machine
        runner.run(stack.aclose())


async def plug_in(guest: Guest, bench: Bench, *bus_ids: str) -> None:
    """Attach the bench's ports to the guest's controller: the n-th becomes 1-n there."""
    await guest.use_server(bench.server.address[1])
    await guest.keep_attached(dict(enumerate(bus_ids)))
    await until(lambda: is_listed(guest, len(bus_ids)))


async def listed(guest: Guest) -> list[str]:
    done = await guest.run("dfu-util", "--list")
    return [line for line in done.out.splitlines() if line.startswith("Found ")]


async def is_listed(guest: Guest, count: int) -> bool:
    return len(await listed(guest)) == count


async def until(is_so: Callable[[], Awaitable[bool]], seconds: float = 120.0) -> None:
    """Look until something in the guest, of which no event reaches this machine, is so."""
    async with asyncio.timeout(seconds):
        while not await is_so():  # noqa: ASYNC110 -- as said
            await asyncio.sleep(0.2)


async def unplug_all(guest: Guest) -> None:
    await guest.keep_attached({})
    for port in (0, 1):
        await guest.detach(port)
    await until(lambda: is_listed(guest, 0))


async def our_driver(guest: Guest, *places: str, steps: list[str], prefix: tuple[str, ...] = ()) -> Ran:
    orders = {
        "places": places,
        "steps": steps,
        "key": str(UNLOCK_KEY.private_numbers().private_value),
        "image": TARGET.hex(),
    }
    return await guest.run(
        *prefix,
        sys.executable,
        str(Path(__file__).with_name("guest_driver.py")),
        json.dumps(orders),
        seconds=300,
        env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
    )


async def has_done(guest: Guest, step: str) -> None:
    async def is_told() -> bool:
        return f'"{step}"' in (await guest.run("cat", "/run/steps")).out

    await until(is_told)


async def runs_target(seated: SeatedHub) -> bool:
    return running(seated) == TARGET_IMAGE.version_text


def running(seated: SeatedHub) -> str:
    image = find_image(seated.hub.layout.primary)
    assert image is not None
    return image.version_text


def test_the_kernels_own_tool_lists_and_attaches_a_hub(machine: Machine) -> None:
    async def show() -> None:
        guest = machine.guest
        async with open_bench("1-1") as bench:
            bench.seat("1-1")
            port = str(bench.server.address[1])
            tool = ("usbip", "--tcp-port", port)
            found = await guest.run(*tool, "list", "--remote", HOST_IN_GUEST)
            assert "1209:0001" in found.out
            assert "Device Firmware Update" in found.out
            attached = await guest.run(*tool, "attach", "--remote", HOST_IN_GUEST, "--busid", "1-1")
            assert attached.code == 0, attached.out
            await until(lambda: is_listed(guest, 1))
            assert 'serial="8873840000000001"' in (await listed(guest))[0]
            again = await guest.run(*tool, "attach", "--remote", HOST_IN_GUEST, "--busid", "1-1")
            assert again.code != 0, "a device was given to two hosts"
            await unplug_all(guest)

    machine.run(show())


@pytest.mark.parametrize("will_detach", [True, False], ids=["detaches-itself", "needs-a-bus-reset"])
@pytest.mark.parametrize("tolerant", [True, False], ids=["tolerant", "not-tolerant"])
def test_dfu_util_flashes_a_plain_device(machine: Machine, will_detach: bool, tolerant: bool) -> None:
    async def show() -> None:
        guest = machine.guest
        profile = DfuProfile(
            hub_commands=False,
            will_detach=will_detach,
            manifestation_tolerant=tolerant,
            # An emulated machine takes its time between detaching and resetting.
            detach_milliseconds=10_000,
        )
        async with open_bench("1-1") as bench:
            seated = bench.seat("1-1", profile)
            await plug_in(guest, bench, "1-1")
            written = await guest.run(
                "sh",
                "-c",
                f"printf '%s' {TARGET.hex()} | {sys.executable} -c "
                '\'import sys; open("/run/image", "wb").write(bytes.fromhex(sys.stdin.read()))\'',
            )
            assert written.code == 0, written.out
            done = await guest.run(
                "dfu-util",
                "--device",
                "1209:0001,1209:0002",
                "--detach-delay",
                "8",
                "--reset",
                "--download",
                "/run/image",
            )
            assert "Download done" in done.out, done.out
            await until(lambda: runs_target(seated))
            await unplug_all(guest)

    machine.run(show())


def test_dfu_util_reads_a_plain_devices_slot_back(machine: Machine) -> None:
    async def show() -> None:
        guest = machine.guest
        async with open_bench("1-1") as bench:
            seated = bench.seat("1-1", DfuProfile(hub_commands=False, detach_milliseconds=10_000))
            await seated.hub.layout.secondary.write(0, TARGET)
            await plug_in(guest, bench, "1-1")
            done = await guest.run(
                "sh",
                "-c",
                "rm -f /run/back; dfu-util -d 1209:0001,1209:0002 --detach-delay 8 -U /run/back && sha256sum /run/back",
            )
            assert hashlib.sha256(TARGET).hexdigest() in done.out, done.out
            await unplug_all(guest)

    machine.run(show())


def test_a_locked_hub_takes_nothing_from_dfu_util_and_shows_it_nothing(machine: Machine) -> None:
    async def show() -> None:
        guest = machine.guest
        async with open_bench("1-1") as bench:
            seated = bench.seat("1-1")
            await plug_in(guest, bench, "1-1")
            common = "dfu-util -d 1209:0001,1209:0002 --detach-delay 8"
            done = await guest.run(
                "sh",
                "-c",
                f"head -c 5000 /bin/busybox > /run/other; {common} -D /run/other; rm -f /run/back; {common} -U /run/back",
            )
            assert done.code != 0, done.out
            assert "vendor" in done.out.lower(), done.out
            assert find_image(seated.hub.layout.secondary) is None
            await unplug_all(guest)

    machine.run(show())


@pytest.mark.parametrize("will_detach", [True, False], ids=["detaches-itself", "needs-a-bus-reset"])
def test_our_driver_takes_two_hubs_through_their_whole_life(machine: Machine, will_detach: bool) -> None:
    async def show() -> None:
        guest = machine.guest
        profile = DfuProfile(
            will_detach=will_detach, detach_milliseconds=10_000, manifestation_tolerant=will_detach
        )
        async with open_bench("1-1", "1-2") as bench:
            hubs = [bench.seat("1-1", profile, serial=1), bench.seat("1-2", profile, serial=2)]
            assert [running(seated) for seated in hubs] == ["0.1.288"] * 2
            await plug_in(guest, bench, "1-1", "1-2")
            done = await our_driver(guest, "1-1", "1-2", steps=WHOLE_LIFE)
            assert done.code == 0, done.out
            for seated in hubs:
                assert running(seated) == TARGET_IMAGE.version_text
                assert not seated.hub.lock.is_open
                assert [report.confirmed for report in seated.hub.report_slots()] == [True, False]
            await unplug_all(guest)

    machine.run(show())


def test_a_hub_that_is_plugged_in_late_is_found_and_one_that_is_pulled_is_missed(machine: Machine) -> None:
    async def show() -> None:
        guest = machine.guest
        async with open_bench("1-1") as bench:
            bench.seat("1-1")
            await guest.use_server(bench.server.address[1])
            await guest.run("rm", "-f", "/run/steps")
            waiting = asyncio.create_task(our_driver(guest, "1-1", steps=["wait", "removal"]))
            await has_done(guest, "opened")
            await guest.keep_attached({0: "1-1"})
            await has_done(guest, "wait")
            await guest.keep_attached({})
            await guest.detach(0)
            done = await waiting
            assert done.code == 0, done.out
            told = [json.loads(line) for line in done.out.splitlines()]
            assert [line["step"] for line in told] == ["opened", "wait", "removal"]
            assert told[0]["hears_events"], "udev runs here"

    machine.run(show())


def test_a_hub_that_this_user_may_not_open_is_refused_with_the_missing_udev_rule(machine: Machine) -> None:
    async def show() -> None:
        guest = machine.guest
        async with open_bench("1-1") as bench:
            bench.seat("1-1")
            await plug_in(guest, bench, "1-1")
            await guest.run("sh", "-c", "for n in /dev/bus/usb/001/*; do chown 65534 $n; chmod 600 $n; done")
            powerless = ("setpriv", "--bounding-set", "-all", "--inh-caps", "-all")
            done = await our_driver(guest, "1-1", steps=["wait"], prefix=powerless)
            assert done.code == 1, done.out
            told = json.loads(done.out.splitlines()[-1])
            assert told["error"] == "PlaceUnavailable"
            assert 'ATTR{idVendor}=="1209", ATTR{idProduct}=="0001", GROUP="plugdev"' in told["what"]
            await unplug_all(guest)

    machine.run(show())


CONFIG = """
site = "site"
station = "bench"
mode = "bench"
state_directory = "/run/state"
catalogue = {folder = "/run/catalogue"}
unlock = {key_file = "/run/unlock.pem"}
mqtt = {port = 1}
[[jigs]]
name = "jig1"  # the one by the window
driver = "dfu"
[jigs.driver_settings]
# everything in the guest is emulated
transfer_seconds = 5
command_seconds = 30
[jigs.slots]
1 = "usb:1-1"
2 = "usb:1-2"
3 = "usb:1-3"
"""


@asynccontextmanager
async def station_with_two_hubs(guest: Guest) -> AsyncIterator[Bench]:
    """Write a station's configuration in the guest, and seat two hubs that are plugged in there later."""
    await guest.run("sh", "-c", 'printf "%s" "$CONFIG" > /run/station.toml', env={"CONFIG": CONFIG})
    async with open_bench("1-1", "1-2") as bench:
        bench.seat("1-1", serial=1)
        bench.seat("1-2", serial=2)
        yield bench
        await unplug_all(guest)


async def reflash(guest: Guest, *arguments: str, prefix: tuple[str, ...] = ()) -> Ran:
    program = str(Path(sys.executable).with_name("reflash"))
    command = (*prefix, program, *arguments, "--config", "/run/station.toml")
    return await guest.run(*command, seconds=240, env={"PYTHONDONTWRITEBYTECODE": "1"})


def test_the_doctor_and_the_list_see_each_place_and_name_the_missing_udev_rule(machine: Machine) -> None:
    async def show() -> None:
        guest = machine.guest
        async with station_with_two_hubs(guest) as bench:
            await plug_in(guest, bench, "1-1", "1-2")
            listed_slots = await reflash(guest, "jigs", "list", "--json")
            assert listed_slots.code == 0, listed_slots.out
            # Nothing in sight, and no hindrance to looking: nothing sits at the third.
            assert [(row["port"], row["hindrance"]) for row in json.loads(listed_slots.out)] == [
                ("1209:0001 at usb:1-1 (DFU)", None),
                ("1209:0001 at usb:1-2 (DFU)", None),
                (None, None),
            ]
            denied = (
                "node=/dev/bus/usb/001/$(printf %03d $(cat /sys/bus/usb/devices/1-2/devnum)); "
                "chown 65534 $node; chmod 600 $node"
            )
            await guest.run("sh", "-c", denied)
            powerless = ("setpriv", "--bounding-set", "-all", "--inh-caps", "-all")
            examined = await reflash(guest, "doctor", "--json", prefix=powerless)
            found = {
                finding["where"]: finding
                for finding in json.loads(examined.out)["findings"]
                if finding["where"].startswith("jig1 slot ")
            }
            assert found["jig1 slot 1"]["verdict"] == "ok", found["jig1 slot 1"]
            assert found["jig1 slot 1"]["what"] == "opening and closing its port leaves the hub alone"
            assert found["jig1 slot 2"]["verdict"] == "fault"
            assert (
                "may not be opened by this user: no group may; install the udev rules"
                in found["jig1 slot 2"]["what"]
            )
            assert (
                'ATTR{idVendor}=="1209", ATTR{idProduct}=="0001", GROUP="plugdev"'
                in found["jig1 slot 2"]["what"]
            )
            assert "no hub sits here" in found["jig1 slot 3"]["what"]
            assert [seated.hub.boots for seated in bench.seated.values()] == [1, 1]

    machine.run(show())


def test_a_slot_is_bound_to_where_a_hub_is_plugged_in(machine: Machine) -> None:
    async def show() -> None:
        guest = machine.guest
        async with station_with_two_hubs(guest) as bench:
            await plug_in(guest, bench, "1-1")
            program = str(Path(sys.executable).with_name("reflash"))
            walk = f"echo | {program} jigs bind jig1 --slot 2 --seconds 60 --config /run/station.toml > /run/bound 2>&1"
            binding = asyncio.create_task(
                guest.run("sh", "-c", walk, seconds=240, env={"PYTHONDONTWRITEBYTECODE": "1"})
            )

            async def asks() -> bool:
                return "seat a hub" in (await guest.run("cat", "/run/bound")).out

            await until(asks, seconds=240)
            # The other hub sat there all along.
            await guest.keep_attached({0: "1-1", 4: "1-2"})
            ended = await binding
            said = (await guest.run("cat", "/run/bound")).out
            assert ended.code == 0, said
            assert "hub 88-73-84-00-00-00-00-02 answers at usb:1-5" in said
            written = (await guest.run("cat", "/run/station.toml")).out
            assert written.strip() == CONFIG.strip().replace('2 = "usb:1-2"', '2 = "usb:1-5"')
            await guest.keep_attached({})
            await guest.detach(4)

    machine.run(show())
