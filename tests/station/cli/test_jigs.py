"""`reflash jigs`: ports bound to slots by seating hubs, slots and jigs given back to work."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn, Self, cast

import pytest

from benches import brokers
from benches.station_bench import DRIVER_SETTINGS, Bench, at_broker, slot
from benches.station_config import write_config
from benches.station_daemon import events_of, running_daemon
from drivers.hub import DriverPlugin
from drivers.jig_board.errors import BoardSilent
from drivers.serial_places import SerialPlaces
from drivers.smp.plugin import PLUGIN
from drivers.smp.settings import SmpSettings
from station.domain.phase import SlotPhase
from station.places.binding import Look, NotBound, Surroundings, newly_answering
from station.records.facts.bench import SlotEnabled

COMMENT = "# socket 1 is the one next to the lid"


class Person:
    """Reads what is asked and does it: a standard input whose lines are moments in which something is done."""

    def __init__(self, *deeds: Callable[[], str]) -> None:
        self._deeds = iter(deeds)

    def readline(self) -> str:
        return next(self._deeds, lambda: "")()


@pytest.fixture
def config(bench: Bench, tmp_path: Path) -> Path:
    """A configuration as somebody keeps it: with comments, and with ports that are not there."""
    path = tmp_path / "station.toml"
    path.write_text(
        f'''# the bench by the window
site = "site"
station = "bench"
mode = "bench"
state_directory = "{tmp_path / "state"}"
catalogue = {{folder = "{bench.catalogue}"}}
unlock = {{key_file = "{bench.unlock_key}"}}

[[jigs]]
name = "jig1"
driver_settings = {{{", ".join(f"{key} = {value}" for key, value in DRIVER_SETTINGS.items())}}}
[jigs.slots]
1 = "/dev/none1"   {COMMENT}
2 = "/dev/none2"

[[jigs]]
name = "jig2"
[jigs.slots]
1 = "{bench.port(slot(3))}"
'''
    )
    path.chmod(0o640)
    return path


@pytest.fixture
def bind(reflash: Any, bench: Bench, config: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    def run(*deeds: Callable[[], str], options: tuple[object, ...] = ()) -> Any:
        monkeypatch.setattr("sys.stdin", Person(*deeds))
        among = ("--among", bench.folder / "jig1", "--seconds", 0.6)
        return reflash("jigs", "bind", "jig1", "--config", config, *among, *options)

    return run


def seating(bench: Bench, *numbers: int) -> Callable[[], str]:
    def seat() -> str:
        for number in numbers:
            hub = bench.hub()
            bench.do_now("seat", chf=str(hub.chf), jig=1, slot=number)
            bench.do_now("wait", chf=str(hub.chf), boots=1)
        return "\n"

    return seat


def test_each_slot_is_bound_to_where_its_hub_answers_and_the_comments_stay(
    bind: Any, bench: Bench, config: Path
) -> None:
    bench.do_now(
        "seat", chf=str(bench.hub().chf), jig=1, slot=2
    )  # sat there all along, so it is nobody's sign
    said = bind(lambda: "\n", seating(bench, 4), seating(bench, 1))
    assert said.code == 0, said
    assert "jig1 slot 1: no hub newly answers anywhere" in said.out
    assert f"wrote {config}: slot 1, slot 2 of jig1" in said.out
    text = config.read_text()
    jigs = tomllib.loads(text)["jigs"]
    assert jigs[0]["slots"] == {"1": str(bench.folder / "jig1/slot4"), "2": str(bench.folder / "jig1/slot1")}
    assert jigs[1]["slots"] == {"1": bench.port(slot(3))}
    assert text.startswith("# the bench by the window\n")
    assert COMMENT in text
    assert config.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in config.parent.iterdir() if "partial" in path.name] == []


def test_a_jig_without_slots_gets_them_and_a_place_that_cannot_be_asked_loses_nothing(
    bind: Any, bench: Bench, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = config.read_text()
    end = text.index("\n\n[[jigs]]", start := text.index("[jigs.slots]"))
    config.write_text(text[:start] + text[end:])
    look = Surroundings.look
    looks = 0

    async def fails_once(surroundings: Surroundings, before: Look | None = None) -> Look:
        nonlocal looks
        looks += 1
        if looks == 3:
            raise BoardSilent("jig1 board", "no answer within 100 ms")
        return await look(surroundings, before)

    monkeypatch.setattr(Surroundings, "look", fails_once)
    said = bind(seating(bench, 4), lambda: "\n", seating(bench, 1), lambda: "q\n")
    assert said.code == 0, said
    assert "jig1 slot 2: jig1 board: no answer within 100 ms" in said.out
    assert "jig1 slot 3: seat a hub" in said.out
    jigs = tomllib.loads(config.read_text())["jigs"]
    assert jigs[0]["slots"] == {"1": str(bench.folder / "jig1/slot4"), "2": str(bench.folder / "jig1/slot1")}


async def test_a_hub_that_answers_is_not_held_up_by_the_places_where_nobody_does(bench: Bench) -> None:
    settings = SmpSettings.model_validate(DRIVER_SETTINGS)
    surroundings = Surroundings(SerialPlaces(bench.folder / "jig1"), PLUGIN, settings, seconds=1e6)
    hub = bench.hub()
    await bench.seat(hub, slot(2))
    now = await surroundings.look(Look((), {}, {}))
    assert [found.chf for found in now.hubs.values()] == [hub.chf]
    other = bench.hub()
    await bench.seat(other, slot(4))
    then = await surroundings.look(now)
    assert newly_answering(now, then)[1].chf == other.chf


@pytest.mark.parametrize("at", ["open", "wait_for_hub"])
async def test_a_driver_that_raises_what_none_may_costs_its_own_look_alone(bench: Bench, at: str) -> None:
    class Failing:
        name = "acme"
        settings_model = SmpSettings

        async def open(self, *_: object) -> Self:
            if at == "open":
                raise KeyError("model")
            return self

        async def wait_for_hub(self) -> NoReturn:
            raise KeyError("model")

        async def close(self) -> None:
            pass

    settings = SmpSettings.model_validate(DRIVER_SETTINGS)
    plugin = cast("DriverPlugin", Failing())
    now = await Surroundings(SerialPlaces(bench.folder / "jig1"), plugin, settings, seconds=1e6).look()
    with pytest.raises(NotBound, match=r"newly answers anywhere \(its driver failed: KeyError: 'model'\)"):
        newly_answering(Look((), {}, {}), now)


def test_two_hubs_at_once_bind_nothing(bind: Any, bench: Bench, config: Path) -> None:
    before = config.read_text()
    said = bind(seating(bench, 1, 2), lambda: "s\n", lambda: "q\n")
    assert said.code == 1
    assert "seat one hub at a time" in said.out
    assert "no slot was bound; the configuration is as it was" in said.err
    assert config.read_text() == before


def test_a_port_that_is_another_slots_is_refused_and_nothing_is_written(
    bind: Any, bench: Bench, config: Path
) -> None:
    before = config.read_text()
    said = bind(seating(bench, 3), options=("--slot", 2))
    assert said.code == 2
    assert "jig1 slot 2 and jig2 slot 1 are both bound to" in said.err
    assert config.read_text() == before


def test_the_ports_of_boards_and_scanners_are_asked_for_no_hub(
    reflash: Any, bind: Any, bench: Bench, config: Path
) -> None:
    port = bench.port(slot(4))
    config.write_text(f'{config.read_text()}[jigs.scanner]\nport = "{port}"\n')
    said = bind(seating(bench, 4), lambda: "q\n")
    assert "jig1 slot 1: no hub newly answers anywhere; check how it sits" in said.out
    assert said.code == 1
    rows = reflash("jigs", "list", "--config", config, "--json").json
    assert port not in [row["place"] for row in rows]


def test_what_cannot_be_bound_is_said_before_anybody_seats_a_hub(
    reflash: Any, bench: Bench, config: Path, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for options, complaint in (
        (("jig9",), "there is no jig jig9; the configuration knows jig1, jig2"),
        (("jig1", "--among", empty), f"{empty} has no link to a serial port"),
        (
            ("jig1", "--among", tmp_path / "none"),
            "No such file or directory; name the folder of the ports' links",
        ),
    ):
        said = reflash("jigs", "bind", *options, "--config", config)
        assert said.code == 2
        assert complaint in said.err


def test_the_list_shows_each_place_and_what_is_there(reflash: Any, bench: Bench, config: Path) -> None:
    rows = reflash("jigs", "list", "--config", config, "--json").json
    assert [(row["jig"], row["slot"], row["port"]) for row in rows[:2]] == [
        ("jig1", 1, None),
        ("jig1", 2, None),
    ]
    assert rows[2]["port"] == str(Path(bench.port(slot(3))).resolve())
    assert {(row["state"], row["line"], row["hindrance"]) for row in rows} == {(None, None, None)}, (
        "words are for people"
    )
    text = reflash("jigs", "list", "--config", config).out
    assert "no daemon runs" in text
    assert "not there" in text


def test_without_a_daemon_nothing_can_be_enabled_or_reset(reflash: Any, config: Path) -> None:
    for arguments in (("enable", "jig1", 1), ("reset", "jig1")):
        said = reflash("jigs", *arguments, "--config", config)
        assert said.code == 1
        assert said.complaint.startswith("no daemon runs in ")


async def test_a_running_daemon_answers_for_its_slots_and_keeps_its_ports(
    reflash: Any, bench: Bench, shared_broker: brokers.Mosquitto, tmp_path: Path
) -> None:
    raw = bench.settings(tmp_path, {"jig1": [1]}, **at_broker(shared_broker.port))
    config = write_config(tmp_path / "station.toml", raw)
    settings = bench.station_settings(
        tmp_path, {"jig1": [1]}, station=raw["station"], mqtt={"port": shared_broker.port}
    )

    async with running_daemon(settings) as station:
        await station.until(slot(1), SlotPhase.EMPTY)

        async def run(*arguments: object) -> Any:
            return await asyncio.to_thread(reflash, "jigs", *arguments, "--config", config)

        assert "empty; seat a hub" in (await run("list")).out
        assert (await run("enable", "jig1", 1)).out == "jig1 slot 1 is in use again\n"
        assert (await run("enable", "jig1", 1, "--by", "op-7f3a2c")).code == 0
        assert [event.actor and event.actor.pseudonym for event in events_of(settings, SlotEnabled)] == [
            None,
            "op-7f3a2c",
        ]
        assert "--by: give a pseudonym" in (await run("enable", "jig1", 1, "--by", "Jane Doe")).complaint
        assert "there is no jig1 slot 2 on this bench" in (await run("enable", "jig1", 2)).complaint
        assert "jig1 has no board on this bench" in (await run("reset", "jig1")).complaint
        refused = await run("bind", "jig1")
        assert (refused.code, "stop it first" in refused.complaint) == (2, True)
