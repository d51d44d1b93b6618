"""`reflash demo`: the whole way from work order to MQTT, with simulated rigs."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from station.cli.common import JsonOption, UsageError, WorkFailed, first_of, print_json, run_to_its_end
from station.demo.family import DemoFamily
from station.demo.transport import Transport
from station.demo.upstream_way import UpstreamWay
from station.domain.counted import counted
from station.places.settings import MAX_SLOTS

_MAX_JIGS = 16


def demo(
    jigs: Annotated[int, typer.Option(min=1, max=_MAX_JIGS, help="Simulated multi-jigs.")] = 3,
    slots: Annotated[int, typer.Option(min=1, max=MAX_SLOTS, help="Slots of each.")] = MAX_SLOTS,
    hubs: Annotated[
        int | None, typer.Option(min=1, help="Hubs of the order; one a slot unless given.", show_default="24")
    ] = None,
    faults: Annotated[str, typer.Option(help="none, realistic, or a file of faults.")] = "none",
    mix_ups: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="How often a technician takes another hub for the one that is meant."
        ),
    ] = 0.05,
    transport: Annotated[
        Transport, typer.Option(help="What the jigs are connected by; mixed: every second one by USB.")
    ] = Transport.SERIAL,
    broker: Annotated[
        str | None, typer.Option(help="mqtt://HOST:PORT of a running broker; one is started unless given.")
    ] = None,
    upstream: Annotated[
        UpstreamWay | None,
        typer.Option(help="From a party's request to the simulated inventory, told by n3 or by ssmi."),
    ] = None,
    family: Annotated[
        DemoFamily, typer.Option(help="What is on the jigs; mixed: bridges on every second one.")
    ] = DemoFamily.HUB,
    folder: Annotated[
        Path | None, typer.Option("--dir", help="Keep everything here; a temporary folder unless given.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides the hubs and their faults.")] = 7,
    serve: Annotated[
        bool,
        typer.Option(
            "--serve", help="Show it in a browser, too, and keep the bench at its end until Ctrl+C."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Flash and pack simulated hubs, from work order to MQTT. Keys, firmware and hubs are made for the occasion.

    Example: reflash demo --jigs 1 --hubs 16
    """
    if upstream is not None and importlib.util.find_spec("sqlalchemy") is None:
        raise UsageError(
            "--upstream needs the inventory's packages: pip install 'reflash-station[inventory]'"
        )
    if transport is Transport.MIXED and jigs == 1:
        raise UsageError("--transport mixed puts every second jig on USB: give two --jigs or more")
    count = jigs * slots if hubs is None else hubs
    if upstream is not None and family is not DemoFamily.HUB:
        raise UsageError("--upstream is for hubs: bridges are in no inventory that it tells")
    if family is DemoFamily.MIXED and jigs == 1:
        raise UsageError("--family mixed puts bridges on every second jig: give two --jigs or more")
    if sum(family.has_bridges(index % (jigs * slots) // slots + 1) for index in range(count)) == 1:
        raise UsageError("one bridge is no set, which has two or three: give more --hubs or --slots")
    from station.demo.broker import NoBroker, parse_address  # noqa: PLC0415 - no other command needs it
    from station.demo.demonstration import DemoRequest, run_demonstration  # noqa: PLC0415 - the same
    from station.demo.rigs import RigError, check_faults  # noqa: PLC0415 - the same
    from station.demo.screen import NoScreen  # noqa: PLC0415 - the same
    from station.demo.upstream import UpstreamError  # noqa: PLC0415 - the same

    try:
        address = parse_address(broker) if broker is not None else None
        check_faults(faults)
    except (NoBroker, RigError) as error:
        raise UsageError(str(error)) from error
    if folder is not None:
        _make_empty(folder)
    console = _UnheardConsole(stderr=as_json)
    tell = print_json if as_json else partial(_print_summary, family=family)
    with tempfile.TemporaryDirectory(prefix="reflash-") as temporary:
        request = DemoRequest(
            jigs=jigs,
            slots=slots,
            hubs=count,
            seed=seed,
            faults=faults,
            mix_ups=mix_ups,
            transport=transport,
            broker=address,
            upstream=upstream,
            family=family,
            folder=(folder or Path(temporary)).resolve(),
            serve=serve,
        )
        try:
            summary = run_to_its_end(run_demonstration(request, console, tell))
        except* (NoBroker, NoScreen, RigError, UpstreamError) as group:
            raise WorkFailed(str(first_of(group))) from None
    if not serve:
        tell(summary)
    if summary["published"] < summary["hubs"]:
        raise WorkFailed(f"not every {family.device} has a result at the broker")
    if summary["contradicted"]:
        raise WorkFailed(f"{family.device}s that passed do not hold what their results say")
    if summary["misplaced"]:
        raise WorkFailed(
            f"{family.device}s lie where they do not belong, or where the station does not know them to be"
        )
    if summary.get("smi_mismatches"):
        raise WorkFailed("hubs say something else than the inventory holds of them")


def _print_summary(summary: Mapping[str, Any], family: DemoFamily) -> None:
    counts = {name: count for name, count in summary.items() if name not in {"hubs", "seconds"}}
    parts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
    typer.echo(f"{counted(summary['hubs'], family.device)} in {summary['seconds']} s: {parts}")


class _UnheardConsole(Console):
    """A console that goes on in silence when nobody reads it any more; rich's own ends the task that prints."""

    def on_broken_pipe(self) -> None:
        self.quiet = True


def _make_empty(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        taken = any(folder.iterdir())
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be used: {error.strerror}; name a new folder with --dir"
        ) from error
    if taken:
        raise UsageError(f"{folder} is not empty; name a new folder with --dir")
