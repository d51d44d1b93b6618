"""The commands run, measure something, and answer as documented."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
BUSY_TRIES = 10
"""How often a row may be void because a board answered late, as one does on a busy machine."""


def run_benchmark(*arguments: str, expected: int = 0, seconds: float = 100) -> str:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == expected, done.stderr
    return done.stdout if expected == 0 else done.stderr


def last_object(output: str) -> dict[str, Any]:
    return json.loads(output.splitlines()[-1])


@pytest.mark.proofs
def test_an_upload_is_measured_beside_its_peer() -> None:
    workload = ("--slots", "2", "--baud", "3000000", "--window", "2", "--image-kib", "32", "--repeats", "1")
    row = last_object(run_benchmark("upload", *workload, "--peer", "smpclient", "--framing", "raw", "--json"))
    assert row["valid"], row["void_because"]
    assert (row["slots"], row["baud"], row["window"], row["buf_size"]) == (2, 3_000_000, 2, 1024)
    assert row["framing"] == "raw"
    assert 0 < row["share_of_line"] < row["share_of_ceiling"] < 1
    assert 0 < row["line_busy"]["to_host"] < row["line_busy"]["to_hub"] <= 1
    assert min(row["kib_s_a_slot"], row["peer_kib_s_a_slot"]) > 0
    assert row["ratio_to_peer"] == pytest.approx(row["kib_s_a_slot"] / row["peer_kib_s_a_slot"], rel=0.01)
    assert row["cpu_s_per_mib"] > 0
    assert row["cpu_ratio_to_peer"] > 0
    assert row["loop_lag_p99_ms"] > 0
    assert row["idle_lag_p99_ms"] > 0


@pytest.mark.proofs
def test_where_an_uploads_processor_time_goes_is_seen_and_kept_for_a_flame_graph(tmp_path: Path) -> None:
    stacks = tmp_path / "there" / "profile.folded"
    workload = ("--slots", "4", "--baud", "3000000", "--repeats", "2", "--out", str(stacks))
    row = last_object(run_benchmark("profile", *workload, "--json"))
    kept = [line.rpartition(" ") for line in stacks.read_text().splitlines()]
    assert sum(int(times) for _, _, times in kept) == row["looks"] > 0
    assert any(";drivers." in stack for stack, _, _ in kept)


@pytest.mark.proofs
def test_a_journal_is_measured_beside_bare_fsync() -> None:
    row = last_object(run_benchmark("journal", "--events", "2000", "--json"))
    assert row["valid"]
    assert row["events"] >= 2000
    assert row["appends"] == 4800
    assert row["append_p99_ms"] >= row["append_p50_ms"] > 0
    assert row["verified_events_a_second"] > row["written_events_a_second"] > 0


@pytest.mark.proofs
def test_what_slots_notice_of_reports_is_measured() -> None:
    row = last_object(
        run_benchmark("reports", "--hubs", "100", "--repeats", "1", "--seconds", "1.5", "--json")
    )
    assert row["valid"]
    assert row["rows"] == 1501
    assert row["bytes_a_hub"] > 0
    assert min(row[f"append_p99_ms_{when}"] for when in ("without", "keeping_up", "made_anew")) > 0


@pytest.mark.proofs
def test_what_people_at_the_desk_wait_for_is_measured() -> None:
    row = last_object(run_benchmark("desk", "--hubs", "200", "--repeats", "1", "--seconds", "1.5", "--json"))
    assert row["valid"]
    assert row["scans"] > 0
    assert min(row["scan_p95_ms"], row["reconcile_seconds"], row["find_p95_ms"], row["lag_p99_ms"]) > 0


@pytest.mark.proofs
@pytest.mark.timeout(180)
def test_a_journal_of_years_is_measured_beside_one_of_a_week() -> None:
    row = last_object(run_benchmark("journal", "--hubs", "400", "--week", "300", "--json", seconds=170))
    assert row["valid"]
    assert row["years_segments"] >= 2, "one was begun while it was measured"
    assert row["years_bytes_a_hub"] == pytest.approx(row["week_bytes_a_hub"], rel=0.5)
    assert row["start_ratio"] > 0
    assert row["years_longest_wait_at_rotation_ms"] > 0


@pytest.mark.proofs
def test_board_polling_is_measured() -> None:
    for _ in range(BUSY_TRIES):
        row = last_object(run_benchmark("board", "--jigs", "1", "--seconds", "0.5", "--json"))
        assert row["valid"] is not bool(row["void_because"]), "void rows say why"
        if row["valid"]:
            break
        assert all("no answer within" in why or "answers only after" in why for why in row["void_because"])
    assert row["valid"], row["void_because"]
    assert 0 < row["cpu_share_of_a_core"] < 1


@pytest.mark.proofs
def test_downloads_by_usb_are_measured_beside_their_peer() -> None:
    workload = ("--devices", "2", "--transfer-size", "2048", "--image-kib", "48", "--repeats", "1")
    row = last_object(run_benchmark("usb", *workload, "--peer", "pydfuutil", "--json"))
    assert row["valid"], row["void_because"]
    assert (row["devices"], row["transfer_size"], row["erase_ms_per_page"]) == (2, 2048, 10.0)
    assert 0 < row["bus_busy"] < row["share_of_limit"] <= 1
    assert row["ratio_to_peer"] == pytest.approx(row["kib_s_a_slot"] / row["peer_kib_s_a_slot"], rel=0.01)
    assert row["cpu_s_per_mib"] > 0
    assert row["cores_at_limit"] > 0
    assert row["loop_lag_p99_ms"] > 0
    assert row["idle_lag_p99_ms"] > 0


@pytest.mark.proofs
def test_what_usb_hubs_going_and_coming_back_costs_is_measured() -> None:
    row = last_object(run_benchmark("usb-return", "--devices", "2", "--repeats", "1", "--json"))
    assert row["valid"]
    # The hubs' own times, which the simulator states as 100 ms, and 400 ms for a boot.
    assert row["detach_off_the_bus_ms"] >= 100
    assert row["return_off_the_bus_ms"] >= 400
    assert row["detach_cost_ms"] > 0
    assert row["return_cost_ms"] > 0


def test_wrong_use_is_said_in_one_line() -> None:
    said = run_benchmark("upload", "--slots", "0", expected=2)
    assert said.splitlines()[-1].endswith("are at least 1")
