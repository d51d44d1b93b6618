"""What the benchmarks compute, judged by other implementations and by cases small enough to count."""

from __future__ import annotations

import asyncio
import json
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smp import packet as smp_packet
from smp.image_management import ImageUploadWriteRequest

from benchmarks import everything
from benchmarks.calls import BASELINE, above_baseline
from benchmarks.measured import Findings
from benchmarks.rigs import LineCount
from benchmarks.simulator import BenchmarkFailed
from benchmarks.targets import missed
from benchmarks.usb import UsbPair
from benchmarks.usb_bus import Download, HubFlash, control_seconds
from benchmarks.usb_workload import UsbWorkload
from benchmarks.watch import Run
from benchmarks.workload import Workload
from simulators.usbip.device import bus_seconds
from station.throughput.lag import LoopLag, percentile
from station.throughput.wire import ceiling, frame_bytes, payload_of_buffer

LINE_LENGTH = 128
"""As the package counts it: 124 base64 characters, marks and newline in 127 bytes."""


def test_a_buffer_of_1024_carries_994_bytes_in_1404_and_998_in_1024() -> None:
    assert (payload_of_buffer(1024), frame_bytes(1024)) == (994, 1404)
    assert (payload_of_buffer(1024, "raw"), frame_bytes(1024, "raw")) == (998, 1024)


@given(st.integers(min_value=350, max_value=4096))
def test_a_full_chunk_is_as_long_on_the_wire_as_the_smp_package_makes_it(buf_size: int) -> None:
    payload = payload_of_buffer(buf_size)
    message = bytes(ImageUploadWriteRequest(off=0x1_0000, data=bytes(payload)))
    assert len(message) == buf_size - 4
    assert sum(map(len, smp_packet.encode(message, LINE_LENGTH))) == frame_bytes(buf_size)
    raw = bytes(ImageUploadWriteRequest(off=0x1_0000, data=bytes(payload_of_buffer(buf_size, "raw"))))
    assert len(raw) == frame_bytes(buf_size, "raw") == buf_size


@pytest.mark.parametrize(("baud", "kib_s"), [(115_200, 7.97), (921_600, 63.7), (3_000_000, 207.4)])
def test_the_ceiling_is_that_of_the_line_rate(baud: int, kib_s: float) -> None:
    assert ceiling(baud, 1024) / 1024 == pytest.approx(kib_s, rel=2e-3)


def test_a_window_is_no_wider_than_the_hubs_buffers_allow() -> None:
    assert Workload(window=4).window_used == 4
    assert Workload(window=4, profile="zephyr").window_used == 3
    assert Workload(window=4, profile="one-buffer").window_used == 1
    assert Workload(window=1).window_used == 1


@pytest.mark.parametrize(("slots", "jigs"), [(1, (1,)), (8, (8,)), (9, (8, 1)), (24, (8, 8, 8))])
def test_slots_fill_jigs_of_eight(slots: int, jigs: tuple[int, ...]) -> None:
    assert Workload(slots=slots).jigs == jigs


def test_a_line_that_carried_more_than_it_can_is_busier_than_always() -> None:
    before, after = LineCount(1_000, 50), LineCount(1_000 + 11_521, 50 + 1_152)
    to_hub, to_host = after.busy_since(before, 115_200, 1.0)
    assert to_hub > 1
    assert to_host == pytest.approx(0.1)


def test_a_loop_that_stood_still_is_late_for_every_tick_it_missed() -> None:
    async def stand_still() -> float:
        lag = LoopLag(0.01)
        with lag.watch():
            await asyncio.sleep(0.02)
            time.sleep(0.1)  # noqa: ASYNC251 - it is the blocked loop that is to be noticed
            await asyncio.sleep(0.02)
        return lag.p99_ms

    assert 50 < asyncio.run(stand_still()) < 1_000


def test_the_percentile_is_a_measured_value() -> None:
    assert percentile([float(number) for number in range(200)], 0.99) == 198
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.99)


def test_targets_are_those_of_the_full_bench_alone() -> None:
    row = {
        "row": "upload",
        "slots": 24,
        "baud": 921_600,
        "window": 4,
        "profile": "default",
        "framing": "console",
        "bit_errors": 0.0,
        "share_of_ceiling": 0.96,
        "share_of_line": 0.94,
        "ratio_to_peer": 1.6,
        "cpu_ratio_to_peer": 0.3,
        "peer": "smpclient",
        "loop_lag_p99_ms": 9.0,
        "idle_lag_p99_ms": 3.0,
    }
    assert [target.figure for target in missed(row)] == [
        "share_of_ceiling",
        "loop_lag_p99_ms",
        "cpu_ratio_to_peer",
    ]
    raw = missed(row | {"framing": "raw", "cpu_ratio_to_peer": 0.2})
    assert [target.figure for target in raw] == ["share_of_line", "loop_lag_p99_ms"]
    assert missed(row | {"slots": 8}) == missed(row | {"bit_errors": 1e-6}) == []
    assert missed(row | {"window": 1}) == []
    assert [str(target) for target in missed({"row": "board", "cpu_share_of_a_core": 0.04})] == [
        "cpu_share_of_a_core at most 0.03"
    ]


@given(st.integers(min_value=0, max_value=4096))
def test_a_control_transfer_takes_what_the_simulated_bus_gives_it(data: int) -> None:
    assert control_seconds(data) == pytest.approx(bus_seconds(data))


def test_a_full_speed_frame_has_room_for_13_control_transfers_of_64_bytes() -> None:
    # USB 2.0, table 5-2.
    assert 13 * control_seconds(64) <= 0.001 < 14 * control_seconds(64)


def test_a_block_counts_the_pages_that_it_is_the_first_to_enter() -> None:
    flash = HubFlash(erase_page=1.0, write_byte=0.0)
    assert flash.block_seconds(0, 1024) == 2, "its own page, and the slot's last"
    assert flash.block_seconds(1024, 3072) == 0
    assert flash.block_seconds(4096, 4096) == 1
    assert flash.block_seconds(7000, 4096) == 1
    assert flash.block_seconds(4000, 4096 + 97) == 2


def test_the_limit_is_bus_and_hub_one_after_the_other() -> None:
    download = Download(size=2500, block_size=1024, flash=HubFlash(erase_page=0.0, write_byte=1e-6))
    asked = 2 * 0.002 + 0.001  # 1.024 ms twice and 0.452 ms, in whole milliseconds
    bus = 2 * control_seconds(1024) + control_seconds(452) + control_seconds(0) + 7 * control_seconds(6)
    assert download.bus_seconds == pytest.approx(bus)
    assert download.seconds == pytest.approx(bus + asked)


def test_a_hub_that_has_nothing_to_wait_for_is_asked_once() -> None:
    instant = Download(size=2048, block_size=1024, flash=HubFlash(erase_page=0.0, write_byte=0.0))
    bus = 2 * control_seconds(1024) + control_seconds(0) + 3 * control_seconds(6)
    assert instant.seconds == instant.bus_seconds == pytest.approx(bus)


@pytest.mark.parametrize(("seconds", "fault"), [(0.99, "a bus was faster than USB"), (1.01, "")])
def test_a_download_faster_than_usb_is_void(seconds: float, fault: str) -> None:
    workload = UsbWorkload(devices=1)
    took = workload.download(200_000).seconds * seconds
    run = Run(
        client="station",
        findings=Findings((took,), took, cpu_seconds=0.1, loop_lag_p99_ms=1.0),
        image_bytes=200_000,
        simulator_cpu=0.5,
        simulators_cpu_seconds=0.2,
        idle_lag_p99_ms=1.0,
        other_cpu=0.0,
    )
    row = UsbPair(workload=workload, ours=run, peer=None).figures()
    assert row["valid"] is not bool(fault)
    assert "".join(row["void_because"]).startswith(fault)
    assert row["share_of_limit"] == pytest.approx(1 / seconds, rel=1e-3)


def test_the_usb_targets_are_judged_where_they_apply() -> None:
    row = {
        "row": "usb",
        "devices": 8,
        "transfer_size": 4096,
        "share_of_limit": 0.94,
        "loop_lag_p99_ms": 9.0,
        "idle_lag_p99_ms": 3.0,
        "peer": "pydfuutil",
        "ratio_to_peer": 0.99,
    }
    assert [target.figure for target in missed(row)] == ["share_of_limit"]
    assert [target.figure for target in missed(row | {"devices": 24})] == [
        "share_of_limit",
        "loop_lag_p99_ms",
    ]
    assert [target.figure for target in missed(row | {"devices": 1})] == ["share_of_limit", "ratio_to_peer"]
    slow = {"row": "usb_return", "devices": 24, "detach_cost_ms": 201.0, "return_cost_ms": 199.0}
    assert [target.figure for target in missed(slow)] == ["detach_cost_ms"]


def test_a_count_that_grew_beyond_its_room_is_named() -> None:
    known = json.loads(BASELINE.read_text())
    assert above_baseline(known) == []
    raw = {kind: count * 1.2 for kind, count in known["a_chunk"]["raw"].items()}
    hub = {kind: count * 1.2 for kind, count in known["a_hub"].items()}
    grown = {"a_chunk": known["a_chunk"] | {"raw": raw}, "a_hub": hub}
    assert [line.split(":")[0] for line in above_baseline(grown)] == [
        "a chunk, raw, calls",
        "a chunk, raw, system calls",
    ]


async def test_a_run_of_everything_that_was_broken_off_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[int] = []

    async def measure(number: int, last: int) -> dict[str, Any]:
        if number > last:
            raise BenchmarkFailed("broken off")
        measured.append(number)
        return {"row": "board", "number": number}

    def up_to(last: int) -> None:
        rows = [(f"row {number}", partial(measure, number, last)) for number in range(4)]
        monkeypatch.setattr(everything, "_everything", lambda: iter(rows))

    kept = tmp_path / "build" / "rows.json"
    up_to(1)
    with pytest.raises(BenchmarkFailed, match="broken off"):
        await everything.all_rows([].append, kept)
    up_to(3)
    told: list[dict[str, Any]] = []
    assert await everything.all_rows(told.append, kept) == told
    assert [row["number"] for row in told] == measured == [0, 1, 2, 3]


def test_what_is_measured_has_a_name_of_its_own() -> None:
    names = [name for name, _ in everything._everything()]
    assert len(names) == len(set(names)) > 40
