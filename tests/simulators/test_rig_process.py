"""The rig as others meet it: a process with a ready line, ports, a control socket, and an end."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from usbip import USBIP
from usbip.host import list_devices

from benches import processes
from benches.sim_bench import CHF, GPF, authority, image, maker
from simulators.__main__ import main
from simulators.keys import load_private_key, load_public_key, save_public_key


class RunningRig:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        assert process.stdout is not None
        self.ready = json.loads(process.stdout.readline())
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(processes.PATIENCE_SECONDS)
        self._socket.connect(self.ready["control"])
        self._file = self._socket.makefile("rwb")

    def ask(self, **request: object) -> dict[str, Any]:
        return self.send(json.dumps(request).encode())

    def send(self, line: bytes) -> dict[str, Any]:
        self._file.write(line + b"\n")
        self._file.flush()
        return json.loads(self._file.readline())

    def do(self, **request: object) -> dict[str, Any]:
        answer = self.ask(**request)
        assert answer.pop("ok"), answer
        return answer

    def close(self) -> None:
        self._file.close()
        self._socket.close()


def start(*options: object) -> AbstractContextManager[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "simulators", "rig", *map(str, options)]
    return processes.running(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@contextmanager
def running(*options: object) -> Iterator[RunningRig]:
    """End it by closing its stdin, and see that it ends well."""
    with start(*options, "--until-stdin-closes") as process:
        rig = RunningRig(process)
        try:
            yield rig
        finally:
            rig.close()
            errors = processes.last_words(process)[1]
        assert (process.returncode, errors) == (0, b"")


@pytest.fixture
def hubs_file(tmp_path: Path) -> Path:
    """Three hubs for jig 4: two seated, one waiting. Keys beside it."""
    (tmp_path / "old.bin").write_bytes(image("1.0.1"))
    save_public_key(maker().public_key(), tmp_path / "maker.pem")
    save_public_key(authority().public_key(), tmp_path / "unlock.pem")
    hubs = [
        {
            "chf": (CHF[:7] + bytes([number])).hex("-"),
            "gpf": (GPF[:7] + bytes([number])).hex(),
            "manufacturer": "10A8",
            "model": "00000011",
            "hw": "2.1",
            "variant": "DBCH",
            "firmware": "old.bin",
            "jig": 4,
            "slot": number if number < 3 else None,
        }
        for number in (1, 2, 3)
    ]
    path = tmp_path / "hubs.json"
    path.write_text(json.dumps(hubs))
    return path


def given(hubs_file: Path) -> list[object]:
    folder = hubs_file.parent
    keys = ["--maker-key", folder / "maker.pem", "--unlock-key", folder / "unlock.pem"]
    return ["--dir", folder / "rig", "--hubs", hubs_file, *keys, "--first-jig", 4, "--jigs", 1]


def test_a_rig_is_looked_into_and_handled_over_its_control_socket(hubs_file: Path) -> None:
    with running(*given(hubs_file), "--slots", 3, "--handling-seconds", 0, "--speed", 10) as rig:
        folder = hubs_file.parent / "rig"
        assert rig.ready == {
            "ready": True,
            "control": str(folder / "control.sock"),
            "slots": {f"jig4/slot{number}": str(folder / "jig4" / f"slot{number}") for number in (1, 2, 3)},
        }
        assert stat.S_IMODE((folder / "control.sock").stat().st_mode) == 0o600
        assert all(Path(port).is_char_device() for port in rig.ready["slots"].values())

        hub = rig.do(do="hub", jig="jig4", slot=1)
        assert (hub["chf"], hub["gpf"]) == ("88-73-84-00-00-00-00-01", "00-0B-6B-00-00-00-00-01")
        assert (hub["hw"], hub["variant"], hub["firmware"]) == ("2.1", "DBCH", "01000001")
        assert (hub["locked"], hub["bootable"], hub["jig"], hub["slot"]) == (True, True, 4, 1)
        assert hub["image_file_sha256"] == hashlib.sha256(image("1.0.1")).hexdigest()
        assert [slot["confirmed"] for slot in hub["slots"]] == [True]
        waiting = rig.do(do="hub", chf="8873840000000003")
        assert (waiting["jig"], waiting["mode"], waiting["boots"]) == (None, "off", 0)
        assert [found["chf"][-2:] for found in rig.do(do="hubs")["hubs"]] == ["01", "02", "03"]

        swapped = rig.do(do="swap", jig=4, slot=1, with_jig=4, with_slot=2)["slots"]
        assert [slot["chf"][-2:] for slot in swapped] == ["02", "01"]
        assert rig.do(do="unload", jig=4, slot=1) == {
            "taken": "88-73-84-00-00-00-00-02",
            "next": "88-73-84-00-00-00-00-03",
            "waiting": 0,
        }
        assert rig.do(do="unseat", jig=4, slot=2) == {"chf": "88-73-84-00-00-00-00-01"}
        assert rig.do(do="seat", jig=4, slot=3, chf="88-73-84-00-00-00-00-01")["occupied"]
        waited = rig.do(do="wait", chf="8873840000000001", mode="application", boots=2)
        assert waited == {"mode": "application", "boots": waited["boots"]}
        assert rig.do(do="wait", chf="8873840000000003")["mode"] == "application"
        assert [slot["occupied"] for slot in rig.do(do="slots")["slots"]] == [True, False, True]
        unloaded = rig.do(do="unload", jig=4, slot=3)
        assert unloaded == {"taken": "88-73-84-00-00-00-00-01", "next": None, "waiting": 0}

        assert rig.do(do="power", jig=4, slot=1, on=False)["current_ma"] == 0
        assert rig.do(do="port", jig=4, slot=2, plugged=False)["port"] is None
        assert not (folder / "jig4" / "slot2").is_symlink()
        assert rig.do(do="port", jig=4, slot=2, plugged=True)["port"]

        rig.do(do="fault", fault={"name": "unplug_hub", "jig": 4, "slot": 1})
        assert not rig.do(do="slots")["slots"][0]["occupied"]
        rig.do(do="fault", fault={"name": "drop_reply", "probability": 0.5})
        rig.do(do="disarm", jig=4, slot=1)
        rig.do(do="disarm")

        port = rig.do(do="statistics")["ports"][1]
        assert (port["jig"], port["slot"], port["baud"]) == (4, 2, 921_600)
        assert port["to_hub"] == {"bytes": 0, "busy_seconds": 0.0}
        assert (port["unheard"], port["overrun"], port["lost_by_hub"]) == (0, 0, 0)
        assert rig.do(do="stop") == {}
    assert not (folder / "control.sock").exists()
    assert not list((folder / "jig4").iterdir())


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({}, "unknown request None; known: hub, hubs"),
        ({"do": "dance"}, "unknown request 'dance'"),
        ({"do": "hub"}, "'jig' is wanted, a number"),
        ({"do": "hub", "jig": 4, "slot": 9}, "no jig 4 slot 9 here; there are jig 4 slots 1 to 3"),
        ({"do": "hub", "jig": 4, "slot": 3}, "jig 4 slot 3 is empty"),
        ({"do": "hub", "chf": "zz"}, "non-hexadecimal"),
        ({"do": "hub", "chf": "00"}, "no hub 00 among the 3 here"),
        ({"do": "unseat", "jig": 4, "slot": 3}, "jig 4 slot 3 is empty: seat a hub first"),
        ({"do": "seat", "jig": 4, "slot": 1}, "jig 4 slot 1 is occupied: unseat its hub first"),
        ({"do": "seat", "jig": 4, "slot": 3, "chf": "8873840000000001"}, "that hub sits in jig 4 slot 1"),
        ({"do": "swap", "jig": 4, "slot": 1, "with_jig": 4, "with_slot": 1}, "two different occupied slots"),
        ({"do": "power", "jig": 4, "slot": 1}, "'on' is wanted, true or false"),
        ({"do": "fault", "fault": {"name": "gremlins"}}, "unknown fault 'gremlins'; known are unplug_hub"),
        ({"do": "wait", "jig": 4, "slot": 1, "mode": "asleep"}, "'asleep' is not a valid Mode"),
        ({"do": "wait", "jig": 4, "slot": 1, "boots": 9, "seconds": 0}, "after 0 s the hub is "),
        ({"do": "fault"}, "fault: fault: "),
    ],
)
def test_a_wrong_control_request_is_told_what_is_wrong(
    shared_rig: RunningRig, request_: dict[str, object], error: str
) -> None:
    answer = shared_rig.ask(**request_)
    assert not answer["ok"]
    assert error in answer["error"]


@pytest.fixture(scope="module")
def shared_rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRig]:
    folder = tmp_path_factory.mktemp("shared")
    hubs = hubs_file.__wrapped__(folder)
    with running(*given(hubs), "--slots", 3) as rig:
        yield rig


@pytest.mark.parametrize("line", [b"", b"[", b"3", b"\xff"])
def test_noise_on_the_control_socket_is_answered(shared_rig: RunningRig, line: bytes) -> None:
    assert not shared_rig.send(line)["ok"]
    assert shared_rig.ask(do="slots")["ok"]


def test_every_second_jig_of_a_mixed_rig_is_on_usb_and_handled_like_the_others(tmp_path: Path) -> None:
    options = ("--transport", "mixed", "--jigs", 2, "--slots", 2, "--speed", 20)
    with running("--dir", tmp_path, *options, "--boards") as rig:
        assert rig.ready["slots"] == {
            **{f"jig1/slot{number}": str(tmp_path / "jig1" / f"slot{number}") for number in (1, 2)},
            **{f"jig2/slot{number}": f"2-{number}" for number in (1, 2)},
        }
        assert rig.ready["usbip"]["host"] == "127.0.0.1"
        usb = USBIP(rig.ready["usbip"]["host"], rig.ready["usbip"]["port"])

        def on_the_bus() -> list[str]:
            return [device["busid"] for device in list_devices(usb)]

        assert on_the_bus() == [], "a jig with a board has no power before its board gives it"
        for number in (1, 2):
            assert rig.do(do="power", jig=2, slot=number, on=True)["port"] == f"2-{number}"
            rig.do(do="wait", jig=2, slot=number)
        assert on_the_bus() == ["2-1", "2-2"]

        (serial, _, usb_1, usb_2) = (hub["chf"] for hub in rig.do(do="hubs")["hubs"])
        moved = rig.do(do="swap", jig=1, slot=1, with_jig=2, with_slot=1)["slots"]
        assert [(slot["jig"], slot["chf"]) for slot in moved] == [(1, usb_1), (2, serial)]
        rig.do(do="wait", chf=serial)
        assert on_the_bus() == ["2-1", "2-2"], "a hub has both, and is on what its slot has"

        assert rig.do(do="port", jig=2, slot=1, plugged=False)["port"] is None
        rig.do(do="fault", fault={"name": "unplug_hub", "jig": 2, "slot": 2})
        assert on_the_bus() == []
        assert rig.do(do="seat", jig=2, slot=2, chf=usb_2)["occupied"]

        rig.do(do="fault", fault={"name": "bit_flips", "probability": 0.5})  # jig 1 has it
        refused = rig.ask(do="fault", fault={"name": "bit_flips", "jig": 2, "slot": 2})
        assert refused["error"] == "jig 2 slot 2 is on USB, which has no bit_flips: choose another fault"
        refused = rig.ask(do="fault", fault={"name": "reboot", "on": "reset", "jig": 2})
        assert (
            refused["error"] == "jig 2 slot 1 is on USB, which has no reboot on reset: choose another fault"
        )
        carried = rig.do(do="statistics")["ports"]
        assert ["requests" in port for port in carried] == [False, False, True, True]


def test_a_rig_on_usb_alone_has_the_faults_that_usb_has(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    usb = ("--dir", tmp_path / "rig", "--transport", "usb", "--jigs", 1, "--slots", 1)
    with running(*usb, "--faults", "realistic") as rig:
        assert rig.ready["slots"] == {"jig1/slot1": "1-1"}
        taken = refuse(capsys, "rig", *usb, "--usbip-port", rig.ready["usbip"]["port"])
        assert "of the USB/IP server: " in taken
        assert "in use" in taken
    faults = tmp_path / "faults.json"
    faults.write_text('[{"name": "wrong_offset"}]')
    line = refuse(capsys, "rig", *usb, "--faults", faults)
    assert line == "python -m simulators: jig 1 is on USB, which has no wrong_offset: choose another fault\n"


def test_a_rig_on_its_own_makes_hubs_and_keys(tmp_path: Path) -> None:
    with running("--dir", tmp_path, "--jigs", 2, "--slots", 1) as rig:
        hubs = rig.do(do="hubs")["hubs"]
        assert [(hub["jig"], hub["slot"], hub["firmware"]) for hub in hubs] == [
            (1, 1, "00010120"),
            (2, 1, "00010120"),
        ]
        assert len({hub[key] for hub in hubs for key in ("chf", "gpf")}) == 4
    for name in ("maker", "unlock"):
        path = tmp_path / f"{name}.pem"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        public = load_public_key(tmp_path / f"{name}.pub.pem")
        assert load_private_key(path).public_key() == public


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_good_order(tmp_path: Path, number: signal.Signals) -> None:
    with start("--dir", tmp_path, "--jigs", 1, "--slots", 1) as process:
        rig = RunningRig(process)
        rig.close()
        process.send_signal(number)
        assert processes.last_words(process)[1] == b""
    assert process.returncode == 0
    assert not list((tmp_path / "jig1").iterdir())


def refuse(capsys: pytest.CaptureFixture[str], *options: object) -> str:
    """Run a command that is refused, and return its one line."""
    assert main([str(option) for option in options]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--slots", 9], "a rig has one jig or more, of 1 to 8 slots"),
        (["--jigs", 0], "a rig has one jig or more, of 1 to 8 slots"),
        (["--usbip-port", 70_000], "--usbip-port is a TCP port, up to 65535"),
        (["--baud", 0], "--baud, --speed and --input-timeout are more than 0"),
        (["--image-slot-size", 5000], "--image-slot-size is a multiple of the flash page, 4096"),
        (["--image-slot-size", 4096], "a slot of 1 pages of 4096 bytes has no room for its swap log"),
        (["--faults", "nowhere.json"], "nowhere.json: No such file or directory; name a file of faults"),
        (["--maker-key", "key.pem"], "--maker-key without --hubs"),
        (["--unlock-key", "nowhere.pem"], "nowhere.pem: no public key in PEM form"),
        (["--control", f"/tmp/{'x' * 120}"], "too long for a socket (107 bytes)"),
    ],
)
def test_options_that_make_no_rig_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[object], message: str
) -> None:
    assert message in refuse(capsys, "rig", "--dir", tmp_path / "rig", *options)


def test_an_unknown_fault_in_a_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "faults.json"
    path.write_text('[{"name": "gremlins"}]')
    line = refuse(capsys, "rig", "--dir", tmp_path / "rig", "--faults", path)
    assert line.startswith(f"python -m simulators: {path}: fault 1: unknown fault 'gremlins'; known are ")


def test_a_port_that_another_program_has_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as theirs:
        port = theirs.getsockname()[1]
        assert main(["upstream", "--dir", str(tmp_path), "--port", str(port)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("python -m simulators: another program has the port (")
    assert str(port) in line
    assert line.endswith("stop that one (ss -ltnp names it), or choose another")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert "cannot be made" in refuse(capsys, "rig", "--dir", tmp_path / "file" / "rig")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"chf": "88-73"}, "hub 0.chf: Value error, an EUI-64 has 8 bytes"),
        ({"chf": 5}, "hub 0.chf: "),
        ({"jig": 5}, "hub 88-73-84-00-00-00-00-01: there is no jig 5 here"),
        ({"slot": 4}, "hub 88-73-84-00-00-00-00-01: jig 4 has no slot 4"),
        ({"slot": 2}, "jig 4 slot 2 is taken by another one"),
        ({"firmware": "none.bin"}, "none.bin: No such file or directory"),
        ({"colour": "white"}, "hub 0.colour: Extra inputs are not permitted"),
        ({"chf": "8873840000000002"}, "hub 88-73-84-00-00-00-00-02 is there twice"),
    ],
)
def test_a_wrong_hub_file_is_refused(
    hubs_file: Path, capsys: pytest.CaptureFixture[str], change: dict[str, object], message: str
) -> None:
    hubs = json.loads(hubs_file.read_text())
    hubs[0] |= change
    hubs_file.write_text(json.dumps(hubs))
    assert message in refuse(capsys, "rig", *given(hubs_file), "--slots", 3)


def test_firmware_larger_than_the_slot_is_refused(
    hubs_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refuse(capsys, "rig", *given(hubs_file), "--slots", 3, "--image-slot-size", 8192)
    assert "its firmware has 6" in line
    assert "a slot takes 4096" in line


def test_a_missing_hub_file_is_named(hubs_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = given(hubs_file)
    hubs_file.unlink()
    assert "hubs.json: cannot be read (No such file" in refuse(capsys, "rig", *options)


def test_keys_and_firmware_are_made_by_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "--dir", str(tmp_path), "maker", "unlock"]) == 0
    out = tmp_path / "new.bin"
    command = ["firmware", "--key", tmp_path / "maker.pem", "--out", out, "--size", 1000, "--version"]
    assert main([*map(str, command), "1.2.3"]) == 0
    assert len(out.read_bytes()) > 1500
    assert capsys.readouterr().out == ""
    assert "'latest' is no image version" in refuse(capsys, *command, "latest")
    assert "no private key" in refuse(capsys, *command[:2], tmp_path / "maker.pub.pem", *command[3:], "1.2.3")


def test_a_key_of_another_kind_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    from simulators.keys import save_private_key  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP384R1())
    save_private_key(key, tmp_path / "private.pem")
    save_public_key(key.public_key(), tmp_path / "public.pem")
    line = refuse(capsys, "rig", "--dir", tmp_path, "--unlock-key", tmp_path / "public.pem")
    assert "not a P-256 key" in line
    line = refuse(
        capsys, "firmware", "--key", tmp_path / "private.pem", "--version", "1.0.0", "--out", os.devnull
    )
    assert "not a P-256 key" in line
