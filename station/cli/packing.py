"""How hubs are brought to places and cartons from a terminal or a scanner that types: by whoever may scan."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from string import hexdigits
from typing import Annotated, Any

import typer

from station.bench.labels import Badge, Scan, ScanUnreadable, SignOffCode, kind_of, read_scan
from station.cli.asking import Asker, ask_running, ask_station, asker
from station.cli.common import UsageError, WorkFailed, print_json
from station.control.client import ControlError
from station.desk.bench_requests import Status
from station.desk.hub_story import SIX
from station.desk.packing_requests import PackHub, PutHub
from station.desk.refusals import Refused
from station.desk.request import Answer, Command
from station.domain.counted import counted
from station.domain.destination import Destination
from station.domain.label import ScannedLabel
from station.packing.codes import Package, PackageCode

Where = PackageCode | Destination
Ask = Callable[[Command[Any]], Answer]

LabelsArgument = Annotated[
    str | None, typer.Argument(help="The hub's label; lines of standard input unless given.")
]


def asking(config: Path, desk: Path | None, by: str | None = None) -> Ask:
    """Return how to ask: by the configuration or, for who may not read that, at the socket for looking and scanning."""
    found = asker(config, desk, by)
    return lambda request: ask_station(found, request)


def bring(asker: Asker, where: Where, hub: str | None, *, as_json: bool) -> None:
    """Put one hub there, or those whose labels are lines of standard input.

    There, another carton or place may be named, and a badge says whose the scans after it are, until `sign off`.
    """
    if hub is not None:
        if is_last_digits(hub):
            raise UsageError(
                f"{hub.strip()} are the last digits of an id: for a label that cannot be read a supervisor gives them, with "
                f"a reason (reflash hubs put {where} {hub.strip()} --reason ...)"
            )
        tell(ask_station(asker, _put(where, scanned_label(hub))), as_json=as_json)
        return
    refused = 0
    for line in filter(str.strip, sys.stdin):
        try:
            asker, where = _take(asker, where, line, as_json=as_json)
        except (UsageError, Refused, ControlError) as refusal:
            refused += 1
            typer.echo(f"reflash: {refusal}", err=True)
    if refused:
        raise WorkFailed(f"{counted(refused, 'scan')} refused")


def _take(asker: Asker, where: Where, line: str, *, as_json: bool) -> tuple[Asker, Where]:
    """Take one line of a scanner, and return who scans the next hub, and where it goes."""
    scan = scanned(line, asker.at.badge_prefix)
    match scan:
        case ScannedLabel():
            tell(ask_station(asker, _put(where, scan)), as_json=as_json)
            return asker, where
        case Badge():
            theirs = replace(asker, proof=scan)
            ask_running(theirs, Status())  # refused now and not at the next hub, where it is nobody's
            typer.echo("scans are theirs from here on", err=as_json)
            return theirs, where
        case SignOffCode():
            typer.echo("scans are nobody's own from here on", err=as_json)
            return replace(asker, proof=None), where
        case PackageCode(package=Package.CARTON) | Destination():
            typer.echo(f"{scan}: scan what goes there", err=as_json)
            return asker, scan
        case _:
            raise UsageError(f"{kind_of(scan)}; here labels are scanned, and the codes of cartons and places")


def tell(answer: Answer, *, as_json: bool) -> None:
    """Print what was done."""
    if as_json:
        print_json(answer.model_dump(mode="json"))
    else:
        typer.echo(getattr(answer, "line", "done"))


def scanned_label(text: str) -> ScannedLabel:
    """Read a hub's label. Raises UsageError, which tells another code as what it is."""
    scan = scanned(text)
    if not isinstance(scan, ScannedLabel):
        raise UsageError(f"{kind_of(scan)}, not a label; scan what is to be put there")
    return scan


def is_last_digits(hub: str) -> bool:
    """Whether it is no label, but the last six digits of an id."""
    digits = hub.strip()
    return len(digits) == SIX and all(each in hexdigits for each in digits)


def scanned(text: str, badge_prefix: str | None = None) -> Scan:
    """Read a scan. Raises UsageError."""
    try:
        return read_scan(text, badge_prefix=badge_prefix)
    except ScanUnreadable as error:
        raise UsageError(str(error)) from error


def _put(where: Where, label: ScannedLabel) -> Command[Any]:
    if isinstance(where, PackageCode):
        return PackHub(id=label.device_id, role=label.role, carton=str(where))
    return PutHub(id=label.device_id, role=label.role, place=where)
