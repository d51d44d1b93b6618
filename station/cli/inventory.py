"""`reflash inventory`: a program of its own, which this one hands its words to and otherwise knows nothing of."""

from __future__ import annotations

import typer


def inventory(context: typer.Context) -> None:
    """From the stations' results to asset records; see reflash inventory --help.

    Example: reflash inventory run --config inventory.toml
    """
    try:
        from inventory.cli import main  # noqa: PLC0415 - no other command waits for a database's library
    except ModuleNotFoundError as error:
        from station.cli.common import UsageError  # noqa: PLC0415 - it brings all of the station's settings

        raise UsageError(
            f"{error.name} is not installed; install the inventory's packages: pip install 'reflash-station[inventory]'"
        ) from error
    main(context.args)
