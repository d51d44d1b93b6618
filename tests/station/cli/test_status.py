"""`reflash status`: the same bench, told by its daemon and by its files; and what its exit code says."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from benches.certificates import Authority
from benches.health_samples import healthy, journal_health
from benches.station_bench import Bench, give_order, slot
from benches.station_config import write_config
from benches.station_daemon import running_daemon
from station.backups.memory import BackupFailed, BackupMemory, remember
from station.cli.status import EXIT_CODES
from station.doctor.health import judge_health
from station.doctor.overview import Daemon, Overview
from station.domain.phase import SlotPhase
from station.settings_file import load_settings

NOBODY = {"mqtt": {"port": 1}}
"""A broker that is not there: results wait."""


def where(told: dict[str, Any], verdict: str) -> set[str]:
    return {finding["where"] for finding in told["findings"] if finding["verdict"] == verdict}


async def test_daemon_and_files_tell_the_same_bench(bench: Bench, tmp_path: Path, reflash: Any) -> None:
    authority = Authority(tmp_path, "site authority")
    soon = authority.issue("screen", valid_for=timedelta(days=3))
    over = authority.issue("gone", valid_for=timedelta(hours=-1))
    ours = authority.issue("ours")
    ours.key.write_text(ours.certificate.read_text() + ours.key.read_text())  # one file with both
    config = write_config(
        tmp_path / "station.toml",
        bench.settings(
            tmp_path / "state",
            {"jig1": [1, 2]},
            mqtt={
                **NOBODY["mqtt"],
                "ca_file": str(authority.file),
                "certificate_file": str(ours.key),
                "key_file": str(ours.key),
            },
            backup={"folder": str(tmp_path / "backups")},
            watched_certificates=[str(soon.certificate), str(over.certificate), str(tmp_path / "none.pem")],
        ),
    )
    settings = load_settings(config)

    async def status() -> Any:
        return await asyncio.to_thread(reflash, "status", "--config", config, "--json")

    said = await status()
    never = json.loads(said.out)
    assert (said.code, never["daemon"], never["journal"]) == (1, "none", None)
    assert {"daemon", "journal"} <= where(never, "fault")
    assert "backup" in where(never, "warning"), "there can be none yet"

    hub = bench.hub()
    await give_order(settings, hub)
    async with running_daemon(settings) as station:
        await bench.seat(hub, slot(1))
        await station.until(slot(1), SlotPhase.PASSED)
        refused = await asyncio.to_thread(reflash, "backup", "make", "--config", config)
        assert "mount its disk" in refused.failed
        (tmp_path / "backups").mkdir()
        roundabout = tmp_path / "state" / ".." / config.name
        made = (await asyncio.to_thread(reflash, "backup", "make", "--config", roundabout, "--json")).json
        kept = [each for each in Path(made["backup"], "configuration").rglob("*") if each.is_file()]
        assert {each.name for each in kept} == {config.name, authority.file.name}
        assert not [each for each in kept if "PRIVATE KEY" in each.read_text()]
        (listed,) = (await asyncio.to_thread(reflash, "backup", "list", "--config", config, "--json")).json
        assert (listed["backup"], listed["events"]) == (made["backup"], made["events"])
        checked = (await asyncio.to_thread(reflash, "backup", "check", made["backup"], "--json")).json
        assert checked["head"] == made["head"]
        restore = ("backup", "restore", made["backup"], "--config", config)
        over_it = await asyncio.to_thread(reflash, *restore)
        assert f"held by process {os.getpid()}: stop that one first" in over_it.failed
        said = await status()
        told = json.loads(said.out)
        page = (await asyncio.to_thread(reflash, "status", "--config", config)).out
    assert said.code == 1
    assert (told["daemon"], told["broker"]) == ("runs", "waiting")
    assert told["uptime_seconds"] >= 0
    assert [each["phase"] for each in told["slots"]] == ["passed", "empty"]
    assert "jig1: 2 slots: 1 PASS, 1 SEAT; order WO-1, 1 of 1 done" in page
    assert page.startswith("bench at site, reflash-station ")
    words = [line.split()[0] for line in page.splitlines()[3:]]
    assert words == sorted(words, key=("fault", "warning", "ok").index), "the worst comes first"

    files = json.loads((await status()).out)
    assert files["daemon"] == "none"
    assert files["slots"] == []
    assert files["journal"]["waiting"] >= told["journal"]["waiting"] > 0
    assert files["journal"]["waiting_since"] == told["journal"]["waiting_since"]
    assert files["journal"]["open_orders"] == told["journal"]["open_orders"] == 1
    for each in (told, files):
        assert f"certificate {soon.certificate}" in where(each, "warning")
        assert {f"certificate {over.certificate}", f"certificate {tmp_path / 'none.pem'}"} <= where(
            each, "fault"
        )
        assert "backup" in where(each, "ok")
        assert each["disk"]["free"] > 0

    other = write_config(
        tmp_path / "other.toml",
        bench.settings(tmp_path / "elsewhere", {"jig1": [1, 2]}, **NOBODY, station="bench-2"),
    )
    brought = await asyncio.to_thread(reflash, "backup", "restore", made["backup"], "--config", other)
    assert "is a backup of station bench at site site, this is bench-2 at site" in brought.failed
    assert not (tmp_path / "elsewhere").exists()
    other.write_text(other.read_text().replace('"bench-2"', '"bench"'))
    brought = await asyncio.to_thread(reflash, "backup", "restore", made["backup"], "--config", other)
    assert f"the journal has {made['events'] + 4} events, checked" in brought.out
    moved = await asyncio.to_thread(reflash, "orders", "show", "WO-1", "--config", other, "--json")
    assert moved.json["results"]["passed"] == [str(hub.chf)]

    remember(
        settings.state_directory, BackupMemory(failed=BackupFailed(at=datetime.now(UTC), line="disk full"))
    )
    assert (
        "failed: disk full (none yet)" in (await asyncio.to_thread(reflash, "status", "--config", config)).out
    )


@pytest.mark.parametrize(("late", "verdict"), [(timedelta(minutes=1), "ok"), (timedelta(hours=1), "warning")])
def test_the_worst_says_the_exit_code(late: timedelta, verdict: str) -> None:
    now = datetime.now(UTC)
    health = healthy(now, journal=journal_health(waiting=1, waiting_since=now - late))
    seen = Overview(Daemon.RUNS, health, 1.0, None, tuple(judge_health(health)))
    assert seen.worst == verdict
    assert EXIT_CODES[seen.worst] == {"ok": 0, "warning": 3}[verdict]
