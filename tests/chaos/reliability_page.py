"""docs/reliability.md: the fault matrix, as tables that are both read by people and held against every run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from board_cells import FAULTS as BOARD_FAULTS
from board_cells import LENGTHS, MOMENTS, QUESTIONS, BoardCell, all_board_cells
from chaos_books import KINDS
from fault_cells import PLANS, STAGES, TRANSPORTS, Cell, all_cells, faults_on

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
_RESULTS_BEGIN, _RESULTS_END = "<!-- results: begin -->", "<!-- results: end -->"
_SECOND = "; in the second step: "
_ON_AND_ON = "; on and on: "


def matrix_text(endings: Mapping[Cell, str], transport: str) -> str:
    """Write a transport's table: a row for each fault, a column for each stage."""
    lines = ["| fault | " + " | ".join(STAGES) + " |", "|---" * (len(STAGES) + 1) + "|"]
    for fault in faults_on(transport):
        texts = []
        for stage in STAGES:
            words = [
                endings[cell] for plan in PLANS if (cell := Cell(fault, stage, plan, transport)) in endings
            ]
            texts.append(words[0] if len(set(words)) == 1 else _SECOND.join(words))
        lines.append(f"| {fault} | " + " | ".join(texts) + " |")
    return "\n".join(lines)


def write_matrix(endings: Mapping[Cell, str]) -> None:
    """Put the tables of the transports that the endings are of between their marks."""
    for transport in {cell.transport for cell in endings}:
        _replace(*_marks(transport), matrix_text(endings, transport))


def board_matrix_text(endings: Mapping[BoardCell, str], moment: str) -> str:
    """Write a moment's table: a row for each fault, a column for each thing that a board is asked."""
    lines = ["| fault | " + " | ".join(QUESTIONS.values()) + " |", "|---" * (len(QUESTIONS) + 1) + "|"]
    for fault in BOARD_FAULTS:
        texts = []
        for question in QUESTIONS:
            words = [endings.get(BoardCell(fault, question, moment, length), "") for length in LENGTHS]
            texts.append(words[0] if len(set(words)) == 1 else _ON_AND_ON.join(words))
        lines.append(f"| {fault} | " + " | ".join(texts) + " |")
    return "\n".join(lines)


def write_board_matrix(endings: Mapping[BoardCell, str]) -> None:
    """Put the tables of all moments between their marks."""
    for moment in {cell.moment for cell in endings}:
        _replace(*_board_marks(moment), board_matrix_text(endings, moment))


def read_board_matrix() -> dict[BoardCell, str]:
    """Return what the page says of every cell of a board."""
    page = PAGE.read_text(encoding="utf-8")
    expected: dict[BoardCell, str] = {}
    for moment in MOMENTS:
        begin, end = _board_marks(moment)
        expected |= parse_board_matrix(page.partition(begin)[2].partition(end)[0], moment)
    return expected


def parse_board_matrix(text: str, moment: str) -> dict[BoardCell, str]:
    """Read a table that `board_matrix_text` wrote."""
    rows = _rows_of(text, tuple(QUESTIONS))
    expected = {}
    for cell in all_board_cells():
        if cell.moment == moment and cell.fault in rows:
            once, _, on_and_on = rows[cell.fault][cell.question].partition(_ON_AND_ON)
            expected[cell] = (on_and_on or once) if cell.length == "on and on" else once
    return expected


def _board_marks(moment: str) -> tuple[str, str]:
    return f"<!-- board matrix, {moment}: begin -->", f"<!-- board matrix, {moment}: end -->"


def write_results(
    rows: Iterable[tuple[str, str, Mapping[str, Any]]], seed: int, commit: str, day: str, machine: str
) -> None:
    """Put what the proofs found between their marks: of each its name, its command and its last line."""
    rows = tuple(rows)
    points = sum(found.get("points", 0) for _, _, found in rows)
    counts = ", ".join(
        f"{kind.replace('_', ' ')} {sum(found.get(kind, 0) for _, _, found in rows)}" for kind in KINDS
    )
    heads = ("points", "hubs or cells", *(kind.replace("_", " ") for kind in KINDS), "wrong", "seconds")
    lines = [
        f"Commit {commit}, seed {seed}, {day}, {machine}: {points:,} points; {counts}.",
        "",
        f"| proof | command | {' | '.join(heads)} |",
        "|---" * (len(heads) + 2) + "|",
    ]
    for name, command, found in rows:
        numbers = [found.get(key, "") for key in (*KINDS, "wrong", "seconds")]
        about = [found.get("points", ""), found.get("hubs", found.get("cells", "")), *numbers]
        lines.append(f"| {name} | `{command}` | " + " | ".join(map(str, about)) + " |")
    for name, _, found in rows:
        if "second_and_last_quarter" in found:
            sizes = "; ".join(
                f"{what} {then:g} and {now:g}"
                for what, (then, now) in found["second_and_last_quarter"].items()
            )
            lines += ["", f"{name}: the daemon's medians in the second and in the last quarter: {sizes}."]
        for key in ("deaths", "acts", "killed"):
            if key in found:
                said = ", ".join(f"{count} {what}" for what, count in found[key].items())
                lines += ["", f"{name}: {said}."]
    _replace(_RESULTS_BEGIN, _RESULTS_END, "\n".join(lines))


def _marks(transport: str) -> tuple[str, str]:
    return f"<!-- fault matrix, {transport}: begin -->", f"<!-- fault matrix, {transport}: end -->"


def _replace(begin: str, end: str, text: str) -> None:
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(begin)
    _, _, after = rest.partition(end)
    PAGE.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")


def read_matrix() -> dict[Cell, str]:
    """Return what the page says of every cell."""
    page = PAGE.read_text(encoding="utf-8")
    expected = {}
    for transport in TRANSPORTS:
        begin, end = _marks(transport)
        expected |= parse_matrix(page.partition(begin)[2].partition(end)[0], transport)
    return expected


def parse_matrix(text: str, transport: str) -> dict[Cell, str]:
    """Read a table that `matrix_text` wrote."""
    rows = _rows_of(text, STAGES)
    expected = {}
    for cell in all_cells(transport):
        first, _, second = rows[cell.fault][cell.stage].partition(_SECOND)
        expected[cell] = (second or first) if cell.plan == list(PLANS)[1] else first
    return expected


def _rows_of(text: str, columns: tuple[str, ...]) -> dict[str, dict[str, str]]:
    rows = {}
    for line in text.strip().splitlines()[2:]:
        fault, *words = (part.strip() for part in line.strip("|").split("|"))
        rows[fault] = dict(zip(columns, words, strict=True))
    return rows
