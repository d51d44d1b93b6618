"""Whoever is not the station's user leaves nothing behind in its folders, which its daemon could not change then."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from benches.station_bench import Bench, order_csv


@pytest.mark.parametrize(
    "command",
    [
        ("run",),
        ("orders", "import", "{order}"),
        ("orders", "assign", "WO-1", "--jig", "jig1"),
        ("orders", "close", "WO-1", "--reason", "done", "--incomplete"),
        ("journal", "republish", "1", "1"),
        ("journal", "rebuild", "--repair"),
        ("journal", "set-aside"),
        ("journal", "restore", "{backup}"),
        ("operators", "add", "Somebody"),
        ("operators", "erase", "op-1"),
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_what_changes_the_stations_folders_is_its_users_alone(
    reflash: Any,
    bench: Bench,
    config: Path,
    tmp_path: Path,
    command: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order, backup, state = tmp_path / "WO-1.csv", tmp_path / "backup", tmp_path / "state"
    order.write_bytes(order_csv(bench.hub()))
    assert reflash("orders", "import", order, "--config", config).code == 0
    assert reflash("journal", "backup", backup, "--config", config).code == 0
    before = {path: path.stat().st_mtime_ns for path in state.rglob("*")}
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    done = reflash(*(each.format(order=order, backup=backup) for each in command), "--config", config)
    assert done.code == 2, done
    assert "belongs to another user; run this as that user: sudo -u '#" in done.complaint
    assert {path: path.stat().st_mtime_ns for path in state.rglob("*")} == before


def test_whoever_may_look_may_look(reflash: Any, config: Path, bench: Bench, tmp_path: Path) -> None:
    order = tmp_path / "WO-1.csv"
    order.write_bytes(order_csv(bench.hub()))
    reflash("orders", "import", order, "--config", config)
    with pytest.MonkeyPatch.context() as elsewhere:
        elsewhere.setattr(os, "geteuid", lambda: 12345)
        assert reflash("orders", "list", "--json", "--config", config).json[0]["order"] == "WO-1"
        assert reflash("journal", "verify", "--config", config).code == 0
        assert reflash("journal", "backup", tmp_path / "backup", "--config", config).code == 0
