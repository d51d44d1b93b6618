"""`reflash flash`: one hub by hand, on a simulated rig."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from benches.signed_bench import Signed
from benches.soft_hsm import SoftHsm
from benches.station_bench import BAUD, Bench, StockHub, slot, version
from benches.station_config import write_config
from station.domain.actor import Actor
from station.records import lock
from station.records.facts.attempts import HandFlashRequested
from station.records.reader import JournalReader
from station.unlocking.counted_answers import BY_HAND_FOLDER

PLACE = slot(1)


@pytest.fixture
def by_hand(bench: Bench, tmp_path: Path, reflash: Any):
    """Flash the hub in the first slot."""

    def run(image: str, *options: object) -> Any:
        return reflash(
            *("flash", "--image", bench.firmware(image), "--port", bench.port(PLACE), "--baud", BAUD),
            *("--config", tmp_path / "station.toml", *options),
        )

    return run


@pytest.fixture
def hub(bench: Bench, tmp_path: Path) -> StockHub:
    hub = bench.hub()
    bench.do_now("seat", chf=str(hub.chf), jig=1, slot=1)
    write_config(tmp_path / "station.toml", bench.settings(tmp_path / "state", {"jig2": [1]}, mode="bench"))
    return hub


def runs(bench: Bench, hub: StockHub) -> str:
    return bench.do_now("hub", chf=str(hub.chf))["firmware"]


def test_a_hub_is_flashed_with_the_configured_key_and_journalled(
    bench: Bench, hub: StockHub, by_hand: Any, reflash: Any, tmp_path: Path
) -> None:
    said = by_hand("new", "--supervisor", "s-1", "--reason", "trial")
    assert (said.code, said.out) == (
        0,
        f"{bench.port(PLACE)}: passed; take it out, it is done; it runs {version('new')}\n",
    )
    assert runs(bench, hub) == str(version("new"))

    again = by_hand("new", "--json")
    assert (again.json["outcome"], again.json["number"], again.json["order"]) == ("passed", 2, None)

    assert by_hand("old").refused == (
        f"hub {hub.chf} runs {version('new')}, newer than the image's {version('old')}; nothing was done"
    )


def test_the_image_of_another_model_is_refused_and_the_hub_is_not_touched(
    bench: Bench, hub: StockHub, by_hand: Any
) -> None:
    assert by_hand("chained-new").refused == (
        f"the image is for model 10A8/00000022, hub {hub.chf} is 10A8/00000011; find its own image"
    )
    inside = bench.do_now("hub", chf=str(hub.chf))
    assert len(inside["slots"]) == inside["boots"] == 1


def test_a_locked_hub_needs_a_key(bench: Bench, hub: StockHub, by_hand: Any, tmp_path: Path) -> None:
    (tmp_path / "station.toml").rename(tmp_path / "another.toml")
    without = by_hand("new", "--config", tmp_path / "station.toml")
    assert without.refused.endswith("name the file with --config")
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("no key")
    wrong.chmod(0o600)
    said = by_hand("new", "--config", tmp_path / "another.toml", "--unlock-key", wrong)
    assert said.refused == f"unlock key {wrong} is no unencrypted PEM private key"
    assert runs(bench, hub) == str(version("old"))


def test_a_failure_is_said_in_one_line_with_exit_code_1(bench: Bench, hub: StockHub, by_hand: Any) -> None:
    bench.do_now("fault", fault={"name": "never_relocks", "on": "boot", "jig": 1, "slot": 1})
    said = by_hand("new")
    assert said.code == 1
    assert said.out == (
        f"{bench.port(PLACE)}: the hub did not lock itself again (it should have locked itself at its boot); "
        f"keep it apart, it needs its maker's tools; it runs {version('old')}\n"
    )


def test_a_port_that_is_lost_in_the_middle_is_called_that_and_nothing_is_said_of_the_hub(
    bench: Bench, hub: StockHub, by_hand: Any
) -> None:
    lost = {"name": "unplug_port", "on": "upload", "at_byte": 12_000, "jig": 1, "slot": 1}
    bench.do_now("fault", fault=lost)
    said = by_hand("new")
    assert said.code == 1
    assert said.out == (
        f"{bench.port(PLACE)}: the port was lost; the device was left as nobody knows; "
        "check the adapter and its cable, then flash it again\n"
    )


def test_a_port_of_a_station_in_production_wants_who_answers_and_why(
    bench: Bench,
    hub: StockHub,
    by_hand: Any,
    reflash: Any,
    tmp_path: Path,
    soft_hsm: SoftHsm,
    signed: Signed,
) -> None:
    soft_hsm.import_key(bench.unlock_key)
    unlock = {"hsm": soft_hsm.settings().model_dump(mode="json", exclude_none=True)}
    facts = {"mode": "production", "unlock": unlock, "catalogue": signed.settings}
    settings = bench.settings(tmp_path / "state", {"jig1": [1]}, **facts)
    config = write_config(tmp_path / "production.toml", settings)
    assert by_hand("new", "--config", config).refused == (
        f"{bench.port(PLACE)} is jig1 slot 1 of a station in production: "
        "name who answers with --supervisor and --reason"
    )
    assert by_hand("new", "--config", config, "--supervisor", "s-1").code == 2
    assert by_hand("new", "--config", config, "--supervisor", "s-1", "--reason", "trial").refused == (
        "--supervisor: s-1 stands for nobody here; add the person, and use the pseudonym that is printed: "
        "reflash operators add NAME"
    )
    assert not (tmp_path / "state" / "by-hand").exists()
    (tmp_path / "state").mkdir()
    supervisor = reflash("operators", "add", "Example Person", "--config", config).out.strip()
    answering = ("--config", config, "--supervisor", supervisor, "--reason", "trial")
    said = by_hand("new", *answering, "--unlock-key", bench.unlock_key)
    assert said.refused.startswith("unlock.key_file is not for production: ")
    elsewhere = by_hand("new", *answering, "--journal", tmp_path / "elsewhere")
    assert "in production the station counts unlock answers in" in elsewhere.refused
    assert by_hand("newer", *answering).refused == (
        f"{bench.firmware('newer')} is no released image, and in production nothing else is flashed; "
        "have its maker and the catalogue's owner release it"
    )
    assert runs(bench, hub) == str(version("old"))
    said = by_hand("new", *answering, "--json")
    assert (said.json["outcome"], said.json["operator"]) == ("passed", supervisor)
    with JournalReader(tmp_path / "state" / "by-hand") as journal:
        (asked,) = [each.event for each in journal.events() if isinstance(each.event, HandFlashRequested)]
    assert asked.supervisor == supervisor
    assert asked.actor == Actor(pseudonym=supervisor, role="supervisor", where="terminal")


@pytest.mark.parametrize(
    "name", ["Example Person", "person@example.org", "O'Example", "\u00c9xample", "x" * 65, ""]
)
def test_a_name_does_not_come_into_the_journal(
    bench: Bench, hub: StockHub, by_hand: Any, tmp_path: Path, name: str
) -> None:
    assert by_hand("new", "--supervisor", name, "--reason", "trial").refused.startswith(
        "--supervisor: give a pseudonym (letters, digits, - and _), never a name"
    )
    assert not (tmp_path / "state" / "by-hand").exists()
    assert runs(bench, hub) == str(version("old"))


def test_a_port_may_be_named_from_where_one_is(
    bench: Bench, hub: StockHub, reflash: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = Path(bench.port(PLACE))
    monkeypatch.chdir(port.parent)
    options = ("--image", bench.firmware("new"), "--config", tmp_path / "station.toml", "--baud", BAUD)
    said = reflash("flash", "--port", port.name, *options)
    assert said.code == 0, said.complaint
    assert runs(bench, hub) == str(version("new"))


def test_a_line_rate_that_no_port_has_is_wrong_use(by_hand: Any, hub: StockHub) -> None:
    assert by_hand("new", "--baud", 7).refused == (
        "--baud 7: Input should be greater than or equal to 1200; name the port's line rate"
    )


def test_a_port_that_is_not_there(bench: Bench, reflash: Any, tmp_path: Path) -> None:
    port = tmp_path / "ttyUSB0"
    said = reflash(
        "flash", "--image", bench.firmware("new"), "--journal", tmp_path / "journal", "--port", port
    )
    assert said.failed.startswith(str(port))


def test_while_one_device_is_flashed_another_waits_and_nobody_is_told_to_stop_the_first(
    bench: Bench, hub: StockHub, by_hand: Any, tmp_path: Path
) -> None:
    with lock.hold(tmp_path / "state" / BY_HAND_FOLDER):
        said = by_hand("new")
    assert said.failed == (
        f"another device is being flashed by hand (process {os.getpid()}): "
        "wait until that is done, never stop it, and try again"
    )
    assert len(said.complaint) <= 120
