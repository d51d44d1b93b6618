"""Who works here is known by a pseudonym that stands for somebody, before anything is written with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import station.cli
from benches import brokers
from benches.signed_bench import Signed
from benches.soft_hsm import SoftHsm
from benches.station_bench import Bench, at_broker
from benches.station_config import write_config
from benches.station_daemon import running_daemon, starting_daemon
from station.domain.config_error import ConfigError
from station.people.operators import Operators
from station.people.pseudonyms import check_pseudonym
from station.settings import StationSettings

UNKNOWN = "op-1 stands for nobody here; add the person, and use the pseudonym that is printed: reflash operators add NAME"


@pytest.fixture
def facts(
    bench: Bench, signed: Signed, soft_hsm: SoftHsm, shared_broker: brokers.Mosquitto, tmp_path: Path
) -> dict[str, Any]:
    """A station in production."""
    soft_hsm.import_key(bench.unlock_key)
    return bench.settings(
        tmp_path / "state",
        {"jig1": [1]},
        mode="production",
        **at_broker(shared_broker.port),
        catalogue=signed.settings,
        unlock={"hsm": soft_hsm.settings().model_dump(mode="json", exclude_none=True)},
    )


def settings(facts: dict[str, Any], **changes: Any) -> StationSettings:
    return StationSettings.model_validate({**facts, **changes})


async def test_in_production_the_operator_is_somebody(facts: dict[str, Any], tmp_path: Path) -> None:
    async with starting_daemon(settings(facts, operator="op-1")) as running:
        with pytest.raises(ConfigError) as refused:
            await running.task
        assert str(refused.value) == f"operator: {UNKNOWN}"
    assert not (tmp_path / "state").exists()
    (tmp_path / "state").mkdir()
    known = Operators(tmp_path / "state" / "operators.json").pseudonym_of("Example Person")
    async with running_daemon(settings(facts, operator=known)) as running:
        with pytest.raises(ConfigError, match="stands for nobody here"):
            await running.daemon.reload(settings(facts, operator="op-1"))
        assert running.daemon._settings.operator == known
        await running.daemon.reload(settings(facts, operator=None))


def test_away_from_production_one_word_is_believed(bench: Bench, tmp_path: Path) -> None:
    at_a_bench = bench.station_settings(tmp_path / "state", {"jig1": [1]})
    for where in (at_a_bench, None):
        check_pseudonym(where, "--supervisor", "s-1")
        check_pseudonym(where, "--supervisor", None)
        with pytest.raises(ConfigError, match="never a name"):
            check_pseudonym(where, "--supervisor", "Example Person")


def test_who_works_here_now_is_not_forgotten_under_way(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "state").mkdir()
    operators = Operators(tmp_path / "state" / "operators.json")
    known = operators.pseudonym_of("Example Person")
    facts = bench.settings(tmp_path / "state", {"jig1": [1]}, operator=known)
    config = write_config(tmp_path / "station.toml", facts)
    monkeypatch.setattr("sys.argv", ["reflash", "operators", "erase", known, "--config", str(config)])
    with pytest.raises(SystemExit) as ended:
        station.cli.main()
    assert ended.value.code == 2
    assert f"{known} is the `operator` in {config}" in capsys.readouterr().err
    assert operators.people().keys() == {known}
