"""Places resolved on a made-up sysfs: real folders and links, laid out as the kernel lays out its own."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benches.pty_port import pty_port
from drivers.errors import PlaceUnavailable
from drivers.serial_link import SerialSettings, open_serial_link
from drivers.topology import SerialPorts, remedy, same_place


class Machine:
    """A sysfs and a /dev below one folder."""

    def __init__(self, folder: Path) -> None:
        self.sys, self.dev = folder / "sys", folder / "dev"
        self._bus = self.sys / "devices" / "pci0000:00" / "0000:00:14.0"
        (self.sys / "class" / "tty").mkdir(parents=True)
        self.dev.mkdir()
        self.usb_device("usb1", speed="480")

    @property
    def ports(self) -> SerialPorts:
        return SerialPorts(self.sys, self.dev)

    def usb_device(self, *chain: str, **attributes: str) -> Path:
        folder = self._bus.joinpath("usb1", *(name for name in chain if name != "usb1"))
        folder.mkdir(parents=True, exist_ok=True)
        for name, value in attributes.items():
            (folder / name).write_text(f"{value}\n")
        return folder

    def adapter(self, name: str, *chain: str, interface: str = "1.0", **attributes: str) -> Path:
        """Plug in an adapter whose port is called `name`; return the folder of its usb-serial port."""
        usb = self.usb_device(*chain, **{"speed": "12", "product": "FT232R USB UART", **attributes})
        port = usb / f"{chain[-1]}:{interface}" / name
        (port / "tty" / name).mkdir(parents=True)
        (port / "tty" / name / "device").symlink_to(port)
        (self.sys / "class" / "tty" / name).symlink_to(port / "tty" / name)
        (self.dev / name).touch()
        return port

    def unplug(self, name: str) -> None:
        (self.sys / "class" / "tty" / name).unlink()
        (self.dev / name).unlink()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def refusal(machine: Machine, place: str) -> str:
    with pytest.raises(PlaceUnavailable) as caught:
        machine.ports.resolve(place)
    assert caught.value.state_known
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_location_leads_to_the_port_that_is_plugged_in_there_whatever_its_name(machine):
    machine.adapter("ttyUSB0", "1-2", "1-2.3")
    machine.adapter("ttyUSB1", "1-2", "1-2.4")
    assert machine.ports.resolve("usb:1-2.3").device == machine.dev / "ttyUSB0"
    assert machine.ports.resolve("usb:1-2.3:1.0").device == machine.dev / "ttyUSB0"
    machine.unplug("ttyUSB0")
    machine.adapter("ttyUSB7", "1-2", "1-2.3", interface="1.0")
    assert machine.ports.resolve("usb:1-2.3").device == machine.dev / "ttyUSB7"


def test_an_adapter_with_several_ports_needs_the_interface(machine):
    for number in range(4):
        machine.adapter(
            f"ttyUSB{number}", "1-5", interface=f"1.{number}", product="Quad RS232-HS", speed="480"
        )
    assert machine.ports.resolve("usb:1-5:1.2").device == machine.dev / "ttyUSB2"
    line = refusal(machine, "usb:1-5")
    assert line.startswith("usb:1-5 is ambiguous: name one of ttyUSB0 at usb:1-5:1.0 (Quad RS232-HS), ")
    assert line.endswith("ttyUSB3 at usb:1-5:1.3 (Quad RS232-HS)")


def test_what_is_no_serial_adapter_is_named_and_a_dfu_device_asks_for_its_driver(machine):
    for name, product, kind in (("1-3", "Communications Hub", "fe"), ("1-4", "Keyboard", "03")):
        device = machine.usb_device(name, product=product)
        interface = device / f"{name}:1.0"
        interface.mkdir()
        (interface / "bInterfaceClass").write_text(f"{kind}\n")
        (interface / "bInterfaceSubClass").write_text("01\n")
        by_name = machine.sys / "bus" / "usb" / "devices"
        by_name.mkdir(parents=True, exist_ok=True)
        (by_name / name).symlink_to(device)
    assert refusal(machine, "usb:1-3") == (
        'what sits at usb:1-3 (Communications Hub) is no serial adapter, it does DFU: set driver = "dfu" for its jig, '
        "or plug the adapter in there; no USB serial port was found"
    )
    assert refusal(machine, "usb:1-4:1.0").startswith(
        "what sits at usb:1-4 (Keyboard) is no serial adapter: plug the adapter in there; "
    )


def test_an_absent_place_says_what_was_found_instead(machine):
    assert refusal(machine, "usb:1-2").endswith("plug the adapter in there; no USB serial port was found")
    for number in range(6):
        machine.adapter(f"ttyUSB{number}", f"1-{number + 1}")
    line = refusal(machine, "usb:1-2.9")
    assert "found instead: ttyUSB0 at usb:1-1:1.0 (FT232R USB UART), " in line
    assert line.endswith(" and 2 more")
    assert "found instead: ttyUSB0 at usb:1-1:1.0" in refusal(machine, "/dev/serial/by-path/none")


def test_an_acm_port_is_found_although_its_device_is_the_interface_itself(machine):
    usb = machine.usb_device("1-9", speed="12", product="Hub")
    terminal = usb / "1-9:1.0" / "tty" / "ttyACM0"
    terminal.mkdir(parents=True)
    (terminal / "device").symlink_to(usb / "1-9:1.0")
    (machine.sys / "class" / "tty" / "ttyACM0").symlink_to(terminal)
    assert machine.ports.resolve("usb:1-9").device == machine.dev / "ttyACM0"


def test_only_terminals_with_hardware_are_ports(machine):
    tty = machine.sys / "class" / "tty"
    (tty / "tty0").mkdir()
    for name, kind in (("ttyS0", "4"), ("ttyS1", "0")):
        (tty / name / "device").mkdir(parents=True)
        (tty / name / "type").write_text(kind)
    assert [str(port) for port in machine.ports.all()] == [str(machine.dev / "ttyS0")]


def test_a_machine_without_sysfs_has_no_ports(tmp_path):
    assert SerialPorts(tmp_path / "none", tmp_path).all() == ()


def test_a_link_is_followed_anew_each_time(machine, tmp_path):
    machine.adapter("ttyUSB0", "1-2")
    machine.adapter("ttyUSB5", "1-3")
    link = tmp_path / "port0"
    link.symlink_to(machine.dev / "ttyUSB0")
    found = machine.ports.resolve(str(link))
    assert (found.device.name, found.usb.location) == ("ttyUSB0", "1-2")
    link.unlink()
    link.symlink_to(machine.dev / "ttyUSB5")
    assert machine.ports.resolve(str(link)).usb.location == "1-3"


def test_links_in_a_circle_lead_nowhere(machine, tmp_path):
    for name, target in (("a", "b"), ("b", "a")):
        (tmp_path / name).symlink_to(tmp_path / target)
    assert "is not there" in refusal(machine, str(tmp_path / "a"))


@given(st.text(max_size=40).filter(lambda text: not text.startswith("/")))
def test_no_text_but_a_place_is_taken(tmp_path_factory, text):
    with pytest.raises(PlaceUnavailable):
        SerialPorts(tmp_path_factory.getbasetemp() / "none").resolve(text)
    with pytest.raises(PlaceUnavailable):
        SerialPorts(tmp_path_factory.getbasetemp() / "none").resolve(f"usb:{text}")


def test_the_latency_timer_of_an_ftdi_adapter_is_read(machine):
    port = machine.adapter("ttyUSB0", "1-2")
    assert machine.ports.resolve("usb:1-2").usb.latency_milliseconds is None
    (port / "latency_timer").write_text("16\n")
    assert machine.ports.resolve("usb:1-2").usb.latency_milliseconds == 16


def test_adapters_share_the_translator_of_the_fast_hub_they_hang_on(machine):
    machine.usb_device("1-1", speed="480", bDeviceProtocol="01")
    machine.usb_device("1-1", "1-1.4", speed="12")
    machine.usb_device("1-2", speed="480", bDeviceProtocol="02")
    machine.adapter("ttyUSB0", "1-1", "1-1.1")
    machine.adapter("ttyUSB1", "1-1", "1-1.4", "1-1.4.1")
    machine.adapter("ttyUSB2", "1-2", "1-2.1")
    machine.adapter("ttyUSB3", "1-2", "1-2.2")
    machine.adapter("ttyUSB4", "1-3")
    machine.adapter("ttyUSB5", "1-4", speed="480")
    machine.usb_device("1-6", speed="12")
    machine.adapter("ttyUSB6", "1-6", "1-6.1")
    shared = {port.device.name: port.usb.shared_full_speed_bus for port in machine.ports.all()}
    assert shared == {
        "ttyUSB0": "1-1",
        "ttyUSB1": "1-1",
        "ttyUSB2": "1-2.1",
        "ttyUSB3": "1-2.2",
        "ttyUSB4": "1-3",
        "ttyUSB5": None,
        "ttyUSB6": "1-6",
    }


async def test_two_names_of_one_port_are_one_place(tmp_path):
    async with pty_port() as port:
        (tmp_path / "link").symlink_to(port.path)
        assert same_place(str(tmp_path / "link")) == same_place(port.path) == port.path
        assert same_place("usb:9-9") == "usb:9-9"


async def test_a_port_that_comes_back_under_another_name_is_opened_by_its_place(tmp_path):
    """The adapter is unplugged and comes back as another device; the link that udev keeps for its socket moves."""
    place = tmp_path / "pci-0000:00:14.0-usb-0:1.1:1.0-port0"

    async with pty_port() as first, pty_port() as second:
        for port in (first, second):
            place.unlink(missing_ok=True)
            place.symlink_to(port.path)
            heard, told = asyncio.Event(), []
            link = await open_serial_link(str(place), SerialSettings())
            try:
                port.listen(lambda data, told=told, heard=heard: (told.append(data), heard.set()))
                link.write(b"hub?")
                await heard.wait()
                assert told == [b"hub?"]
            finally:
                port.stop_listening()
                await link.close()


def test_a_usb_place_is_one_with_and_without_its_prefix():
    assert same_place("9-9.1") == same_place("usb:9-9.1") == "usb:9-9.1"
    assert same_place("9-9.1") != same_place("usb:9-9.2")


def test_what_to_do_about_a_node_depends_on_who_may_open_it(tmp_path):
    node = tmp_path / "node"
    node.touch(mode=0o600)
    rule = 'SUBSYSTEM=="usb", ATTR{idVendor}=="1209"'
    rules = "deploy/udev/70-reflash.rules"
    assert remedy(node, rule) == (
        f"no group may; install the udev rules {rules}, or the rule {rule}, and plug it in again"
    )
    assert remedy(node) == f"no group may; install the udev rules {rules} and plug it in again"
    node.chmod(0o660)
    if os.geteuid() == 0:
        os.chown(node, -1, 5)  # anybody else's file is no group root's already
    group = node.group()
    assert (
        remedy(node, rule) == f"add the user to the group {group} (usermod -aG {group} USER) and log in again"
    )
    assert "install the udev rules" in remedy(tmp_path / "gone")
