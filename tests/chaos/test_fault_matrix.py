"""The fault matrix: every fault at every stage ends as docs/reliability.md says, the plans by turns."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest
from fault_cells import (
    FAULTS,
    PLANS,
    STAGES,
    TRANSPORTS,
    Cell,
    Ending,
    all_cells,
    faults_on,
    pairwise_cells,
    sparse_cells,
)
from reliability_page import matrix_text, parse_matrix, read_matrix
from run_matrix import differences, run_cells

from firmware_catalog.devices import BridgeType
from simulators.faults import FaultName, parse_fault

pytestmark = pytest.mark.proofs


@pytest.mark.timeout(600)
def test_every_fault_at_every_stage_ends_as_the_manual_says(tmp_path: Path) -> None:
    endings = asyncio.run(run_cells(tmp_path, pairwise_cells()))
    assert len(endings) == len(FAULTS) * len(STAGES)
    assert differences(endings, read_matrix()) == []


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("transport", "bridges"), [("raw", None), ("usb", None), ("serial", BridgeType.B2)])
def test_every_fault_ends_as_the_manual_says_at_two_stages(
    tmp_path: Path, transport: str, bridges: BridgeType | None
) -> None:
    cells = list(sparse_cells(transport))
    assert len(cells) == 2 * len(faults_on(transport))
    assert {cell.plan for cell in cells} == set(PLANS)
    endings = asyncio.run(run_cells(tmp_path, cells, dfu_profile="bus-reset", bridge_type=bridges))
    assert differences(endings, read_matrix()) == []


def test_the_rows_are_all_faults_that_the_simulator_knows() -> None:
    named = Counter(parse_fault(dict(fault), row).name for row, fault in FAULTS.items())
    assert set(named) == set(FaultName)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_each_pair_of_fault_stage_and_plan_is_in_the_short_run(transport: str) -> None:
    def pairs(cells: list[Cell]) -> set[tuple[str, str]]:
        triples = [(cell.fault, cell.stage, cell.plan) for cell in cells]
        return {pair for triple in triples for pair in combinations(triple, 2)}

    assert pairs(list(pairwise_cells(transport))) == pairs(list(all_cells(transport)))


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_table_is_read_back_as_it_was_written(transport: str) -> None:
    expected = {cell: what for cell, what in read_matrix().items() if cell.transport == transport}
    assert set(expected) == set(all_cells(transport))
    assert parse_matrix(matrix_text(expected, transport), transport) == expected


def test_a_cell_that_ends_otherwise_or_breaks_a_rule_is_named() -> None:
    cell = Cell(next(iter(FAULTS)), "flash", next(iter(PLANS)))
    assert differences({cell: Ending("passed")}, {cell: "passed"}) == []
    (line,) = differences({cell: Ending("passed")}, {cell: "open, passed"})
    assert line == f"{cell}: passed; the table says: open, passed"
    (line,) = differences({cell: Ending("passed", ("would not boot",))}, {cell: "passed"})
    assert line == f"{cell}: would not boot"
