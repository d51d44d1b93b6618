"""The report that `python -m benchmarks all` writes."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.report import write_report

BOARD = {"row": "board", "boards": 3, "cpu_share_of_a_core": 0.02, "valid": True, "void_because": []}
STALLED = {"row": "stalled", "slots": 24, "change_for_others": -0.001, "valid": True, "void_because": []}


def test_a_report_holds_every_row_in_both_forms(tmp_path: Path) -> None:
    write_report(tmp_path, [BOARD, STALLED])
    rows = json.loads((tmp_path / "performance.json").read_text())["rows"]
    assert rows == [BOARD | {"misses": []}, STALLED | {"misses": []}]
    text = (tmp_path / "performance.md").read_text()
    assert "every target (`benchmarks/targets.py`) is reached" in text
    assert "- cpu share of a core: 0.02" in text
    assert "- change for others: -0.001" in text


def test_what_was_missed_or_is_void_stands_first(tmp_path: Path) -> None:
    slow = BOARD | {"cpu_share_of_a_core": 0.05}
    void = STALLED | {"valid": False, "void_because": ["the line carried more than it can under station"]}
    write_report(tmp_path, [slow, void])
    text = (tmp_path / "performance.md").read_text()
    assert "- board: cpu_share_of_a_core at most 0.03, measured 0.05" in text
    assert "- stalled: void, the line carried more than it can under station" in text
    assert "is reached" not in text
    assert json.loads((tmp_path / "performance.json").read_text())["rows"][0]["misses"]


def test_usb_rows_stand_under_the_model_of_their_limit(tmp_path: Path) -> None:
    usb = {
        "row": "usb",
        "devices": 24,
        "transfer_size": 1024,
        "erase_ms_per_page": 10.0,
        "share_of_limit": 0.9,
        "loop_lag_p99_ms": 2.0,
        "idle_lag_p99_ms": 1.0,
        "other_cpu": 0.1,
        "valid": True,
        "void_because": [],
    }
    back = {
        "row": "usb_return",
        "devices": 24,
        "detach_cost_ms": 300.0,
        "return_cost_ms": 60.0,
        "other_cpu": 0.0,
        "valid": True,
        "void_because": [],
    }
    write_report(tmp_path, [usb, back])
    text = (tmp_path / "performance.md").read_text()
    missed_share = "usb, 24 devices, blocks of 1024, 10.0 ms a page erased (other programs used 0.1 cores)"
    assert f"- {missed_share}: share_of_limit at least 0.95, measured 0.9" in text
    assert "- usb_return, 24 devices (other programs used 0.0 cores): detach_cost_ms at most 200" in text
    assert text.index("bwPollTimeout") < text.index("- share of the limit: 0.9")
