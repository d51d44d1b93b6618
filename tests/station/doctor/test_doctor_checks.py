"""Each check of the doctor by itself, on real folders, brokers and boards."""

from __future__ import annotations

import asyncio
import shutil
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benches import brokers
from benches.board_slots import Slots
from benches.damage import damaged
from benches.station_bench import Bench
from drivers.jig_board.settings import JigBoardSettings
from drivers.topology import SerialPort, UsbAdapter
from simulators.jig_board import SimulatedJigBoard
from simulators.label_printer import LabelPrinter, Trouble
from station.doctor.boards import check_board
from station.doctor.broker import check_broker
from station.doctor.catalogue import check_catalogue
from station.doctor.clock import judge_clock
from station.doctor.descriptors import judge_descriptors
from station.doctor.disk import check_disk, filesystem_of
from station.doctor.installation import check_installation, shadows
from station.doctor.papers import check_folders, check_printer
from station.doctor.people import check_people
from station.doctor.report import Finding, Verdict
from station.doctor.secrets import check_secrets
from station.doctor.unlock import check_unlock
from station.doctor.usb_load import FULL_SPEED_PAYLOAD, UsedPort, judge_loads
from station.dropped_orders.settings import OrderFolderSettings
from station.kernel_clock import KernelClock, read_clock
from station.messages.topics import Topics
from station.people.operators import Operators
from station.printing.settings import PrinterSettings
from station.publishing.settings import MqttSettings
from station.records import lock

OK, WARNING, FAULT = Verdict.OK, Verdict.WARNING, Verdict.FAULT
TOPICS = Topics("site", "doctor-bench")


def verdicts(findings: list[Finding]) -> list[Verdict]:
    for finding in findings:
        assert "\n" not in str(finding)
    return [finding.verdict for finding in findings]


# Installation


def package(folder: Path, name: str) -> Path:
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").touch()
    return folder


def test_a_package_of_the_same_name_elsewhere_is_told_with_both_places(tmp_path):
    home = package(tmp_path / "home", "drivers")
    other = package(tmp_path / "site-packages", "drivers")
    (tmp_path / "script").mkdir()
    (tmp_path / "script" / "station.py").touch()
    (tmp_path / "data" / "drivers").mkdir(parents=True)
    search_path = [tmp_path / "script", tmp_path / "data", home, other, other]
    found = list(shadows(home, search_path))
    assert verdicts(found) == [WARNING, WARNING]
    assert [finding.where for finding in found] == ["package station", "package drivers"]
    assert str(other) in found[1].what
    assert str(home) in found[1].what
    assert "virtual environment" in str(found[1].advice)
    assert verdicts(list(shadows(home, [home]))) == [OK]


def test_this_installation_is_whole(tmp_path):
    findings = check_installation(tmp_path)
    assert {finding.where for finding in findings} >= {"version", "packages", "driver smp", "driver dfu"}
    assert set(verdicts(findings)) == {OK}


# Clock


def test_the_kernel_tells_of_its_clock():
    assert abs((read_clock().now - datetime.now(UTC)).total_seconds()) < 5


@pytest.mark.parametrize(
    ("year", "synchronised", "verdict"),
    [(2026, True, OK), (2026, False, WARNING), (2026, None, WARNING), (1970, True, FAULT)],
)
def test_a_clock_is_believed_when_it_was_set_and_is_kept(year, synchronised, verdict):
    finding = judge_clock(KernelClock(datetime(year, 3, 1, 12, tzinfo=UTC), synchronised))
    assert finding.verdict is verdict
    assert f"{year}-03-01 12:00:00 UTC" in finding.what


# Disk

MOUNTS = r"""
21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 21 0:40 / /srv/with\040space rw - nfs4 server:/export rw
31 21 0:41 / /mnt rw - ext4 /dev/sdb1 rw
32 31 0:42 / /mnt rw - tmpfs tmpfs rw
not a mount
"""


def test_the_file_system_is_that_of_the_nearest_mount_and_of_the_last_there():
    kinds = {
        path: filesystem_of(Path(path), MOUNTS)
        for path in ("/var/lib/reflash", "/srv/with space/state", "/srv/with", "/mnt/x", "/mntx")
    }
    assert kinds == {
        "/var/lib/reflash": "ext4",
        "/srv/with space/state": "nfs4",
        "/srv/with": "ext4",
        "/mnt/x": "tmpfs",
        "/mntx": "ext4",
    }
    assert filesystem_of(Path("/x"), "") == "unknown"


def test_a_disk_is_measured_and_left_as_it_was(tmp_path):
    findings = check_disk(tmp_path, 16)
    assert [finding.what.split()[-2] for finding in findings if "fsync" in finding.what] != []
    assert FAULT not in verdicts(findings)
    assert list(tmp_path.iterdir()) == []
    room = shutil.disk_usage(tmp_path).free >> 20
    assert "are wanted; make room" in str(check_disk(tmp_path, room * 2)[0])
    assert verdicts(check_disk(tmp_path, room // 2))[0] is WARNING


def test_what_a_killed_restore_left_is_named(tmp_path):
    (tmp_path / "journal.partial-abc").mkdir()
    (tmp_path / "journal.partial-at-work").mkdir()
    with lock.hold(tmp_path / "journal.partial-at-work"):
        *_, left = check_disk(tmp_path, 16)
    assert (left.verdict, "journal.partial-abc was left by" in left.what) == (WARNING, True)


def test_a_state_directory_that_is_not_there_yet_is_no_fault(tmp_path):
    (finding,) = check_disk(tmp_path / "a" / "b", 16)
    assert (finding.verdict, finding.what) == (OK, "is not there yet; the daemon makes it")


def test_a_disk_in_memory_or_without_writing_is_a_fault():
    shared_memory = check_disk(Path("/dev/shm"), 1)
    assert "is in memory (tmpfs): a power cut loses every result" in shared_memory[0].what
    assert any("cannot be written" in finding.what for finding in check_disk(Path("/proc/self"), 1))


def test_fewer_descriptors_than_the_bench_needs_are_a_fault():
    assert judge_descriptors(80, 80).verdict is OK
    assert str(judge_descriptors(79, 80)) == (
        "file descriptors: 79 are allowed, this bench needs 80; "
        "raise LimitNOFILE in its unit or `ulimit -n`, to 4096 say"
    )
    assert judge_descriptors(79, 80).verdict is FAULT
    assert "to 5000 say" in str(judge_descriptors(4096, 5000))


# Catalogue and key


def test_a_catalogue_is_read_image_by_image(bench: Bench, tmp_path):
    def check(folder: Path) -> list[Finding]:
        settings = bench.station_settings(tmp_path, {"jig1": [1]}, catalogue={"folder": str(folder)})
        return asyncio.run(check_catalogue(settings))

    assert verdicts(check(bench.catalogue)) == [OK]
    copy = shutil.copytree(bench.catalogue, tmp_path / "catalogue")
    image = next(path for path in sorted(copy.iterdir()) if path.suffix == ".bin")
    image.write_bytes(damaged(image.read_bytes()))
    (broken,) = check(copy)
    assert broken.verdict is FAULT
    assert image.name in str(broken)
    assert verdicts(check(tmp_path / "none")) == [FAULT]


def test_the_unlock_key_is_loaded_as_the_daemon_does(bench: Bench, tmp_path):
    def check(key: Path, mode: str = "bench") -> Finding:
        settings = bench.station_settings(tmp_path, {"jig1": [1]}, unlock={"key_file": str(key)}, mode=mode)
        (finding,) = asyncio.run(check_unlock(settings))
        return finding

    assert check(bench.unlock_key).verdict is OK
    assert "not for production" in str(check(bench.unlock_key, "production"))
    no_key = tmp_path / "key.pem"
    no_key.write_text("no key")
    no_key.chmod(0o600)
    assert "is no unencrypted PEM private key" in str(check(no_key))


def test_where_somebody_has_to_sign_on_somebody_can(bench: Bench, tmp_path):
    settings = bench.station_settings(tmp_path, {"jig1": [1]}, people={"sign_on": "required"})
    operators = Operators(settings.operators_file)
    who = operators.pseudonym_of("Example Person")
    operators.set_badge(who, "4711AB42")
    assert verdicts(check_people(settings)) == [FAULT], "a badge of which no scanner knows the form"
    with_badges = bench.station_settings(
        tmp_path, {"jig1": [1]}, people={"sign_on": "required", "badge_prefix": "BADGE-"}
    )
    assert verdicts(check_people(with_badges)) == [OK]
    operators.set_pin(who, "135797")
    assert verdicts(check_people(settings)) == [OK]
    settings.operators_file.write_bytes(b"{")
    off = bench.station_settings(tmp_path, {"jig1": [1]})
    assert verdicts(check_people(off)) == [FAULT], "a damaged list is told in any case"
    settings.operators_file.unlink()
    assert check_people(off) == []


def test_every_secrets_file_is_held_against_the_rule(bench: Bench, tmp_path):
    def secret(name: str, mode: int = 0o600) -> str:
        path = tmp_path / name
        path.write_text("secret")
        path.chmod(mode)
        return str(path)

    pin = {"module": "/m.so", "token": "t", "key": "k", "pin": {"file": secret("pin")}}
    mqtt = {"username": "u", "password_file": secret("password", 0o644), "ca_file": "/ca.pem"}
    mqtt |= {"certificate_file": "/own.pem", "key_file": secret("key", 0o640)}
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "operators.json").touch(mode=0o600)
    facts = {"unlock": {"hsm": pin}, "mqtt": mqtt}
    settings = bench.station_settings(tmp_path / "state", {"jig1": [1]}, **facts)
    assert [str(finding) for finding in check_secrets(settings)] == [
        f"mqtt.password_file: {tmp_path}/password can be read by other users; run: chmod 600 {tmp_path}/password",
        f"mqtt.key_file: {tmp_path}/key can be read by other users; run: chmod 600 {tmp_path}/key",
    ]
    for name in ("password", "key"):
        (tmp_path / name).chmod(0o600)
    (fine,) = check_secrets(settings)
    assert (fine.verdict, fine.what) == (OK, "4 files, for the station alone")
    (tmp_path / "state" / "operators.json").chmod(0o604)
    assert verdicts(check_secrets(settings)) == [FAULT]
    for unlock in ("token_file", "key_file"):
        settings = bench.station_settings(tmp_path, {"jig1": [1]}, unlock={unlock: secret(unlock, 0o644)})
        (finding,) = check_secrets(settings)
        assert finding.where == f"unlock.{unlock}"
        assert asyncio.run(check_unlock(settings)) == [], "it is said already"
    (tmp_path / "key_file").unlink()
    assert verdicts(check_secrets(settings)) == [FAULT]
    assert asyncio.run(check_unlock(settings)) == []


# Broker


def asked(**settings: object) -> Finding:
    return asyncio.run(check_broker(MqttSettings(timeout_seconds=1.0, **settings), TOPICS))


def test_a_broker_that_takes_and_keeps_is_fine(shared_broker: brokers.Mosquitto):
    finding = asked(port=shared_broker.port)
    assert finding.verdict is OK
    assert "takes and keeps messages" in finding.what


def test_a_broker_that_is_absent_says_that_results_wait():
    finding = asked(port=brokers.free_port())
    assert finding.verdict is FAULT
    assert ": Connection refused; start it, or correct mqtt.host and mqtt.port; results wait on disk" in str(
        finding
    )


def test_a_broker_that_refuses_names_the_settings(tmp_path):
    with brokers.mosquitto(tmp_path, anonymous=False) as broker:
        finding = asked(port=broker.port)
    assert finding.verdict is FAULT
    assert "check mqtt.username, mqtt.password_file" in str(finding)


def test_a_broker_that_never_answers_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        finding = asked(port=silent.getsockname()[1])
    assert finding.verdict is FAULT


@pytest.mark.parametrize("lines", [("retain_available false",), ("acl_file {acl}",)])
def test_a_broker_that_keeps_nothing_or_lets_nothing_be_read_is_a_fault(tmp_path, lines):
    acl = tmp_path / "acl"
    acl.write_text(f"topic read {TOPICS.station_status}\n")  # reads its status, and may write nothing
    acl.chmod(0o600)
    with brokers.mosquitto(tmp_path, lines=tuple(line.format(acl=acl) for line in lines)) as broker:
        finding = asked(port=broker.port)
    assert finding.verdict is FAULT


# USB


def adapter(number: int, shared: str | None, baud: int = 921_600) -> UsedPort:
    usb = UsbAdapter(f"1-1.{number}", f"1-1.{number}:1.0", "FT232R", shared, 1)
    return UsedPort(f"jig1 slot {number}", SerialPort(Path(f"/dev/ttyUSB{number}"), usb), baud)


def test_adapters_behind_one_translator_are_added_up_against_what_full_speed_carries():
    fits = FULL_SPEED_PAYLOAD // (921_600 * 8 // 10)
    assert verdicts(list(judge_loads(adapter(n, "1-1") for n in range(fits)))) == [OK]
    (finding,) = judge_loads([*(adapter(n, "1-1") for n in range(fits + 1)), adapter(99, None, 3_000_000)])
    assert finding.verdict is WARNING
    assert finding.where == "USB 1-1"
    assert f"{fits + 1} full-speed adapters share 12 Mbit/s" in finding.what
    assert "jig1 slot 0" in finding.what
    assert "spread them" in str(finding.advice)


def test_adapters_that_share_nothing_are_not_mentioned():
    alone = [adapter(1, "1-1"), adapter(2, "1-2"), adapter(3, None)]
    assert list(judge_loads([*alone, UsedPort("x", SerialPort(Path("/dev/ttyS0"), None), 115_200)])) == []


# Boards


def checked(folder: Path, *, stopped: bool = False, **board: object) -> list[Finding]:
    async def work() -> list[Finding]:
        simulated = SimulatedJigBoard(folder / "board", Slots(1), watchdog_seconds=1.0, **board)
        simulated.plug()
        if stopped:
            simulated.press_emergency_stop()
        patience = {"answer_seconds": 1.0, "heartbeat_seconds": 0.1, "watchdog_seconds": 1.0}
        settings = JigBoardSettings(port=str(folder / "board"), debounce_seconds=0.05, **patience)
        try:
            return await check_board("jig1", settings, folder / "journal")
        finally:
            simulated.close()

    return asyncio.run(work())


def test_a_board_is_asked_who_it_is_and_its_watchdog_is_tried(tmp_path):
    found, any_board, watchdog = checked(tmp_path)
    assert "serial number 1001" in found.what
    assert "set serial_number = 1001" in str(any_board.advice)
    assert (watchdog.verdict, watchdog.what) == (OK, "its watchdog leaves the slots' power alone")


def test_a_watchdog_that_cuts_power_is_a_fault(tmp_path):
    watchdog = checked(tmp_path, watchdog_cuts_power=True)[-1]
    assert watchdog.verdict is FAULT
    assert "confine the watchdog to the lamps" in str(watchdog)


def test_a_board_with_its_stop_pressed_is_not_tried(tmp_path):
    assert checked(tmp_path, stopped=True)[-1].what == "the emergency stop is pressed"


def test_a_board_that_is_not_there_is_a_fault(tmp_path):
    (finding,) = asyncio.run(
        check_board("jig1", JigBoardSettings(port=str(tmp_path / "none")), tmp_path / "journal")
    )
    assert finding.verdict is FAULT
    assert "is not there: plug the adapter in" in finding.what


# Orders' folder and labels' printer


def test_folders_that_are_not_there_are_told_and_nothing_is_made_in_them(tmp_path):
    orders, labels = OrderFolderSettings(path=tmp_path / "orders"), tmp_path / "labels"
    assert check_folders(None, None) == []
    assert verdicts(check_folders(orders, labels)) == [FAULT, FAULT]
    for folder in (orders.path / "taken", orders.path / "refused", labels):
        folder.mkdir(parents=True)
    assert verdicts(check_folders(orders, labels)) == [OK, OK]
    assert len(list(orders.path.iterdir())) == 2


async def test_a_printer_says_whether_it_can_print():
    printer = LabelPrinter()
    async with printer.serving() as port:
        settings = PrinterSettings(host="127.0.0.1", port=port, answer_seconds=30)
        assert verdicts(await check_printer(settings)) == [OK]
        printer.trouble = Trouble.NO_LABELS
        (finding,) = await check_printer(settings)
    assert str(finding) == (
        "label printer 127.0.0.1: no labels are left; labels wait until it can print; nothing else does"
    )
    assert verdicts(await check_printer(settings)) == [WARNING]
    assert not printer.buffered
