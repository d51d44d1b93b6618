"""`reflash support-bundle`: what somebody who is to help from afar may be given."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from station.cli.common import DEFAULT_CONFIG, ConfigOption, UsageError, WorkFailed, run_to_its_end
from station.descriptors import raise_limit
from station.settings_file import load_settings


def support_bundle(
    file: Annotated[Path, typer.Argument(help="The archive to make, NAME.tar.gz: a new file.")],
    log: Annotated[
        list[Path] | None, typer.Option(help="A file that keeps the station's output; repeated for several.")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Gather versions, configuration, status, the doctor's report, the journal's head, sizes and logs in one archive.

    Secrets, and the names of people in the list of operators, are taken out of all of it; that of somebody who was erased may
    stand in a log. Logs of systemd are told to root alone.

    Example: reflash support-bundle /root/bench-1.tar.gz
    """
    from station.support.bundle import BundleFailed, write_bundle  # noqa: PLC0415 - the others need none of it

    settings = load_settings(config)
    if file.exists():
        raise UsageError(f"{file} is there already: name a new file")
    raise_limit()
    try:
        held = run_to_its_end(write_bundle(settings, file, log or ()))
    except BundleFailed as error:
        raise WorkFailed(str(error)) from error
    for name in held:
        typer.echo(name)
    typer.echo(f"{file} holds these; look through it before it leaves the house")
