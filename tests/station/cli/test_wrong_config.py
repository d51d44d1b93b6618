"""Configurations that cannot be used: each gets one line that says what is wrong, where, and what to do."""

from __future__ import annotations

import copy
import errno
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benches.station_bench import Bench
from benches.station_config import write_config


@pytest.fixture
def good(bench: Bench, tmp_path: Path) -> dict[str, Any]:
    return bench.settings(tmp_path / "state", {"jig1": [1, 2], "jig2": [1]})


def change(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Return what sets `a.0.b` to the value, or, given none, removes it."""

    def apply(settings: Any) -> None:
        *keys, last = path.split(".")
        for key in keys:
            settings = settings[int(key) if isinstance(settings, list) else key]
        if value is None:
            del settings[last]
        else:
            settings[last] = value

    return apply


def bind_twice(settings: dict[str, Any]) -> None:
    settings["jigs"][1]["slots"]["1"] = settings["jigs"][0]["slots"]["2"]


def put_on_usb(slots: dict[str, str]) -> Callable[[dict[str, Any]], None]:
    """Return what makes the second jig one of USB hubs."""

    def apply(settings: dict[str, Any]) -> None:
        settings["jigs"][1] |= USB_JIG | {"slots": slots}

    return apply


def bind_usb_twice(settings: dict[str, Any]) -> None:
    settings["jigs"][0] |= USB_JIG | {"slots": {"1": "usb:1-2.3", "2": "1-2.4"}}
    settings["jigs"][1] |= USB_JIG | {"slots": {"1": "1-2.3"}}


def call_both_alike(settings: dict[str, Any]) -> None:
    settings["jigs"][1]["name"] = "jig1"


USB_JIG = {"driver": "dfu", "driver_settings": {}}
NINE = {str(number): f"/dev/port{number}" for number in range(1, 10)}
WRONG: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "unknown table": (change("brokr", {"host": "x"}), "unknown key brokr; remove it or correct its spelling"),
    "unknown key": (
        change("mqtt", {"hots": "x"}),
        "unknown key mqtt.hots; remove it or correct its spelling",
    ),
    "unknown key of a jig": (
        change("jigs.1.bord", {}),
        "jig jig2: unknown key bord; remove it or correct its spelling",
    ),
    "missing key": (change("site", None), "site is missing; add it"),
    "a jig without a name": (change("jigs.0.name", None), "jigs.0.name is missing; add it"),
    "nine slots": (
        change("jigs.0.slots", NINE),
        "jig jig1: slots.9: a multi-jig has slots 1 to 8, 9 is none of them",
    ),
    "slot that is no number": (
        change("jigs.0.slots", {"first": "/dev/port1"}),
        "jig jig1: slots.first: a multi-jig has slots 1 to 8, first is none of them",
    ),
    "no slots": (
        change("jigs.1.slots", {}),
        "jig jig2 has no slots; find them with: reflash jigs bind jig2",
    ),
    "no jigs": (change("jigs", []), "jigs: a station needs at least one jig; describe it under [[jigs]]"),
    "a port twice": (
        bind_twice,
        "jig1 slot 2 and jig2 slot 1 are both bound to {port}; give each slot its own",
    ),
    "a USB place twice": (
        bind_usb_twice,
        "jig1 slot 1 and jig2 slot 1 are both bound to 1-2.3; give each slot its own",
    ),
    "a name twice": (
        call_both_alike,
        "two jigs are called jig1; give each the name that is written on it",
    ),
    "one jig where several may be": (
        lambda settings: settings.update(jigs=settings["jigs"][0]),
        "jigs: there may be several: [[jigs]], not [jigs]",
    ),
    "several where one table is": (
        change("jigs.1.slots", [{"1": "/dev/port1"}]),
        "jig jig2: slots: it has to be one table: [jigs.slots]",
    ),
    "a text for a table": (
        change("catalogue", "/srv/catalogue"),
        "catalogue: it has to be one table: [catalogue]",
    ),
    "a number for a text": (
        change("jigs.0.slots", {"1": 5}),
        "jig jig1: slots.1: it has to be a text: in quotation marks",
    ),
    "a text for a list": (change("jigs", "jig1"), "jigs: it has to be a list: in square brackets"),
    "no such mode": (change("mode", "dev"), "mode: Input should be 'production' or 'bench'"),
    "a name that is no topic level": (
        change("site", "north/1"),
        "site: String should match pattern '^[A-Za-z0-9_-]+$'",
    ),
    "a state directory that is elsewhere for each command": (
        change("state_directory", "state"),
        "state_directory: state is another folder wherever a command is run; write its whole path, from /",
    ),
    "a name for the operator": (
        change("operator", "Example Person"),
        (
            "operator: give a pseudonym (letters, digits, - and _), never a name: the journal forgets nothing; "
            "`reflash operators add NAME` prints one"
        ),
    ),
    "a board with fewer slots than its jig": (
        change("jigs.0.board", {"port": "/dev/board", "slots": 1}),
        "jig jig1: slot 2 is none of its board's, which serves 1; correct slots under [jigs.board], or the jig's",
    ),
    "start without a board": (
        change("jigs.0.start", "lid"),
        "jig jig1: start = 'lid' needs a board, and jig jig1 has none",
    ),
}


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.parametrize("command", ["run", "orders list"])
def test_a_wrong_file_gets_one_line(
    good: dict[str, Any], tmp_path: Path, bench: Bench, reflash: Any, what: str, command: str
) -> None:
    spoil, says = WRONG[what]
    settings = copy.deepcopy(good)
    spoil(settings)
    path = write_config(tmp_path / "station.toml", settings)
    said = reflash(*command.split(), "--config", path)
    assert said.refused == f"{path}: {says.format(port=good['jigs'][0]['slots']['2'])}"
    assert not (tmp_path / "state").exists()


def test_every_fault_of_a_file_is_told_at_once(good: dict[str, Any], tmp_path: Path, reflash: Any) -> None:
    wrong = {**good, "brokr": 1, "mode": "dev"}
    path = write_config(tmp_path / "station.toml", wrong)
    said = reflash("run", "--config", path)
    assert said.code == 2
    assert said.err.splitlines() == [
        f"reflash: {path}: mode: Input should be 'production' or 'bench'",
        f"reflash: {path}: unknown key brokr; remove it or correct its spelling",
    ]


@pytest.mark.parametrize(
    ("module", "says"),
    [
        ("import nothere", "No module named 'nothere'; install what it needs"),
        ("1 / 0", "ZeroDivisionError: division by zero; its maker has to mend it"),
        (
            "class PLUGIN: settings_model = None",
            "its entry point has to name an object with a `settings_model` and `open`",
        ),
        (
            "from drivers.smp.plugin import PLUGIN\nPLUGIN = type(PLUGIN)",
            "its entry point has to name an object with a `settings_model` and `open`",
        ),
        (
            "from drivers.smp.plugin import PLUGIN as ours\nclass PLUGIN: settings_model = ours.settings_model\nPLUGIN = PLUGIN()",
            "its entry point has to name an object with a `settings_model` and `open`",
        ),
    ],
)
def test_a_makers_package_that_is_no_driver_is_one_line(
    good: dict[str, Any],
    tmp_path: Path,
    reflash: Any,
    monkeypatch: pytest.MonkeyPatch,
    module: str,
    says: str,
) -> None:
    about = tmp_path / "outside" / "outside_hubs-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: outside-hubs\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[reflash.drivers]\noutside = outside_hubs:PLUGIN\n")
    (about.parent / "outside_hubs.py").write_text(module)
    monkeypatch.syspath_prepend(about.parent)
    monkeypatch.delitem(sys.modules, "outside_hubs", raising=False)
    change("jigs.1.driver", "outside")(good)
    said = reflash("run", "--config", write_config(tmp_path / "station.toml", good))
    monkeypatch.delitem(sys.modules, "outside_hubs", raising=False)
    assert said.code == 2
    assert len(said.err.splitlines()) == 1
    assert "driver outside cannot be loaded" in said.err
    assert says in said.err


STILL_WRONG: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "no such driver": (change("jigs.1.driver", "xyz"), "no driver is called xyz; installed are: "),
    "unknown driver setting": (
        change("jigs.1.driver_settings", {"bauds": 9600}),
        "jig jig2, driver_settings: unknown key bauds; remove it or correct its spelling",
    ),
    "driver setting of another kind": (
        change("jigs.1.driver_settings", {"baud": "fast"}),
        "jig jig2, driver_settings: baud: Input should be a valid integer",
    ),
    "a path for a hub on USB": (
        put_on_usb({"3": "/dev/ttyUSB0"}),
        (
            "jig jig2: slots.3: '/dev/ttyUSB0' is a path and no USB place: give bus and ports as `lsusb -t` shows them,"
            " such as usb:1-2.3"
        ),
    ),
    "an adapter's interface for a hub on USB": (
        put_on_usb({"3": "usb:1-2.3:1.0"}),
        "jig jig2: slots.3: '1-2.3:1.0' is no USB place (bus and ports as `lsusb -t` shows them, such as 1-2.3)",
    ),
    "no place at all for a hub on USB": (
        put_on_usb({"3": "usb:one"}),
        "jig jig2: slots.3: 'one' is no USB place (bus and ports as `lsusb -t` shows them, such as 1-2.3)",
    ),
    "a place of a hub on USB for a serial port": (
        change("jigs.1.slots.1", "1-2.3"),
        "jig jig2: slots.1: '1-2.3' is no serial port's place: the port of an adapter there is usb:1-2.3",
    ),
    "no place at all for a serial port": (
        change("jigs.1.slots.1", "COM3"),
        "jig jig2: slots.1: 'COM3' is no place: give a path, or usb: and bus, ports, interface",
    ),
    "no catalogue": (
        change("catalogue.folder", "/nowhere"),
        "/nowhere/catalog.json does not exist; name the catalogue's folder, or found one with 'reflash catalog add'",
    ),
    "no key": (
        change("unlock.key_file", "/nowhere.pem"),
        "unlock key /nowhere.pem: No such file or directory; set unlock.key_file to the key's place",
    ),
    "a state directory that no socket fits": (
        change("state_directory", f"/tmp/{'x' * 100}"),
        f"state_directory /tmp/{'x' * 100} is too long a path for the control socket in it; name a shorter one",
    ),
    "no place for the journal": (
        change("state_directory", "/proc/nowhere"),
        "state_directory /proc/nowhere cannot be made: No such file or directory; name a folder on a local disk",
    ),
}


def test_every_place_of_a_wrong_kind_is_told_at_once_and_by_the_doctor_too(
    good: dict[str, Any], tmp_path: Path, reflash: Any
) -> None:
    path = write_config(tmp_path / "station.toml", good)
    assert reflash("run", "--check", "--config", path).out.endswith(f" takes {path}\n")
    good["jigs"][0]["slots"] = {"1": "1-2.3", "2": "COM3"}
    path = write_config(tmp_path / "station.toml", good)
    for command in ("run", "run --check", "doctor"):
        said = reflash(*command.split(), "--config", path)
        assert said.code == 2
        assert [line.split(" is ")[0] for line in said.err.splitlines()] == [
            "reflash: jig jig1: slots.1: '1-2.3'",
            "reflash: jig jig1: slots.2: 'COM3'",
        ]


@pytest.mark.parametrize("what", STILL_WRONG)
def test_what_the_file_names_is_checked_before_a_hub_is_touched(
    good: dict[str, Any], tmp_path: Path, reflash: Any, what: str
) -> None:
    spoil, says = STILL_WRONG[what]
    spoil(good)
    assert reflash("run", "--config", write_config(tmp_path / "station.toml", good)).refused.startswith(says)
    assert not (tmp_path / "state").exists()


NO_CONFIG = {
    "absent": (None, ": No such file or directory; name the file with --config"),
    "no TOML": (b"site = \n", " is no TOML file: Invalid value (at line 1, column 8)"),
    "no text": (b"site = '\xff'", " is no TOML file: 'utf-8' codec can't decode byte 0xff in position 8"),
}


@pytest.mark.parametrize("what", NO_CONFIG)
def test_a_file_that_is_no_configuration(tmp_path: Path, reflash: Any, what: str) -> None:
    content, says = NO_CONFIG[what]
    path = tmp_path / "station.toml"
    if content is not None:
        path.write_bytes(content)
    assert reflash("run", "--config", path).refused.startswith(f"{path}{says}")


def test_the_environment_wins_over_the_file_and_is_checked_likewise(
    good: dict[str, Any], tmp_path: Path, reflash: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_config(tmp_path / "station.toml", good)
    monkeypatch.setenv("REFLASH_MODE", "dev")
    assert reflash("run", "--config", path).complaint.endswith(
        "mode: Input should be 'production' or 'bench'"
    )
    monkeypatch.delenv("REFLASH_MODE")
    monkeypatch.setenv("REFLASH_MQTT__HOTS", "x")
    assert "unknown key mqtt.hots" in reflash("run", "--config", path).complaint
    monkeypatch.delenv("REFLASH_MQTT__HOTS")
    monkeypatch.setenv("REFLASH_JIGS", "jig1")
    assert reflash("run", "--config", path).complaint.endswith("; write the variable as JSON")


def test_an_unlock_key_that_others_can_read_is_not_used(
    good: dict[str, Any], tmp_path: Path, bench: Bench, reflash: Any
) -> None:
    key = tmp_path / "unlock.pem"
    key.write_bytes(bench.unlock_key.read_bytes())
    key.chmod(0o640)
    good["unlock"]["key_file"] = str(key)
    said = reflash("run", "--config", write_config(tmp_path / "station.toml", good))
    assert said.refused == f"unlock key {key} can be read by other users; run: chmod 600 {key}"
    key.write_text("no key")
    key.chmod(0o600)
    assert (
        "is no unencrypted PEM private key" in reflash("run", "--config", tmp_path / "station.toml").complaint
    )


def test_what_is_not_ones_own_says_whose_user_to_run_it_as(
    reflash: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever runs the tests may read everything as root: so the refusal is the system's, told by hand."""
    config = tmp_path / "station.toml"

    def forbid(path: Path, *_: object, **__: object) -> str:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_text", forbid)
    said = reflash("orders", "list", "--config", config)
    advice = "not yours to read; run it as the station's user: sudo -u reflash reflash …"
    assert (said.code, said.complaint) == (2, f"{config} is {advice}")
