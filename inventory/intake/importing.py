"""Imports a station's journal export: checked whole before any of it is taken."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from inventory.errors import WrongInput
from inventory.intake.event import StationEvent
from inventory.intake.intake import Intake
from inventory.intake.journal_export import MAX_LINE, results_of
from inventory.intake.store import AT_ONCE


class Imported(NamedTuple):
    """What an export held."""

    source: str
    new: int
    known: int
    contradictions: int


def import_export(path: Path, intake: Intake, by: str) -> Imported:
    """Take in the results of the export that never came, in somebody's name; what came before stays.

    Raises WrongInput for a file that is no whole journal of a configured station, BrokenExport for one that was changed,
    and DatabaseUnavailable: what was taken in until then stays, and the same again takes in the rest.
    """
    source = None
    for event in _results(path):
        source = event.source
    if source is None:
        raise WrongInput(f"{path} holds no result")
    if source not in intake.stations:
        raise WrongInput(f"{path} is the journal of {source}, which is no station of the configuration")
    new = known = contradictions = 0
    results = _results(path)
    while batch := list(islice(results, AT_ONCE)):
        taken = intake.take(batch, f"export, by {by}")
        new += taken.new
        contradicting = sum(each.what == "contradicting_message" for each in taken.found)
        contradictions += len(taken.found)
        known += taken.known - contradicting
    return Imported(source, new, known, contradictions)


def _results(path: Path) -> Iterator[StationEvent]:
    with path.open("rb") as file:
        yield from results_of(iter(lambda: file.readline(MAX_LINE + 1), b""))
