"""`reflash flash` on a station in production: by the memory that it shares with the daemon, until the last moment."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import station.cli.common
from benches.signed_bench import Signed
from benches.soft_hsm import SoftHsm
from benches.standing_releases import is_released
from benches.station_bench import BAUD, Bench, StockHub, slot, version
from benches.station_config import write_config
from firmware_catalog.mcuboot import load_image
from firmware_catalog.trust.errors import CatalogRolledBack
from firmware_catalog.trust.keeper import CatalogKeeper
from station.people.operators import Operators
from station.records.facts.attempts import StageStarted
from station.records.reader import JournalReader

PLACE = slot(1)


@dataclass
class Production:
    """A station in production with a hub in a slot, and what a person does there."""

    bench: Bench
    signed: Signed
    hub: StockHub
    folder: Path
    run: Callable[..., Any]

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def by_hand(self, image: str = "new") -> Any:
        return self.run(
            *("flash", "--image", self.bench.firmware(image), "--port", self.bench.port(PLACE)),
            *("--baud", BAUD, "--config", self.folder / "station.toml"),
            *("--supervisor", self.supervisor, "--reason", "trial"),
        )

    @property
    def supervisor(self) -> str:
        return Operators(self.state / "operators.json").pseudonym_of("Example Person")

    def keeper(self) -> CatalogKeeper:
        """What the daemon keeps its catalogue by."""
        return CatalogKeeper(str(self.signed.folder), self.signed.root.read_bytes(), self.state / "catalogue")

    def runs(self) -> str:
        firmware: str = self.bench.do_now("hub", chf=str(self.hub.chf))["firmware"]
        return firmware


@pytest.fixture
def at(bench: Bench, signed: Signed, soft_hsm: SoftHsm, tmp_path: Path, reflash: Any) -> Production:
    soft_hsm.import_key(bench.unlock_key)
    hub = bench.hub()
    bench.do_now("seat", chf=str(hub.chf), jig=1, slot=1)
    facts = {
        "mode": "production",
        "unlock": {"hsm": soft_hsm.settings().model_dump(mode="json", exclude_none=True)},
        "catalogue": {**signed.settings, "refresh_seconds": 1},
    }
    (tmp_path / "state").mkdir()
    write_config(tmp_path / "station.toml", bench.settings(tmp_path / "state", {"jig1": [1]}, **facts))
    return Production(bench, signed, hub, tmp_path, reflash)


def test_what_the_daemon_has_accepted_is_not_rolled_back_by_hand(at: Production) -> None:
    shutil.copytree(at.signed.folder, at.folder / "yesterday")
    at.signed.withdraw()
    at.keeper().refresh()
    shutil.rmtree(at.signed.folder)
    (at.folder / "yesterday").rename(at.signed.folder)
    said = at.by_hand()
    assert said.code == 2
    assert "is no released image, and in production nothing else is flashed" in said.err.splitlines()[-1]
    assert "is older than what this station has seen" in said.err
    assert at.runs() == str(version("old"))


def test_what_a_hand_has_accepted_the_daemon_does_not_roll_back(at: Production) -> None:
    daemon = at.keeper()
    image = load_image(at.bench.firmware("new").read_bytes())
    shutil.copytree(at.signed.folder, at.folder / "yesterday")
    assert is_released(daemon.refresh(), image.model, image)
    at.signed.withdraw()
    assert at.by_hand().code == 2
    shutil.rmtree(at.signed.folder)
    (at.folder / "yesterday").rename(at.signed.folder)
    with pytest.raises(CatalogRolledBack):
        daemon.refresh()
    assert not is_released(daemon.current(), image.model, image)
    assert at.runs() == str(version("old"))


def test_what_was_accepted_serves_a_hand_while_the_source_is_away(at: Production) -> None:
    at.keeper().refresh()
    at.signed.folder.rename(at.folder / "away")
    assert at.by_hand().code == 0
    assert at.runs() == str(version("new"))


def test_without_any_catalogue_nothing_is_flashed(at: Production) -> None:
    at.signed.folder.rename(at.folder / "away")
    said = at.by_hand()
    assert said.code == 2
    assert "check the place and the way to it" in said.err.splitlines()[-1]
    assert at.runs() == str(version("old"))


def test_a_release_that_is_withdrawn_while_it_is_flashed_is_not_activated(at: Production) -> None:
    flashing = threading.Event()

    def watch() -> None:
        while not flashing.is_set():
            with JournalReader(at.state / "by-hand") as journal:
                try:
                    stages = {
                        each.event.stage for each in journal.events() if isinstance(each.event, StageStarted)
                    }
                except Exception:  # there is none yet
                    stages = set()
            if "flash" in stages:
                at.signed.withdraw()
                flashing.set()
            flashing.wait(0.05)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        said = at.by_hand()
    finally:
        flashing.set()
        watching.join()
    assert said.code == 1, said
    assert "this release was withdrawn" in said.out
    assert at.runs() == str(version("old"))
    inside = at.bench.do_now("hub", chf=str(at.hub.chf))
    assert inside["locked"]
    assert not any(each["pending"] for each in inside["slots"])


def test_a_folder_of_another_users_is_left_alone(at: Production, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(station.cli.common.os, "geteuid", lambda: 12345)
    before = sorted(at.state.rglob("*"))
    supervised = sorted([*before, at.state / "operators.json"])
    said = at.by_hand()
    assert "belongs to another user; run this as that user: sudo -u '#" in said.refused
    assert sorted(at.state.rglob("*")) == supervised
