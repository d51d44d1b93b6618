"""The alert rules by Prometheus' own hand: a bench that is well is left alone, and each fear is told, by its own alert."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from benches.health_samples import healthy
from benches.processes import run
from station.bench.view import BrokerView
from station.desk.bench_requests import BenchNews
from station.desk.count_requests import ResultCount, ResultsCounted
from station.desk.health_requests import HealthShown
from station.domain.outcome import Outcome
from station.domain.slot_name import SlotName
from station.domain.slot_view import SlotView
from station.health.health import CatalogueHealth, CertificateHealth
from station.screen.metrics import Bench, exposition

RULES = Path(__file__).parents[2] / "deploy" / "prometheus" / "reflash.rules.yml"
STEP, STEPS = 3600, 216
"""Seconds, from 1970 on, where promtool's time begins: nine days, for the yield needs a week before."""
LOOK = STEP * STEPS
BEGIN = datetime(1970, 1, 1, tzinfo=UTC)
NOW = BEGIN + timedelta(seconds=STEP * STEPS)
LATER = NOW + timedelta(days=300)
WELL = Bench(
    BenchNews(slots=(), broker=BrokerView("connected", "connected"), faults=(), scans=()),
    (SlotView(place=SlotName(jig="jig1", slot=1)),),
    ResultsCounted(
        as_of=NOW,
        results=tuple(
            ResultCount(jig="jig1", slot=1, outcome=outcome, results=1, work_seconds=60)
            for outcome in (Outcome.PASSED, Outcome.FAILED)
        ),
        faults=(),
    ),
    0,
    HealthShown(
        uptime_seconds=60,
        health=healthy(
            NOW,
            catalogue=CatalogueHealth(hindrance=None, ends=LATER, ends_soon=None),
            certificates=(CertificateHealth(name="mqtt.ca_file", file="/a.pem", ends=LATER, fault=None),),
        ),
    ),
)
"""As it is at the end of those days."""


def steady(value: float) -> str:
    return f"{value:.0f}+0x{STEPS}"


def moving(start: float, step: float, steps: int = STEPS) -> str:
    return f"{start:.0f}{step:+.0f}x{steps}"


CLOCK = moving(0, STEP)
MOVING = {
    "reflash_clock_timestamp_seconds": CLOCK,
    "reflash_daemon_uptime_seconds": CLOCK,
    'reflash_results_total{outcome="passed"}': moving(0, 240),
    'reflash_results_total{outcome="failed"}': moving(0, 0),
}
FEARS: dict[str, dict[str, str]] = {
    "ReflashScreenDown": {"up": steady(0)},
    "ReflashDaemonDown": {"reflash_daemon_up": steady(0)},
    "ReflashBrokerAway": {'reflash_broker_state{state="connected"}': steady(0)},
    "ReflashJigWaitsForSupervisor": {'reflash_slots{to_do="call"}': steady(1)},
    "ReflashResultsWait": {"reflash_message_oldest_waiting_seconds": moving(0, STEP)},
    "ReflashCatalogueUnusable": {"reflash_catalogue_usable": steady(0)},
    "ReflashCatalogueEndsSoon": {"reflash_catalogue_ends_soon": steady(1)},
    "ReflashClockWrong": {"reflash_clock_timestamp_seconds": moving(-120, STEP)},
    "ReflashClockNotKept": {"reflash_clock_kept": steady(0)},
    "ReflashDiskFills": {"reflash_disk_free_bytes": moving(1 << 40, -(4 << 30))},
    "ReflashSlotOutOfUse": {"reflash_slot_out_of_use": steady(1)},
    "ReflashYieldDown": {'reflash_results_total{outcome="failed"}': f"0+0x{STEPS - 4} 0+24x4"},
    "ReflashCertificateEndsSoon": {"reflash_certificate_end_timestamp_seconds": steady(LOOK + 20 * 86400)},
    "ReflashCertificateEnds": {"reflash_certificate_end_timestamp_seconds": steady(LOOK - 86400)},
    "ReflashCertificateUnreadable": {"reflash_certificate_unreadable": steady(1)},
    "ReflashBackupOld": {"reflash_backup_verified_timestamp_seconds": steady(0)},
    "ReflashBackupFailed": {"reflash_backup_failed": steady(1)},
    "ReflashHealthUntold": {"reflash_messages_waiting": f"_x{STEPS}"},
}
LEFT = {
    "ReflashFault": "any fault of the station's: not among the series of a bench that is well",
    "ReflashSlotFailsMore": "a slot's share of a day, as the yield's",
    "ReflashReportsBehind": "about a number that is not there",
}


def series(instance: str, changed: dict[str, str]) -> list[dict[str, str]]:
    """Write what a scrape of WELL says down as Prometheus keeps it of one bench, but for what is changed."""
    content, _ = exposition(WELL, "")
    told = {"up": steady(1)}
    for family in text_string_to_metric_families(content.decode()):
        for sample in family.samples:
            labels = ",".join(f'{key}="{value}"' for key, value in sorted(sample.labels.items()))
            told[f"{sample.name}{{{labels}}}" if labels else sample.name] = steady(sample.value)
    met = set()
    for pattern, values in {**MOVING, **changed}.items():
        name, _, wanted = pattern.rstrip("}").partition("{")
        for key in told:
            if key.partition("{")[0] == name and wanted in key:
                told[key] = values
                met.add(pattern)
    assert met == {*MOVING, *changed}, "each is among what is told"
    bench = f'instance="{instance}",job="reflash"'
    return [
        {
            "series": f"{key[:-1]},{bench}}}" if key.endswith("}") else f"{key}{{{bench}}}",
            "values": values,
        }
        for key, values in told.items()
        if not key.startswith("process_")
    ]


def test_each_fear_has_its_own_alert_and_a_bench_that_is_well_has_none(tmp_path: Path) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed: apt-get install prometheus")
    checked = run(["promtool", "check", "rules", RULES], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    alerts = {
        rule["alert"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
    }
    assert set(FEARS) | set(LEFT) == alerts
    tests = tmp_path / "tests.yml"
    # One bench for each fear, and one that is well.
    benches: dict[str, dict[str, str]] = {"well": {}, **FEARS}
    content = {
        "rule_files": [str(RULES)],
        "evaluation_interval": f"{STEP}s",
        "tests": [
            {
                "interval": f"{STEP}s",
                "input_series": [
                    each for bench, changed in benches.items() for each in series(bench, changed)
                ],
                "promql_expr_test": [
                    {
                        "expr": 'count by (instance, alertname) (ALERTS{alertstate="firing"})',
                        "eval_time": f"{LOOK}s",
                        "exp_samples": [
                            {"labels": f'{{alertname="{alert}", instance="{alert}"}}', "value": 1}
                            for alert in FEARS
                        ],
                    }
                ],
            }
        ],
    }
    tests.write_text(json.dumps(content))
    judged = run(["promtool", "test", "rules", tests], capture_output=True, text=True, check=False)
    assert judged.returncode == 0, judged.stdout + judged.stderr
