"""`reflash benchmark`: what each slot, each jig and the whole bench reach, measured with golden hubs."""

from __future__ import annotations

import asyncio
import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from firmware_catalog.files import replace_file
from station.benchmarking.course import measure
from station.benchmarking.slots import CannotMeasure, golden_bench
from station.cli.common import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    UsageError,
    WorkFailed,
    first_of,
    print_json,
    print_table,
    require_stations_user,
    run_to_its_end,
)
from station.domain.counted import counted
from station.domain.slot_name import SlotName
from station.places.settings import MAX_SLOTS
from station.settings import StationSettings
from station.settings_file import load_settings
from station.throughput.benchmark import Benchmark, Phase

_MOST_JIGS = 16


def benchmark(
    jig: Annotated[
        list[str] | None, typer.Option(help="A jig to measure; repeat. All of them unless given.")
    ] = None,
    phase: Annotated[
        list[Phase] | None,
        typer.Option(
            help="Slots alone, each jig together, all jigs together; repeat. All three unless given."
        ),
    ] = None,
    simulated: Annotated[
        bool, typer.Option("--simulated", help="Measure simulated rigs, made for the occasion, instead.")
    ] = False,
    jigs: Annotated[int, typer.Option(min=1, max=_MOST_JIGS, help="Simulated multi-jigs.")] = 3,
    slots: Annotated[int, typer.Option(min=1, max=MAX_SLOTS, help="Slots of each.")] = MAX_SLOTS,
    html: Annotated[Path | None, typer.Option(help="Write a page with plots, of one file.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Write to the golden hubs that sit in the slots, into their spare slots, and say how each slot fares; leave them as they were.

    Each slot needs an enrolled golden hub (reflash golden), each jig has no order, and the station does not run meanwhile. A slot
    alone takes as long as a hub's write, its erases and a boot, so that 24 of them take a while. At Ctrl+C what is being measured
    is let end, so that no hub is left otherwise; what was measured is shown.

    Example: reflash benchmark --config station.toml --jig jig1 --html benchmark.html
    """
    if simulated and jig:
        raise UsageError("--jig names jigs of the station; with --simulated say how many: --jigs 3 --slots 8")
    ending = Ending()
    with tempfile.TemporaryDirectory(prefix="reflash-") as folder:
        phases = phase or list(Phase)
        if simulated:
            measured = _measured_on_simulated(Path(folder), jigs, slots, phases, ending, quiet=as_json)
        else:
            settings = load_settings(config)
            require_stations_user(settings)
            measured = _measured(with_jigs(settings, jig or []), phases, ending, quiet=as_json)
        try:
            found = run_to_its_end(measured)
        except* CannotMeasure as group:
            raise WorkFailed(str(first_of(group))) from None
    if html is not None:
        _write_page(html, found)
    if as_json:
        print_json(as_json_of(found))
    else:
        _print(found)
    if ending.asked_by is not None:
        typer.echo(f"reflash: broken off; {_left(found)}", err=True)
        raise typer.Exit(128 + ending.asked_by)
    if bad := [verdict for verdict in found.verdicts() if not verdict.good]:
        raise WorkFailed(f"{len(bad)} of {len(found.verdicts())} slots are to be looked at")


def with_jigs(settings: StationSettings, names: Sequence[str]) -> StationSettings:
    """Return the settings with these jigs alone. Raises UsageError."""
    known = {jig.name: jig for jig in settings.jigs}
    if strangers := [name for name in names if name not in known]:
        raise UsageError(f"there is no jig {strangers[0]} in the configuration; there are {', '.join(known)}")
    if not names:
        return settings
    return settings.model_copy(update={"jigs": tuple(jig for jig in settings.jigs if jig.name in names)})


class Ending:
    """Somebody may not want to wait for the end."""

    def __init__(self) -> None:
        self.asked_by: signal.Signals | None = None

    def goes_on(self) -> bool:
        """Whether nobody asked to end."""
        return self.asked_by is None

    @contextmanager
    def heeded(self) -> Iterator[None]:
        """Take Ctrl+C and SIGTERM for a wish while inside. At the second everything is cancelled."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._ask, number)
        try:
            yield
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)

    def _ask(self, number: signal.Signals) -> None:
        if self.asked_by is not None:
            typer.echo(
                "reflash: ended at once: what was written stays in spare slots until the next golden check of these hubs, "
                "in any slot, erases it first",
                err=True,
            )
            raise KeyboardInterrupt
        self.asked_by = number
        typer.echo(
            "reflash: ends once what is being measured is done, so that golden hubs are left as they were; Ctrl+C again: at once",
            err=True,
        )


_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def _left(found: Benchmark) -> str:
    """Say how golden hubs were left."""
    doubtful = sorted({str(run.place) for run in found.runs if not run.as_it_was})
    if not doubtful:
        return "golden hubs are as they were"
    return f"not known to be as they were: the golden hubs in {', '.join(doubtful)}; have them checked again"


async def _measured(
    settings: StationSettings, phases: Sequence[Phase], ending: Ending, *, quiet: bool
) -> Benchmark:
    def tell(line: str) -> None:
        if not quiet:
            typer.echo(line, err=True)

    async with golden_bench(settings) as bench:
        if not bench.slots:
            place, why = next(iter(bench.left_out.items()))
            more = len(bench.left_out) - 1
            others = f" ({counted(more, 'other slot')}: likewise, or for another reason)" if more else ""
            raise CannotMeasure(f"no slot can be measured: {place}: {why}{others}")
        for place, why in bench.left_out.items():
            tell(f"{place} is left out: {why}")
        in_order = [phase for phase in Phase if phase in phases]
        with ending.heeded():
            return await measure(bench, in_order, tell, ending.goes_on)


async def _measured_on_simulated(
    folder: Path, jigs: int, slots: int, phases: Sequence[Phase], ending: Ending, *, quiet: bool
) -> Benchmark:
    from station.demo.golden_rigs import golden_rigs  # noqa: PLC0415 - no other command needs it

    async with golden_rigs(folder, jigs=jigs, slots=slots, seed=7) as settings:
        return await _measured(settings, phases, ending, quiet=quiet)


def _write_page(path: Path, found: Benchmark) -> None:
    from station.throughput.benchmark_page import benchmark_page  # noqa: PLC0415 - what draws is not for every command

    when = f"{datetime.now().astimezone():%Y-%m-%d %H:%M %Z}"
    try:
        replace_file(path, benchmark_page(found, when=when).encode())
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; name a file that can be written") from error


def as_json_of(found: Benchmark) -> dict[str, Any]:
    """Return everything that was measured, for a script."""
    return {
        "slots": [
            {
                "jig": verdict.place.jig,
                "slot": verdict.place.slot,
                "good": verdict.good,
                "verdict": verdict.lines,
                "phases": {phase.value: _run(found, phase, verdict.place) for phase in Phase},
            }
            for verdict in found.verdicts()
        ],
        "share_of_ceiling": {phase.value: _rounded(found.share(phase)) for phase in found.loads},
        "together": _rounded(found.together),
        "loads": {
            name: {key: _rounded(value) for key, value in asdict(load).items()}
            for name, load in (
                ("idle", found.idle),
                *((each.value, load) for each, load in found.loads.items()),
            )
        },
    }


def _run(found: Benchmark, phase: Phase, place: SlotName) -> dict[str, Any] | None:
    run = next((run for run in found.runs if (run.phase, run.place) == (phase, place)), None)
    if run is None:
        return None
    values = {name: _rounded(value) for name, value in asdict(run).items() if name not in {"place", "phase"}}
    return {**values, "share": _rounded(run.share), "again_share": _rounded(run.again_share)}


def _rounded(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value


def _print(found: Benchmark) -> None:
    rows = [
        {
            "slot": str(run.place),
            "phase": run.phase.value,
            "KiB/s": _text(run.bytes_a_second, 1024),
            "line": "-" if run.share is None else f"{100 * run.share:.1f}%",
            "again": f"{100 * run.again_share:.1f}%" if run.frames else "-",
            "retries": run.retries,
            "write, s": _text(run.write_seconds),
            "erase, s": _text(run.erase_seconds),
            "boot, s": _text(run.boot_seconds),
        }
        for run in found.runs
    ]
    if rows:
        print_table(list(rows[0]), rows)
        typer.echo()
    for name, load in (("idle", found.idle), *((phase.value, load) for phase, load in found.loads.items())):
        typer.echo(
            f"{name:<6} {load.seconds:7.1f} s; this program {100 * load.process_cpu:.0f}% of a core, the computer "
            f"{100 * load.host_cpu:.0f}% busy, event loop 99% within {load.lag_p99_ms:.1f} ms"
        )
    if found.together is not None:
        typer.echo(f"all together take {found.together:.3f} times as long as the slowest alone")
    typer.echo()
    for verdict in found.verdicts():
        for line in verdict.lines:
            typer.echo(f"{'' if verdict.good else 'LOOK':<8}{verdict.place}: {line}")


def _text(value: float | None, by: float = 1) -> str:
    return "-" if value is None else f"{value / by:.1f}"
