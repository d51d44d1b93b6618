"""A party's list of recalled bridges, on our template. **Provisional**: no such list is published.

Nothing registers a bridge: the Smart Metering Inventory has none. So the list itself says of each which type, model and version it is,
and to which premises' set it belongs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from firmware_catalog.devices import BridgeType
from firmware_catalog.identity import DeviceModel, Eui64, FirmwareVersion
from inventory.errors import WrongInput
from inventory.requests.sheet import Cell, Sheet

TEMPLATE: Final = "reflash-request-bridges-1"
COLUMNS: Final = (
    *("template", "device_id", "bridge_type", "premises", "set_members"),
    *("manufacturer", "model", "firmware_version"),
)
EXAMPLE: Final = (
    (TEMPLATE, "88-73-84-00-00-00-0B-01", "B1", "P-1093", "2", "10A8", "000000B1", "0001012F"),
    (TEMPLATE, "88-73-84-00-00-00-0B-02", "B2", "P-1093", "2", "10A8", "000000B2", "0001012F"),
)
_SET_SIZES: Final = {"2": 2, "3": 3}
"""Of a premises' bridges: DCC's draft Modification Report on Alt HAN firmware."""


@dataclass(frozen=True, slots=True)
class ListedBridge:
    """A bridge as its party lists it."""

    device: Eui64
    bridge_type: BridgeType
    premises: str
    set_members: int
    """How many bridges its premises' set has."""
    model: DeviceModel
    firmware: FirmwareVersion


@dataclass(frozen=True, slots=True)
class AskedBridge:
    """One line of such a list, as far as it can be read."""

    line: int
    bridge: ListedBridge | None
    text: str
    """Its id as the file has it."""
    fault: str | None
    """Why it cannot be read."""

    @property
    def either_id(self) -> Eui64 | None:
        """The one id that its bridge has."""
        return None if self.bridge is None else self.bridge.device


def read_bridges(sheet: Sheet) -> list[AskedBridge]:
    """Read a list; a line that cannot be read says so. Raises WrongInput for a file that is no such list."""
    advice = "; write it anew: reflash inventory requests template --family bridge"
    asked = []
    for line, row in sheet.rows_of(TEMPLATE, COLUMNS, advice=advice):
        text = row["device_id"].text[:40]
        try:
            asked.append(AskedBridge(line, _bridge(row), text, None))
        except ValueError as error:
            asked.append(AskedBridge(line, None, text, str(error)))
    if not asked:
        raise WrongInput(f"{sheet.name} lists no bridge below its headings")
    return asked


def _bridge(row: Mapping[str, Cell]) -> ListedBridge:
    said = {name: _said(row[name], name) for name in COLUMNS}
    try:
        bridge_type = BridgeType(said["bridge_type"].upper())
    except ValueError:
        raise ValueError(
            f"{said['bridge_type'][:20]!r} is no type of a bridge ({', '.join(BridgeType)})"
        ) from None
    members = _SET_SIZES.get(said["set_members"])
    if members is None:
        raise ValueError(f"set_members {said['set_members'][:20]!r} is neither 2 nor 3")
    return ListedBridge(
        device=Eui64.parse(said["device_id"]),
        bridge_type=bridge_type,
        premises=said["premises"],
        set_members=members,
        model=DeviceModel(said["manufacturer"], said["model"]),
        firmware=FirmwareVersion.parse(said["firmware_version"]),
    )


def _said(cell: Cell, name: str) -> str:
    if cell.fault:
        raise ValueError(f"{name} {cell.fault}")
    if not cell.text or len(cell.text) > 100 or not cell.text.isprintable():
        raise ValueError(f"{name} is not 1 to 100 printable characters")
    return cell.text
