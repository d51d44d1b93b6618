"""docs/reliability.md: the fault matrix as a table that is both read by people and held against every run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fault_cells import FAULTS, PLANS, STAGES, Cell, all_cells

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
_BEGIN, _END = "<!-- fault matrix: begin -->", "<!-- fault matrix: end -->"
_SECOND = "; in the second step: "


def matrix_text(endings: Mapping[Cell, str]) -> str:
    """Write the table: a row for each fault, a column for each stage."""
    lines = ["| fault | " + " | ".join(STAGES) + " |", "|---" * (len(STAGES) + 1) + "|"]
    for fault in FAULTS:
        texts = []
        for stage in STAGES:
            words = [endings[cell] for plan in PLANS if (cell := Cell(fault, stage, plan)) in endings]
            texts.append(words[0] if len(set(words)) == 1 else _SECOND.join(words))
        lines.append(f"| {fault} | " + " | ".join(texts) + " |")
    return "\n".join(lines)


def write_matrix(endings: Mapping[Cell, str]) -> None:
    """Put the table between its marks."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(_BEGIN)
    _, _, after = rest.partition(_END)
    PAGE.write_text(f"{before}{_BEGIN}\n\n{matrix_text(endings)}\n\n{_END}{after}", encoding="utf-8")


def read_matrix() -> dict[Cell, str]:
    """Read what every cell is expected to be."""
    text = PAGE.read_text(encoding="utf-8").partition(_BEGIN)[2].partition(_END)[0]
    rows = {}
    for line in text.strip().splitlines()[2:]:
        fault, *words = (part.strip() for part in line.strip("|").split("|"))
        rows[fault] = dict(zip(STAGES, words, strict=True))
    expected = {}
    for cell in all_cells():
        first, _, second = rows[cell.fault][cell.stage].partition(_SECOND)
        expected[cell] = (second or first) if cell.plan == list(PLANS)[1] else first
    return expected
