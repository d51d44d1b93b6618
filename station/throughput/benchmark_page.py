"""A benchmark as one page, for whoever answers for the rigs."""

from __future__ import annotations

from station.throughput.benchmark import Benchmark, Phase, Run
from station.throughput.markup import Page
from station.throughput.plots import Bar, rows


def benchmark_page(found: Benchmark, *, when: str) -> str:
    """Return the page as HTML."""
    verdicts = found.verdicts()
    bad = [verdict for verdict in verdicts if not verdict.good]
    page = Page("Benchmark of the rigs", when)
    tiles = [(f"{len(verdicts) - len(bad)} of {len(verdicts)}", "slots are good")]
    tiles += [
        (f"{100 * share:.1f}%", f"of the line, {phase}")
        for phase in found.loads
        if (share := found.share(phase)) is not None
    ]
    if found.together is not None:
        tiles.append((f"{found.together:.3f}", "times as long all together as alone"))
    page.tiles(tiles)
    if bad:
        page.text("h2", "Look at these slots")
        page.points(f"{verdict.place}: {line}" for verdict in bad for line in verdict.lines)
    for phase in found.loads:
        if runs := found.of(phase):
            page.text("h2", _HEADINGS[phase])
            page.plot(
                rows(
                    "Written",
                    [Bar(str(run.place), (run.bytes_a_second or 0) / 1024) for run in runs],
                    axis="KiB/s",
                )
            )
            page.table(_COLUMNS, map(_row, runs))
    page.text("h2", "This computer")
    page.table(
        ("", "seconds", "this program, of a core", "busy", "event loop, 99% within, ms"),
        (
            (
                name,
                f"{load.seconds:.1f}",
                f"{100 * load.process_cpu:.0f}%",
                f"{100 * load.host_cpu:.0f}%",
                f"{load.lag_p99_ms:.1f}",
            )
            for name, load in (("idle", found.idle), *found.loads.items())
        ),
    )
    return page.html()


_HEADINGS = {Phase.ALONE: "Each slot alone", Phase.JIG: "Each jig together", Phase.ALL: "All jigs together"}
_COLUMNS = ("slot", "KiB/s", "of the line", "frames again", "retries", "write, s", "erase, s", "boot, s")


def _row(run: Run) -> tuple[object, ...]:
    return (
        str(run.place),
        _number((run.bytes_a_second or 0) / 1024),
        "-" if run.share is None else f"{100 * run.share:.1f}%",
        f"{100 * run.again_share:.1f}%" if run.frames else "-",
        run.retries,
        _number(run.write_seconds),
        _number(run.erase_seconds),
        _number(run.boot_seconds),
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
