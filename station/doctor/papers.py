"""Whether the folder that takes orders is there, and whether labels can be printed."""

from __future__ import annotations

import os
from pathlib import Path

from station.doctor.report import Finding, fault, ok, warning
from station.dropped_orders.folder import REFUSED, TAKEN
from station.dropped_orders.settings import OrderFolderSettings
from station.printing.network_printer import NetworkPrinter
from station.printing.places import NotBegun
from station.printing.settings import PrinterSettings


def check_folders(orders: OrderFolderSettings | None, labels: Path | None) -> list[Finding]:
    """Look at the folders of the configuration; nothing is made in them."""
    found = []
    if orders is not None:
        within = (orders.path, orders.path / TAKEN, orders.path / REFUSED)
        found.append(_writable("order folder", *within))
    if labels is not None:
        found.append(_writable("label folder", labels))
    return found


def _writable(where: str, *folders: Path) -> Finding:
    for folder in folders:
        if not folder.is_dir():
            return fault(where, f"{folder} is no folder", "make it, or mount its share")
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            return fault(where, f"{folder} cannot be written", "let the station's user write it")
    return ok(where, str(folders[0]))


async def check_printer(settings: PrinterSettings) -> list[Finding]:
    """Ask a label printer how it is. Only for while no daemon runs: a printer may take one connection at a time."""
    where = f"label printer {settings.host}"
    try:
        await NetworkPrinter(settings).require_ready()
    except NotBegun as error:
        return [warning(where, str(error), "labels wait until it can print; nothing else does")]
    return [ok(where, "can print")]
