"""docs/reliability.md: the fault matrix, as tables that are both read by people and held against every run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fault_cells import PLANS, STAGES, TRANSPORTS, Cell, all_cells, faults_on

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
_RESULTS_BEGIN, _RESULTS_END = "<!-- results: begin -->", "<!-- results: end -->"
_SECOND = "; in the second step: "


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


def write_results(
    rows: Iterable[tuple[str, str, Mapping[str, Any]]], seed: int, commit: str, day: str, machine: str
) -> None:
    """Put what the proofs found between their marks: of each its name, its command and its last line."""
    lines = [
        f"Commit {commit}, seed {seed}, {day}, {machine}.",
        "",
        "| proof | command | kills | hubs or cells | lost | contradictory | unbootable | wrong | seconds |",
        "|---" * 9 + "|",
    ]
    for name, command, found in rows:
        numbers = [found.get(key, "") for key in ("lost", "contradictory", "unbootable", "wrong", "seconds")]
        about = [found.get("kills", ""), found.get("hubs", found.get("cells", "")), *numbers]
        lines.append(f"| {name} | `{command}` | " + " | ".join(map(str, about)) + " |")
    for name, _, found in rows:
        if "second_and_last_quarter" in found:
            sizes = "; ".join(
                f"{what} {then:g} and {now:g}"
                for what, (then, now) in found["second_and_last_quarter"].items()
            )
            lines += ["", f"{name}: the daemon's medians in the second and in the last quarter: {sizes}."]
        if "points" in found:
            points = ", ".join(f"{count} {point}" for point, count in found["points"].items())
            lines += ["", f"{name}: {points}."]
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
    rows = {}
    for line in text.strip().splitlines()[2:]:
        fault, *words = (part.strip() for part in line.strip("|").split("|"))
        rows[fault] = dict(zip(STAGES, words, strict=True))
    expected = {}
    for cell in all_cells(transport):
        first, _, second = rows[cell.fault][cell.stage].partition(_SECOND)
        expected[cell] = (second or first) if cell.plan == list(PLANS)[1] else first
    return expected
