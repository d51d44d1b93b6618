"""Orders of bridges: whole sets, or one clear line for each that is not."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_catalog.devices import BridgeType
from firmware_catalog.identity import Eui64, FirmwareVersion
from station.domain.order_line import BridgeLine, read_line
from station.orders.csv_columns import BRIDGE_HEADINGS, HEADINGS
from station.orders.csv_import import parse_order
from station.orders.errors import OrderFileRefused


def bridge(index: int, premises: str = "P1", members: int = 2, **change: str) -> dict[str, str]:
    return {
        "device_id": f"88-73-84-00-00-00-00-{index:02X}",
        "bridge_type": f"B{index % 4 + 1}",
        "premises": premises,
        "set_members": str(members),
        "manufacturer": "10A3",
        "model": f"000000B{index % 4 + 1}",
        "recorded_firmware_version": "00010000",
        "owner_party": "Supplier One",
    } | change


def written(rows: list[dict[str, str]], headings: tuple[str, ...] = BRIDGE_HEADINGS) -> bytes:
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, headings, extrasaction="ignore", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue().encode()


def told(data: bytes) -> list[str]:
    with pytest.raises(OrderFileRefused) as caught:
        parse_order(data, "order.csv", "WO-1")
    return [str(problem) for problem in caught.value.problems]


SET = [bridge(1), bridge(2)]


def test_an_order_lists_whole_sets() -> None:
    order = parse_order(
        written([*SET, *(bridge(index, "P2", 3) for index in (3, 4, 5))]), "order.csv", "WO-1"
    )
    assert order.lines[0] == BridgeLine(
        device_id=Eui64.parse("88-73-84-00-00-00-00-01"),
        bridge_type=BridgeType.B2,
        premises="P1",
        set_members=2,
        manufacturer="10A3",
        model="000000B2",
        recorded_firmware=FirmwareVersion.parse("00010000"),
        owner="Supplier One",
    )
    assert [read_line(line.model_dump_json()) for line in order.lines] == list(order.lines)


@pytest.mark.parametrize(
    ("rows", "lines"),
    [
        ([bridge(1)], ["line 2: premises 'P1' has a set of 2 bridges, and 1 are listed (line 2)"]),
        (
            [*SET, bridge(3)],
            ["line 2: premises 'P1' has a set of 2 bridges, and 3 are listed (line 2, 3, 4)"],
        ),
        ([*SET, bridge(1)], ["line 4: 88-73-84-00-00-00-00-01 as bridge is already on line 2 as bridge"]),
        (
            [bridge(1), bridge(2, "P2"), bridge(3, "P2")],
            ["line 2: premises 'P1' has a set of 2 bridges, and 1 are listed (line 2)"],
        ),
        (
            [bridge(1), bridge(2, members=3)],
            ["line 3: set_members: 3 where line 2 says 2 of the same premises"],
        ),
        (
            [bridge(1), bridge(2, owner_party="Other")],
            ["line 3: owner_party: Other where line 2 says Supplier One of the same premises"],
        ),
        (
            [bridge(1, members=1)],
            ["line 2: set_members: '1' is no number of bridges of one premises (2 or 3)"],
        ),
        (
            [bridge(1, bridge_type="B5"), bridge(2)],
            ["line 2: bridge_type: 'B5' is no type of a bridge (B1, B2, B3, B4)"],
        ),
    ],
)
def test_a_set_that_is_not_whole_is_told_in_one_line(rows: list[dict[str, str]], lines: list[str]) -> None:
    said = told(written(rows))
    assert len(said) == len(lines)
    assert all(line.startswith(start) for line, start in zip(said, lines, strict=True)), said


@pytest.mark.parametrize("headings", [("chf_id", *BRIDGE_HEADINGS), (*HEADINGS, "bridge_type")])
def test_an_order_lists_hubs_or_bridges_and_never_both(headings: tuple[str, ...]) -> None:
    (said,) = told(written(SET, headings))
    assert said.startswith("line 1: columns ")
    assert said.endswith(
        "of hubs beside those of bridges: an order lists hubs or bridges, never both; give each an order of its own"
    )


def test_a_column_of_bridges_that_is_missing_is_named() -> None:
    (said,) = told(written(SET, tuple(name for name in BRIDGE_HEADINGS if name != "premises")))
    assert said.startswith("line 1: no column premises")


@given(
    sizes=st.lists(st.sampled_from([2, 3]), min_size=1, max_size=6),
    lost=st.sets(st.integers(min_value=0, max_value=17), max_size=3),
)
def test_a_file_is_taken_if_each_of_its_sets_is_whole(sizes: list[int], lost: set[int]) -> None:
    rows = [(number, size) for number, size in enumerate(sizes) for _ in range(size)]
    kept = [
        bridge(index, f"P{number}", size) for index, (number, size) in enumerate(rows) if index not in lost
    ]
    broken = {number for index, (number, _) in enumerate(rows) if index in lost}
    there = {number for index, (number, _) in enumerate(rows) if index not in lost}
    if not kept or broken & there:
        assert len(told(written(kept))) == max(1, len(broken & there))
    else:
        assert len(parse_order(written(kept), "order.csv", "WO-1").lines) == len(kept)
