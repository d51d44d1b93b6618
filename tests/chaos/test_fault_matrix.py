"""The fault matrix: every fault at every stage ends as docs/reliability.md says, the plans by turns."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest
from fault_cells import FAULTS, PLANS, STAGES, Cell, Ending, all_cells, pairwise_cells
from reliability_page import matrix_text, parse_matrix, read_matrix
from run_matrix import differences, run_cells

from simulators.faults import FaultName, parse_fault


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_every_fault_at_every_stage_ends_as_the_manual_says(tmp_path: Path) -> None:
    endings = asyncio.run(run_cells(tmp_path, pairwise_cells()))
    assert len(endings) == len(FAULTS) * len(STAGES)
    assert differences(endings, read_matrix()) == []


def test_the_rows_are_all_faults_that_the_simulator_knows() -> None:
    named = Counter(parse_fault(dict(fault), row).name for row, fault in FAULTS.items())
    assert set(named) == set(FaultName)


def test_each_pair_of_fault_stage_and_plan_is_in_the_short_run() -> None:
    def pairs(cells: list[Cell]) -> set[tuple[str, str]]:
        triples = [(cell.fault, cell.stage, cell.plan) for cell in cells]
        return {pair for triple in triples for pair in combinations(triple, 2)}

    assert pairs(list(pairwise_cells())) == pairs(list(all_cells()))


def test_the_table_is_read_back_as_it_was_written() -> None:
    expected = read_matrix()
    assert set(expected) == set(all_cells())
    assert parse_matrix(matrix_text(expected)) == expected


def test_a_cell_that_ends_otherwise_or_breaks_a_rule_is_named() -> None:
    cell = Cell(next(iter(FAULTS)), "flash", next(iter(PLANS)))
    assert differences({cell: Ending("passed")}, {cell: "passed"}) == []
    (line,) = differences({cell: Ending("passed")}, {cell: "open, passed"})
    assert line == f"{cell}: passed; the table says: open, passed"
    (line,) = differences({cell: Ending("passed", ("would not boot",))}, {cell: "passed"})
    assert line == f"{cell}: would not boot"
