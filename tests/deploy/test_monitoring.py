"""Dashboard and alert rules ask for numbers that there are, and for what they say."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml
from prometheus_client.parser import text_string_to_metric_families

from benches.health_samples import healthy, journal_health
from station.backups.memory import BackupFailed, BackupMemory
from station.bench.view import BrokerView
from station.desk.bench_requests import BenchNews
from station.desk.count_requests import FaultCount, ResultCount, ResultsCounted
from station.desk.health_requests import HealthShown
from station.domain.interlock import Notice, interlock
from station.domain.outcome import Code, Outcome, Stage
from station.domain.reason import Reason
from station.domain.slot_name import SlotName
from station.domain.slot_view import SlotView
from station.domain.to_do import ToDo
from station.health.health import (
    BackupHealth,
    CatalogueHealth,
    CertificateHealth,
    DiskHealth,
)
from station.screen.metrics import Bench, exposition

DEPLOY = Path(__file__).parents[2] / "deploy"
NAME = re.compile(r"\b(?:reflash|process)_[a-z_]+")
OUR_LABELS = {"jig", "slot", "outcome", "stage", "code", "to_do", "state", "reason", "version", "certificate"}
LOST = interlock(Reason.BOARD_LOST, jig="jig1", detail="the board is silent")
NEWS = BenchNews(
    slots=(),
    broker=BrokerView("waiting", "no broker"),
    faults=(Notice(reason=LOST.reason, details=LOST.details),),
    scans=(),
)
COUNTED = ResultsCounted(
    as_of=datetime(2026, 11, 30, tzinfo=UTC),
    results=(ResultCount(jig="jig1", slot=1, outcome=Outcome.FAILED, results=2, work_seconds=61.5),),
    faults=(FaultCount(stage=Stage.VERIFY, code=Code.ACTIVATION_FAILURE, results=2),),
)


SLOTS = tuple(SlotView(place=SlotName(jig="jig1", slot=number)) for number in (1, 2))
NOW = datetime(2026, 11, 30, tzinfo=UTC)
HEALTH = HealthShown(
    uptime_seconds=60,
    health=healthy(
        NOW,
        journal=journal_health(waiting=2, waiting_since=NOW - timedelta(hours=1), open_orders=1),
        catalogue=CatalogueHealth(hindrance=None, ends=NOW + timedelta(days=1), ends_soon="soon"),
        clock_kept=False,
        disk=DiskHealth(free=3 << 20, size=1 << 40, least=1 << 28),
        certificates=(
            CertificateHealth(name="mqtt.ca_file", file="/a.pem", ends=NOW + timedelta(days=2), fault=None),
            CertificateHealth(name="/b.pem", file="/b.pem", ends=None, fault="gone"),
        ),
        backup=BackupHealth(
            memory=BackupMemory(failed=BackupFailed(at=NOW, line="disk full")), overdue_seconds=3600
        ),
    ),
)


def told(bench: Bench) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    content, _ = exposition(bench, "")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(content.decode())
        for sample in family.samples
    }


def test_numbers_are_in_base_units_and_their_labels_do_not_grow() -> None:
    slots = SLOTS
    numbers = told(Bench(NEWS, slots, COUNTED, 3, HEALTH))
    assert numbers["reflash_slots", (("jig", "jig1"), ("to_do", slots[0].to_do.value))] == 2
    assert sum(1 for name, _ in numbers if name == "reflash_slots") == len(ToDo)
    failed = (("jig", "jig1"), ("outcome", "failed"), ("slot", "1"))
    assert numbers["reflash_results_total", failed] == 2
    assert numbers["reflash_work_seconds_total", failed] == 61.5
    assert numbers["reflash_broker_state", (("state", "waiting"),)] == 1
    assert numbers["reflash_faults", (("reason", "board_lost"),)] == 1
    assert numbers["reflash_daemon_up", ()] == 1
    assert numbers["reflash_messages_waiting", ()] == 2
    assert numbers["reflash_message_oldest_waiting_seconds", ()] == 3600
    ends = [
        value for name, value in numbers.items() if name[0] == "reflash_certificate_end_timestamp_seconds"
    ]
    assert ends == [(NOW + timedelta(days=2)).timestamp()]
    assert numbers["reflash_certificate_unreadable", (("certificate", "/b.pem"),)] == 1
    assert numbers["reflash_backup_verified_timestamp_seconds", ()] == 0
    assert {label for _, labels in numbers for label, _ in labels} <= OUR_LABELS
    for name in {name for name, _ in numbers}:
        assert name.endswith(("_seconds", "_bytes", "_total", "_info")) or "seconds" not in name, name
    gone = told(Bench(None, (), None, 0))
    assert gone["reflash_daemon_up", ()] == 0
    assert not [name for name, _ in gone if name in {"reflash_slots", "reflash_results_total"}], (
        "unknown is not 0"
    )


def test_dashboard_and_alerts_ask_for_numbers_that_there_are() -> None:
    content, _ = exposition(Bench(NEWS, SLOTS, COUNTED, 0, HEALTH), "")
    families = re.findall(r"(?m)^# TYPE (\S+)", content.decode())
    there = {*families, *(sample for sample, _ in told(Bench(NEWS, SLOTS, COUNTED, 0, HEALTH)))}
    rules = yaml.safe_load((DEPLOY / "prometheus" / "reflash.rules.yml").read_text())
    alerts = [rule for group in rules["groups"] for rule in group["rules"]]
    panels = json.loads((DEPLOY / "grafana" / "reflash.json").read_text())["panels"]
    asked = [rule["expr"] for rule in alerts]
    asked += [target["expr"] for panel in panels for target in panel["targets"]]
    assert len({rule["alert"] for rule in alerts}) == len(alerts) >= 5
    assert len({panel["id"] for panel in panels}) == len(panels)
    used = {name for expression in asked for name in NAME.findall(expression)}
    assert used <= there, used - there
    ours = {name for name, _ in told(Bench(NEWS, SLOTS, COUNTED, 0, HEALTH)) if name.startswith("reflash_")}
    assert ours - used == {"reflash_screen_info"}, "each number is for somebody"
    words = {each.value for each in ToDo}
    for expression in asked:
        for chosen in re.findall(r'to_do=~?"([^"]*)"', expression):
            assert set(chosen.split("|")) <= words
        for chosen in re.findall(r'outcome=~?"([^"]*)"', expression):
            assert set(chosen.split("|")) <= {each.value for each in Outcome}
    for rule in alerts:
        assert {"summary", "description"} == set(rule["annotations"])
