"""`reflash doctor`: what is wrong with the bench, and what to do about it."""

from __future__ import annotations

from collections import Counter

import typer

from station.cli.common import DEFAULT_CONFIG, ConfigOption, JsonOption, print_json, run_to_its_end
from station.descriptors import raise_limit
from station.domain.counted import counted
from station.settings_file import load_settings
from station.support.stations_user import as_owner_of


def doctor(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Check every port, hub, board, the broker, unlock key, catalogue, disk, clock and the installation.

    Exits 1 if there is a fault. A running daemon is not disturbed: what it says of its ports is taken. Root looks as the
    station's user.

    Example: reflash doctor --config /etc/reflash/station.toml
    """
    from station.doctor.examination import examine  # noqa: PLC0415 - the other commands need none of it
    from station.doctor.report import Verdict  # noqa: PLC0415

    settings = load_settings(config)
    raise_limit()  # as the daemon does
    # What root may do says nothing of what the station may, and what root makes the station could not use.
    with as_owner_of(settings.state_directory):
        findings = run_to_its_end(examine(settings))
    counts = Counter(finding.verdict for finding in findings)
    if as_json:
        print_json(
            {
                "findings": [finding.as_json() for finding in findings],
                "faults": counts[Verdict.FAULT],
                "warnings": counts[Verdict.WARNING],
            }
        )
    else:
        for finding in findings:
            typer.echo(f"{finding.verdict:<8} {finding}")
        typer.echo(
            f"{counted(len(findings), 'finding')}: {counted(counts[Verdict.FAULT], 'fault')},"
            f" {counted(counts[Verdict.WARNING], 'warning')}"
        )
    if counts[Verdict.FAULT]:
        raise typer.Exit(1)
