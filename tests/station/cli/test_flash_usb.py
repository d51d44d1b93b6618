"""`reflash flash --usb`: hubs and plain DFU devices by hand, on simulated USB."""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benches.damage import damaged
from benches.looking import until
from benches.soft_hsm import SoftHsm
from benches.station_bench import Bench, StockHub, running_bench, version
from benches.station_config import write_config

PLACE = "2-1"
VENDOR, APPLICATION, DFU_MODE = 0x1209, 0x0001, 0x0002


@pytest.fixture(scope="module")
def hubs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with running_bench(
        tmp_path_factory.mktemp("hubs"), stock={"old": 10, "new": 1}, transport="mixed"
    ) as bench:
        yield bench


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with running_bench(
        tmp_path_factory.mktemp("plain"), stock={"old": 10}, transport="mixed", dfu_profile="plain"
    ) as bench:
        yield bench


def seat(bench: Bench, firmware: str = "old") -> StockHub:
    bench.tidy()
    hub = bench.hub(firmware)
    bench.do_now("seat", chf=str(hub.chf), jig=2, slot=1)
    bench.do_now("wait", chf=str(hub.chf))
    return hub


def look(bench: Bench, hub: StockHub) -> dict[str, Any]:
    return bench.do_now("hub", chf=str(hub.chf))


def server(bench: Bench) -> str:
    return "{host}:{port}".format(**bench.ready["usbip"])


@pytest.fixture
def by_hand(tmp_path: Path, reflash: Any):
    def run(image: Path, *options: object) -> Any:
        own = ("--image", image, "--usb", PLACE, "--journal", tmp_path / "journal")
        return reflash("flash", *own, *options)

    return run


def with_suffix(path: Path, firmware: Path, product: int) -> Path:
    """Write the file as `dfu-suffix` would (DFU 1.1, appendix B)."""
    data = firmware.read_bytes() + struct.pack("<HHHH3sB", 0xFFFF, product, VENDOR, 0x0100, b"UFD", 16)
    path.write_bytes(data + struct.pack("<I", zlib.crc32(data) ^ 0xFFFF_FFFF))
    return path


def test_a_hub_is_flashed_through_the_jig_that_is_configured_for_its_place(
    hubs: Bench, by_hand: Any, tmp_path: Path
) -> None:
    hub = seat(hubs)
    config = write_config(tmp_path / "station.toml", hubs.settings(tmp_path / "state", {"jig2": [1]}))
    file = with_suffix(tmp_path / "new.dfu", hubs.firmware("new"), DFU_MODE)
    said = by_hand(file, "--config", config)
    assert (said.code, said.out) == (
        0,
        f"2-1: passed; take it out, it is done; it runs {version('new')}\n",
    ), said
    inside = look(hubs, hub)
    assert (inside["firmware"], inside["left_unlocked"]) == (str(version("new")), False)
    again = by_hand(file, "--config", config, "--json")
    assert (again.json["outcome"], again.json["number"], again.json["chf"]) == ("passed", 2, str(hub.chf))

    # It boots once nobody holds its place any more.
    asyncio.run(until(lambda: look(hubs, hub)["mode"] == "application"))
    assert "newer than the image's" in by_hand(hubs.firmware("old"), "--config", config).refused


def test_a_hub_is_flashed_through_a_server_that_is_named(hubs: Bench, by_hand: Any) -> None:
    hub = seat(hubs)
    said = by_hand(hubs.firmware("new"), "--usbip", server(hubs), "--unlock-key", hubs.unlock_key)
    assert said.code == 0, said
    assert look(hubs, hub)["firmware"] == str(version("new"))

    hub = seat(hubs)
    keyless = by_hand(hubs.firmware("new"), "--usbip", server(hubs))
    assert keyless.code == 1
    assert "is locked and no key was named" in keyless.out
    assert look(hubs, hub)["firmware"] == str(version("old"))


def test_a_file_for_another_product_or_model_is_refused_and_nothing_is_written(
    hubs: Bench, by_hand: Any, tmp_path: Path
) -> None:
    hub = seat(hubs)
    options = ("--usbip", server(hubs), "--unlock-key", hubs.unlock_key)
    assert by_hand(with_suffix(tmp_path / "other.dfu", hubs.firmware("new"), 0x0BAD), *options).refused == (
        "the file is for 1209:0bad, not for a device 1209:0001 at 2-1 or a device 1209:0002 at 2-1: "
        "get the right file"
    )
    model = by_hand(hubs.firmware("chained-new"), *options)
    assert model.refused.startswith("the image is for model 10A8/00000022")
    spoilt = tmp_path / "damaged.dfu"
    spoilt.write_bytes(damaged(with_suffix(spoilt, hubs.firmware("new"), DFU_MODE).read_bytes()))
    assert "the DFU suffix's CRC is" in by_hand(spoilt, *options).refused
    inside = look(hubs, hub)
    assert len(inside["slots"]) == 1
    assert inside["mode"] == "application"


def distribution_file(path: Path, firmware: Path, control: int, optional: bytes) -> Path:
    """Write a ZigBee OTA file around the image: with a destination (control 2) or hardware versions (4)."""
    facts = (0x0BEEF11E, 0x0100, 56 + len(optional), control, 0x10A8, 1, version("new").value, 2, b"", 0)
    tail = bytes.fromhex("0040") + bytes(64)
    path.write_bytes(struct.pack("<IHHHHHIH32sI", *facts) + optional + firmware.read_bytes() + tail)
    return path


def test_a_file_for_another_device_or_hardware_is_refused_and_its_own_is_taken(
    hubs: Bench, plain: Bench, by_hand: Any, tmp_path: Path
) -> None:
    hub = seat(hubs)
    options = ("--usbip", server(hubs), "--unlock-key", hubs.unlock_key)
    path, firmware = tmp_path / "new.ota", hubs.firmware("new")
    other, own = (device.value.to_bytes(8, "little") for device in (hub.chf, hub.gpf))
    for control, optional in ((2, other[:-1] + b"\xff"), (4, struct.pack("<HH", 0x0101, 0x0200))):
        said = by_hand(distribution_file(path, firmware, control, optional), *options)
        assert said.refused.startswith("the image is for ")
        assert f"hub {hub.chf} / {hub.gpf} says hardware '1.0'" in said.complaint
        assert len(look(hubs, hub)["slots"]) == 1
    both = own + struct.pack("<HH", 0x0100, 0x0100)
    assert by_hand(distribution_file(path, firmware, 6, both), *options).code == 0
    assert look(hubs, hub)["firmware"] == str(version("new"))

    seat(plain)
    assert "this device does not tell what it is" in by_hand(path, "--usbip", server(plain)).refused


def test_a_plain_device_is_flashed_read_back_and_started(plain: Bench, by_hand: Any, tmp_path: Path) -> None:
    hub = seat(plain)
    file = with_suffix(tmp_path / "new.dfu", plain.firmware("new"), APPLICATION)
    said = by_hand(file, "--usbip", server(plain))
    assert (said.code, said.out) == (
        0,
        "2-1: passed; take it out, it is done; it does not say what it runs\n",
    ), said
    inside = look(plain, hub)
    assert (inside["firmware"], inside["mode"]) == (str(version("new")), "application")

    said = by_hand(plain.firmware("new"), "--usbip", server(plain), "--json")
    told = said.json
    assert (told["chf"], told["firmware_read_back"], told["firmware_target"]) == (
        None,
        None,
        str(version("new")),
    )
    assert set(told["seconds"]) == {"flash", "activate"}


def test_a_plain_device_says_why_it_takes_no_such_file(plain: Bench, by_hand: Any, tmp_path: Path) -> None:
    hub = seat(plain)
    raw = tmp_path / "raw.bin"
    raw.write_bytes(bytes(range(256)) * 20)
    said = by_hand(raw, "--usbip", server(plain))
    assert said.refused == f"{raw}: the image does not state its version; state it"
    said = by_hand(raw, "--usbip", server(plain), "--version", "0002012F")
    assert said.code == 1
    assert "errFILE" in said.out
    assert "say what it runs" not in said.out, "nobody asked it"
    other = by_hand(
        with_suffix(tmp_path / "other.dfu", raw, 0x0BAD), "--usbip", server(plain), "--version", "1"
    )
    assert other.code == 2
    assert look(plain, hub)["firmware"] == str(version("old"))


def test_a_place_of_a_station_in_production_wants_who_answers(
    hubs: Bench, by_hand: Any, tmp_path: Path, soft_hsm: SoftHsm
) -> None:
    soft_hsm.import_key(hubs.unlock_key)
    unlock = {"hsm": soft_hsm.settings().model_dump(mode="json", exclude_none=True)}
    facts = {"mode": "production", "unlock": unlock, "catalogue": {"place": "/nowhere", "root": "/nowhere"}}
    config = write_config(
        tmp_path / "station.toml", hubs.settings(tmp_path / "state", {"jig2": [1]}, **facts)
    )
    said = by_hand(hubs.firmware("new"), "--config", config, "--usb", f"usb:{PLACE}")
    assert said.refused.startswith("usb:2-1 is jig2 slot 1 of a station in production: name who answers")


WRONG = {
    "no place": ((), 2, "give either --port or --usb"),
    "two places": (("--port", "/dev/ttyUSB0", "--usb", PLACE), 2, "give either --port or --usb"),
    "no USB place": (("--usb", "/dev/ttyUSB0"), 2, "--usb: '/dev/ttyUSB0' is no USB place"),
    "no server": (("--usb", PLACE, "--usbip", "host"), 2, "--usbip host: HOST:PORT is wanted"),
    "server with a path": (("--usb", PLACE, "--usbip", "h:1/x"), 2, "--usbip h:1/x: HOST:PORT is wanted"),
    "server that is not there": (("--usb", PLACE, "--usbip", "127.0.0.1:1"), 1, "correct usbip_host"),
    "server for a serial port": (("--port", "/dev/x", "--usbip", "h:1"), 2, "go with --usb"),
    "no such file": (("--usb", PLACE, "--image", "/nowhere"), 2, "/nowhere: No such file"),
    "no version": (("--usb", PLACE, "--version", "latest"), 2, "latest"),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_use_is_told_in_one_line(hubs: Bench, reflash: Any, tmp_path: Path, what: str) -> None:
    options, code, says = WRONG[what]
    said = reflash("flash", "--image", hubs.firmware("new"), "--journal", tmp_path / "journal", *options)
    assert said.code == code, said
    assert says in said.complaint


def test_an_empty_place_is_named(hubs: Bench, by_hand: Any) -> None:
    hubs.tidy()
    said = by_hand(hubs.firmware("new"), "--usbip", server(hubs))
    assert said.failed == "nothing is plugged in at 2-1: check the hub's seat and cable"
