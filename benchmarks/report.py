"""Rows of figures, as a table for people and as JSON for programs."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from benchmarks.targets import Target, missed

Figures = dict[str, Any]
"""One row: its kind under `row`, its whole workload, what was measured, and whether that is `valid`."""

_ABOUT: Final = """\
# Performance

Made by `python -m benchmarks all`; the same figures and more stand in `performance.json`. One process drives all
slots; the simulated rigs run in processes of their own, one a jig, on the same machine. An absolute figure says
little on another machine, so each stands beside a control of the same run.

- *Share of the ceiling*: image bytes a second and slot, the slowest slot's, of what its line could carry if it
  never rested: a chunk that fills the hub's buffer, by the bytes that it occupies on the wire.
- *Line busy*: share of its time that the busiest line carried bytes, to the hub and to the host. Above 1.00 the
  simulated line cheated, and the row is void. It is void, too, when a simulator used more than 90% of a core.
- *Peer*: smpclient as it comes, right before, on the same rigs. It keeps one chunk under way.
- *Lag*: 99th percentile of how late the measured event loop ran what was due on a fixed grid; beside it that of an idle
  loop in another process at the same time.
- *Other CPU*: cores that everything else on the machine used meanwhile, the kernel's own workers included. Of
  several repeats the one with the least of it makes the row; where it is much, the row says little.
"""

_TITLES: Final = {
    "upload": "## Uploads\n\nOne image to each slot at once. Erasing takes no time here, since it comes once, before the "
    "first chunk, whatever the client does.",
    "stalled": "## A port whose peer stops reading\n\nThroughput of the 23 other slots, with and without it.",
    "board": "## Polling the jigs' I/O boards",
    "journal": "## The journal\n\n24 slots append at once. The control writes the same groups to a plain file and syncs it.",
    "station": "## Whole attempts\n\nThe daemon, from a hub's recognition to its durable result: 24 hubs together beside "
    "one alone.",
}

_UNITS: Final = {
    "share_of_ceiling": "share of the ceiling",
    "kib_s_a_slot": "KiB/s a slot",
    "cpu_s_per_mib": "CPU s a MiB",
    "loop_lag_p99_ms": "lag p99, ms",
    "idle_lag_p99_ms": "idle lag p99, ms",
    "peer_kib_s_a_slot": "peer KiB/s a slot",
    "peer_cpu_s_per_mib": "peer CPU s a MiB",
    "erase_ms_per_page": "erase, ms a page",
    "write_us_per_byte": "write, µs a byte",
}

_JSON_ONLY: Final = frozenset(
    {
        "row",
        "void_because",
        "share_of_each_repeat",
        "peer",
        "peer_loop_lag_p99_ms",
    }
)


def machine() -> Figures:
    """Describe what the figures were measured on."""
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "smpclient": version("smpclient"),
    }


def write_report(folder: Path, rows: Sequence[Figures]) -> None:
    """Write `performance.md` and `performance.json` into the folder."""
    judged = [(row, missed(row)) for row in rows]
    content = {"machine": machine(), "rows": [{**row, "misses": _words(misses)} for row, misses in judged]}
    (folder / "performance.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    (folder / "performance.md").write_text(_markdown(judged), encoding="utf-8")


def _markdown(judged: Sequence[tuple[Figures, list[Target]]]) -> str:
    about = machine()
    parts = [
        _ABOUT,
        f"Measured on {about['cores']} cores with Python {about['python']} and smpclient {about['smpclient']}.\n",
        _verdict(judged),
    ]
    for kind, title in _TITLES.items():
        rows = [row for row, _ in judged if row["row"] == kind]
        if rows:
            parts += [title, "", _table(rows) if len(rows) > 1 else _list(rows[0]), ""]
    return "\n".join(parts)


def _verdict(judged: Sequence[tuple[Figures, list[Target]]]) -> str:
    lines = [
        f"- {_name(row)}: {target}, measured {row[target.figure]}"
        for row, misses in judged
        for target in misses
    ]
    lines += [
        f"- {_name(row)}: void, {'; '.join(row['void_because'])}" for row, _ in judged if not row["valid"]
    ]
    if not lines:
        return "Every row is valid, and every target (`benchmarks/targets.py`) is reached.\n"
    return "\n".join(["Not reached, or void:\n", *lines, ""])


def _name(row: Figures) -> str:
    name = str(row["row"])
    if name == "upload":
        name += (
            f", {row['slots']} slots, {row['baud']} baud, window {row['window']}, {row['profile']} buffers"
        )
        name += f", {row['write_us_per_byte']} µs a byte written"
    if "other_cpu" in row:
        name += f" (other programs used {row['other_cpu']} cores)"
    return name


def _words(misses: Sequence[Target]) -> list[str]:
    return [str(target) for target in misses]


def _table(rows: Sequence[Figures]) -> str:
    names = [name for name in rows[0] if name not in _JSON_ONLY]
    lines = [
        " | ".join(_UNITS.get(name, name.replace("_", " ")) for name in names),
        " | ".join(["---"] * len(names)),
    ]
    lines += [" | ".join(_cell(row[name]) for name in names) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def _list(row: Figures) -> str:
    return "\n".join(
        f"- {_UNITS.get(name, name.replace('_', ' '))}: {_cell(value)}"
        for name, value in row.items()
        if name not in _JSON_ONLY
    )


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "**no**"
    if isinstance(value, dict):
        return " / ".join(str(part) for part in value.values())
    return str(value)
