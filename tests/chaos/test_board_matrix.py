"""The board matrix: every spoilt answer of a jig's board ends as docs/reliability.md says, moments and lengths by turns."""

from __future__ import annotations

import asyncio
from itertools import product
from pathlib import Path

import pytest
from board_cells import FAULTS, LENGTHS, MOMENTS, QUESTIONS, all_board_cells, sparse_board_cells
from reliability_page import board_matrix_text, parse_board_matrix, read_board_matrix
from run_matrix import differences, run_board_cells

from simulators.board_faults import BoardFault, Question

pytestmark = pytest.mark.proofs


@pytest.mark.timeout(600)
def test_every_spoilt_answer_of_a_board_ends_as_the_manual_says(tmp_path: Path) -> None:
    cells = list(sparse_board_cells())
    endings = asyncio.run(run_board_cells(tmp_path, cells))
    assert len(endings) == len(FAULTS) * len(QUESTIONS)
    assert differences(endings, read_board_matrix()) == []


def test_the_columns_are_what_a_station_asks_and_the_rows_what_a_board_can_spoil() -> None:
    assert set(QUESTIONS) == set(Question) - {Question.INSERTIONS}
    assert set(FAULTS) < set(BoardFault)


def test_the_short_run_meets_every_fault_at_every_moment_and_at_both_lengths() -> None:
    cells = list(sparse_board_cells())
    assert {(cell.fault, cell.question) for cell in cells} == set(product(FAULTS, QUESTIONS))
    assert {(cell.fault, cell.moment) for cell in cells} == set(product(FAULTS, MOMENTS))
    assert {(cell.moment, cell.length) for cell in cells} == set(product(MOMENTS, LENGTHS))
    assert set(cells) < set(all_board_cells())


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_table_is_read_back_as_it_was_written(moment: str) -> None:
    expected = {cell: what for cell, what in read_board_matrix().items() if cell.moment == moment}
    assert set(expected) == {cell for cell in all_board_cells() if cell.moment == moment}
    assert parse_board_matrix(board_matrix_text(expected, moment), moment) == expected
