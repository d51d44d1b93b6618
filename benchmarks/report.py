"""Rows of figures, as a table for people and as JSON for programs."""

from __future__ import annotations

import json
import os
import platform
from collections import defaultdict
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
- *Share of the line*: the same of all bytes that the line could carry. Console framing takes 0.708 of it at most with buffers of 1024
  bytes, raw framing 0.975.
- *Line busy*: share of its time that the busiest line carried bytes, to the hub and to the host. Above 1.00 the
  simulated line cheated, and the row is void. It is void, too, when a simulator used more than 90% of a core.
- *Peer*: smpclient as it comes, right before, on the same rigs. It keeps one chunk under way. On USB pydfuutil,
  without its progress bar, through the same backend and with a thread a hub as well.
- *CPU s a MiB*: processor time of the client's own process, from its first byte to the last slot's end: without its start, and without
  the simulators. The station's has in it who the hub is and what it holds, asked before and after, as in production; smpclient asks neither.
- *Lag*: 99th percentile of how late the measured event loop ran what was due on a fixed grid; beside it that of an idle
  loop in another process at the same time.
- *Other CPU*: cores that everything else on the machine used meanwhile, the kernel's own workers included. Of
  several repeats the one with the least of it makes the row; where it is much, the row says little.
"""

_USB: Final = """\
## Downloads to USB hubs

One image to each hub at once, by DFU over USB/IP. The limit is a model (`benchmarks/usb_bus.py`), because endpoint 0
carries one request after the other and nothing of it overlaps. Each hub has a full-speed bus (12 Mbit/s) to itself;
a control transfer with *n* bytes of data takes the time of 32 + 13 ⌈*n* / 64⌉ + *n* bytes on it: setup, data and
status stage (USB 2.0, 5.5.4 and 5.8.4). Bit stuffing, the host controller's scheduling and other devices are left out.

| for each block | takes |
|---|---|
| DFU_DNLOAD | a transfer of the block's bytes |
| DFU_GETSTATUS | a transfer of 6 bytes; the hub is busy and states its bwPollTimeout |
| bwPollTimeout | the flash's time for the block, rounded up to a millisecond: pages that the block is the first to enter are erased (one more, the slot's last, with the first block), then its bytes are written |
| DFU_GETSTATUS | a transfer of 6 bytes; the hub is ready for the next |

At the end come a DFU_DNLOAD without data and a DFU_GETSTATUS. Manifestation takes no time here, since pydfuutil waits
a second more than a hub asks for it.

- *Share of the limit*: the slowest hub's, from the driver's first question to its last. Above 1.00 the simulated bus
  cheated, and the row is void.
- *Bus busy*: share of the time in which a hub's bus carried something.
- *Cores at the limit*: processor seconds of client and simulators together for each second of the limit. Where it
  comes near the machine's cores, the simulators' own share of the machine is what keeps the limit out of reach.
"""

_TITLES: Final = {
    "upload": "## Uploads\n\nOne image to each slot at once. Erasing takes no time here, since it comes once, before the "
    "first chunk, whatever the client does.",
    "lossy": "## Uploads over a line with errors\n\nThe price of raw framing beside console framing: nothing in it finds a wrong bit but the "
    "image's hash, and after a lost byte the hub's input timeout has to pass.",
    "usb": _USB,
    "usb_return": "## USB hubs that go and come back\n\nWhat the driver adds to a hub's time off the bus (the simulator's "
    "account of it), from the order to the hub's answer to who it is; the slowest hub's. *Detach* is the way to DFU mode, "
    "*return* the reset and the boot that end it. USB/IP tells of no change, so a hub that is back is noticed up to 50 ms late.",
    "stalled": "## A port whose peer stops reading\n\nThroughput of the 23 other slots, with and without it.",
    "board": "## Polling the jigs' I/O boards",
    "journal": "## The journal\n\n24 slots append at once. The control writes the same groups to a plain file and syncs it.",
    "desk": "## People at the desk\n\nScans that pack, each journalled before it is answered, while 24 slots append; another process "
    "reconciles the order and finds hubs meanwhile. The controls are the slots' own appends of the same moments, and the "
    "loop's lag in rounds without people.",
    "screen": "## The screen\n\nFrom a fact's commit to the frame that shows it in three browsers, while each of 24 slots changes once a "
    "second; by turns beside 47 more streams, ten of which never read. What its process costs, and how long it answers "
    "nobody while a page is opened.",
    "station": "## Whole attempts\n\nThe daemon, from a hub's recognition to its durable result: 24 hubs together beside "
    "one alone.",
}

_LIMITS: Final = {
    (
        "upload",
        "cpu_ratio_to_peer",
    ): "an answer costs its wake-up more than its work, so ports in the middle of their uploads are read together (some 0.1 wake-ups a chunk "
    "with 24 slots), and a tenth of a chunk's calls went twice (`make guard`); of what is left a quarter is one read, one write and waiting "
    "(`python -m benchmarks profile`), and nothing else has more than a fifteenth. Each hub is also asked four questions around its image (raw "
    "framing: twice each), which smpclient does not ask, and over raw framing smpclient has no base64 to make: a chunk costs it a third to two "
    "fifths less there, and this driver a quarter",
    (
        "upload",
        "ratio_to_peer",
    ): "the station fills its line (share of the ceiling), so that this says how near to it the peer comes with one chunk under way: the "
    "nearer the less else runs on the machine",
    (
        "usb",
        "share_of_limit",
    ): "endpoint 0 carries one request after the other, so that hub and host wait for each other at each block, and the simulated hubs, the "
    "bus between and the station share this machine's cores (`cores at the limit`): with larger blocks, or a flash that has to erase, "
    "24 hubs reach it",
    (
        "station",
        "ratio_to_alone",
    ): "24 hubs begin in the same instant and go on in step, so each question, signature and durable row of one waits for those of the "
    "others: some 0.1 s of one core until the first chunk, and as much after the boot, beside the rigs' own work for each answer. "
    "No stage by itself is longer: erase, wire and boot are as with one hub",
    (
        "station",
        "seconds_beyond",
    ): "of it some 0.2 s are, also of one hub alone, questions before and after each act and durable rows between them; the rest is "
    "that 24 hubs go in step, each waiting for the others' questions and rows",
}
"""What keeps a figure from its target, as far as it was looked into."""

_UNITS: Final = {
    "share_of_limit": "share of the limit",
    "cores_at_limit": "cores at the limit",
    "share_of_ceiling": "share of the ceiling",
    "share_of_line": "share of the line",
    "bit_errors": "wrong bits a byte",
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
        "detach_cost_ms_of_each_repeat",
        "return_cost_ms_of_each_repeat",
    }
)


def machine() -> Figures:
    """Describe what the figures were measured on."""
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "smpclient": version("smpclient"),
        "pydfuutil": version("pydfuutil"),
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
        f"Measured on {about['cores']} cores with {_versions(about)}.\n",
        _verdict(judged),
    ]
    for kind, title in _TITLES.items():
        rows = [row for row, _ in judged if row["row"] == kind]
        if rows:
            parts += [title, "", _table(rows) if len(rows) > 1 else _list(rows[0]), ""]
    return "\n".join(parts)


def _versions(about: Figures) -> str:
    return f"Python {about['python']}, smpclient {about['smpclient']} and pydfuutil {about['pydfuutil']}"


def _verdict(judged: Sequence[tuple[Figures, list[Target]]]) -> str:
    by_figure: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for row, misses in judged:
        for target in misses:
            line = f"  - {_name(row)}: {target}, measured {row[target.figure]}"
            by_figure[row["row"], target.figure].append(line)
    lines: list[str] = []
    for (kind, figure), missing in by_figure.items():
        limit = _LIMITS.get((kind, figure), "not looked into")
        lines += [f"- {kind}, {_UNITS.get(figure, figure)}: {limit}.", *missing]
    lines += [
        f"- {_name(row)}: void, {'; '.join(row['void_because'])}" for row, _ in judged if not row["valid"]
    ]
    if not lines:
        return "Every row is valid, and every target (`benchmarks/targets.py`) is reached.\n"
    return "\n".join(["Not reached, or void:\n", *lines, ""])


def _name(row: Figures) -> str:
    name = str(row["row"])
    match name:
        case "upload" | "lossy":
            name += f", {row['framing']}, {row['slots']} slots, {row['baud']} baud, window {row['window']}, {row['profile']} buffers"
            name += f", {row['write_us_per_byte']} µs a byte written"
        case "usb":
            name += f", {row['devices']} devices, blocks of {row['transfer_size']}"
            name += f", {row['erase_ms_per_page']} ms a page erased"
        case "usb_return":
            name += f", {row['devices']} devices"
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
