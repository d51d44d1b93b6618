"""`reflash inventory`: a program of its own, which this one hands its words to and otherwise knows nothing of."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Final

import typer

PROGRAMS: Final = "reflash.programs"
"""The entry-point group of programs that `reflash` hands on to: so that no import runs up to one."""


def inventory(context: typer.Context) -> None:
    """From the stations' results to asset records; see reflash inventory --help.

    Example: reflash inventory run --config inventory.toml
    """
    (program,) = entry_points(group=PROGRAMS, name="inventory")
    try:
        main = program.load()
    except ModuleNotFoundError as error:
        from station.cli.common import UsageError  # noqa: PLC0415 - it brings all of the station's settings

        raise UsageError(
            f"{error.name} is not installed; install the inventory's packages: pip install 'reflash-station[inventory]'"
        ) from error
    main(context.args)
